"""`where`: a condition as SQL, for one customer or a million."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, not_, or_, true

from orchestrator.model.condition import (
    Condition,
    Did,
    First,
    Got,
    Group,
    HasConsent,
    InSegment,
    Last,
    TraitTest,
)
from orchestrator.model.message import ADMITTED
from orchestrator.rules.consent import consented
from orchestrator.rules.facts import MESSAGES, Fact, Facts, any_of
from orchestrator.rules.history import History, happened, measured
from orchestrator.rules.now import NOW, ago
from orchestrator.rules.tests import Value, asked
from orchestrator.tables import messages
from orchestrator.tables.messages import is_one_of


@dataclass(frozen=True)
class Of:
    """The columns of the customer that a condition is asked of."""

    customer_id: ColumnElement[Any]
    traits: ColumnElement[Any]
    local_day: ColumnElement[Any]
    segments: Mapping[str, Condition]
    facts: Facts | None = None
    """Where facts are set aside; without them they are looked up."""


def where(condition: Condition, of: Of) -> ColumnElement[bool]:
    """Whether the condition holds: true or false, never null. The unknown does not match."""
    return case((_holds(condition, of), true()), else_=false())


def _holds(condition: Condition, of: Of) -> ColumnElement[bool]:
    """Three-valued: SQL's own logic carries the unknown through `all`, `any` and `none`."""
    match condition:
        case Group():
            parts = [_holds(c, of) for c in condition.all]
            if condition.any:
                parts.append(or_(*(_holds(c, of) for c in condition.any)))
            parts += [not_(_holds(c, of)) for c in condition.none]
            return and_(true(), *parts)
        case TraitTest():
            return asked(condition, Value.within(of.traits, condition.trait), of.local_day)
        case Did():
            return _did(condition, of)
        case Last() | First():
            at = measured(History.of_moment(condition), of.customer_id, of.facts)
            if condition.within is not None:
                return at > ago(condition.within)
            assert condition.older_than is not None  # the model asks for one of the two
            return at <= ago(condition.older_than)
        case HasConsent():
            return consented(of.customer_id, condition.consent, condition.topic, of.facts)
        case InSegment():
            return where(of.segments[condition.segment], of)
        case Got():
            return any_of(_left(condition), of.customer_id, of.facts)


def _left(got: Got) -> Fact:
    left = is_one_of(messages.c.state, ADMITTED)
    tests = (left, messages.c.counts_at <= NOW)
    return Fact("left", MESSAGES, kind=got.got, tests=tests, within=got.within)


def _did(did: Did, of: Of) -> ColumnElement[bool]:
    history = History.of_did(did)
    if did.bounds() == (("at_least", 1),) and history.measure == "count":
        return happened(history, of.customer_id, of.facts)
    if did.bounds() == (("at_most", 0),) and history.measure == "count":
        return not_(happened(history, of.customer_id, of.facts))
    number = measured(history, of.customer_id, of.facts)
    return and_(*(_bound(number, name, float(value)) for name, value in did.bounds()))


def _bound(number: ColumnElement[Any], name: str, value: float) -> ColumnElement[bool]:
    match name:
        case "at_least":
            return number >= value
        case "at_most":
            return number <= value
        case "above":
            return number > value
        case "below":
            return number < value
        case _:
            return number == value
