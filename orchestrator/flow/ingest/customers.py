"""Customers as they are told → as they are stored: one place, one clock, addresses, traits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from orchestrator.flow.ingest.addresses import address_key, bucket, normal_phone
from orchestrator.flow.ingest.newer import newer
from orchestrator.flow.ingest.records import (
    LOCAL_PHONE,
    CustomerRecord,
    Ingested,
    Refused,
    Tally,
)
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.clock import Clock, parse_time
from orchestrator.model.place import locate
from orchestrator.model.shop import Shop
from orchestrator.store.customers import (
    Address,
    CustomerRow,
    hold_customers,
    insert_customers,
    load_addresses,
    load_customers,
    update_customers,
    write_addresses,
)

WHERE = ("zone", "country", "region")
"""Kept among the traits as they were told: a later record may bring only one of them."""

UNKNOWN = Clock()

BY_KEY = "customer"
"""The kind of address that is the customer's own key."""


class _Merged(NamedTuple):
    lines: int
    record: CustomerRecord
    told: dict[str, int]


class _Next(NamedTuple):
    """A customer as it shall be."""

    row: CustomerRow
    addresses: Mapping[str, str | None]
    lines: int


def save_customers(
    connection: Connection,
    records: Sequence[CustomerRecord],
    now: datetime,
    shop: Shop,
    done: Ingested,
) -> None:
    """Insert and update; what a record does not mention stays as it is."""
    rows = load_customers(connection, {record.key for record in records})
    told = _merge(records, rows)
    held = load_addresses(connection, [row.id for row in rows.values()])
    tally = done.tallies.setdefault("customers", Tally())
    new: list[_Next] = []
    changed: list[_Next] = []
    for key, merged in told.items():
        old = rows.get(key)
        addresses = held[old.id] if old else {}
        try:
            after = _next(merged, old, addresses, shop)
        except ValueError as error:
            # Every line of this customer said it together, so each of them is refused.
            done.refused += [
                Refused("customers", record.line, str(error))
                for record in records
                if record.key == key
            ]
            continue
        moved = {
            kind
            for kind, address in after.addresses.items()
            if (addresses[kind].address if kind in addresses else None) != address
        }
        after = after._replace(addresses={kind: after.addresses[kind] for kind in moved})
        if old is None:
            new.append(after)
        elif moved or _says_more(after.row, old):
            changed.append(after)
            tally.changed += merged.lines
        else:
            tally.same += merged.lines
    overtaken = _write(connection, new, changed, held, now, done)
    for one in new:
        if one.row.key not in overtaken:
            tally.new += 1
            tally.same += one.lines - 1
    if overtaken:
        # An event that another writer brought has made them meanwhile, of whom it knew nothing.
        hold_customers(connection, overtaken)
        again = [record for record in records if record.key in overtaken]
        save_customers(connection, again, now, shop, done)


def ensure_customers(
    connection: Connection, ids: Mapping[str, int], keys: set[str], now: datetime
) -> dict[str, int]:
    """`ids` with those of `keys` that were missing: made with nothing known, so nothing is sent."""
    missing = sorted(keys - ids.keys())
    rows = [CustomerRow(0, key, UNKNOWN.key, None, None, None, None, {}, {}) for key in missing]
    made, _ = insert_customers(connection, rows, [bucket(key) for key in missing], now)
    return {**ids, **made}


def _merge(
    records: Sequence[CustomerRecord], rows: Mapping[str, CustomerRow]
) -> dict[str, _Merged]:
    """One record for each customer: what a later one says replaces what an earlier one said."""
    told: dict[str, _Merged] = {}
    for each in records:
        before = told.get(each.key)
        if before is None:
            known = rows.get(each.key)
            times = dict(known.told) if known else {}
            told[each.key] = _Merged(1, newer(each, times), times)
            continue
        old, record = before.record, newer(each, before.told)
        joined = CustomerRecord(
            record.line,
            record.key,
            {**old.given, **record.given},
            {**old.addresses, **record.addresses},
            {**old.traits, **record.traits},
        )
        told[record.key] = _Merged(before.lines + 1, joined, before.told)
    return told


def _next(
    merged: _Merged, old: CustomerRow | None, held: Mapping[str, Address], shop: Shop
) -> _Next:
    record = merged.record
    given = record.given
    place_told = {name: given[name] for name in WHERE if name in given}
    said = {**(old.traits if old else {}), **record.traits, **place_told}
    traits = {name: value for name, value in said.items() if value is not None}
    phone = held["phone"].address if "phone" in held else None
    told = dict(record.addresses)
    country = traits.get("country")
    if given.get(LOCAL_PHONE) and country and country != shop.country:
        told["phone"] = normal_phone(str(given[LOCAL_PHONE]), country)
    phone = told.get("phone", phone)
    clock = _clock(given, traits, phone, old, shop)
    row = CustomerRow(
        old.id if old else 0,
        record.key,
        clock.key,
        _place(clock),
        given.get("locale", old.locale if old else None),
        given.get("preferred_channel", old.preferred_channel if old else None),
        given.get("max_per_week", old.max_per_week if old else None),
        traits,
        merged.told,
    )
    return _Next(row, {**_own_address(record.key, held, shop), **told}, merged.lines)


def _says_more(row: CustomerRow, old: CustomerRow) -> bool:
    """Something else is known, or of something for the first time when it was told. The same told
    again is not written each time."""
    return row._replace(told=old.told) != old or not row.told.keys() <= old.told.keys()


def _own_address(key: str, held: Mapping[str, Address], shop: Shop) -> Mapping[str, str]:
    """Where the shop has an inbox, everybody has an address there: the key that they have."""
    wanted = {kind for name, kind in ADDRESS_KINDS.items() if name in shop.channels}
    return {BY_KEY: key} if BY_KEY in wanted and BY_KEY not in held else {}


def _clock(
    given: Mapping[str, Any],
    traits: Mapping[str, Any],
    phone: str | None,
    old: CustomerRow | None,
    shop: Shop,
) -> Clock:
    before = Clock.parse(old.clock) if old else UNKNOWN
    wish = {"quiet_from": before.quiet_from, "quiet_until": before.quiet_until}
    for name in wish:
        if name in given:
            wish[name] = None if given[name] is None else parse_time(given[name])
    country = traits.get("country")
    if country is None and traits.get("region") and not traits.get("zone") and not phone:
        # A shop that writes only the state means a state of its own country.
        country = shop.country
    place = locate(
        zone=traits.get("zone"), country=country, region=traits.get("region"), phone=phone
    )
    if place.problems:
        raise ValueError("; ".join(place.problems))
    return place.clock(**wish)


def _place(clock: Clock) -> str | None:
    if clock.country and clock.region:
        return f"{clock.country}-{clock.region}"
    return clock.country


def _write(
    connection: Connection,
    new: Sequence[_Next],
    changed: Sequence[_Next],
    held: Mapping[int, Mapping[str, Address]],
    now: datetime,
    done: Ingested,
) -> set[str]:
    """Write what is new and what has changed; the keys of those whom another writer was faster to
    make, of whom nothing is written.
    """
    made, overtaken = insert_customers(
        connection, [one.row for one in new], [bucket(one.row.key) for one in new], now
    )
    update_customers(connection, [one.row for one in changed], now)
    written: list[tuple[int, str, Address]] = []
    removed: list[tuple[int, str]] = []
    touched: set[str] = set()
    for one in (*new, *changed):
        if one.row.key in overtaken:
            continue
        id_ = made[one.row.key] if one.row.id == 0 else one.row.id
        done.customers.add(id_)
        before = held.get(id_, {})
        for kind, address in one.addresses.items():
            if kind in before:
                touched.add(before[kind].address_key)
            if address is None:
                removed.append((id_, kind))
            else:
                key = address_key(kind, address)
                touched.add(key)
                written.append((id_, kind, Address(address, key)))
    write_addresses(connection, written, removed, touched)
    return overtaken
