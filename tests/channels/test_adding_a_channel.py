"""The page for channel authors is true: its example is a package that works."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_example_passes_the_contract_suite_and_is_found(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "adding-a-channel.md").read_text(encoding="utf-8")
    blocks = FENCE.findall(page)
    assert [language for language, _ in blocks] == ["python", "python", "toml"]
    (tmp_path / "sms_gateway.py").write_text(blocks[0][1], encoding="utf-8")
    (tmp_path / "test_sms_gateway.py").write_text(blocks[1][1], encoding="utf-8")
    info = tmp_path / "tactful_sms_gateway-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tactful-sms-gateway\nVersion: 1.0\n"
    )
    point = re.search(r"^sms_gateway = \"(.*)\"$", blocks[2][1], re.MULTILINE)
    assert point is not None
    (info / "entry_points.txt").write_text(f"[tactful.channels]\nsms_gateway = {point[1]}\n")

    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    environ = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    suite = subprocess.run(
        [*command, "--rootdir", tmp_path, tmp_path],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert suite.returncode == 0, suite.stdout + suite.stderr
    assert re.search(r"1\d passed", suite.stdout), suite.stdout

    listing = "from channels.registry import *; print(installed(find_channels())['sms_gateway'])"
    listed = subprocess.run(
        [sys.executable, "-c", listing],
        env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "distribution='tactful-sms-gateway', version='1.0'" in listed.stdout
