"""Who is at work: each process's own word, written as it gets on."""

from sqlalchemy import Column, Integer, String, Table

from orchestrator.tables.base import Instant, Json, metadata

# A row is written only where work got on: a process that is alive and stuck goes silent, too.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("worker", String, primary_key=True),  # the same after a restart
    Column("kind", String, nullable=False),  # "run", "web", or the queue it works on
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("progress_at", Instant, nullable=False),
    Column("again_by", Instant, nullable=False),  # silent beyond it: stuck, or dead
    Column("doing", String, nullable=False),
    Column("done", Json, nullable=False),  # what → how many, since started_at
)
