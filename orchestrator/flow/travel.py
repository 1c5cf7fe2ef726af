"""Moves customers on through campaigns of several steps, all that stand at one place together."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, not_

from orchestrator.flow.statements import Statements
from orchestrator.model.campaign import Campaign
from orchestrator.model.program import ExitOp, JumpUnless, SendOp, WaitOp
from orchestrator.model.version import Version
from orchestrator.rules.journey import LEFT, came, came_at, matches, reached
from orchestrator.store import journeys
from orchestrator.store.decided import Frozen, decide_into_ledger
from orchestrator.tables.instant import later

FINISHED = "finished"
GOAL = "goal reached"


@dataclass(frozen=True)
class Place:
    """One step of one version, and what statements about it need."""

    connection: Connection
    version: Version
    statements: Statements
    parameters: dict[str, Any]
    step: int

    @property
    def campaign(self) -> Campaign:
        """The campaign as written in this version."""
        return self.version.campaign

    def matches(self, when: Any) -> Any:
        """The condition, for whoever stands here."""
        return matches(when, self.campaign, self.version.shop, self.statements.law)

    def go(self, *which: Any, to: int, at: Any = journeys.NOW, since: Any = None) -> None:
        """Send those who stand here, and match, on to another step.

        Its time begins now, or `at` another moment: when they were due here, where time alone has
        brought them on; so, where nobody was there to see it, what comes next is as late as it is.
        What they do counts for it from then on, or `since` a moment of its own.
        """
        program = self.campaign.program
        if to >= len(program):
            self.leave(*which, why=FINISHED)
            return
        op = program[to]
        journeys.move(
            self.connection,
            (*journeys.standing_at(self.version.digest, self.step), *which),
            self.parameters,
            to=to,
            at=at,
            wait=op.wait.for_ if isinstance(op, WaitOp) else timedelta(0),
            since=at if since is None else since,
        )

    def leave(self, *which: Any, why: Any) -> None:
        """Those who stand here, and match, leave the campaign."""
        here = (*journeys.standing_at(self.version.digest, self.step), *which)
        journeys.end(self.connection, here, self.parameters, as_=why)


def may_end_early(version: Version, step: int) -> bool:
    """Whether something that customers do can move them on from here before their time."""
    op = version.campaign.program[step]
    waits = isinstance(op, WaitOp) and bool(op.wait.until or op.wait.exit_on)
    return waits or version.campaign.goal is not None


def travel(place: Place) -> Counter[str]:
    """Move everyone on who stands at the place and need not wait; how many met which verdict."""
    place.leave(reached(place.campaign.goal), why=GOAL)
    due = journeys.due(place.version.digest, place.step)[-1]
    match place.campaign.program[place.step]:
        case SendOp() as op:
            return _send(place, op, due)
        case WaitOp(wait=wait):
            if wait.exit_on is not None:
                place.leave(came(wait.exit_on), why=LEFT + wait.exit_on.event)
            if wait.until is not None:
                ended = and_(came(wait.until), not_(journeys.message_waits()))
                place.go(ended, to=place.step + 1, since=came_at(wait.until))
            # It begins when the message before it leaves, which the next one never overtakes.
            left_at = journeys.left_at()
            early = later(left_at, wait.for_) > journeys.NOW
            place.go(and_(due, early), to=place.step, at=left_at, since=journeys.SINCE)
            place.go(due, to=place.step + 1, at=journeys.WHEN_DUE)
        case JumpUnless(when=None, target=target):
            place.go(due, to=target, at=journeys.WHEN_DUE)
        case JumpUnless(when=when, target=target):
            place.go(and_(due, not_(place.matches(when))), to=target, at=journeys.WHEN_DUE)
            place.go(due, to=place.step + 1, at=journeys.WHEN_DUE)
        case ExitOp(reason=reason):
            place.leave(due, why=reason)
    return Counter()


def _send(place: Place, op: SendOp, due: Any) -> Counter[str]:
    """Decide for those who are due. Whoever does not get a first message leaves the campaign."""
    if op.send.when is not None:
        place.go(
            and_(due, not_(place.matches(op.send.when))), to=place.step + 1, at=journeys.WHEN_DUE
        )
    question = place.statements.on_journey(place.version, place.step)
    counts = decide_into_ledger(
        place.connection,
        question.decisions,
        place.parameters,
        frozen(place.version, place.step),
        keep_skipped=True,
        spread_over=place.version.shop.spread,
    )
    stopped = and_(journeys.stopped_here(place.step), not_(journeys.sent_before(place.step)))
    place.leave(and_(due, stopped), why=journeys.why_stopped(place.step))
    place.go(and_(due, journeys.decided_here(place.step)), to=place.step + 1)
    return counts


def frozen(version: Version, step: int) -> Frozen:
    """What a message keeps of its campaign."""
    campaign = version.campaign
    return Frozen(
        campaign=campaign.name,
        version=version.digest,
        step=step,
        marketing=campaign.marketing,
        topic=campaign.topic,
        priority=campaign.priority,
    )
