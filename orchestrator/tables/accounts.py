"""Provider accounts: how each stands that messages leave through."""

from sqlalchemy import Column, Float, Integer, String, Table

from orchestrator.tables.base import Instant, metadata

# A row for each plugin behind a channel that had something else than success to tell, or sends at
# all: its breaker, and the second attempts that it has earned.
accounts = Table(
    "accounts",
    metadata,
    Column("channel", String, primary_key=True),
    Column("plugin", String, primary_key=True),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("trips", Integer, nullable=False, server_default="0"),
    Column("open_until", Instant),
    Column("credit", Float, nullable=False),
    Column("at", Instant, nullable=False),  # when the credit was reckoned
)
