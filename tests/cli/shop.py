"""A small shop in a folder, and the command line on it: real files, real SQLite, a real outbox.

    shop = ShopFolder(tmp_path)
    shop.add("customers", {"id": "ann", "email": "ann@example.com", "zone": "America/New_York"})
    shop("plan", "hello")              # at NOW
    shop.json("explain", "ann", at=NOW + timedelta(days=1))

The clock stands still where the command line reads it, and nowhere else is it read.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import Connection, select
from typer.testing import CliRunner, Result

from channels.outbox import Record, read_log
from orchestrator.entry.cli import app
from orchestrator.flow.ingest import Kind, ingest_raw
from orchestrator.flow.load import load, revive_settings
from orchestrator.flow.load.folder import SHOP_FILE
from orchestrator.store.campaigns import save_versions
from orchestrator.store.database import open_database, writing
from orchestrator.store.deployment import forget_moments
from orchestrator.tables import metadata
from tests.support.databases import make_tables

NOW = datetime(2026, 11, 24, 17, tzinfo=UTC)
"""A Tuesday, noon in New York."""

NIGHT = datetime(2026, 11, 25, 4, tzinfo=UTC)
"""23:00 on that day."""

ZONE = "America/New_York"

SHOP = """\
brand: {name: Corner Shop, postal_address: "1 Main St, Springfield", contact: care@example.com}
zone: America/New_York
country: US
base_url: https://shop.example.com
order_url: https://shop.example.com/order/{product}
quiet_hours: 21:00-09:00
caps:
  overall: [9 per 7d]
channels:
  email: {through: outbox, cost: 0.0010, sender: shop@example.com}
  sms: {through: outbox, cost: 0.0079, sender: "+13125550123"}
topics: {offers: Offers, tips: Tips}
traits: {city: text, kids: number}
events:
  Signed Up: {ref: text}
  Order Completed: {total: number}
segments:
  parents: {trait: kids, at_least: 1}
"""

HELLO = """\
purpose: inform
topic: tips
trigger: {event: Signed Up}
audience:
  all:
    - {trait: city, in: [Paris, Rome]}
  none:
    - {did: Order Completed, at_least: 2 times, within: 30d}
channels: [email]
expires: 12h
max_audience: 50
goal: {event: Order Completed, within: 3d, value: total}
"""

DEAL = """\
purpose: offer
topic: offers
trigger: {cron: "0 10 * * WED"}
offer: {products: {from: listed, ids: [tea]}}
channels: [sms]
max_audience: 50
"""

GOOD: Mapping[str, str] = {
    "campaigns/shop.yaml": SHOP,
    "campaigns/hello/campaign.yaml": HELLO,
    "campaigns/hello/email.subject.j2": "Hello from {{ shop.brand }}\n",
    "campaigns/hello/email.html.j2": (
        '{% extends "layout.html.j2" %}\n'
        "{% block content %}<p>Hello {{ customer.city }}</p>{% endblock %}\n"
    ),
    "campaigns/deal/campaign.yaml": DEAL,
    "campaigns/deal/sms.txt.j2": (
        "{{ product.title }} {{ price_short(product) }} {{ order_link(product) }}\n"
    ),
}

TEA = {"id": "tea", "title": "Green tea", "category": "TEA", "size": "20 CT", "stock": 9}
TEA_PRICE = {
    "product": "tea",
    "amount": "2.49",
    "currency": "USD",
    "at": "2026-10-01T00:00:00Z",
}


class ShopFolder:
    """A folder with a shop, and its command line."""

    def __init__(
        self, home: Path, like: "ShopFolder | None" = None, url: str | None = None
    ) -> None:
        self.home = home
        self.url = url or str(home / "var" / "tactful.db")
        self._numbers = count(1 if like is None else 1_000)
        self._runner = CliRunner()
        if like is None:
            self.write(GOOD)
        else:
            shutil.copytree(like.home, home, dirs_exist_ok=True)
            for connection in self.database():  # a copy, but the test means the shop itself
                forget_moments(connection, ["whereabouts"])

    def write(self, files: Mapping[str, str]) -> None:
        """Write files below the folder."""
        for name, text in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def change(self, file: str, old: str, new: str) -> None:
        """Change a file; `old` must be in it."""
        text = (self.home / file).read_text(encoding="utf-8")
        assert old in text
        self.write({file: text.replace(old, new)})

    def change_campaign(self, name: str, old: str, new: str) -> None:
        """Change a campaign."""
        self.change(f"campaigns/{name}/campaign.yaml", old, new)

    def copy_campaign(self, name: str, to: str) -> None:
        """Copying a folder starts a new campaign."""
        for path in (self.home / "campaigns" / name).iterdir():
            self.write({f"campaigns/{to}/{path.name}": path.read_text(encoding="utf-8")})

    def __call__(
        self, *words: str, at: datetime = NOW, env: Mapping[str, str] | None = None
    ) -> Result:
        """Run a command."""
        given = {"TACTFUL_HOME": str(self.home), "COLUMNS": "80", **(env or {})}
        with freeze_time(at):
            result = self._runner.invoke(app, words, env=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert "Traceback" not in result.output
        return result

    def ok(self, *words: str, at: datetime = NOW) -> str:
        """Run a command that goes well; what it printed."""
        result = self(*words, at=at)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str, at: datetime = NOW, code: int = 0) -> Any:
        """Run a command and read its JSON."""
        result = self(*words, "--json", at=at)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def add(self, kind: Kind, *records: Mapping[str, Any], at: datetime = NOW) -> None:
        """Take records in, as an import does, but without the command line's way to it."""
        text = (self.home / "campaigns" / SHOP_FILE).read_text(encoding="utf-8")
        shop = revive_settings({SHOP_FILE: text}).shop
        plain = json.loads(json.dumps(records, default=str))
        for connection in self.database():
            done = ingest_raw(connection, [(kind, record) for record in plain], at, shop)
            assert done.refused == []

    def add_customer(self, key: str = "ann", **words: Any) -> None:
        """A customer in New York, in Paris by the look of the traits, with consent to everything.

        What is given as None is left out.
        """
        given = {
            "email": f"{key}@example.com",
            "phone": "+12125550101",
            "zone": ZONE,
            "country": "US",
            "region": "NY",
            "city": "Paris",
            **words,
        }
        self.add("customers", {"id": key, **{k: v for k, v in given.items() if v is not None}})
        self.agree(key)

    def agree(self, key: str, *channels: str, given: bool = True, at: datetime = NOW) -> None:
        """A customer's consent, or its withdrawal."""
        said = {"customer": key, "topic": "*", "given": given, "touchpoint": "till"}
        self.add(
            "consents",
            *(
                {**said, "channel": channel, "wording": "v1", "at": at - timedelta(days=30)}
                for channel in channels or ("email", "sms")
            ),
        )

    def happen(
        self, key: str, name: str = "Signed Up", at: datetime = NOW, **properties: Any
    ) -> None:
        """An event."""
        number = next(self._numbers)
        event = {"id": f"e{number}", "customer": key, "name": name, "at": at}
        self.add("events", {**event, "properties": properties}, at=at)

    def put_to_work(self, at: datetime = NOW - timedelta(days=20)) -> None:
        """The campaigns as they are written now have been at work since `at`."""
        for connection in self.database():
            save_versions(connection, load(self.home).versions, at)

    def sell_tea(self) -> None:
        """A product with its price, for the offer."""
        self.add("products", TEA)
        self.add("prices", TEA_PRICE)

    def sent(self) -> list[Record]:
        """What the outbox has taken."""
        return list(read_log(self.home / "var" / "outbox"))

    def database(self) -> Iterator[Connection]:
        """The database itself, for what no command can arrange."""
        (self.home / "var").mkdir(exist_ok=True)
        engine = open_database(self.url)
        try:
            make_tables(engine)
            with writing(engine) as connection:
                yield connection
        finally:
            engine.dispose()

    def content(self) -> dict[str, list[Any]]:
        """Everything that is in the database."""
        for connection in self.database():
            return {
                table.name: sorted(
                    tuple(map(repr, row)) for row in connection.execute(select(table))
                )
                for table in metadata.sorted_tables
            }
        raise AssertionError("there is a database")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShopFolder:
    """The small shop, with nothing in its database."""
    monkeypatch.chdir(tmp_path)
    return ShopFolder(tmp_path)
