"""Campaigns as they were at every moment, who is under way in them, and who has stopped them."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from orchestrator.tables.base import Id, Instant, Json, metadata
from orchestrator.tables.customers import customers

# shop.yaml and the shared templates, by digest of their text.
shops = Table(
    "shops",
    metadata,
    Column("digest", String, primary_key=True),
    Column("files", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

# A campaign's folder, by digest of its text and the shop's. Never changed, never deleted.
versions = Table(
    "versions",
    metadata,
    Column("digest", String, primary_key=True),
    Column("name", String, nullable=False, index=True),
    Column("shop_digest", ForeignKey(shops.c.digest), nullable=False),
    Column("files", Json, nullable=False),
    Column("created_at", Instant, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("name", String, primary_key=True),
    Column("version", ForeignKey(versions.c.digest), nullable=False),
    Column("since", Instant, nullable=False),  # when this name was first put to work
)

# One row for each slot of a schedule that was decided: planning again finds it done.
passes = Table(
    "passes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("occasion", String, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("version", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("counts", Json, nullable=False),  # reason → customers; "planned" → planned
    UniqueConstraint("campaign", "occasion", "due_at"),
)

# Segments whose entering is a trigger, and when each was first looked at: whoever was in it then
# has not entered it.
segments = Table(
    "segments",
    metadata,
    Column("name", String, primary_key=True),
    Column("meaning", String, nullable=False),  # a digest of how it is defined
    Column("first_look", Instant, nullable=False),
    Column("looked_at", Instant),  # when everyone was last looked at
)

# Ids are never used again: who leaves and enters once more has another occasion.
memberships = Table(
    "memberships",
    metadata,
    Column("id", Id, primary_key=True),
    Column("segment", String, nullable=False),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("since", Instant),  # null: was in it when the segment was first looked at
    UniqueConstraint("segment", "customer_id"),
    Index(None, "segment", "since"),
    sqlite_autoincrement=True,
)

# A customer's place in a campaign of several steps.
journeys = Table(
    "journeys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("version", ForeignKey(versions.c.digest), nullable=False),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("occasion", String, nullable=False),
    Column("event_id", Id),
    Column("change_id", Id),
    Column("step", Integer, nullable=False),
    Column("began_at", Instant, nullable=False),  # when it was due, however late somebody looked
    Column("set_out_at", Instant, nullable=False),  # when somebody looked
    Column("step_since", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended_as", String),
    UniqueConstraint("campaign", "customer_id", "occasion"),
    Index(None, "ended_at", "due_at"),
)

# The kill switch: a row means stopped. Plain SQL may write it.
controls = Table(
    "controls",
    metadata,
    Column("scope", String, primary_key=True),  # "everything", "channel", "provider", "campaign"
    Column("name", String, primary_key=True),  # "*" for everything
    Column("reason", String, nullable=False),
    Column("at", Instant, nullable=False),
)

# Who has agreed to which content, and to how many customers in a day. The last one holds.
approvals = Table(
    "approvals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("version", ForeignKey(versions.c.digest), nullable=False, index=True),
    Column("plan", String, nullable=False),  # the digest of the plan that was looked at
    Column("audience", Integer, nullable=False),
    Column("approved_by", String, nullable=False),
    Column("at", Instant, nullable=False),
)

# The first messages of a step of a new version, which leave before all others of it. Which those
# are stands in `canary_messages`.
canaries = Table(
    "canaries",
    metadata,
    Column("version", ForeignKey(versions.c.digest), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("campaign", String, nullable=False),
    Column("state", String, nullable=False),  # "out", "released", "halted"
    Column("most", Integer, nullable=False),  # so many messages leave first
    Column("share", Float),  # per cent of what is planned, where it was written so
    Column("watch_s", Integer, nullable=False),
    Column("full_at", Instant),  # when the last of them was answered
    Column("ended_at", Instant),
    Column("reason", String),
)

deployment = Table(
    "deployment",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
    Column("secret", Boolean, nullable=False),
)
