"""Products, their stock, and what changed about them or their prices."""

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    String,
    bindparam,
    select,
    update,
)

from orchestrator.store.dialect import (
    hold_by_key,
    ids_by_key,
    insert_stored,
    json_text,
    new_ids,
    one_column,
)
from orchestrator.tables import product_changes, products
from orchestrator.tables.base import Instant
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows

UNLISTED = "unlisted"
"""The attribute of a product that only events have named: no catalogue has listed it yet."""

AMOUNT_SCALE = 10_000

_KEYS = rows("wanted", {"key": String()})
_IDS = rows("ids", {"id": Integer()})


class ProductRow(NamedTuple):
    """A product as stored."""

    id: int
    key: str
    title: str
    category: str | None
    theme: str | None
    brand: str | None
    size: str | None
    url: str | None
    image_url: str | None
    stock: int | None
    attributes: Mapping[str, Any]


class Change(NamedTuple):
    """What `product_changes` keeps: before and after are ten-thousandths of whatever changed."""

    product_id: int
    kind: str
    at: int
    before: int
    after: int


_LOAD = select(*(products.c[name] for name in ProductRow._fields)).where(
    products.c.key.in_(select(_KEYS.c.key))
)


def hold_products(connection: Connection, keys: Collection[str]) -> None:
    """Let nobody else change these products, their prices or their stock until the transaction
    ends: what one writer reads and writes back, another one may be changing.
    """
    hold_by_key(connection, products, keys)


def load_products(connection: Connection, keys: Collection[str]) -> dict[str, ProductRow]:
    """Those of the products that exist, by key."""
    found = connection.execute(_LOAD, {"wanted": one_column(keys)})
    return {row.key: ProductRow(*row) for row in found}


def insert_products(
    connection: Connection, new: Sequence[ProductRow]
) -> tuple[dict[str, int], set[str]]:
    """Insert products (their `id` is not looked at) and give their ids by key, and the keys of
    those that another writer has made meanwhile: these stay as that one wrote them.
    """
    if not new:
        return {}, set()
    ids = new_ids(connection, products, len(new))
    insert_stored(
        connection,
        products,
        ProductRow._fields,
        [(id_, *row[1:-1], json_text(row.attributes)) for id_, row in zip(ids, new, strict=True)],
        ignore=True,
    )
    made = dict(ids_by_key(connection, products, [row.key for row in new]))
    ours = set(ids)
    return made, {key for key, id_ in made.items() if id_ not in ours}


def update_products(connection: Connection, changed: Sequence[ProductRow]) -> None:
    """Write the rows over those with the same id."""
    insert_stored(
        connection,
        products,
        ProductRow._fields,
        [(*row[:-1], json_text(row.attributes)) for row in changed],
        key=("id",),
        replace=ProductRow._fields[2:],
    )


_STOCK = (
    update(products).where(products.c.id == bindparam("which")).values(stock=bindparam("new_stock"))
)


def write_stock(connection: Connection, stock: Mapping[int, int]) -> None:
    """The pieces of each product, by id."""
    if stock:
        connection.execute(
            _STOCK, [{"which": id_, "new_stock": pieces} for id_, pieces in sorted(stock.items())]
        )


_LAST_STOCK = select(
    product_changes.c.product_id, product_changes.c.at, product_changes.c.after
).where(product_changes.c.kind == "stock", product_changes.c.product_id.in_(select(_IDS.c.id)))


def last_stock(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    """When the stock of products was last known to change, in microseconds, by product."""
    last: dict[int, int] = {}
    for id_, at, _ in connection.execute(_LAST_STOCK, {"ids": one_column(ids)}):
        last[id_] = max(to_micros(at), last.get(id_, 0))
    return last


_CHANGE_KEYS = rows("changed", {"product_id": Integer(), "kind": String(), "at": Instant()})
_CHANGE_IDS = select(product_changes.c.id).join(
    _CHANGE_KEYS,
    (product_changes.c.product_id == _CHANGE_KEYS.c.product_id)
    & (product_changes.c.kind == _CHANGE_KEYS.c.kind)
    & (product_changes.c.at == _CHANGE_KEYS.c.at),
)


def write_changes(connection: Connection, changes: Sequence[Change]) -> list[int]:
    """Insert changes, or correct those at the same instant. The ids of those that are new.

    What happened later gets a higher id: an occasion is named after the latest change.
    """
    if not changes:
        return []
    changes = sorted(changes, key=attrgetter("at", "product_id", "kind"))
    wanted = {"changed": json_text([change[:3] for change in changes])}
    known = set(connection.execute(_CHANGE_IDS, wanted).scalars())
    insert_stored(
        connection,
        product_changes,
        Change._fields,
        changes,
        key=("product_id", "kind", "at"),
        replace=("before", "after"),
    )
    found = connection.execute(_CHANGE_IDS, wanted).scalars()
    return sorted(set(found) - known)
