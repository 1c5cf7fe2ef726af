"""A shop, a database, and what stands in it, for the tests of what comes in."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select

from orchestrator.flow.ingest import Ingested, Kind, Reader, ingest_raw
from orchestrator.model.shop import Shop
from orchestrator.store.database import open_database, reading, writing
from orchestrator.tables import metadata
from tests.support.databases import empty_database, make_tables

NOW = datetime(2017, 11, 6, 12, tzinfo=UTC)

SHOP = Shop.model_validate(
    {
        "brand": {"name": "Shop", "postal_address": "1 Road", "contact": "help@example.com"},
        "zone": "America/New_York",
        "country": "US",
        "base_url": "https://shop.example.com",
        "order_url": "https://shop.example.com/order/{product}",
        "channels": {"email": {"through": "outbox"}, "sms": {"through": "outbox"}},
        "topics": {"offers": "Offers", "recipes": "Recipes"},
        "traits": {
            "kids": "number",
            "owner": "yes/no",
            "birthday": "date",
            "likes": "list",
            "lifecycle": {"type": "text", "values": ["new", "active"]},
        },
        "events": {"Order Completed": {"total": "number"}, "Page Viewed": {}},
        "themes": {
            "coffee": {"categories": ["Coffee"], "pages": ["/coffee"]},
            "espresso": {"pages": ["/coffee/espresso"]},
        },
    }
)


def fresh(url: str | None = None) -> Engine:
    """An empty database with every table."""
    if url is None:
        return empty_database()
    engine = open_database(url)
    make_tables(engine)
    return engine


def take_in(
    engine: Engine,
    *records: tuple[Kind, Mapping[str, Any]],
    now: datetime = NOW,
    reader: Reader | None = None,
) -> Ingested:
    """Ingest records in one transaction."""
    with writing(engine) as connection:
        return ingest_raw(connection, records, now, SHOP, reader)


def of(kind: Kind, *records: Mapping[str, Any]) -> list[tuple[Kind, Mapping[str, Any]]]:
    """Records of one kind."""
    return [(kind, record) for record in records]


def rows(engine: Engine, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of a table, sorted; all columns unless some are named."""
    of_table = metadata.tables[table]
    wanted = [of_table.c[name] for name in columns] or list(of_table.c)
    with reading(engine) as connection:
        return sorted((tuple(row) for row in connection.execute(select(*wanted))), key=repr)


def everything(engine: Engine, *, without: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All that the database holds."""
    return {name: rows(engine, name) for name in metadata.tables if name not in without}
