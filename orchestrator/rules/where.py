"""`where`: a condition as SQL, for one customer or a million."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, false, not_, or_, select, true

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
from orchestrator.rules.history import History, correlated, happened
from orchestrator.rules.now import ago, lately
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
            at = correlated(History.of_moment(condition), of.customer_id)
            if condition.within is not None:
                return at > ago(condition.within)
            assert condition.older_than is not None  # the model asks for one of the two
            return at <= ago(condition.older_than)
        case HasConsent():
            return consented(of.customer_id, condition.consent, condition.topic)
        case InSegment():
            return where(of.segments[condition.segment], of)
        case Got():
            return exists(
                select(messages.c.id)
                .where(
                    messages.c.customer_id == of.customer_id,
                    messages.c.campaign == condition.got,
                    is_one_of(messages.c.state, ADMITTED),
                    *lately(messages.c.counts_at, condition.within),
                )
                .correlate_except(messages)
            )


def _did(did: Did, of: Of) -> ColumnElement[bool]:
    history = History.of_did(did)
    if did.bounds() == (("at_least", 1),) and history.measure == "count":
        return happened(history, of.customer_id)
    if did.bounds() == (("at_most", 0),) and history.measure == "count":
        return not_(happened(history, of.customer_id))
    number = correlated(history, of.customer_id)
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
