"""What a worker does with each hint: the engine's own calls, one process's share of the work."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.queue.hints import HANDS_MAX, Hints
from orchestrator.flow.backlog import too_much
from orchestrator.flow.dispatch import BATCH_SIZE_MAX
from orchestrator.flow.lessons import learn_what_is_due
from orchestrator.flow.plan import Verdicts
from orchestrator.flow.tactful import Tactful
from orchestrator.store.database import reading
from orchestrator.store.turns import turn
from orchestrator.store.waiting import due_by_channel

LOOK_S = 30.0
"""So long a look for lost answers goes on, one question to a provider after the other. What is left
is looked for by the next one, and what else waits in the queue has its turn."""

DISPATCH_S = 20.0
"""A hint is worked off for so long, then handed on: far below the tasks' time limit."""

WAIT_MAX_S = 2.0
"""A process waits so long for a breaker, at most: other channels want its hand meanwhile. Once
something may leave again `tactful tick` calls somebody."""

PACE_LOOK_S = 0.25
"""Who must wait for the pace waits at least so long, lest messages leave one by one."""

_SEEN_MAX = BATCH_SIZE_MAX * HANDS_MAX
"""Counting further would call nobody else."""

GotOn = Callable[[Counter[str]], None]
"""Is told what was done: the process is not stuck."""


@dataclass
class Work:
    """One process's engine, and what it does for each kind of hint.

    `due_max`: so many messages due on one channel are too many to plan a pass on top of them.
    `ends`: whether the process is about to end; then nothing is begun any more. `is_off`: whether
    its clock is wrong; then it leaves everything to others.
    """

    tactful: Tactful
    hints: Hints
    due_max: int
    ends: Callable[[], bool] = lambda: False
    got_on: GotOn = lambda done: None
    is_off: Callable[[], bool] = lambda: False
    dispatch_s: float = DISPATCH_S
    look_s: float = LOOK_S

    def plan(self) -> bool:
        """Decide about whatever is due, unless another process is at it; whether it was done."""
        if self.is_off() or not self.tactful.follow():
            return False
        verdicts = self.tactful.plan_in_turn(clock.WATCH, self._plan)
        if verdicts is None:
            return False
        self._planned(verdicts)
        self.hints.dispatch_due(self._due())
        return True

    def decide(self, customer_ids: Sequence[int]) -> None:
        """Decide at once about some customers."""
        if self.is_off() or not self.tactful.follow():
            return
        verdicts = self.tactful.decide(customer_ids, clock.now())
        self._planned(verdicts)
        if any(one.planned for one in verdicts):
            self.hints.dispatch_due(self._due())

    def dispatch(self, channel: str) -> Counter[str]:
        """Send on a channel until nothing is due, or time is up: then another hint goes on."""
        done: Counter[str] = Counter()
        if channel not in self.tactful.channels or self.is_off():
            return done
        until_s = time.monotonic() + self.dispatch_s

        def over() -> bool:
            return self.ends() or time.monotonic() >= until_s

        while not over():
            sent = self.tactful.dispatcher.dispatch_channel(
                channel, clock.WATCH, lambda number: self.got_on(Counter(sent=number)), over
            )
            done += sent.states
            if sent.wait_s is None or sent.wait_s > min(
                self._waits_s(channel), until_s - time.monotonic()
            ):
                break
            _wait(max(sent.wait_s, PACE_LOOK_S), over)
        if over():
            self.hints.dispatch(channel)
        return done

    def _plan(self, now: datetime) -> list[Verdicts]:
        """Passes are left for later while too much is due."""
        if too_much(self._due(self.due_max + 1), self.due_max):
            return self.tactful.plan_urgent(now)
        return self.tactful.plan(now)

    def _waits_s(self, channel: str) -> float:
        """For so long a process waits: until the next message's turn, where the pace is slow."""
        paces = (one.rate_per_s for one in self.tactful.accounts.of(channel))
        return max([WAIT_MAX_S, *(1 / rate for rate in paces if rate)])

    def look_for_lost(self) -> None:
        """What has expired ends, what was left behind is free again, lost answers are found."""
        with turn(self.tactful.engine, "look for lost") as mine:
            if mine and not self.is_off():
                moved = self.tactful.dispatcher.tidy(clock.now())
                until_s = time.monotonic() + self.look_s
                found = self.tactful.reconcile(
                    clock.now(), lambda: self.ends() or time.monotonic() >= until_s
                )
                if moved or found:
                    get_logger("tactful.lost").info("tidied up", moved=moved, found=dict(found))

    def learn(self) -> None:
        """Learn what was learned too long ago."""
        with turn(self.tactful.engine, "learn") as mine:
            if mine and (learned := learn_what_is_due(self.tactful, clock.now())):
                get_logger("tactful.learn").info("learned from purchases", what=learned)

    def _planned(self, verdicts: Sequence[Verdicts]) -> None:
        log = get_logger("tactful.plan")
        for one in verdicts:
            if one.halted:
                log.warning("a campaign is paused", campaign=one.campaign, why=one.halted)
            elif one.planned:
                log.info("planned", campaign=one.campaign, messages=one.planned)
        self.got_on(Counter(planned=sum(one.planned for one in verdicts)))

    def _due(self, most: int = _SEEN_MAX) -> dict[str, int]:
        with reading(self.tactful.engine) as connection:
            return due_by_channel(connection, self.tactful.shop.plugins, clock.now(), most=most)


def _wait(seconds: float, over: Callable[[], bool]) -> None:
    """A while, unless it is over before."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0 and not over():
        time.sleep(min(left_s, PACE_LOOK_S))
