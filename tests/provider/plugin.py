"""Makes the recording channels an installed package, for processes that find theirs by entry point.

Put the folder on a worker's PYTHONPATH, and `recording` and `recording_key` are there as a
stranger's plugins are. They are set up by TACTFUL_RECORDING_URL and so on.
"""

from pathlib import Path

from channels.registry import GROUP

_ROOT = Path(__file__).parents[2]
_MODULE = "tactful_recording"
_SOURCE = '''"""The recording channels of Tactful's tests, wherever the process was started."""

import sys

sys.path.append({root!r})
from tests.provider.channel import RecordingChannel, RecordingKeyChannel
'''
_POINTS = f"""[{GROUP}]
recording = {_MODULE}:RecordingChannel
recording_key = {_MODULE}:RecordingKeyChannel
"""


def make_plugin_path(folder: Path) -> Path:
    """Write the package into the folder, and give the folder: the entry for PYTHONPATH."""
    info = folder / f"{_MODULE}-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tactful-recording\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_POINTS)
    (folder / f"{_MODULE}.py").write_text(_SOURCE.format(root=str(_ROOT)))
    return folder
