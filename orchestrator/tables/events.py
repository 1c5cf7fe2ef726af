"""Events: what customers did, and the products that each event carries."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from orchestrator.tables.base import Amount, Id, Instant, Json, metadata
from orchestrator.tables.customers import customers

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column(
        "key", String, nullable=False, unique=True
    ),  # the sender's own id: arrives twice, counts once
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("name", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("properties", Json, nullable=False),
    Index(None, "customer_id", "name", "at"),
    Index(None, "name", "at"),
)

event_products = Table(
    "event_products",
    metadata,
    Column("event_id", ForeignKey(events.c.id), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("customer_id", ForeignKey(customers.c.id), nullable=False),
    Column("product_id", ForeignKey("products.id"), nullable=False),
    Column("name", String, nullable=False),  # the event's
    Column("at", Instant, nullable=False),  # the event's
    Column("quantity", Integer, nullable=False),
    Column("amount", Amount),  # paid for one
    Index(None, "customer_id", "product_id", "name", "at"),
    Index(None, "product_id", "name", "at"),
    sqlite_with_rowid=False,
)
