"""What comes back: from providers, from the customers' pages, and from the shop's own site."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table, UniqueConstraint, text

from orchestrator.tables.base import Id, Instant, metadata
from orchestrator.tables.customers import customers

_unsettled = text("NOT settled")
_unbound = text("message_id IS NULL")
_unread = text("kind = 'replied' AND read_at IS NULL")

# Every genuine event once, whatever number of times it was told. One that could not be worked in at
# once (somebody held the message for too long) is kept, and worked in soon.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", String, nullable=False),  # the plugin, or "tactful" for our own links
    Column("event_key", String, nullable=False),  # the provider's own name for the event
    Column("kind", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("message_id", Id, index=True),  # as it was told; whether there is such a message or not
    Column("attempt_id", Id),
    Column("provider_ref", String),
    Column("address_key", String),
    Column("detail", String),
    Column("reason", String),  # what it says beyond the message: channels.contract.Reason
    Column("settled", Boolean, nullable=False),
    Column("answer_by", String),  # the kind of message by which the customer awaits an answer
    Column("read_at", Instant),  # when a person read a reply that nobody else could interpret
    Column("read_as", String),  # "stop" or "fine"
    UniqueConstraint("source", "event_key"),
    Index("feedback_unsettled_idx", "id", sqlite_where=_unsettled, postgresql_where=_unsettled),
    Index("feedback_unbound_idx", "address_key", sqlite_where=_unbound, postgresql_where=_unbound),
    Index("feedback_unread_idx", "id", sqlite_where=_unread, postgresql_where=_unread),
)

# Where links in messages lead that are counted: the address stays on our side. With a customer,
# it was in nobody else's messages, and may tell of that one.
targets = Table(
    "targets",
    metadata,
    Column("key", String, primary_key=True),  # digest of the address
    Column("url", String, nullable=False),
    Column("customer_id", ForeignKey(customers.c.id), index=True),
    Column("at", Instant, index=True),  # when a message last led there, to the day
)

# What customers wished for, in which words, and where they said so; what holds stands with them.
wishes = Table(
    "wishes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String, nullable=False),
    Column("before", String),
    Column("after", String),
    Column("touchpoint", String, nullable=False),
    Column("wording", String, nullable=False),
)

# What the shop's site has told of customers, by its own name: twice counts once.
collected = Table(
    "collected",
    metadata,
    Column("key", String, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
)
