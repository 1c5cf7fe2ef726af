"""The decisions of every campaign version, built once and asked again and again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, select, true

from orchestrator.model.law import Law
from orchestrator.model.message import State
from orchestrator.model.version import Version
from orchestrator.rules.aside import Asks, Together
from orchestrator.rules.case import Case
from orchestrator.rules.decide import decisions
from orchestrator.rules.facts import Facts
from orchestrator.rules.gates import channel_gates, customer_gates
from orchestrator.rules.now import NOW
from orchestrator.rules.offers import looked_through, proposals
from orchestrator.rules.triggers import asking
from orchestrator.rules.where import where
from orchestrator.rules.within import Within
from orchestrator.tables import customers, journeys, messages
from orchestrator.tables.in_order import in_order
from orchestrator.tables.json import these_ids

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """A case and its decisions, ready to be run."""

    case: Case
    decisions: Select[Any]

    @cached_property
    def ends_as(self) -> dict[str, State]:
        """What becomes of a planned message that a gate stops, by the gate's name."""
        channels = self.case.route.channels
        gates = (
            *customer_gates(self.case),
            *(g for c in channels for g in channel_gates(self.case, c)),
        )
        return {gate.name: gate.ends_as for gate in gates}


class Statements:
    """Builds each question at its first asking. One object serves one process."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self._built: dict[tuple[Any, ...], Question] = {}
        self._selects: dict[tuple[str, ...], Select[Any]] = {}
        self._others: dict[tuple[Any, ...], Any] = {}
        self._together: dict[tuple[tuple[str, str, str], ...], Together] = {}

    def on_trigger(self, version: Version, within: Within) -> Question:
        """Whoever the trigger finds, about the campaign's first send."""
        key = ("trigger", version.digest, within)
        if key not in self._built:
            asked = self.asking(version, within)
            facts = Facts() if within is Within.ASIDE else None
            self._built[key] = self._question(version, min(version.campaign.sends), asked, facts)
        return self._built[key]

    def together(self, asks: Sequence[Asks]) -> Together:
        """Several campaigns' slots, asked at once of very many customers."""
        key = tuple((one.version.digest, one.slots, one.clock) for one in asks)
        if key not in self._together:
            cases = [self.on_trigger(one.version, Within.ASIDE).case for one in asks]
            facts = [case.facts for case in cases if case.facts is not None]
            self._together = {key: Together(asks, self.law, facts)}  # the last one, most often
        return self._together[key]

    def asking(self, version: Version, within: Within) -> Select[Any]:
        """Whoever the trigger finds, not judged yet."""
        key = ("asking", version.digest, within)
        if key not in self._selects:
            self._selects[key] = asking(version.campaign, version.shop, within)
        return self._selects[key]

    def setting_out(self, version: Version, within: Within) -> Select[Any]:
        """Whoever the trigger finds, and whether each matches the audience."""
        key = ("setting out", version.digest, within)
        if key not in self._selects:
            case, audience = self.on_trigger(version, within).case, version.campaign.audience
            matches = true() if audience is None else where(audience, case.of_customer)
            self._selects[key] = case.looked(*case.asked.c, matches.label("matches"))
        return self._selects[key]

    def members(self, version: Version, segment: str, within: Within) -> Select[Any]:
        """The ids of the customers who are in a segment now."""
        key = (f"members of {segment}", version.digest, within)
        if key not in self._selects:
            case = self.on_trigger(version, Within.RANGE).case
            joined = customers.outerjoin(case.clock, case.clock.c.clock_id == customers.c.clock_id)
            self._selects[key] = (
                select(customers.c.id)
                .select_from(joined)
                .where(
                    within.holds(customers.c.id),
                    where(version.shop.segments[segment], case.of_customer),
                )
            )
        return self._selects[key]

    def proposing(self, version: Version) -> Select[Any]:
        """Whatever may be proposed in each of the messages `message_ids`, the best first."""
        key = ("proposing", version.digest)
        if key not in self._selects:
            offer = version.campaign.offer
            assert offer is not None  # whoever asks has seen to it
            found = proposals(offer.products, version.shop, messages)
            # Each message with all there is, narrowed to what is proposed by the conditions.
            self._selects[key] = (
                found.add_columns(messages.c.id.label("message_id"))
                .select_from(in_order(messages, *looked_through(offer.products)))
                .where(messages.c.id.in_(bindparam("message_ids", expanding=True)))
                .order_by("message_id", "rank", "product_id")
            )
        return self._selects[key]

    def on_journey(self, version: Version, step: int) -> Question:
        """Whoever has come to a send on the way through the campaign."""
        key = ("journey", version.digest, step)
        if key not in self._built:
            asked = select(
                journeys.c.customer_id,
                journeys.c.occasion,
                journeys.c.event_id,
                journeys.c.change_id,
                journeys.c.due_at,
            ).where(
                journeys.c.version == version.digest,
                journeys.c.step == step,
                journeys.c.ended_at.is_(None),
                journeys.c.due_at <= NOW,
            )
            self._built[key] = self._question(version, step, asked)
        return self._built[key]

    def on_sending(self, version: Version, step: int, channel: str) -> Question:
        """Messages that are about to leave on a channel; the parameter is `message_ids`."""
        key = ("sending", version.digest, step, channel)
        if key not in self._built:
            asked = select(
                messages.c.id.label("message_id"),
                messages.c.customer_id,
                messages.c.occasion,
                messages.c.event_id,
                messages.c.change_id,
                messages.c.due_at,
            ).where(messages.c.id.in_(these_ids("message_ids")))
            case = Case.of(version, step, self.law, asked, channel=channel)
            self._built[key] = Question(case, decisions(case))
        return self._built[key]

    def kept(self, key: tuple[Any, ...], build: Callable[[], T]) -> T:
        """What somebody else builds of a version, by a key that begins with whose it is."""
        if key not in self._others:
            self._others[key] = build()
        found: T = self._others[key]
        return found

    def _question(
        self, version: Version, step: int, asked: Select[Any], facts: Facts | None = None
    ) -> Question:
        case = Case.of(version, step, self.law, asked, facts=facts)
        return Question(case, decisions(case))
