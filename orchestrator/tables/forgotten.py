"""Who was forgotten: what has to be known of them so that they stay so, and what is still to do."""

from sqlalchemy import Column, ForeignKey, String, Table

from orchestrator.tables.base import Instant, Json, metadata
from orchestrator.tables.customers import customers

# Addresses of customers who were forgotten, by keyed digest: nobody can tell from it whose they
# were. One that comes back has its rows put among the suppressions again.
forgotten_addresses = Table(
    "forgotten_addresses",
    metadata,
    Column("digest", String, primary_key=True),
    Column("scope", String, primary_key=True),  # as of suppressions
    Column("reason", String, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Customers of whom something may be left: whoever had begun before they were forgotten may write
# of them afterwards. A row is gone once nobody can any more.
forgetting = Table(
    "forgetting",
    metadata,
    Column("customer_id", ForeignKey(customers.c.id), primary_key=True, autoincrement=False),
    Column("address_keys", Json, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
)
