"""What was looked at already, so that the next look need not begin from far back.

A planner that ticks every few seconds would otherwise go through the same days of events each time.
Kept in memory alone, and noted only once a look is committed: with a new process, a clock that goes
back, or a pause that held somebody back, the whole time is looked at again; and every few hours all
that may still lead to a message. So nothing is missed for good, and no place is a cursor that could
be wrong.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.store.arrivals import Arrived

OVERLAP = timedelta(minutes=5)
"""Each look begins so much before the last one's end: transactions may commit out of order."""

WHOLE_LOOK_EVERY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Look:
    whole_at: datetime
    last_at: datetime


class Looked:
    """When each campaign was last looked at, and which arrivals were seen."""

    def __init__(self) -> None:
        self.seen_id: int | None = None
        self.last_at: datetime | None = None
        self._looks: dict[str, _Look] = {}

    def since(
        self, name: str, now: datetime, *, news: datetime, earliest: datetime, arrived: Arrived
    ) -> datetime:
        """From when on to look; `earliest` is the beginning of the whole time, and what was due
        before `news` leads to no message any more.

        What has arrived since is looked at, however long ago it happened.
        """
        look = self._looks.get(name)
        if look is None or now < look.last_at:
            return earliest
        begin = look.last_at - OVERLAP
        if arrived.earliest_at is not None:
            begin = min(begin, arrived.earliest_at - OVERLAP)
        if now >= look.whole_at + WHOLE_LOOK_EVERY:
            begin = min(begin, news)
        return max(earliest, begin)

    def committed(
        self, now: datetime, arrived: Arrived, whole: dict[str, bool], held: set[str]
    ) -> None:
        """The campaigns of `whole` were looked at, at least as far back as there is news, or in
        part; those that `held` somebody back will look at the whole time again."""
        self.seen_id, self.last_at = arrived.last_id, now
        for name, all_of_it in whole.items():
            before = self._looks.get(name)
            whole_at = now if all_of_it or before is None else before.whole_at
            self._looks[name] = _Look(whole_at, now)
        for name in held:
            self._looks.pop(name, None)
