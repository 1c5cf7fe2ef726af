"""A provider that runs beside the tests: on a thread of its own, or as a process of its own."""

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.provider.callbacks import Callback
from tests.provider.faults import Faults
from tests.provider.log import Log, read
from tests.provider.provider import HOST, Options, Provider

ROOT = Path(__file__).parents[2]
START_S = 10.0


class RunningProvider:
    """On a thread with its own event loop. Use it as a context manager."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="provider", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_S), "the provider does not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Cut everyone off; the log stays. Idempotent."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_S)
        assert not self._thread.is_alive(), "the provider does not stop"
        assert self._provider.desk.bugs == [], "the provider itself has failed"

    @property
    def http_url(self) -> str:
        """Without a slash at its end."""
        return f"http://{HOST}:{self._provider.http_port}"

    @property
    def http_port(self) -> int:
        """On 127.0.0.1."""
        return self._provider.http_port

    @property
    def smtp_port(self) -> int:
        """On 127.0.0.1."""
        return self._provider.smtp_port

    @property
    def log(self) -> Log:
        """Read anew from the file: what is in it is what was accepted."""
        return read(self._options.log)

    @property
    def faulted(self) -> Counter[str]:
        """How often each fault has struck."""
        return Counter(self._provider.desk.faulted)

    def script(self, faults: Faults | str) -> None:
        """From the next message on; ordinals count from here."""
        wanted = Faults.parse(faults) if isinstance(faults, str) else faults
        self._provider.script(wanted)

    def accepted(self, count: int, timeout_s: float = 5.0) -> Log:
        """The log, as soon as it holds so many."""
        assert self._provider.book.wait_for(count, timeout_s), f"{len(self.log)} of {count}"
        return self.log

    def call(self, callbacks: Sequence[Callback]) -> None:
        """Make these calls, in this order, on top of those by chance."""
        for one in callbacks:
            self._loop.call_soon_threadsafe(self._provider.call, one)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._provider = Provider(self._options)
        await self._provider.start()
        self._ready.set()
        await self._stop.wait()
        await self._provider.stop()


@dataclass(frozen=True)
class ProviderProcess:
    """A provider in a process of its own."""

    process: "subprocess.Popen[str]"
    http_url: str
    smtp_port: int
    path: Path

    @property
    def log(self) -> Log:
        """Read anew from the file."""
        return read(self.path)


@contextmanager
def provider_process(log: Path, *arguments: str) -> Iterator[ProviderProcess]:
    """`python -m tests.provider --log LOG …`, ended when the block ends."""
    command = [sys.executable, "-m", "tests.provider", "--with-parent", "--log", str(log)]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the provider does not start"
            ready = json.loads(line)
            url = f"http://{HOST}:{ready['http']}"
            yield ProviderProcess(process, url, ready["smtp"], log)
        finally:
            process.terminate()
