"""The shipped campaigns, replayed on both databases: row for row the same, down to the reasons."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, FromClause, Table, select

from orchestrator.flow.ingest import KINDS, Kind, ingest_raw
from orchestrator.flow.load.load import load
from orchestrator.flow.replay import Arrival, replay
from orchestrator.flow.tactful import Tactful
from orchestrator.model.shop import Shop
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.deployment import Deployment
from orchestrator.tables import metadata
from tests.support.channel import open_channel
from tests.support.databases import make_tables

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "complete_journey"
START = datetime(2017, 11, 13, 5, tzinfo=UTC)
END = START + timedelta(days=12)
STEP = timedelta(hours=6)
NAMES = {
    "customers": ("key",),
    "products": ("key",),
    "events": ("key",),
    "messages": ("campaign", "occasion", "address", "step", "channel"),
}
LINK = re.compile(r"/\d+\.[0-9a-f]{32}")

Content = dict[str, Counter[tuple[Any, ...]]]


def records(kind: Kind) -> Iterator[Arrival]:
    with (DATA / f"{kind}.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            at = record.get("at")
            yield (START if at is None else datetime.fromisoformat(at)), kind, record


def replayed(url: str, folder: Path) -> Content:
    """Everything that the database holds after some days with the shipped campaigns."""
    loaded = load(ROOT, installed=("outbox", "email_smtp"))
    assert loaded.settings is not None
    engine = open_database(url)
    make_tables(engine)
    channel = open_channel(folder)
    tokens = iter(range(1_000_000))
    tactful = Tactful(
        engine,
        loaded.settings,
        loaded.versions,
        channels=dict.fromkeys(loaded.settings.shop.channels, channel),
        deployment=Deployment("d1", "secret"),
        new_token=lambda: f"token-{next(tokens)}",
    )
    tactful.publish(START - timedelta(days=30))
    fill(tactful, loaded.settings.shop)
    coming = sorted((a for kind in KINDS for a in records(kind) if a[0] > START), key=itemgetter(0))
    for _ in replay(tactful, coming, START, END, step=STEP):
        pass
    channel.close()
    with reading(engine) as connection:
        found = {table.name: content(connection, table) for table in metadata.sorted_tables}
    engine.dispose()
    return found


def fill(tactful: Tactful, shop: Shop) -> None:
    with writing(tactful.engine) as connection:
        for kind in KINDS:
            past = [(kind, record) for at, kind, record in records(kind) if at <= START]
            ingest_raw(connection, past, START, shop)


def content(connection: Connection, table: Table) -> Counter[tuple[Any, ...]]:
    """The rows, in no order. What stands for something else is told by that thing's name.

    Ids are handed out in the order in which a database comes to its rows, and tokens by chance.
    """
    columns: list[Any] = []
    source: FromClause = table
    for column in table.columns:
        of = {key.column.table.name for key in column.foreign_keys} & NAMES.keys()
        for name in of:
            other = metadata.tables[name].alias(f"its_{column.name}")
            source = source.outerjoin(other, other.c.id == column)
            columns += [other.c[part] for part in NAMES[name]]
        if not of and column.name not in ("id", "token", "provider_ref"):
            columns.append(column)
    rows = connection.execute(select(*columns).select_from(source))
    return Counter(tuple(map(told, row)) for row in rows)


def told(value: Any) -> Any:
    if isinstance(value, list):
        # A line of a quote names its price by an id.
        value = [{**one, "price": "p"} if isinstance(one, dict) else one for one in value]
    if isinstance(value, dict | list):
        value = json.dumps(value, sort_keys=True)
    return LINK.sub("/link", value) if isinstance(value, str) else value


def test_both_databases_come_to_the_same_messages_reasons_and_times(
    tmp_path: Path, postgres_url: str
) -> None:
    here = replayed(":memory:", tmp_path / "sqlite")
    there = replayed(postgres_url, tmp_path / "postgresql")
    enough = {"messages": 30, "contents": 15, "journeys": 20, "memberships": 5, "habits": 100}
    assert {name for name, least in enough.items() if here[name].total() < least} == set()
    differences = {
        name: ((here[name] - there[name]).most_common(3), (there[name] - here[name]).most_common(3))
        for name in here
        if here[name] != there[name]
    }
    assert differences == {}
