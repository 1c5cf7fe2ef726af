"""The shipped campaigns on the committed extract: one message of each, for a customer who fits.

The pipeline is the real one (import, learn, gather, compose) on a database in memory; only the
decision is taken by the test, so that a message is there for every step and channel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
from sqlalchemy import BigInteger, Connection, Engine, and_, insert, null, select, type_coerce

from channels.outbox import OutboxChannel, OutboxSettings
from orchestrator.flow.compose import Composed, Composer, NotComposed
from orchestrator.flow.gather import Gathered, gather
from orchestrator.flow.ingest import KINDS, Kind, ingest_raw
from orchestrator.flow.law import read_law
from orchestrator.flow.learn import learn_better, learn_habits, learn_popularity
from orchestrator.flow.links import Links
from orchestrator.flow.load.load import Loaded, load
from orchestrator.flow.statements import Statements
from orchestrator.model.trigger import OnBackInStock, OnEvent, OnInactive, OnPriceDrop
from orchestrator.model.version import Version
from orchestrator.rules.history import filtered
from orchestrator.store.campaigns import save_versions
from orchestrator.store.claims import Claimed
from orchestrator.store.database import open_database, writing
from orchestrator.tables import (
    customers,
    event_products,
    events,
    messages,
    pairs,
    product_changes,
    products,
)
from tests.support.databases import make_tables

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "complete_journey"
NOW = datetime(2017, 11, 20, 15, tzinfo=UTC)
"""Monday, 10:00 in New York; the extract's own year goes on after it."""


def shipped() -> Loaded:
    """The campaigns of this repository."""
    return load(ROOT, installed=("outbox", "email_smtp"))


GOES_WITH_DINNER = {"859191": 3.0, "990656": 2.4, "951197": 1.8}
"""Salad, cheese, rolls. Twenty households are too few to learn from what goes with what."""


@dataclass(frozen=True, slots=True)
class Case:
    """One message to look at: a step of a campaign on a channel."""

    version: Version
    step: int
    channel: str

    def __str__(self) -> str:
        return f"{self.version.name}-{self.version.prefix(self.step)}{self.channel}"


def cases() -> Iterator[Case]:
    """Every send of every campaign on every channel that has templates for it."""
    for version in shipped().versions:
        for step, route in version.routes.items():
            for channel in route.channels:
                yield Case(version, step, channel)


class Stage:
    """A shop's database as it was at NOW."""

    def __init__(self) -> None:
        self.engine = _filled()
        links = Links("https://my.shop.example.com", b"a secret for golden files")
        self._composer = Composer(links, "golden")
        self._outbox = OutboxChannel(OutboxSettings(folder=Path(), files=False))

    def compose(self, case: Case) -> Composed:
        """The message for the first customer for whom there is something to say."""
        refused: list[NotComposed] = []
        for claimed, gathered in self.gathered(case):
            made = self._composer.compose(claimed, case.version, gathered, self._outbox, NOW)
            if isinstance(made, Composed):
                return made
            refused.append(made)
        raise AssertionError(f"{case}: nobody of the extract can get it; {refused[:3]}")

    def gathered(self, case: Case) -> Iterator[tuple[Claimed, Gathered]]:
        """One occasion after another that has products to offer, where the campaign offers any."""
        built = Statements(read_law())  # a test may have altered the version
        with self.engine.connect() as connection:
            for occasion in _occasions(connection, case.version):
                with connection.begin_nested() as savepoint:
                    claimed = _claim(connection, case, occasion)
                    gathered = gather(connection, [claimed], lambda _: case.version, built, NOW)
                    savepoint.rollback()
                if case.version.campaign.offer is None or gathered.proposals.get(claimed.id):
                    yield claimed, gathered


def _filled() -> Engine:
    engine = open_database(":memory:")
    make_tables(engine)
    loaded = shipped()
    assert loaded.settings is not None
    shop = loaded.settings.shop
    with writing(engine) as connection:
        for kind in KINDS:
            ingest_raw(connection, _past(kind), NOW, shop)
        save_versions(connection, loaded.versions, NOW)
        learn_habits(connection, NOW, shop)
        learn_popularity(connection, NOW, shop)
        learn_better(connection, NOW, shop)
        connection.execute(insert(pairs), list(_pairs(connection)))
    return engine


def _pairs(connection: Connection) -> Iterator[dict[str, Any]]:
    found = select(products.c.key, products.c.id).where(products.c.key.in_(GOES_WITH_DINNER))
    goes_with = {row.key: row.id for row in connection.execute(found)}
    dinner = select(products.c.id).where(products.c.theme == "dinner")
    for id_ in connection.scalars(dinner):
        for key, lift in GOES_WITH_DINNER.items():
            other = goes_with[key]
            yield {"kind": "goes_with", "product_id": id_, "other_id": other, "strength": lift}


def _past(kind: Kind) -> Iterator[tuple[Kind, dict[str, Any]]]:
    end = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    with (DATA / f"{kind}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = msgspec.json.decode(line)
            if record.get("at", "") < end:
                yield kind, record


@dataclass(frozen=True, slots=True)
class _Occasion:
    customer_id: int
    event_id: int | None = None
    change_id: int | None = None


def _claim(connection: Connection, case: Case, occasion: _Occasion) -> Claimed:
    """A message in the ledger, as a worker would hold it."""
    campaign = case.version.campaign
    # The same number for the same message, whatever other campaigns there are: links hold it.
    id_ = 10_000 + crc32(str(case).encode()) % 90_000
    until = NOW + timedelta(hours=1)
    row = {
        "id": id_,
        "campaign": campaign.name,
        "version": case.version.digest,
        "customer_id": occasion.customer_id,
        "occasion": "golden",
        "step": case.step,
        "channel": case.channel,
        "state": "planned",
        "marketing": campaign.marketing,
        "topic": campaign.topic,
        "priority": campaign.priority,
        "event_id": occasion.event_id,
        "change_id": occasion.change_id,
        **dict.fromkeys(("due_at", "planned_at", "send_after", "counts_at"), NOW),
        "expires_at": until,
    }
    connection.execute(insert(messages), row)
    return Claimed(
        id=id_,
        version=case.version.digest,
        customer_id=occasion.customer_id,
        step=case.step,
        channel=case.channel,
        address="+12125550123" if case.channel == "sms" else "hh-1@example.com",
        address_key="golden",
        event_id=occasion.event_id,
        change_id=occasion.change_id,
        priority=campaign.priority,
        expires_at=until,
        tries=0,
    )


def _occasions(connection: Connection, version: Version) -> Sequence[_Occasion]:
    """Who may be asked about, and by what: the latest first."""
    english = customers.c.locale.like("en%").desc()
    match version.campaign.trigger:
        case OnEvent() | OnInactive() as trigger:
            if isinstance(trigger, OnInactive):
                name, wait = trigger.inactive, trigger.for_
            else:
                name, wait = trigger.event, trigger.wait or timedelta(0)
            found = (
                select(events.c.customer_id, events.c.id, null())
                .join(customers, customers.c.id == events.c.customer_id)
                .where(events.c.name == name, events.c.at <= NOW - wait)
                .where(*filtered(trigger, events))
                .order_by(english, events.c.at.desc(), events.c.id)
            )
        case OnPriceDrop() | OnBackInStock() as trigger:
            change, line = product_changes, event_products
            kind = "price" if isinstance(trigger, OnPriceDrop) else "stock"
            # As whole numbers: a factor would be taken for an amount, and stored as one.
            before, after = (type_coerce(c, BigInteger) for c in (change.c.before, change.c.after))
            better = and_(before <= 0, after > 0)
            if isinstance(trigger, OnPriceDrop):
                better = after * 10_000 <= before * (10_000 - round(trigger.by * 100))
            found = (
                select(line.c.customer_id, null(), change.c.id)
                .join(change, change.c.product_id == line.c.product_id)
                .join(products, products.c.id == change.c.product_id)
                .join(customers, customers.c.id == line.c.customer_id)
                .where(change.c.kind == kind, better, change.c.at <= NOW)
                .order_by(english, change.c.at.desc(), products.c.key, customers.c.key)
            )
        case _:
            found = select(customers.c.id, null(), null()).order_by(english, customers.c.id)
    return [_Occasion(*row) for row in connection.execute(found)]
