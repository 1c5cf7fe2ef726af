"""Planning: who should get a message now, written into the ledger. Asked again, it adds nothing.

Campaigns are taken in the order of arbitration, so that the slot of a cap goes to the higher
priority when both ask at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.flow.asking import Asking, at_once
from orchestrator.flow.entering import refresh_segments
from orchestrator.flow.looked import Looked
from orchestrator.flow.missed import count_missed
from orchestrator.flow.statements import Statements
from orchestrator.flow.travel import may_end_early, travel
from orchestrator.model.errors import OtherRelease
from orchestrator.model.version import Version
from orchestrator.rules.within import EVERYONE, Scope
from orchestrator.store import controls, journeys
from orchestrator.store.decided import planned_lately

APPROVED_STRETCH = 1.5
"""So many times the customers that somebody has approved of may be written to in a day."""


@dataclass(frozen=True)
class Verdicts:
    """What planning one campaign came to: reason → customers; `planned` counts new messages."""

    campaign: str
    counts: Counter[str] = field(default_factory=Counter)
    halted: str = ""
    """Why the campaign was stopped, if it was."""

    @property
    def planned(self) -> int:
        """New messages."""
        return self.counts["planned"]


def together(some: Sequence[Verdicts], others: Sequence[Verdicts]) -> list[Verdicts]:
    """One verdict for each campaign."""
    first = {verdicts.campaign: verdicts for verdicts in some}
    return [
        Verdicts(
            one.campaign,
            one.counts + first[one.campaign].counts,
            one.halted or first[one.campaign].halted,
        )
        if one.campaign in first
        else one
        for one in others
    ]


class Planner:
    """Plans with one set of campaign versions. Reads the law once, and builds each statement once.

    `revive` gives a version that is no longer current, by its digest, to those who are under way
    in it. After a plan of everyone was committed, `committed` lets the next one begin from there.
    """

    def __init__(
        self,
        versions: Sequence[Version],
        statements: Statements,
        revive: Callable[[Connection, str], Version],
    ) -> None:
        self.versions = tuple(sorted(versions, key=arbitration))
        self.statements = statements
        self._revive = revive
        self._looked = Looked()
        self._last: Asking | None = None

    def plan(
        self, connection: Connection, now: datetime, within: Scope = EVERYONE
    ) -> list[Verdicts]:
        """Plan whatever is due, in the caller's transaction."""
        asking = self.asking(connection, now, within)
        if within == EVERYONE:
            refresh_segments(asking, self.versions, self._looked)
        verdicts = {version.name: self._begin(asking, version) for version in self.versions}
        everyone = asking
        if within != EVERYONE:  # whoever is on the way goes on, each on an own clock
            everyone = self.asking(connection, now)
        for name, counts in self._move_on(everyone):
            verdicts.setdefault(name, Verdicts(name)).counts.update(counts)
        self._last = asking if within == EVERYONE else None
        return list(verdicts.values())

    def asking(self, connection: Connection, now: datetime, within: Scope = EVERYONE) -> Asking:
        """What the campaigns ask at one instant."""
        return Asking(connection, self.statements, now, within, self._looked)

    def committed(self) -> None:
        """What the last plan wrote is kept: its occasions need not be looked for again."""
        if self._last is not None:
            last = self._last
            self._looked.committed(last.now, last.arrived, last.whole, last.held)

    def _begin(self, asking: Asking, version: Version) -> Verdicts:
        """The campaign's trigger: a message, or the first step of a journey."""
        if asking.is_paused(version):
            asking.held.add(version.name)
            return Verdicts(version.name)
        missed = count_missed(asking, version)
        due = asking.due(version)
        if due is None:
            return Verdicts(version.name, missed)
        with asking.connection.begin_nested() as savepoint:
            counts = asking.decide(version, due)
            too_many = _above_max(asking, version, counts["planned"] + counts["began"])
            if too_many:
                savepoint.rollback()
        if too_many:
            asking.held.add(version.name)
            controls.pause(asking.connection, "campaign", version.name, too_many, asking.now)
            return Verdicts(version.name, halted=too_many)
        return Verdicts(version.name, missed + counts)

    def _move_on(self, asking: Asking) -> Iterable[tuple[str, Counter[str]]]:
        """In the order of the steps: whoever has nothing to wait for goes all the way."""
        seen: set[tuple[str, int]] = set()
        while places := [
            (step, digest, due)
            for digest, step, _, due in journeys.standing(asking.connection, asking.now)
            if (digest, step) not in seen
        ]:
            step, digest, due = min(places)
            seen.add((digest, step))
            try:
                version = self._version(asking.connection, digest)
            except OtherRelease:
                continue  # whoever is under way in it is moved on by a worker that can read it
            if not asking.is_paused(version) and (due or may_end_early(version, step)):
                yield version.name, travel(asking.place(version, step))

    def _version(self, connection: Connection, digest: str) -> Version:
        current = next((v for v in self.versions if v.digest == digest), None)
        return current or self._revive(connection, digest)


def arbitration(version: Version) -> tuple[bool, int, str]:
    """Who is asked first: service before marketing, then by priority, then by name."""
    campaign = version.campaign
    return campaign.marketing, -campaign.priority, campaign.name


def audience_max(version: Version, approved: int | None) -> int:
    """To how many customers in a day a campaign may write."""
    most = version.campaign.max_audience
    return most if approved is None else min(most, int(approved * APPROVED_STRETCH))


def above_max(version: Version, new: int, in_a_day: int, approved: int | None) -> str:
    """Why a campaign must not write to so many, if it must not."""
    most, name = version.campaign.max_audience, version.name
    if not new or in_a_day <= audience_max(version, approved):
        return ""
    if in_a_day > most:
        return f"would reach {in_a_day:,} customers in a day; max_audience is {most:,}"
    return (
        f"would reach {in_a_day:,} customers in a day, and {approved:,} were approved of: look at "
        f"`tactful plan {name}`, `tactful approve {name}` again, then `tactful resume campaign "
        f"{name}`"
    )


def _above_max(asking: Asking, version: Version, new: int) -> str:
    if not new:
        return ""
    lately = planned_lately if at_once(version) else journeys.begun_lately
    in_a_day = lately(asking.connection, version.name, asking.now)
    return above_max(version, new, in_a_day, asking.approved(version))
