"""A ledger with messages in whatever state a test wants them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, insert

from orchestrator.model.message import State
from orchestrator.store.database import writing
from orchestrator.tables import clocks, customers, messages, shops, versions

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Ledger:
    """Messages of the campaign `hello`, each to a customer of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._numbers = count(1)
        shop = {"digest": "s", "files": {}, "created_at": NOW - DAY}
        version = {"digest": "v", "name": "hello", "shop_digest": "s", "files": {}}
        with writing(engine) as connection:
            connection.execute(insert(shops), shop)
            connection.execute(insert(versions), {**version, "created_at": NOW - DAY})
            connection.execute(insert(clocks), {"id": 1, "key": "clock"})

    def add(self, channel: str, state: State, **words: Any) -> int:
        """A message; its id."""
        number = next(self._numbers)
        customer = {"id": number, "key": f"c{number}", "clock_id": 1, "bucket": 0, "traits": {}}
        then = NOW - DAY
        row = {
            "campaign": "hello",
            "version": "v",
            "customer_id": number,
            "occasion": "o",
            "step": 0,
            "channel": channel,
            "state": state,
            "marketing": True,
            "topic": "tips",
            "priority": 0,
            "due_at": then,
            "planned_at": then,
            "send_after": then,
            "expires_at": NOW + DAY,
            "counts_at": then,
            **words,
        }
        with writing(self._engine) as connection:
            new = {**customer, "created_at": then, "updated_at": then}
            connection.execute(insert(customers), new)
            return int(
                connection.execute(insert(messages).returning(messages.c.id), row).scalar_one()
            )
