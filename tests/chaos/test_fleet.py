"""The processes of a trial do not outlive it, however it came to its end."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.chaos.fleet import ROOT, state
from tests.servers.patience import until

TRIAL = """
import sys
from pathlib import Path
from tests.chaos.fleet import Fleet

with Fleet(Path(sys.argv[1]), {}) as fleet:
    pids = [fleet.add(name, "/bin/sleep", "600").pid for name in ("one", "two")]
    print(*pids, flush=True)
    sys.stdin.read()
"""


def test_a_trial_that_is_killed_leaves_nobody_behind(tmp_path: Path) -> None:
    trial = subprocess.Popen(
        [sys.executable, "-c", TRIAL, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with trial:
        assert trial.stdout is not None
        pids = [int(pid) for pid in trial.stdout.readline().split()]
        trial.send_signal(signal.SIGKILL)
    assert len(pids) == 2
    assert until(lambda: all(state(pid) in ("Z", "") for pid in pids), 10)
