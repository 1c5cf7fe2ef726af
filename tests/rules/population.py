"""Plain Python customers as rows of a real database, and what `where` says of them there."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, delete, insert, select

from orchestrator.flow.law import read_law
from orchestrator.model.clock import Clock
from orchestrator.model.condition import Condition
from orchestrator.rules.clocks import ClockRules, clock_rows
from orchestrator.rules.facts import Facts
from orchestrator.rules.where import Of, where
from orchestrator.rules.within import EVERYONE, These, Within
from orchestrator.store import aside
from orchestrator.store.clocks import all_clocks
from orchestrator.store.database import reading, writing
from orchestrator.tables import (
    clocks,
    consents,
    customers,
    event_products,
    events,
    messages,
    metadata,
    products,
    shops,
    versions,
)
from tests.rules.oracle import Person
from tests.support.databases import empty_database

CATALOGUE = {
    "p1": {"category": "COFFEE", "brand": "Bean", "organic": True},
    "p2": {"category": "COFFEE", "brand": "Roast", "organic": False},
    "p3": {"category": "TEA", "brand": None},
}
_condition: TypeAdapter[Any] = TypeAdapter(Condition)
AT = datetime.fromisoformat("2017-01-01T00:00:00+00:00")


def record(key: str) -> dict[str, Any]:
    """A product as the oracle sees it."""
    return {"key": key, **{k: v for k, v in CATALOGUE[key].items() if v is not None}}


def empty() -> Engine:
    """A database with the catalogue and nobody in it."""
    engine = empty_database()
    with writing(engine) as connection:
        connection.execute(insert(shops).values(digest="s", files={}, created_at=AT))
        connection.execute(
            insert(versions).values(digest="v", name="c", shop_digest="s", files={}, created_at=AT)
        )
        for key, known in CATALOGUE.items():
            organic = {"organic": known["organic"]} if "organic" in known else {}
            connection.execute(
                insert(products).values(
                    key=key, title=key, category=known["category"], brand=known["brand"],
                    attributes=organic,
                )
            )  # fmt: skip
    return engine


def settle(engine: Engine, people: Iterable[Person]) -> None:
    """Make these the only customers."""
    kept = {"products", "shops", "versions"}
    with writing(engine) as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in kept:
                connection.execute(delete(table))
        for zone in {p.zone for p in people}:
            connection.execute(insert(clocks).values(key=Clock((zone,) if zone else ()).key))
        clock_of = dict(iter(connection.execute(select(clocks.c.key, clocks.c.id)).all()))
        product_of = dict(iter(connection.execute(select(products.c.key, products.c.id)).all()))
        for id, who in enumerate(people, 1):
            clock = Clock((who.zone,) if who.zone else ()).key
            connection.execute(
                insert(customers).values(
                    id=id, key=who.key, clock_id=clock_of[clock], bucket=id, traits=who.traits,
                    created_at=AT, updated_at=AT,
                )
            )  # fmt: skip
            _add_history(connection, id, who, product_of)


def _add_history(connection: Any, id: int, who: Person, product_of: Mapping[str, int]) -> None:
    for number, one in enumerate(who.events):
        made = connection.execute(
            insert(events).values(
                key=f"{who.key}/{number}", customer_id=id, name=one.name, at=one.at,
                properties=one.properties,
            )
        )  # fmt: skip
        for line, carried in enumerate(one.products):
            connection.execute(
                insert(event_products).values(
                    event_id=made.inserted_primary_key[0], line=line, customer_id=id,
                    product_id=product_of[carried["key"]], name=one.name, at=one.at, quantity=1,
                )
            )  # fmt: skip
    for channel, topic, given, at, until in who.consents:
        connection.execute(
            insert(consents).values(
                customer_id=id, channel=channel, topic=topic, given=given, at=at, until=until
            )
        )
    for number, (campaign, state, at) in enumerate(who.got):
        connection.execute(
            insert(messages).values(
                campaign=campaign, version="v", customer_id=id, occasion=str(number), step=0,
                channel="email", state=state, marketing=True, topic="t", priority=1, due_at=at,
                planned_at=at, send_after=at, expires_at=at, counts_at=at,
            )
        )  # fmt: skip


def matched(
    engine: Engine,
    said: Mapping[str, Any],
    now: datetime,
    segments: Mapping[str, Any] | None = None,
    ids: Iterable[int] | None = None,
) -> set[str]:
    """Whom `where` finds: among all, or among these ids."""
    scope = EVERYONE if ids is None else These.of(ids)
    clock = clock_rows((), read_law())
    parsed = {n: _condition.validate_python(s) for n, s in (segments or {}).items()}
    of = Of(customers.c.id, customers.c.traits, clock.c.local_day, parsed)
    statement = (
        select(customers.c.key)
        .select_from(customers.outerjoin(clock, clock.c.clock_id == customers.c.clock_id))
        .where(where(_condition.validate_python(said), of))
        .where(Within(scope.shape).holds(customers.c.id))
    )
    with reading(engine) as connection:
        known = all_clocks(connection)
        parameters = {
            "now": now,
            "clock_rows": ClockRules(read_law(), (), ()).parameter(now, known),
            **scope.parameters(),
        }
        return set(connection.execute(statement, parameters).scalars())


def matched_aside(
    engine: Engine,
    asked: Iterable[Mapping[str, Any]],
    now: datetime,
    segments: Mapping[str, Any] | None = None,
) -> list[set[str]]:
    """Whom `where` finds, of everyone, by facts that are set aside for all conditions together."""
    facts, clock = Facts(), clock_rows((), read_law())
    parsed = {n: _condition.validate_python(s) for n, s in (segments or {}).items()}
    of = Of(customers.c.id, customers.c.traits, clock.c.local_day, parsed, facts)
    joined = customers.outerjoin(clock, clock.c.clock_id == customers.c.clock_id)
    joined = joined.join(facts.table, facts.table.c.customer_id == customers.c.id)
    statements = [
        select(customers.c.key)
        .select_from(joined)
        .where(where(_condition.validate_python(said), of))
        for said in asked
    ]
    with writing(engine) as connection:
        rules = ClockRules(read_law(), (), ()).parameter(now, all_clocks(connection))
        parameters = {"now": now, "clock_rows": rules, **EVERYONE.parameters()}
        aside.begin(connection, [facts.table])
        aside.add(connection, facts.table, facts.filling(), parameters)
        found = [set(connection.execute(one, parameters).scalars()) for one in statements]
        aside.end(connection, [facts.table])
        return found
