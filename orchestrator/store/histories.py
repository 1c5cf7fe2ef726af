"""What is on record of one customer, or of one message: for whoever asks why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from orchestrator.tables import (
    attempts,
    consent_log,
    consents,
    contents,
    customers,
    event_products,
    journeys,
    message_log,
    messages,
    product_changes,
    suppressions,
)


@dataclass(frozen=True, slots=True)
class Consent:
    """What holds for a channel and a topic, and the last statement that it rests on."""

    channel: str
    topic: str
    given: bool
    at: datetime
    until: datetime | None
    touchpoint: str | None
    wording: str | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address of the customer's that must not be used."""

    address_key: str
    scope: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message in a customer's history."""

    id: int
    campaign: str
    step: int
    channel: str
    state: str
    reason: str | None
    send_after: datetime
    planned_at: datetime
    counts_at: datetime


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message with everything about it."""

    id: int
    campaign: str
    version: str
    customer: str
    occasion: str
    step: int
    channel: str
    address: str | None
    state: str
    reason: str | None
    due_at: datetime
    planned_at: datetime
    send_after: datetime
    expires_at: datetime
    ended_at: datetime | None
    provider_ref: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """What was shown."""

    subject: str | None
    text: str
    html: str | None
    quote: list[dict[str, Any]]
    segments: int | None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One possible write to a provider."""

    id: int
    at: datetime
    outcome: str | None
    detail: str | None
    provider_ref: str | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """Something that happened to a message."""

    at: datetime
    what: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """Where a customer stands in a campaign of several steps."""

    version: str
    occasion: str
    event_id: int | None
    change_id: int | None
    step: int
    began_at: datetime
    step_since: datetime
    due_at: datetime


def consents_of(connection: Connection, customer_id: int) -> list[Consent]:
    """What the customer has agreed to or withdrawn, with where and in which words."""
    last = (
        select(func.max(consent_log.c.id))
        .where(
            consent_log.c.customer_id == consents.c.customer_id,
            consent_log.c.channel == consents.c.channel,
            consent_log.c.topic.in_((consents.c.topic, "*")),
            consent_log.c.at == consents.c.at,
        )
        .correlate(consents)
        .scalar_subquery()
    )
    statement = (
        select(
            consents.c.channel,
            consents.c.topic,
            consents.c.given,
            consents.c.at,
            consents.c.until,
            consent_log.c.touchpoint,
            consent_log.c.wording,
        )
        .outerjoin(consent_log, consent_log.c.id == last)
        .where(consents.c.customer_id == customer_id)
        .order_by(consents.c.channel, consents.c.topic)
    )
    return [Consent(*row) for row in connection.execute(statement)]


def suppressions_of(connection: Connection, address_keys: list[str]) -> list[Suppression]:
    """Those of the addresses that must not be used, and why."""
    statement = select(
        suppressions.c.address_key, suppressions.c.scope, suppressions.c.reason, suppressions.c.at
    ).where(suppressions.c.address_key.in_(address_keys))
    return [Suppression(*row) for row in connection.execute(statement)]


def messages_of(connection: Connection, customer_id: int, *, limit: int) -> list[MessageLine]:
    """The customer's messages, the newest first."""
    names = MessageLine.__dataclass_fields__
    statement = (
        select(*(messages.c[name] for name in names))
        .where(messages.c.customer_id == customer_id)
        .order_by(messages.c.planned_at.desc(), messages.c.id.desc())
        .limit(limit)
    )
    return [MessageLine(*row) for row in connection.execute(statement)]


def message(connection: Connection, id: int) -> MessageRow | None:
    """A message by its id."""
    columns = [
        customers.c.key if name == "customer" else messages.c[name]
        for name in MessageRow.__dataclass_fields__
    ]
    statement = (
        select(*columns)
        .join(customers, customers.c.id == messages.c.customer_id)
        .where(messages.c.id == id)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else MessageRow(*row)


def content(connection: Connection, id: int) -> Content | None:
    """What a message showed; None where it was never written."""
    names = Content.__dataclass_fields__
    statement = select(*(contents.c[name] for name in names)).where(contents.c.message_id == id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Content(*row)


def attempts_of(connection: Connection, id: int) -> list[AttemptLine]:
    """Every possible write of a message, in order."""
    names = AttemptLine.__dataclass_fields__
    statement = (
        select(*(attempts.c[name] for name in names))
        .where(attempts.c.message_id == id)
        .order_by(attempts.c.id)
    )
    return [AttemptLine(*row) for row in connection.execute(statement)]


def log_of(connection: Connection, id: int) -> list[LogLine]:
    """What happened to a message besides, in order."""
    statement = (
        select(message_log.c.at, message_log.c.what, message_log.c.detail)
        .where(message_log.c.message_id == id)
        .order_by(message_log.c.id)
    )
    return [LogLine(*row) for row in connection.execute(statement)]


def on_the_way(connection: Connection, customer_id: int, campaign: str) -> OnTheWay | None:
    """The customer's place in a campaign, if under way in it; of several, the latest begun."""
    names = OnTheWay.__dataclass_fields__
    statement = (
        select(*(journeys.c[name] for name in names))
        .where(
            journeys.c.customer_id == customer_id,
            journeys.c.campaign == campaign,
            journeys.c.ended_at.is_(None),
        )
        .order_by(journeys.c.began_at.desc(), journeys.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else OnTheWay(*row)


def changes_met(
    connection: Connection, customer_id: int, kind: str, event: str, now: datetime, *, limit: int
) -> list[int]:
    """The latest changes of products that the customer had such an event with."""
    line, change = event_products, product_changes
    met = and_(line.c.product_id == change.c.product_id, line.c.at <= change.c.at)
    statement = (
        select(change.c.id)
        .join(line, met)
        .where(
            line.c.customer_id == customer_id,
            line.c.name == event,
            change.c.kind == kind,
            change.c.at <= now,
        )
        .group_by(change.c.id)
        .order_by(func.max(change.c.at).desc())
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())
