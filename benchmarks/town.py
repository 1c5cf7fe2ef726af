"""A made-up town of customers in a database file: the same every time, made by SQLite itself.

Each customer has traits, addresses, consents and about five events, which come in order of time
and so lie scattered; some have messages of an earlier campaign, and some must not be written to.
"""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, Table, insert

from orchestrator.model.clock import Clock
from orchestrator.store.database import filling, open_database, writing
from orchestrator.store.schema import create_schema
from orchestrator.tables import (
    addresses,
    clocks,
    customers,
    event_products,
    events,
    messages,
    shops,
    versions,
)
from orchestrator.tables.instant import to_micros

NOW = datetime(2017, 11, 21, 19, tzinfo=UTC)
"""A Tuesday, 14:00 in New York: open on the whole mainland, and quiet in half the world."""

EVENTS_EACH = 5
PRODUCTS = 300
PRIME = 1_000_003
DAY = 86_400_000_000

MAINLAND = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")

_FILLED: tuple[Table, ...] = (addresses, customers, event_products, events, messages)

_SERIES = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "

_CUSTOMERS = f"""
INSERT INTO customers (id, key, clock_id, locale, preferred_channel, max_per_week, bucket, traits,
                       created_at, updated_at)
{_SERIES}
SELECT i, 'c' || i, 1 + i * 7919 % {{clocks}}, 'en_US',
       CASE i * 31 % 10 WHEN 0 THEN 'sms' WHEN 1 THEN 'email' END,
       CASE WHEN i * 37 % 50 = 0 THEN 1 END,
       i * 48271 % 2147483647,
       json_object('first_name', 'Friend ' || i, 'household_size', 1 + i * 41 % 5,
                   'kids_count', max(0, i * 43 % 7 - 3),
                   'home_owner', json(CASE WHEN i * 47 % 3 THEN 'true' ELSE 'false' END),
                   'billing_day', 1 + i * 53 % 28,
                   'birthday', date('1960-01-01', (i * 59 % 18000) || ' days'),
                   'card_expires', date('2017-06-01', (i * 61 % 900) || ' days')),
       {{began}}, {{began}}
FROM n
"""

# Nineteen in twenty have an e-mail address, seven in ten a telephone.
_ADDRESSES = f"""
INSERT INTO addresses (customer_id, kind, address, address_key, shared)
{_SERIES}
SELECT i, 'email', 'c' || i || '@example.com', printf('%016x%016x', i * 7368787, i * 15485863), 0
FROM n WHERE i % 20 UNION ALL
SELECT i, 'phone', printf('+1312%07d', i), printf('%016x%016x', i * 7368787, i * 32452843), 0
FROM n WHERE i % 10 < 7
"""

_CONSENTS = f"""
INSERT INTO consents (customer_id, channel, topic, given, at, until)
{_SERIES}
SELECT i, 'email', '*', 1, {{began}}, NULL FROM n WHERE i * 67 % 10 < 8 UNION ALL
SELECT i, 'email', 'offers', 0, {{began}}, NULL FROM n WHERE i * 67 % 10 = 0 UNION ALL
SELECT i, 'sms', '*', 1, {{began}}, NULL FROM n WHERE i * 71 % 10 < 8
"""

_SUPPRESSIONS = """
INSERT INTO suppressions (address_key, scope, reason, at)
SELECT address_key, 'all', 'bounced', {began} FROM addresses WHERE customer_id * 73 % 50 = 0
"""

# In order of time over the last 120 days; whose event it is jumps about. Three of five are orders.
_EVENTS = f"""
INSERT INTO events (id, key, customer_id, name, at, properties)
{_SERIES}
SELECT i, 'e' || i, 1 + i * {PRIME} % {{customers}},
       CASE WHEN i % 5 < 3 THEN 'Order Completed' ELSE 'Page Viewed' END,
       {{now}} - 120 * {DAY} + i * (120 * {DAY} / {{count}}) - 1,
       CASE WHEN i % 5 < 3
            THEN json_object('order_id', 'o' || i, 'total', 5 + i * 79 % 9000 / 100.0,
                             'coupon_used', json(CASE WHEN i % 7 THEN 'false' ELSE 'true' END))
            ELSE json_object('path', '/aisles/coffee', 'theme', 'coffee and tea') END
FROM n
"""

_LINES = f"""
INSERT INTO event_products (event_id, line, customer_id, product_id, name, at, quantity, amount)
SELECT id, line, customer_id, 1 + (id * 83 + line * 89) % {PRODUCTS}, name, at, 1, 24900
FROM events, (SELECT 0 AS line UNION ALL SELECT 1) WHERE name = 'Order Completed'
"""

# Every sixth has had a message in the last three weeks, from a campaign that is over.
_MESSAGES = f"""
INSERT INTO messages (campaign, version, customer_id, occasion, step, channel, state, marketing,
                      topic, priority, address, address_key, due_at, planned_at, send_after,
                      expires_at, counts_at, ended_at)
SELECT 'summer', 'summer', customer_id, 'slot:x', 0, 'email', 'accepted', 1, 'offers', 50,
       address, address_key, at, at, at, at + {DAY}, at, at
FROM (SELECT *, {{now}} - (1 + customer_id * 97 % 21) * {DAY} AS at FROM addresses
      WHERE kind = 'email' AND customer_id % 6 = 0)
"""

_PRODUCTS = f"""
INSERT INTO products (id, key, title, category, brand, size, url, image_url, stock, popularity,
                      attributes)
{_SERIES}
SELECT i, 'p' || i, 'Coffee beans no. ' || i, 'Coffee', 'Bean & Co', '12 OZ',
       'https://shop.example.com/p/p' || i, 'https://shop.example.com/p/p' || i || '.jpg',
       NULL, i, '{{{{}}}}'
FROM n
"""

_PRICES = """
INSERT INTO prices (product_id, currency, amount, tax, valid_from, valid_until)
SELECT id, 'USD', 30000 + id * 100 + which * 2000, 'included',
       {now} - (5 + 30 * which) * 86400000000,
       CASE WHEN which = 0 THEN {now} + 5 * 86400000000 END
FROM products, (SELECT 0 AS which UNION ALL SELECT 1)
"""


def make_town(path: Path, number: int, *, worldwide: bool = True, lines: bool = False) -> None:
    """A database of so many customers. `worldwide`: in all zones of the world, and some in none;
    else in the four of the mainland. `lines`: with the products of each order.
    """
    engine = open_database(str(path))
    create_schema(engine)
    with filling(engine, *_FILLED), writing(engine) as connection:
        _fill(connection, number, worldwide=worldwide, lines=lines)
    engine.dispose()  # closing the last connection writes the log into the file


def _fill(connection: Connection, number: int, *, worldwide: bool, lines: bool) -> None:
    keys = [clock.key for clock in (_world() if worldwide else _mainland())]
    connection.execute(insert(clocks), [{"key": key} for key in keys])
    at = NOW - timedelta(days=300)
    connection.execute(insert(shops).values(digest="summer", files={}, created_at=at))
    connection.execute(
        insert(versions).values(
            digest="summer", name="summer", shop_digest="summer", files={}, created_at=at
        )
    )
    values = {"clocks": len(keys), "began": to_micros(at), "now": to_micros(NOW)}
    for statement, count in (
        (_CUSTOMERS, number),
        (_ADDRESSES, number),
        (_CONSENTS, number),
        (_SUPPRESSIONS, number),
        (_EVENTS, number * EVENTS_EACH),
        (_MESSAGES, number),
        (_PRODUCTS, PRODUCTS),
        (_PRICES, PRODUCTS),
        *([(_LINES, number)] if lines else []),
    ):
        connection.exec_driver_sql(statement.format(count=count, customers=number, **values))


def _mainland() -> list[Clock]:
    return [Clock((zone,), "US") for zone in MAINLAND]


def _world() -> list[Clock]:
    """A clock for every zone of the tz database's own table of countries, and one without."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    zones = sorted((row[2], row[0]) for row in rows)
    return [*(Clock((zone,), country) for zone, country in zones), Clock()]
