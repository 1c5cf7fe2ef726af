"""The watchdog: it ends a real process that is stuck, and no other."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = """
import sys, threading, time
from orchestrator.entry.logs import start_logs
from orchestrator.entry.watchdog import Watchdog
start_logs()

def waits_for_ever():
    threading.Lock().acquire()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_ends_a_process_that_is_stuck() -> None:
    done = run("with Watchdog(0.5):\n    waits_for_ever()")
    assert done.returncode == 70
    first, *rest = done.stderr.splitlines()
    line = json.loads(first)
    assert (line["level"], line["event"]) == ("critical", "stuck, so this process ends")
    assert line["silent_s"] >= 0.5
    assert any("in waits_for_ever" in one for one in rest)


def test_a_sign_of_progress_is_enough() -> None:
    work = "for _ in range(8):\n        time.sleep(0.25)\n        watchdog.progress()"
    done = run(f"with Watchdog(1.0) as watchdog:\n    {work}\nprint('done')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_the_next_sign_may_be_promised_for_later() -> None:
    work = "watchdog.progress(within_s=30)\n    time.sleep(1)"
    done = run(f"with Watchdog(0.2) as watchdog:\n    {work}\nprint('done')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_after_its_block_it_watches_no_longer() -> None:
    done = run("with Watchdog(0.2):\n    pass\ntime.sleep(0.6)\nprint('done')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_where_no_thread_can_run_a_timer_ends_it() -> None:
    """`(a+)+$` keeps the interpreter to itself for hours."""
    done = run(
        "from orchestrator.entry import watchdog as module\nmodule.SPARE_S = 0.5\nimport re\n"
        "with Watchdog(0.5):\n    time.sleep(0.2)\n    re.match('(a+)+$', 'a' * 60 + 'b')"
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr


def test_a_process_that_was_stopped_as_a_whole_gets_its_time_anew() -> None:
    wait = "print('begun', flush=True)\n    sys.stdin.readline()"
    code = f"with Watchdog(2.0):\n    {wait}\nprint('done')"
    with subprocess.Popen(
        [sys.executable, "-c", START + code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        subprocess.run([sys.executable, "-c", "import time; time.sleep(3)"], check=True)
        process.send_signal(signal.SIGCONT)
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.7)"], check=True)
        out, errors = process.communicate("go on\n", timeout=30)
    assert (process.returncode, out, errors) == (0, "done\n", "")
