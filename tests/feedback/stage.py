"""A small shop with messages that have left, and what a provider may tell of them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from channels.contract import Feedback, FeedbackKind
from orchestrator.flow.feedback import Told, hear
from orchestrator.store.database import reading
from orchestrator.tables import attempts, consents, message_log, messages
from tests.support.shop import NOW, Small, consent, customer, event

LATER = NOW + timedelta(hours=1)
TEXT = {"channels": ["sms"], "trigger": {"event": "Cart Updated"}}
SERVICE = {"purpose": "service", "trigger": {"event": "Order Completed"}}


def number(key: str) -> str:
    """The telephone number of a customer of these tests."""
    return f"+1212555{int(key.strip('abcdefghijklmnopqrstuvwxyz') or 0):04d}"


def stage(folder: Path, *keys: str, database: Any = None, **more: Any) -> Small:
    """Each customer has agreed to e-mail and texts, and was sent a letter (message n of key n)."""
    campaigns = {"letter": {}, "text": TEXT, "bill": SERVICE, **more}
    shop = Small(folder, campaigns, database=database)
    for key in keys:
        shop.add(customer(key, phone=number(key)), consent(key), consent(key, "sms"))
        shop.add(event(key, "Signed Up", NOW))
        shop.tick(NOW)
    return shop


def told(kind: FeedbackKind | str, key: str, message: int | None = 1, **more: Any) -> Feedback:
    """An event about the message (and its attempt of the same number)."""
    ids = {} if message is None else {"message_id": str(message), "attempt_id": str(message)}
    return Feedback(FeedbackKind(kind), key, more.pop("at", NOW), **{**ids, **more})


def listen(shop: Small, *events: Feedback, now: datetime = LATER, source: str = "outbox") -> Told:
    """The shop hears of these, in one call."""
    tactful = shop.tactful
    return hear(shop.engine, tactful.shop, source, events, now, tactful.answering)


def standing(shop: Small, id: int = 1) -> tuple[str, str | None]:
    """State and reason of a message."""
    with reading(shop.engine) as connection:
        row = connection.execute(
            select(messages.c.state, messages.c.reason).where(messages.c.id == id)
        ).one()
    return row[0], row[1]


def history(shop: Small, id: int = 1) -> list[str]:
    """What is noted of a message, in any order."""
    return sorted(row["what"] for row in shop.rows(message_log) if row["message_id"] == id)


def tried(shop: Small, id: int = 1) -> list[tuple[str | None, str | None]]:
    """Outcome and reference of each attempt of a message."""
    return [
        (row["outcome"], row["provider_ref"])
        for row in shop.rows(attempts)
        if row["message_id"] == id
    ]


def agreed(shop: Small, key: str) -> dict[tuple[str, str], bool]:
    """(channel, topic) → whether that was agreed to, as it stands."""
    id = shop.ids()[key]
    return {
        (row["channel"], row["topic"]): row["given"]
        for row in shop.rows(consents)
        if row["customer_id"] == id
    }
