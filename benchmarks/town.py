"""A made-up town of customers in a database: the same every time, made by the database itself.

Each customer has traits, addresses, consents and about five events, which come in order of time
and so lie scattered; some have messages of an earlier campaign, and some must not be written to.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, insert

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


@dataclass(frozen=True)
class _Words:
    """The little that SQLite and PostgreSQL say differently."""

    postgresql: bool

    def series(self, count: int) -> str:
        """Numbers from one on, as `n(i)`."""
        if self.postgresql:
            return f"WITH n(i) AS (SELECT generate_series(1::bigint, {count})) "
        return f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "

    def at(self, micros: str) -> str:
        """An instant."""
        if self.postgresql:
            return f"(timestamptz 'epoch' + ({micros}) * interval '1 microsecond')"
        return f"({micros})"

    def document(self, **values: str) -> str:
        """A JSON object."""
        pairs = ", ".join(f"'{key}', {value}" for key, value in values.items())
        return f"{'jsonb_build_object' if self.postgresql else 'json_object'}({pairs})"

    def truth(self, condition: str) -> str:
        """Yes or no in JSON."""
        if self.postgresql:
            return f"({condition})"
        return f"json(CASE WHEN {condition} THEN 'true' ELSE 'false' END)"

    def day(self, first: str, days: str) -> str:
        """A date so many days after another."""
        if self.postgresql:
            return f"to_char(date '{first}' + ({days})::int, 'YYYY-MM-DD')"
        return f"date('{first}', ({days}) || ' days')"

    def digest(self, first: str, second: str) -> str:
        """Thirty-two hexadecimal digits."""
        if self.postgresql:
            return " || ".join(f"lpad(to_hex({number}), 16, '0')" for number in (first, second))
        return f"printf('%016x%016x', {first}, {second})"

    def last_seven(self, text: str) -> str:
        """The last seven letters."""
        return f"right({text}, 7)" if self.postgresql else f"substr({text}, -7)"


@dataclass(frozen=True)
class Town:
    """How large a town is and what it is like.

    `worldwide`: in all zones of the world, and some in none; else in the four of the mainland.
    `lines`: with the products of each order. `lively`: some do twenty times as much as others, and
    with events as many as `events_each` says on average.
    """

    customers: int
    events_each: int = EVENTS_EACH
    worldwide: bool = True
    lines: bool = False
    lively: bool = False

    @property
    def clocks(self) -> list[Clock]:
        """Where its customers live."""
        return _world() if self.worldwide else _mainland()

    def whose(self) -> str:
        """The customer of event number i."""
        if not self.lively:
            return f"1 + i * {PRIME} % {self.customers}"
        whole = 2**31
        drawn = f"(i * 1103515245 % {whole})"
        fourth = f"({drawn} * {drawn} / {whole} * ({drawn} * {drawn} / {whole}) / {whole})"
        place = f"({drawn} + 19 * {fourth}) / 20 * {self.customers} / {whole}"
        return f"1 + {place} * 611953 % {self.customers}"


def _statements(town: Town, say: _Words) -> Iterator[str]:
    number, event_count, now = town.customers, town.customers * town.events_each, to_micros(NOW)
    clock_count = len(town.clocks)
    began = say.at(str(to_micros(NOW - timedelta(days=300))))
    traits = say.document(
        first_name="'Friend ' || i",
        household_size="1 + i * 41 % 5",
        kids_count="CASE WHEN i * 43 % 7 > 3 THEN i * 43 % 7 - 3 ELSE 0 END",
        home_owner=say.truth("i * 47 % 3 <> 0"),
        billing_day="1 + i * 53 % 28",
        birthday=say.day("1960-01-01", "i * 59 % 18000"),
        card_expires=say.day("2017-06-01", "i * 61 % 900"),
    )
    yield f"""
INSERT INTO customers (id, key, clock_id, locale, preferred_channel, max_per_week, bucket, traits,
                       created_at, updated_at)
{say.series(number)}
SELECT i, 'c' || i, 1 + i * 7919 % {clock_count}, 'en_US',
       CASE i * 31 % 10 WHEN 0 THEN 'sms' WHEN 1 THEN 'email' END,
       CASE WHEN i * 37 % 50 = 0 THEN 1 END,
       i * 48271 % 2147483647, {traits}, {began}, {began}
FROM n
"""
    # Nineteen in twenty have an e-mail address, seven in ten a telephone.
    yield f"""
INSERT INTO addresses (customer_id, kind, address, address_key, shared)
{say.series(number)}
SELECT i, 'email', 'c' || i || '@example.com', {say.digest("i * 7368787", "i * 15485863")}, false
FROM n WHERE i % 20 <> 0 UNION ALL
SELECT i, 'phone', '+1312' || {say.last_seven("'0000000' || i")},
       {say.digest("i * 7368787", "i * 32452843")}, false
FROM n WHERE i % 10 < 7
"""
    yield f"""
INSERT INTO consents (customer_id, channel, topic, given, at, until)
{say.series(number)}
SELECT i, 'email', '*', true, {began}, {say.at("NULL")} FROM n WHERE i * 67 % 10 < 8 UNION ALL
SELECT i, 'email', 'offers', false, {began}, {say.at("NULL")} FROM n WHERE i * 67 % 10 = 0 UNION ALL
SELECT i, 'sms', '*', true, {began}, {say.at("NULL")} FROM n WHERE i * 71 % 10 < 8
"""
    yield f"""
INSERT INTO suppressions (address_key, scope, reason, at)
SELECT address_key, 'all', 'bounced', {began} FROM addresses WHERE customer_id * 73 % 50 = 0
"""
    # In order of time over the last 120 days; whose event it is jumps about. Three of five are
    # orders.
    order = say.document(
        order_id="'o' || i",
        total="5 + i * 79 % 9000 / 100.0",
        coupon_used=say.truth("i % 7 = 0"),
    )
    theme = "CASE WHEN i % 8 = 0 THEN 'coffee and tea' ELSE 'aisle ' || i % 8 END"
    view = say.document(path="'/aisles/' || i % 8", theme=theme)
    at = say.at(f"{now} - 120 * {DAY} + i * (120 * {DAY} / {event_count}) - 1")
    yield f"""
INSERT INTO events (id, key, customer_id, name, at, properties)
{say.series(event_count)}
SELECT i, 'e' || i, {town.whose()},
       CASE WHEN i % 5 < 3 THEN 'Order Completed' ELSE 'Page Viewed' END,
       {at}, CASE WHEN i % 5 < 3 THEN {order} ELSE {view} END
FROM n
"""
    # Every sixth has had a message in the last three weeks, from a campaign that is over.
    at = say.at(f"{now} - (1 + customer_id * 97 % 21) * {DAY}")
    expires = say.at(f"{now} - (customer_id * 97 % 21) * {DAY}")
    yield f"""
INSERT INTO messages (campaign, version, customer_id, occasion, step, channel, state, marketing,
                      topic, priority, address, address_key, due_at, planned_at, send_after,
                      expires_at, counts_at, ended_at)
SELECT 'summer', 'summer', customer_id, 'slot:x', 0, 'email', 'accepted', true, 'offers', 50,
       address, address_key, at, at, at, expires, at, at
FROM (SELECT customer_id, address, address_key, {at} AS at, {expires} AS expires FROM addresses
      WHERE kind = 'email' AND customer_id % 6 = 0) AS sixth
"""
    yield f"""
INSERT INTO products (id, key, title, category, brand, size, url, image_url, stock, popularity,
                      attributes)
{say.series(PRODUCTS)}
SELECT i, 'p' || i, 'Coffee beans no. ' || i, 'Coffee', 'Bean & Co', '12 OZ',
       'https://shop.example.com/p/p' || i, 'https://shop.example.com/p/p' || i || '.jpg',
       NULL, i, {say.document()}
FROM n
"""
    from_ = say.at(f"{now} - (5 + 30 * which) * {DAY}")
    yield f"""
INSERT INTO prices (product_id, currency, amount, tax, valid_from, valid_until, resumes)
SELECT id, 'USD', 30000 + id * 100 + which * 2000, 'included', {from_},
       CASE WHEN which = 0 THEN {say.at(f"{now} + 5 * {DAY}")} END, FALSE
FROM products, (SELECT 0 AS which UNION ALL SELECT 1) AS prices_of
"""
    if town.lines:
        yield f"""
INSERT INTO event_products (event_id, line, customer_id, product_id, name, at, quantity, amount)
SELECT id, line, customer_id, 1 + (id * 83 + line * 89) % {PRODUCTS}, name, at, 1, 24900
FROM events, (SELECT 0 AS line UNION ALL SELECT 1) AS lines_of WHERE name = 'Order Completed'
"""


def make_town(path: Path, number: int, *, worldwide: bool = True, lines: bool = False) -> None:
    """A database file of so many customers."""
    engine = open_database(str(path))
    create_schema(engine)
    fill_town(engine, Town(number, worldwide=worldwide, lines=lines))
    engine.dispose()  # closing the last connection writes the log into the file


def fill_town(engine: Engine, town: Town) -> None:
    """Put the town into an empty database. On PostgreSQL its owner must be a superuser."""
    say = _Words(engine.dialect.name == "postgresql")
    with filling(engine, *_FILLED), writing(engine) as connection:
        connection.execute(insert(clocks), [{"key": clock.key} for clock in town.clocks])
        at = NOW - timedelta(days=300)
        connection.execute(insert(shops).values(digest="summer", files={}, created_at=at))
        connection.execute(
            insert(versions).values(
                digest="summer", name="summer", shop_digest="summer", files={}, created_at=at
            )
        )
        with _at_once(connection) if say.postgresql else nullcontext():
            for statement in _statements(town, say):
                connection.exec_driver_sql(statement)
    if say.postgresql:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


@contextmanager
def _at_once(connection: Connection) -> Iterator[None]:
    """Fill PostgreSQL without checking each row against other tables, and index it afterwards.

    Keys to other tables hold by the way the town is made.
    """
    indexes = [index for table in _FILLED for index in table.indexes]
    for setting in ("session_replication_role = replica", "maintenance_work_mem = '1GB'"):
        connection.exec_driver_sql(f"SET LOCAL {setting}")
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)
    for table in (customers, events):
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
        )


def _mainland() -> list[Clock]:
    return [Clock((zone,), "US") for zone in MAINLAND]


def _world() -> list[Clock]:
    """A clock for every zone of the tz database's own table of countries, and one without."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    zones = sorted((row[2], row[0]) for row in rows)
    return [*(Clock((zone,), country) for zone, country in zones), Clock()]
