"""A small shop in the middle of its day: what is planned stands in the ledger, nothing has left.

Made once and played many times: each run begins from the same rows. What differs between the runs
of one stage is who does what when, and what goes wrong.
"""

import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.model.message import UNDECIDED
from orchestrator.store.database import open_database
from orchestrator.tables import messages
from tests.delivery.world import DAY, HOUR, World, world
from tests.simulation.baton import Baton, listen
from tests.support.shop import TEMPLATES, Small, event, price, product

MINUTE = timedelta(minutes=1)
PEOPLE = 4
AMOUNT = "2.49"
RATES = ("1 per 1d", "2 per 1d", "2 per 2d")
OFFERED = {
    **TEMPLATES,
    "email.html.j2": (
        '{% extends "layout.html.j2" %}{% block content %}'
        "<p>{{ campaign.name }} for {{ customer.who }}</p>{{ product_list(products) }}"
        "{% endblock %}\n"
    ),
    "sms.txt.j2": (
        "{{ campaign.name }} for {{ customer.who }}. {{ price_short(product) }} "
        "{{ order_link(product) }} {{ text_footer() }}\n"
    ),
}
POISONOUS = {**TEMPLATES, "email.html.j2": "<p>{{ 100 / customer.kids }}</p>\n"}
"""Nobody's message of this campaign can be rendered for whom `kids` is 0."""


class Stage:
    """One shop on one file, from which any number of runs begin."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        chance = Random(f"stage {number}")
        self.made = self._world(chance)
        self.start = self.made.start + 20 * HOUR
        self._quiet(chance)
        self.path = folder / f"stage-{number}.db"
        self.baton: Baton | None = None
        self.engine = open_database(str(self.path), durable=False)
        listen(self.engine, lambda: self.baton)
        self.shop = Small(
            folder, self.made.campaigns, shop=self.made.shop, database=self.engine,
            templates={"c1": OFFERED, "c2": POISONOUS}, since=self.made.start - DAY,
        )  # fmt: skip
        self._fill(chance)
        self.ids = {id: key for key, id in self.shop.ids().items()}
        self.planned = [row["id"] for row in self.shop.rows(messages) if row["state"] in UNDECIDED]
        self._raw = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._raw.execute("PRAGMA synchronous = OFF")
        self._kept = self._rows()

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()
        self.engine.dispose()

    def restore(self, planned: Collection[int]) -> None:
        """As it was, with nothing sent, and only these messages in the ledger."""
        self._raw.execute("BEGIN IMMEDIATE")
        for table, rows in self._kept.items():
            self._raw.execute(f"DELETE FROM {table}")
            if rows:
                marks = ", ".join("?" * len(rows[0]))
                self._raw.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        marks = ", ".join("?" * len(planned))
        self._raw.execute(f"DELETE FROM messages WHERE id NOT IN ({marks})", tuple(planned))
        self._raw.execute("COMMIT")

    def _world(self, chance: Random) -> World:
        made = world(chance.randrange(10**6), days=2, people=PEOPLE)
        for who in made.people.values():
            who.wish = who.max_per_week = None
            who.withdrawn.clear()
        event_ = {"event": "Signed Up"}
        made.campaigns = {name: made.campaigns[name] for name in ("c0", "c1", "c2")}
        made.campaigns["c0"] |= {"purpose": "service", "trigger": event_}
        made.campaigns["c1"] |= {
            "purpose": "offer", "topic": "offers", "trigger": event_,
            "offer": {"products": {"from": "listed", "ids": ["p1"]}},
        }  # fmt: skip
        made.campaigns["c2"] |= {"purpose": "help", "channels": ["email"], "steps": [{"send": {}}]}
        for campaign in made.campaigns.values():
            campaign.pop("caps", None)
        first, second = (chance.choice([["email"], ["sms"], ["sms", "email"]]) for _ in "12")
        made.campaigns["c3"] = {"trigger": event_, "topic": "tips", "channels": first}
        made.campaigns["c1"]["channels"] = second
        made.shop["caps"] = {
            "overall": [chance.choice(RATES[1:])],
            "channel": {"sms": ["1 per 5h"]},
            "topic": {"offers": ["1 per 2d"]},
        }
        email = {"through": "outbox", "sender": "shop@example.com"}
        if chance.random() < 0.5:
            email["failover"] = "spare"
        made.shop["channels"] = {
            "email": email,
            "sms": {"through": "sms_http", "sender": "+13125550123"},
        }
        return made

    def _quiet(self, chance: Random) -> None:
        """Somebody's quiet hours begin while the shop is at work."""
        zone = ZoneInfo(chance.choice(list(self.made.people.values())).zone)
        begin = self.start.astimezone(zone) + chance.randrange(2, 40) * MINUTE
        until = (datetime.combine(begin.date(), begin.time()) + 11 * HOUR).time()
        self.made.shop["quiet_hours"] = f"{begin:%H:%M}-{until:%H:%M}"

    def _fill(self, chance: Random) -> None:
        records: list[Any] = [product("p1"), price("p1", AMOUNT)]
        for at, record in self.made.records:
            what, fields = record
            if what == "events":
                continue
            if what == "customers":
                fields = {
                    **fields, "kids": int(fields["id"] != "p3"), "max_per_week": None,
                    "quiet_from": None, "quiet_until": None,
                    "email": f"{fields['id']}@example.com",
                }  # fmt: skip
                self.made.people[fields["id"]].address["email"] = fields["email"]
            if fields.get("given", True):
                records.append((what, {**fields, **({"at": at} if what == "consents" else {})}))
        for key in self.made.people:
            for name in ("Signed Up", "Cart Updated", "Order Completed"):
                at = self.start - chance.randrange(5, 200) * MINUTE
                records.append(event(key, name, at))
        self.shop.add(*records, now=self.start)
        for ago in (2 * HOUR, timedelta()):
            self.shop.plan(self.start - ago)
        # Fewer than were planned may leave now: somebody wishes for less, two share an address.
        for key, who in self.made.people.items():
            change: dict[str, Any] = {}
            if chance.random() < 0.6:
                who.max_per_week = change["max_per_week"] = chance.choice([1, 1, 2])
            if key == "p1" and chance.random() < 0.6:
                who.address["email"] = change["email"] = self.made.people["p0"].address["email"]
            if change:
                self.shop.add(("customers", {"id": key, **change}), now=self.start)

    def _rows(self) -> dict[str, list[tuple[Any, ...]]]:
        raw = self._raw
        found = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        tables = [name for (name,) in found if not name.startswith("sqlite_")]
        return {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
