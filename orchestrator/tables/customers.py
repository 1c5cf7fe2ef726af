"""Customers: who they are, where they are reached, what they agreed to and what they wish."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from orchestrator.tables.base import Id, Instant, Json, metadata

# What the clock rules need to know, stored once for all customers who share it: the rules are
# worked out in Python for each clock, not for each customer.
clocks = Table(
    "clocks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
)

customers = Table(
    "customers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("clock_id", ForeignKey(clocks.c.id), nullable=False),
    Column("place", String),  # "US-FL", "FR": for people to read
    Column("locale", String),
    Column("preferred_channel", String),
    Column("max_per_week", Integer),
    Column("paused_until", Instant),  # asked for a pause: no marketing until then
    Column("bucket", Integer, nullable=False),  # 0 … 2^31-1, from the key: holdouts are drawn by it
    Column("traits", Json, nullable=False),
    # Word → when it was told, in microseconds; of what came with a time. None came with one: null.
    Column("told", Json),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False, index=True),
    # Then everything about the person was erased; the key is a keyed digest of the former one.
    Column("forgotten_at", Instant),
)

addresses = Table(
    "addresses",
    metadata,
    Column("customer_id", ForeignKey(customers.c.id), primary_key=True),
    Column("kind", String, primary_key=True),  # "email", "phone", …
    Column("address", String, nullable=False),
    Column("address_key", String, nullable=False),  # digest, by which it may be suppressed
    Column("shared", Boolean, nullable=False),  # another customer has it too
    Index(None, "address_key"),
    sqlite_with_rowid=False,
)

# What holds now, for one look-up; how it came about stands in consent_log.
consents = Table(
    "consents",
    metadata,
    Column("customer_id", ForeignKey(customers.c.id), primary_key=True),
    Column("channel", String, primary_key=True),
    Column("topic", String, primary_key=True),  # "*" means every topic
    Column("given", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),  # implied consent runs out
    sqlite_with_rowid=False,
)

consent_log = Table(
    "consent_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("channel", String, nullable=False),
    Column("topic", String, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
    Column("touchpoint", String, nullable=False),
    Column("wording", String, nullable=False),
    UniqueConstraint("customer_id", "channel", "topic", "at", "given"),
)

# By digest of the address: an objection outlives the customer's data.
suppressions = Table(
    "suppressions",
    metadata,
    Column("address_key", String, primary_key=True),
    Column("scope", String, primary_key=True),  # "all" (bad address) or "marketing" (objection)
    Column("reason", String, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
