"""A server process that ends when nobody needs it any more, even when its users were killed.

Every user holds a FIFO open for writing. A shell waits for its end, which comes when the last of
them closes it or dies; then it ends the server and removes its folder. The shell is the server's
parent, so the number that it signals is never somebody else's.
"""

import errno
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.binaries import reachable
from tests.servers.patience import until

_KEEPER = """
(
    folder=$1 ending=$2; shift 2
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    echo $server >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
    (read -r _; : >"$folder/unneeded"; kill -s $ending $server) <"$folder/alive" &
    users=$!
    wait $server
    kill $users
    [ -e "$folder/unneeded" ] || exit
    until rm -rf "$folder"; do sleep 0.1; done
) &
"""


class NotStarted(Exception):
    """A server did not become ready; its log is in the message."""


class Keeper:
    """A folder, and the one server process in it. Files: `log`, `pid`, `alive` (the FIFO)."""

    def __init__(self, folder: Path | None, ending: str, place: Path | None = None) -> None:
        """`ending`: the signal by which the server ends at once when its users are gone.

        Without a folder, one is made in `place`, or where temporary files are.
        """
        self.user = "nobody" if os.geteuid() == 0 else None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="tactful-server-", dir=place))
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user is not None:
            self.folder.chmod(0o755)
            self.give(self.folder)
            if not reachable(self.folder):
                raise NotStarted(f"{self.user}, who runs the servers, cannot reach {self.folder}")
        self._ending = ending
        self._alive: int | None = None

    def give(self, path: Path) -> None:
        """Make a file the server's."""
        if self.user is not None:
            who = pwd.getpwnam(self.user)
            os.chown(path, who.pw_uid, who.pw_gid)

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> None:
        """Run a program to its end, as the server's user."""
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=env, **self._as_user()
        )
        if done.returncode:
            raise NotStarted(f"{command[0]} failed: {done.stderr or done.stdout}")

    def start(self, command: Sequence[str | Path], ready: Callable[[], bool]) -> None:
        """Start the server and wait until it is ready."""
        alive = self.folder / "alive"
        if not alive.exists():
            os.mkfifo(alive)
            self.give(alive)
        (self.folder / "pid").unlink(missing_ok=True)
        subprocess.run(
            ["/bin/sh", "-c", _KEEPER, "keeper", self.folder, self._ending, *command],
            cwd=self.folder,
            check=True,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user(),
        )
        if not (until(lambda: self._ended() or self._is(ready)) and self._is(ready)):
            raise NotStarted(f"{command[0]}: {self.log()[-2000:]}")

    def join(self) -> bool:
        """Become one of the server's users; no if it is not there any more."""
        if self._alive is None:
            try:
                self._alive = os.open(self.folder / "alive", os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno not in (errno.ENXIO, errno.ENOENT):
                    raise
        return self._alive is not None

    def leave(self) -> None:
        """Need it no longer. The last one to leave ends the server and its folder."""
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    @property
    def pid(self) -> int:
        """The number of the server's process; only this one is ever signalled."""
        return int((self.folder / "pid").read_text())

    def running(self) -> bool:
        """Whether the process is there."""
        try:
            os.kill(self.pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def end(self, how: signal.Signals) -> None:
        """Signal the process and wait until it is gone."""
        if self.running():
            os.kill(self.pid, how)
        if not until(lambda: not self.running()):
            raise TimeoutError(f"process {self.pid} does not end: {self.log()[-2000:]}")

    @contextmanager
    def or_nothing(self) -> Iterator[None]:
        """Leave nothing behind if the server cannot be started."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process, if it runs, and remove its folder."""
        self.end(signal.SIGKILL)
        self.leave()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What the server has said."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _has_pid(self) -> bool:
        return (self.folder / "pid").exists()

    def _is(self, ready: Callable[[], bool]) -> bool:
        return self.join() and self._has_pid() and ready()

    def _ended(self) -> bool:
        return self._has_pid() and not self.running()

    def _as_user(self) -> dict[str, object]:
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
