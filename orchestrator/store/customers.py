"""Customers, their clocks and their addresses, as sets of rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Integer,
    Row,
    String,
    bindparam,
    delete,
    func,
    select,
    update,
)

from orchestrator.store.dialect import (
    hold_by_key,
    ids_by_key,
    insert_ignore,
    insert_stored,
    json_text,
    new_ids,
    one_column,
    upsert,
)
from orchestrator.store.one_by_one import one_by_one
from orchestrator.tables import addresses, clocks, customers
from orchestrator.tables.instant import to_micros
from orchestrator.tables.json import rows

_KEYS = rows("wanted", {"key": String()})
_IDS = rows("ids", {"id": Integer()})


class CustomerRow(NamedTuple):
    """A customer as stored; `clock` is the clock's key."""

    id: int
    key: str
    clock: str
    place: str | None
    locale: str | None
    preferred_channel: str | None
    max_per_week: int | None
    traits: Mapping[str, Any]
    told: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Address:
    """One way to reach a customer."""

    address: str
    address_key: str


_LOAD = (
    select(
        customers.c.id,
        customers.c.key,
        clocks.c.key.label("clock"),
        customers.c.place,
        customers.c.locale,
        customers.c.preferred_channel,
        customers.c.max_per_week,
        customers.c.traits,
        customers.c.told,
    )
    .join(clocks, clocks.c.id == customers.c.clock_id)
    .where(customers.c.key.in_(select(_KEYS.c.key)))
)
_ADDRESSES = select(
    addresses.c.customer_id, addresses.c.kind, addresses.c.address, addresses.c.address_key
).where(addresses.c.customer_id.in_(select(_IDS.c.id)))
_CLOCKS = select(clocks.c.key, clocks.c.id).where(clocks.c.key.in_(select(_KEYS.c.key)))


def hold_customers(connection: Connection, keys: Collection[str]) -> None:
    """Let nobody else change these customers, or send to them, until the transaction ends.

    Before they are read: what is read, changed and written back must not change in between. In the
    order of `messages.lock_customers`.
    """
    hold_by_key(connection, customers, keys)


def hold_names(connection: Connection, keys: Collection[str]) -> None:
    """Let nobody forget these customers until the transaction ends; anything else goes on."""
    hold_by_key(connection, customers, keys, shared=True)


def load_customers(connection: Connection, keys: Collection[str]) -> dict[str, CustomerRow]:
    """Those of the customers that exist, by key."""
    found = connection.execute(_LOAD, {"wanted": one_column(keys)})
    return {row.key: CustomerRow(*row[:-1], row.told or {}) for row in found}


def load_addresses(connection: Connection, ids: Collection[int]) -> dict[int, dict[str, Address]]:
    """The addresses of customers, by customer and kind."""
    found: dict[int, dict[str, Address]] = {id_: {} for id_ in ids}
    for id_, kind, address, key in connection.execute(_ADDRESSES, {"ids": one_column(ids)}).all():
        found[id_][kind] = Address(address, key)
    return found


def clock_ids(connection: Connection, keys: Collection[str]) -> dict[str, int]:
    """The ids of clocks by their keys; those that are not there yet are made."""
    if not keys:
        return {}
    wanted = {"wanted": one_column(keys)}
    found = _pairs(connection.execute(_CLOCKS, wanted))
    missing = [{"key": key} for key in sorted(keys) if key not in found]
    if missing:
        connection.execute(insert_ignore(connection, clocks), missing)
        found = _pairs(connection.execute(_CLOCKS, wanted))
    return found


def _pairs(found: Iterable[Row[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in found}


def insert_customers(
    connection: Connection, rows: Sequence[CustomerRow], buckets: Sequence[int], now: datetime
) -> tuple[dict[str, int], set[str]]:
    """Insert customers (their `id` is not looked at) and give their ids by key, and the keys of
    those whom another writer has made meanwhile: these stay as that one wrote them.
    """
    if not rows:
        return {}, set()
    new = new_ids(connection, customers, len(rows))
    clock_of = clock_ids(connection, {row.clock for row in rows})
    at = to_micros(now)
    insert_stored(
        connection,
        customers,
        (
            *("id", "key", "clock_id", "place", "locale", "preferred_channel", "max_per_week"),
            *("bucket", "traits", "told", "created_at", "updated_at"),
        ),
        [
            (
                *(id_, row.key, clock_of[row.clock], *row[3:7], bucket, json_text(row.traits)),
                *(json_text(row.told) if row.told else None, at, at),
            )
            for id_, row, bucket in zip(new, rows, buckets, strict=True)
        ],
        ignore=True,
    )
    made = dict(ids_by_key(connection, customers, [row.key for row in rows]))
    ours = set(new)
    return made, {key for key, id_ in made.items() if id_ not in ours}


_UPDATE = (
    update(customers)
    .where(customers.c.id == bindparam("which"))
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                *("clock_id", "place", "locale", "preferred_channel", "max_per_week"),
                *("traits", "told", "updated_at"),
            )
        }
    )
)


def update_customers(connection: Connection, rows: Sequence[CustomerRow], now: datetime) -> None:
    """Write the rows over those with the same id."""
    if not rows:
        return
    clock_of = clock_ids(connection, {row.clock for row in rows})
    connection.execute(
        _UPDATE,
        [
            {
                "which": row.id,
                "new_clock_id": clock_of[row.clock],
                "new_place": row.place,
                "new_locale": row.locale,
                "new_preferred_channel": row.preferred_channel,
                "new_max_per_week": row.max_per_week,
                "new_traits": row.traits,
                "new_told": row.told or None,
                "new_updated_at": now,
            }
            for row in rows
        ],
    )


def touch_customers(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Note that something about them is new."""
    if ids:
        connection.execute(
            update(customers).where(customers.c.id.in_(select(_IDS.c.id))).values(updated_at=now),
            {"ids": one_column(ids)},
        )


def write_addresses(
    connection: Connection,
    written: Sequence[tuple[int, str, Address]],
    removed: Sequence[tuple[int, str]],
    touched_keys: Collection[str],
) -> None:
    """Write and remove addresses by (customer, kind), then tell who shares one.

    `touched_keys`: the digests of every address that came or went.
    """
    if written:
        connection.execute(
            upsert(
                connection, addresses, ("customer_id", "kind"), ("address", "address_key", "shared")
            ),
            [
                {
                    "customer_id": id_,
                    "kind": kind,
                    "address": address.address,
                    "address_key": address.address_key,
                    "shared": False,
                }
                for id_, kind, address in written
            ],
        )
    if removed:
        connection.execute(
            delete(addresses).where(
                addresses.c.customer_id == bindparam("which"),
                addresses.c.kind == bindparam("which_kind"),
            ),
            [{"which": id_, "which_kind": kind} for id_, kind in removed],
        )
    if touched_keys:
        _mark_shared(connection, touched_keys)


_other = addresses.alias()
_HOLDERS = (
    select(func.count())
    .select_from(_other)
    .where(_other.c.address_key == addresses.c.address_key)
    .scalar_subquery()
)
_MARK = (
    update(addresses)
    .where(
        addresses.c.address_key.in_(select(_KEYS.c.key)),
        addresses.c.shared != (_HOLDERS > 1),
    )
    .values(shared=_HOLDERS > 1)
)


def _mark_shared(connection: Connection, keys: Collection[str]) -> None:
    """Who has an address with somebody else. One writer after another, until each commits: two who
    bring the same new one at once would not see each other's."""
    one_by_one(connection, "shared addresses")
    connection.execute(_MARK, {"wanted": one_column(keys)})
