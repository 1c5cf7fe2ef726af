"""Many requests, few transactions: what arrives while one is written goes into the next one.

Nobody waits for others to come: alone, a request is written at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.flow.collect import Call, collect
from orchestrator.flow.ingest import Reader, Refused
from orchestrator.model.shop import Shop
from orchestrator.store.database import writing

CALLS_MAX = 2_000
"""So many calls are written in one transaction; a request is never torn apart."""

Decide = Callable[[Sequence[int]], object]
"""Is told of customers with news, once that is durable."""


def is_poison(error: Exception) -> bool:
    """Whether it is the fault of what was told: then trying again will not help."""
    return isinstance(error, DataError | IntegrityError) or not isinstance(error, SQLAlchemyError)


@dataclass(slots=True)
class _Waiting:
    calls: list[Call]
    done: "asyncio.Future[list[Refused]]"


@dataclass(slots=True)
class _News:
    """Customers whom nobody has been told of yet."""

    ids: set[int] = field(default_factory=set)
    telling: bool = False


class Gathering:
    """Writes what requests bring. Belongs to one event loop."""

    def __init__(self, engine: Engine, shop: Shop, decide: Decide | None = None) -> None:
        self._engine = engine
        self._shop = shop
        self._decide = decide
        self._reader = Reader(shop, clock.now())
        self._waiting: deque[_Waiting] = deque()
        self._writing = False
        self._news = _News()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something is being written, or told."""
        return bool(self._tasks)

    async def write(self, calls: list[Call]) -> list[Refused]:
        """Once it returns, what was not refused is durable. Raises whatever kept it from that."""
        mine = _Waiting(calls, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if not self._writing:
            self._writing = True
            self._start(self._work())
        return await mine.done

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft()]
                number = len(batch[0].calls)
                while self._waiting and number + len(self._waiting[0].calls) <= CALLS_MAX:
                    batch.append(self._waiting.popleft())
                    number += len(batch[-1].calls)
                await self._write(batch)
        finally:
            self._writing = False

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            refused, news = await run_in_threadpool(self._commit, [one.calls for one in batch])
        except Exception as error:
            if len(batch) > 1 and is_poison(error):
                for one in batch:  # one of them is poison: the others must not fail with it
                    await self._write([one])
                return
            for one in batch:
                if not one.done.done():
                    one.done.set_exception(error)
            return
        for one, of_it in zip(batch, refused, strict=True):
            if not one.done.done():  # nobody waits any more where the caller has gone
                one.done.set_result(of_it)
        self._tell(news)

    def _commit(self, requests: Sequence[list[Call]]) -> tuple[list[list[Refused]], set[int]]:
        together = [call for calls in requests for call in calls]
        with writing(self._engine) as connection:
            done = collect(connection, together, clock.now(), self._shop, self._reader)
        refused: list[list[Refused]] = []
        start = 0
        for calls in requests:
            end = start + len(calls)
            mine = [one for one in done.refused if start < one.line <= end]
            refused.append([one._replace(line=one.line - start) for one in mine])
            start = end
        return refused, done.customers

    def _tell(self, news: Iterable[int]) -> None:
        """Apart from the writing: a broker that is slow or away holds up nobody."""
        if self._decide is None:
            return
        self._news.ids.update(news)
        if self._news.ids and not self._news.telling:
            self._news.telling = True
            self._start(self._tell_all(self._decide))

    async def _tell_all(self, decide: Decide) -> None:
        try:
            while self._news.ids:
                ids, self._news.ids = sorted(self._news.ids), set()
                await run_in_threadpool(decide, ids)
        except Exception:  # what is due is found without any hint, some seconds later
            get_logger(__name__).warning("nobody was told of news", exc_info=True)
        finally:
            self._news.telling = False
