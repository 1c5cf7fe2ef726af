"""A small shop from dicts, on a real database: campaigns, customers, events, prices, a clock.

shop = Small(folder, {"hello": {"trigger": {"event": "Signed Up"}}})
shop.add(customer("ann"), consent("ann"), event("ann", "Signed Up", NOW))
shop.tick(NOW)
shop.sent()
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping, select
from sqlalchemy.util import LRUCache

from channels.contract import Channel
from channels.outbox import Record, read_log
from orchestrator.flow.ingest import ingest_raw
from orchestrator.flow.load import revive, revive_settings
from orchestrator.flow.load.folder import own_templates
from orchestrator.flow.plan import Verdicts
from orchestrator.flow.tactful import Tactful, Tick
from orchestrator.model.version import Settings, Version
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.deployment import Deployment
from orchestrator.tables import customers, journeys, messages
from tests.support.channel import Recording, open_channel
from tests.support.databases import empty_database, make_tables

NOW = datetime(2017, 11, 21, 17, tzinfo=UTC)
"""A Tuesday, noon in New York."""

BEFORE = NOW - timedelta(days=400)
"""When campaigns were put to work, unless a test says otherwise."""

SHOP: Mapping[str, Any] = {
    "brand": {"name": "Corner Shop", "postal_address": "1 Main St", "contact": "care@example.com"},
    "zone": "America/New_York",
    "country": "US",
    "base_url": "https://shop.example.com",
    "order_url": "https://shop.example.com/order/{product}",
    "channels": {
        "email": {"through": "outbox", "sender": "shop@example.com"},
        "sms": {"through": "outbox", "sender": "+13125550123"},
    },
    "topics": {"offers": "Offers", "tips": "Tips"},
    "traits": {
        "city": "text",
        "kids": "number",
        "member": "yes/no",
        "birthday": "date",
        "hobbies": "list",
        "who": "text",
    },
    "events": {
        "Signed Up": {"ref": "text"},
        "Cart Updated": {"cart_id": "text", "items": "number"},
        "Order Completed": {"cart_id": "text", "total": "number", "store": "text"},
        "Product Viewed": {"theme": "text"},
    },
}
CAMPAIGN: Mapping[str, Any] = {
    "purpose": "help",
    "topic": "tips",
    "trigger": {"event": "Signed Up"},
    "channels": ["email"],
    "max_audience": 100_000,
}
TEMPLATES: Mapping[str, str] = {
    "email.subject.j2": "{{ campaign.name }} for {{ customer.who }}\n",
    "email.html.j2": (
        '{% extends "layout.html.j2" %}{% block content %}'
        "<p>{{ campaign.name }} for {{ customer.who }}</p>{% endblock %}\n"
    ),
    "sms.txt.j2": "{{ campaign.name }} for {{ customer.who }}. {{ text_footer() }}\n",
}
OFFERED: Mapping[str, str] = {
    "email.subject.j2": "{{ product.title }}\n",
    "email.html.j2": (
        '{% extends "layout.html.j2" %}{% block content %}{{ product_list(products) }}'
        "{% endblock %}\n"
    ),
    "sms.txt.j2": "{{ product.title }} {{ price_short(product) }} {{ order_link(product) }}\n",
}

_SHARED = {
    f"templates/{path.relative_to(own_templates()).as_posix()}": path.read_text(encoding="utf-8")
    for path in sorted(own_templates().rglob("*.j2"))
}
_tokens = itertools.count(1)
_versions: LRUCache[tuple[Any, ...], Version] = LRUCache(500)
"""What was read before: nothing in it ever changes, and reading takes longer than most tests do."""


def settings(shop: Mapping[str, Any] | None = None) -> Settings:
    """The small shop's settings, with some of its words replaced."""
    return _settings(json.dumps({**SHOP, **(shop or {})}))


@lru_cache(100)
def _settings(written: str) -> Settings:
    return revive_settings({"shop.yaml": written, **_SHARED})


def version(
    name: str,
    campaign: Mapping[str, Any] | None = None,
    of: Settings | None = None,
    templates: Mapping[str, str] | None = None,
) -> Version:
    """A campaign of the small shop: the plain one with some of its words replaced.

    Every send finds its templates, those that a step names as well.
    """
    written = {**CAMPAIGN, **(campaign or {})}
    files = dict(templates or (OFFERED if "offer" in written else TEMPLATES))
    for prefix in _named_templates(written.get("steps", ())):
        own = {f"{prefix}.{file}": text for file, text in files.items() if file in TEMPLATES}
        files = {**own, **files}
    files["campaign.yaml"] = json.dumps(written)
    under = of or settings()
    key = name, under.digest, tuple(sorted(files.items()))
    found = _versions.get(key)
    if found is None or found.settings is not under:
        found = _versions[key] = revive(name, files, under)
    return found


def _named_templates(steps: Iterable[Any]) -> Iterable[str]:
    for step in steps:
        if "send" in step and "template" in step["send"]:
            yield step["send"]["template"]
        if "branch" in step:
            for way in ("then", "otherwise"):
                yield from _named_templates(step["branch"].get(way, ()))


class Small:
    """A small shop on a database and an outbox. Made again on both, it is a new process."""

    def __init__(
        self,
        folder: Path,
        campaigns: Mapping[str, Mapping[str, Any]],
        *,
        shop: Mapping[str, Any] | None = None,
        database: str | Engine | None = None,
        channel: Channel[Any] | None = None,
        templates: Mapping[str, Mapping[str, str]] | None = None,
        since: datetime = BEFORE,
    ) -> None:
        self.folder = folder
        if database is None:
            self.engine = empty_database()
        else:
            self.engine = open_database(database) if isinstance(database, str) else database
            make_tables(self.engine)
        self.settings = settings(shop)
        self.channel = open_channel(folder) if channel is None else channel
        self.channels = dict.fromkeys(self.settings.shop.channels, self.channel)
        self.tactful = Tactful(
            self.engine,
            self.settings,
            [
                version(name, campaign, self.settings, (templates or {}).get(name))
                for name, campaign in campaigns.items()
            ],
            channels=self.channels,
            deployment=Deployment("d1", "secret"),
            new_token=lambda: f"token-{next(_tokens)}",
        )
        self.tactful.publish(since)

    def replace_channel(self, channel: Channel[Any]) -> None:
        """Go on with another channel."""
        self.channel.close()
        self.channel = channel
        self.channels.update(dict.fromkeys(self.channels, channel))

    @property
    def recording(self) -> Recording:
        """The channel, if the test brought no other."""
        assert isinstance(self.channel, Recording)
        return self.channel

    def add(self, *records: tuple[str, Mapping[str, Any]], now: datetime | None = None) -> None:
        """Take in records; a refused one is the test's mistake."""
        at = now or NOW + timedelta(days=4000)
        with writing(self.engine) as connection:
            done = ingest_raw(connection, records, at, self.tactful.shop)  # type: ignore[arg-type]
        assert not done.refused, done.refused

    def plan(self, now: datetime = NOW) -> dict[str, Counter[str]]:
        """Plan; campaign → reason → customers."""
        return counts(self.tactful.plan(now))

    def decide(self, *keys: str, now: datetime = NOW) -> dict[str, Counter[str]]:
        """Decide about these customers alone."""
        ids = self.ids()
        return counts(self.tactful.decide([ids[key] for key in keys], now))

    def dispatch(self, now: datetime = NOW) -> Counter[str]:
        """Send what is due."""
        return self.tactful.dispatch(now)

    def tick(self, now: datetime = NOW) -> Tick:
        """Plan, send, look for what was lost."""
        return self.tactful.tick(now)

    def run(self, start: datetime, end: datetime, step: timedelta) -> None:
        """Tick from `start` to `end`."""
        while start <= end:
            self.tick(start)
            start += step

    def execute(self, statement: Any, *parameters: Any) -> None:
        """Run a statement that writes."""
        with writing(self.engine) as connection:
            connection.execute(statement, *parameters)

    def rows(self, table: Any) -> Sequence[RowMapping]:
        """All rows of a table."""
        with reading(self.engine) as connection:
            return connection.execute(select(table).order_by(*table.primary_key)).mappings().all()

    def ids(self) -> dict[str, int]:
        """Customers' ids by key."""
        return {row["key"]: row["id"] for row in self.rows(customers)}

    def ledger(self) -> dict[tuple[str, str], list[tuple[str, str | None]]]:
        """(campaign, customer) → (state, reason) of each message, in the order of planning."""
        keys = {id: key for key, id in self.ids().items()}
        found: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
        for row in self.rows(messages):
            key = row["campaign"], keys[row["customer_id"]]
            found.setdefault(key, []).append((row["state"], row["reason"]))
        return found

    def ways(self) -> dict[str, tuple[int, str | None]]:
        """Customer → (step, how the journey ended)."""
        keys = {id: key for key, id in self.ids().items()}
        return {
            keys[row["customer_id"]]: (row["step"], row["ended_as"]) for row in self.rows(journeys)
        }

    def sent(self) -> list[Record]:
        """Everything that the provider has taken."""
        return list(read_log(self.folder))

    def told(self) -> list[str]:
        """`campaign for customer` of every message that was taken."""
        return [(record.subject or record.text.partition(".")[0]) for record in self.sent()]


def counts(verdicts: Iterable[Verdicts]) -> dict[str, Counter[str]]:
    """campaign → reason → customers, where there were any."""
    return {v.campaign: v.counts for v in verdicts if v.counts}


def customer(key: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A customer in New York with both addresses; `zone=None` takes away."""
    digits = int.from_bytes(key.encode()[-6:].rjust(6, b"\0")) % 9_000
    plain = {
        "id": key,
        "who": key,
        "email": f"{key}@example.com",
        "phone": f"+1212{2_000_000 + digits * 7:07d}" if key[-1:].isdigit() else None,
        "zone": "America/New_York",
        "country": "US",
        "region": "NY",
    }
    return "customers", {**plain, **more}


def consent(
    key: str,
    channel: str = "email",
    topic: str = "*",
    *,
    given: bool = True,
    at: datetime = BEFORE,
    until: datetime | None = None,
) -> tuple[str, dict[str, Any]]:
    """What a customer has agreed to, or not any more."""
    said = {"customer": key, "channel": channel, "topic": topic, "given": given, "at": at}
    return "consents", {**said, "until": until, "touchpoint": "till", "wording": "Yes, please."}


def event(
    key: str, name: str, at: datetime, id: str | None = None, **properties: Any
) -> tuple[str, dict[str, Any]]:
    """What a customer did; `products` are keys."""
    carried = properties.pop("products", None)
    if carried is not None:
        properties["products"] = [{"product_id": one, "quantity": 1, "price": 1} for one in carried]
    said = {"id": id or f"{key}/{name}/{at.isoformat()}", "customer": key, "name": name, "at": at}
    return "events", {**said, "properties": properties}


def product(key: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """A product."""
    return "products", {"id": key, "title": f"Product {key}", "category": "COFFEE", **more}


def price(
    key: str, amount: str, at: datetime = BEFORE, until: datetime | None = None, **more: Any
) -> tuple[str, dict[str, Any]]:
    """A price from `at` on."""
    said = {"product": key, "amount": amount, "currency": "USD", "at": at, "until": until}
    return "prices", {**said, **more}


def stock(key: str, pieces: int, at: datetime) -> tuple[str, dict[str, Any]]:
    """How many pieces there are."""
    return "stock", {"product": key, "stock": pieces, "at": at}
