"""The ledger: every message that was intended, and everything that happened to it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    and_,
    literal_column,
    or_,
    text,
)

from orchestrator.model.message import IN_HAND, NEVER_PLANNED, TROUBLE, WAITING, State
from orchestrator.tables.base import Id, Instant, Json, metadata
from orchestrator.tables.customers import customers


def is_one_of(state: Any, states: Iterable[State]) -> ColumnElement[bool]:
    """`state IN ('…', …)` with the words in the statement itself, not as parameters.

    The planner of the database can then see that a partial index serves, and the text stays the
    same however often it runs.
    """
    column: ColumnElement[Any] = state
    return column.in_([literal_column(f"'{one}'") for one in states])


def is_left(state: State) -> ColumnElement[bool]:
    """In hand in this state, and its lease may be over: said so that SQLite takes the index of what
    is in hand. From the one state alone it does not see that this serves, and would read it all.
    """
    return and_(is_one_of(messages.c.state, IN_HAND), is_one_of(messages.c.state, [state]))


def is_of(campaign: Any, name: str) -> ColumnElement[bool]:
    """`campaign = 'name'`, for whoever looks among one customer's messages.

    Said so that PostgreSQL goes by the customer. While a campaign is being planned, what it knows
    of that campaign is from before: it would take it for small, and read all of it each time.
    """
    column: ColumnElement[Any] = campaign
    return column.is_not_distinct_from(name)


SUSPECT_AFTER = 2
"""A message that was claimed so often in vain is a suspect: workers may have died of it."""


def is_suspect(claims: Any) -> ColumnElement[bool]:
    """`claims >= 2` with the number in the statement itself, as `is_one_of` has its words."""
    column: ColumnElement[Any] = claims
    return column >= literal_column(str(SUSPECT_AFTER))


NO_CHANNEL = "-"
"""What stands for the channel in a line about somebody who was skipped."""


def was_planned() -> ColumnElement[bool]:
    """A message was meant to leave. Said so that its index serves, in which nothing changes while
    the message moves from state to state."""
    named = messages.c.channel != literal_column(f"'{NO_CHANNEL}'")
    return and_(named, ~is_one_of(messages.c.state, NEVER_PLANNED))


_waiting = text(f"state IN ({', '.join(repr(str(state)) for state in WAITING)})")
_suspect = text(f"{_waiting.text} AND claims >= {SUSPECT_AFTER}")
_in_hand = text(f"state IN ({', '.join(repr(str(state)) for state in IN_HAND)})")
_planned = text(f"channel <> '{NO_CHANNEL}'")
_trouble = text(f"state IN ({', '.join(repr(str(state)) for state in TROUBLE)})")

messages = Table(
    "messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("version", ForeignKey("versions.digest"), nullable=False),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("occasion", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("channel", String, nullable=False),  # NO_CHANNEL where none could be chosen
    Column("state", String, nullable=False),
    Column("reason", String),
    # frozen when planned, so that caps and arbitration need no campaign file
    Column("marketing", Boolean, nullable=False),
    Column("topic", String, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("event_id", Id),
    Column("change_id", Id),
    Column("address", String),
    Column("address_key", String),
    # times
    Column("due_at", Instant, nullable=False),  # when the occasion asked
    Column("planned_at", Instant, nullable=False),
    Column("send_after", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("counts_at", Instant, nullable=False),  # for caps: send_after, then when admitted
    Column("ended_at", Instant),
    # in whose hands it is
    Column("token", String),
    Column("lease_until", Instant),
    Column("claims", Integer, nullable=False, server_default="0"),  # without any result so far
    Column("tries", Integer, nullable=False, server_default="0"),  # attempts begun
    Column("provider_ref", String),
    UniqueConstraint("campaign", "customer_id", "occasion", "step", "channel"),
    Index(None, "customer_id", "counts_at"),
    Index(None, "address_key", "counts_at"),
    Index(
        "messages_waiting_idx",
        "channel",
        "version",  # what cannot leave now lies aside: see `store.waiting`
        "step",
        "send_after",
        "id",  # a whole campaign waits for one moment: else all of it is sorted for each batch
        sqlite_where=_waiting,
        postgresql_where=_waiting,
    ),
    Index(  # what waits may be a million over night, and is asked every few seconds what expired
        "messages_expiry_idx", "expires_at", sqlite_where=_waiting, postgresql_where=_waiting
    ),
    Index(
        "messages_suspect_idx",
        "channel",
        "claims",
        sqlite_where=_suspect,
        postgresql_where=_suspect,
    ),
    Index("messages_in_hand_idx", "lease_until", sqlite_where=_in_hand, postgresql_where=_in_hand),
    Index("messages_trouble_idx", "ended_at", sqlite_where=_trouble, postgresql_where=_trouble),
    Index(  # for whoever counts what was planned: it must not read past all that were skipped
        "messages_planned_idx",
        "campaign",
        "planned_at",
        sqlite_where=_planned,
        postgresql_where=_planned,
    ),
)

# What was shown: the text as rendered, and the quote. One row for each message that was admitted.
contents = Table(
    "contents",
    metadata,
    Column("message_id", ForeignKey(messages.c.id), primary_key=True),
    Column("subject", String),
    Column("text", String, nullable=False),
    Column("html", String),
    Column("quote", Json, nullable=False),
    Column("segments", Integer),
)

# One row for every possible write to a provider.
attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", ForeignKey(messages.c.id), nullable=False, index=True),
    Column("provider", String, nullable=False),  # the plugin
    Column("token", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("outcome", String),  # accepted, unknown; for certain: rejected, deferred; null: none
    Column("detail", String),
    Column("provider_ref", String),
)

_MAY_HAVE_ARRIVED = (State.ACCEPTED, State.UNKNOWN)


def may_have_arrived() -> ColumnElement[bool]:
    """An attempt was accepted, or nobody knows; of any other it is certain that nothing came."""
    return or_(attempts.c.outcome.is_(None), is_one_of(attempts.c.outcome, _MAY_HAVE_ARRIVED))


# What happened later: feedback, corrections, cancellations.
message_log = Table(
    "message_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", ForeignKey(messages.c.id), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String, nullable=False),
    Column("detail", String),
)

# The messages that leave first of a step of a new version (`canaries`).
canary_messages = Table(
    "canary_messages",
    metadata,
    Column("message_id", ForeignKey(messages.c.id), primary_key=True),
    Column("version", String, nullable=False),
    Column("step", Integer, nullable=False),
    Index(None, "version", "step"),
)
