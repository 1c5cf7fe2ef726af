"""One run: some workers, a provider of some temper, customers who change their minds, a seed."""

import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import bindparam, func, select

from orchestrator.flow import plan as planning
from orchestrator.flow.accounts import Accounts
from orchestrator.flow.reconcile import reconcile
from orchestrator.flow.watch import Watch
from orchestrator.model.message import UNDECIDED, WAITING
from orchestrator.store.consents import suppress
from orchestrator.store.controls import pause, resume
from orchestrator.store.database import reading, writing
from orchestrator.tables import addresses, messages
from orchestrator.tables.base import Instant
from tests.simulation.baton import Baton, Nerves
from tests.simulation.provider import CALM, FIERCE, MOODY, Line, Provider, lines
from tests.simulation.stage import AMOUNT, MINUTE, Stage
from tests.support.crash import Crash
from tests.support.shop import consent, event, price

LASTS = 8 * MINUTE
LOOKS_MAX = 200
"""So often the rest is looked at, from one moment at which something is due to the next."""

PLANS_MAX = 5

ROUGH = Nerves(dies=0.002, stalls=0.06, switches=0.3, spans_s=(14, 150, 300, 400, 700))
ROUGH_EVERY = 5
"""One run of so many is rough: everybody stands still all the time, and answers are lost."""


_waits = messages.c.state.in_(WAITING)
_WAITING = select(func.min(messages.c.send_after), func.min(messages.c.expires_at)).where(_waits)
_IN_HAND = select(func.min(messages.c.lease_until)).where(messages.c.state.in_(UNDECIDED), ~_waits)
_LATER = select(func.min(messages.c.send_after)).where(
    _waits, messages.c.send_after > bindparam("now", type_=Instant())
)


@dataclass
class Facts:
    """What happened, by the hands that did it: the provider, and customers and people at work.

    Instants are those at which a transaction had been committed.
    """

    opt_outs: list[tuple[datetime, str, str, str | None]] = field(default_factory=list)
    """(since, customer, channel, topic); any topic where it is None."""
    suppressed: list[tuple[datetime, str, bool]] = field(default_factory=list)
    """(since, address, whether for service messages, too)."""
    pauses: list[tuple[datetime, datetime, str, str]] = field(default_factory=list)
    """(from, to, scope, name)."""
    moves: list[tuple[datetime, str, str]] = field(default_factory=list)
    """(since, customer, the e-mail address that is not theirs any more)."""
    prices: list[tuple[datetime, str]] = field(default_factory=list)
    """(since, amount)."""


class Run:
    """A seed's run on its stage."""

    def __init__(self, seed: int, stage: Stage) -> None:
        self.seed, self.stage = seed, stage
        self.chance = Random(f"run {seed}")
        self.baton = Baton(self.chance, _nerves(self.chance), stage.start)
        lasts = LASTS
        temper = self.chance.choice([CALM, MOODY, MOODY, FIERCE])
        if seed % ROUGH_EVERY == ROUGH_EVERY - 1:
            self.baton.nerves, temper = ROUGH, FIERCE
            lasts = 2 * LASTS
        self.killer = "c3 for p2" if self.chance.random() < 0.05 else None
        kills = frozenset([self.killer] if self.killer else [])
        self.provider = Provider(self.baton, temper, kills)
        self.facts = Facts(prices=[(stage.made.start, AMOUNT)])
        self.end = stage.start + lasts
        self.plans = self.chance.random() < 0.12
        self.watch = Watch(lambda: self.baton.now, self.baton.monotonic)
        self.tokens = itertools.count(1)
        self.planned = self.chance.sample(
            stage.planned, min(self.chance.choice([2, 4, 6]), len(stage.planned))
        )
        self.addresses = {key: dict(who.address) for key, who in stage.made.people.items()}

    def play(self) -> None:
        """From what is planned to the end of every message."""
        self.stage.restore(self.planned)
        self.stage.baton = self.baton
        try:
            for n in range(self.chance.choice([2, 2, 2, 3])):
                self.baton.add(f"worker {n + 1}", self._lives(self._process, 4 * MINUTE))
            for n in range(2 if self.plans else 0):
                self.baton.add(f"planner {n + 1}", self._lives(self._planner, 6 * MINUTE))
            self.baton.add("people", self._people, mortal=False)
            self.baton.run()
        finally:
            self.stage.baton = None
        self._drain()

    # --- processes ------------------------------------------------------------------------------

    def _process(self) -> Callable[[], object]:
        """A new process: it shares nothing with another but the database and the provider."""
        tactful = self.stage.shop.tactful
        shop = tactful.shop
        spare = {"email": Line(self.provider, "spare")} if shop.channels["email"].failover else {}
        accounts = Accounts(shop, lines(self.provider), spare)
        dispatcher = dataclasses.replace(
            tactful.dispatcher, accounts=accounts, new_token=lambda: f"token {next(self.tokens)}"
        )

        def look() -> None:
            dispatcher.dispatch(self.watch)
            reconcile(self.stage.engine, accounts, tactful.deployment.id, self.watch.now())

        return look

    def _planner(self) -> Callable[[], object]:
        """A new scheduler, which remembers nothing of what was looked at."""
        tactful = self.stage.shop.tactful
        planner = planning.Planner(tactful.versions, tactful.statements, tactful.known.read)

        def look() -> None:
            with writing(self.stage.engine) as connection:
                planner.plan(connection, self.watch.now())
            planner.committed()

        return look

    def _lives(
        self, begin: Callable[[], Callable[[], object]], rest: timedelta
    ) -> Callable[[], None]:
        """Look, rest, look again; when it dies, another process begins."""

        def work() -> None:
            look = begin()
            while self.baton.now < self.end:
                try:
                    look()
                    span = rest * (0.2 + self.chance.random())
                except Crash:
                    self.baton.revive()
                    look = begin()
                    span = MINUTE * self.chance.random()
                self.baton.sleep(span)

        return work

    # --- people ---------------------------------------------------------------------------------

    def _people(self) -> None:
        """What customers do, and people at work, while messages leave."""
        acts = [
            self._opts_out, self._opts_out, self._is_suppressed, self._is_paused,
            self._moves, self._price_changes, self._does_something,
        ]  # fmt: skip
        for _ in range(self.chance.choice([0, 1, 2, 3])):
            early = self.chance.random() < 0.6
            self.baton.sleep(self.chance.random() * (MINUTE if early else 8 * MINUTE))
            self.chance.choice(acts)()

    def _add(self, *records: Any) -> None:
        self.stage.shop.add(*records, now=self.baton.now)

    def _someone(self) -> str:
        return self.chance.choice(list(self.stage.made.people))

    def _opts_out(self) -> None:
        who, channel = self._someone(), self.chance.choice(["email", "sms"])
        topic = self.chance.choice([None, "offers", "tips"])
        self._add(consent(who, channel, topic or "*", given=False, at=self.baton.now))
        self.facts.opt_outs.append((self.baton.now, who, channel, topic))
        self.baton.tell(f"{who} has opted out of {topic} on {channel}")

    def _is_suppressed(self) -> None:
        address, wholly = self.addresses[self._someone()]["email"], self.chance.random() < 0.5
        of = select(addresses.c.address_key).where(addresses.c.address == address).limit(1)
        with writing(self.stage.engine) as connection:
            key = connection.execute(of).scalar()
            if key is not None:
                scope: Any = "all" if wholly else "marketing"
                suppress(connection, key, scope, "test", self.baton.now)
        if key is not None:
            self.facts.suppressed.append((self.baton.now, address, wholly))
            self.baton.tell(f"{address} is suppressed")

    def _is_paused(self) -> None:
        scope, name = self.chance.choice(
            [("everything", "*"), ("campaign", "c3"), ("channel", "sms"), ("provider", "outbox")]
        )
        with writing(self.stage.engine) as connection:
            pause(connection, scope, name, "test", self.baton.now)
        since = self.baton.now
        self.baton.tell(f"{scope} {name} is paused")
        self.baton.sleep(self.chance.random() * 6 * MINUTE)
        until = self.baton.now
        with writing(self.stage.engine) as connection:
            resume(connection, scope, name)
        self.facts.pauses.append((since, until, scope, name))

    def _moves(self) -> None:
        who = self._someone()
        others = [one["email"] for one in self.addresses.values()]
        new = self.chance.choice([f"new-{who}@example.com", self.chance.choice(others)])
        old, self.addresses[who]["email"] = self.addresses[who]["email"], new
        if new != old:
            self._add(("customers", {"id": who, "email": new}))
            self.facts.moves.append((self.baton.now, who, old))
            self.baton.tell(f"{who} has moved from {old} to {new}")

    def _price_changes(self) -> None:
        amount = f"{self.chance.randrange(3, 9)}.{self.chance.randrange(10, 99)}"
        self._add(price("p1", amount, at=self.baton.now))
        self.facts.prices.append((self.baton.now, amount))
        self.baton.tell(f"p1 costs {amount}")

    def _does_something(self) -> None:
        name = self.chance.choice(["Signed Up", "Cart Updated", "Order Completed"])
        self._add(event(self._someone(), name, self.baton.now))

    # --- the rest -------------------------------------------------------------------------------

    def _drain(self) -> None:
        """One process that lives, until nothing is left to do."""
        self.provider.temper = dataclasses.replace(CALM, silent=self.provider.temper.silent)
        self.baton.nerves = Nerves(0, 0, 0)
        self.stage.baton = None
        self.baton.now = max(self.baton.now, self.end)
        look = self._process()
        plan = self._planner()
        for n in range(LOOKS_MAX):
            try:
                if self.plans and n < PLANS_MAX:  # a schedule never ends by itself
                    plan()
                look()
            except Crash:
                look = self._process()
            due = self._next_due()
            if due is None:
                break
            self.baton.now = max(due, self.baton.now + timedelta(seconds=5))

    def _next_due(self) -> datetime | None:
        """When to look again; None when every message has ended."""
        with reading(self.stage.engine) as connection:
            after = connection.execute(_WAITING).one()
            lease = connection.execute(_IN_HAND).scalar()
            soon = connection.execute(_LATER, {"now": self.baton.now}).scalar()
        times = [t for t in (after[1], lease, soon) if t is not None]
        if not times:
            return None
        # What is due and could not leave waits for a breaker, which opens within minutes.
        if after[0] is not None and after[0] <= self.baton.now:
            times.append(self.baton.now + MINUTE)
        return min(times)


def _nerves(chance: Random) -> Nerves:
    return Nerves(
        dies=chance.choice([0, 0.002, 0.006, 0.012]),
        stalls=chance.choice([0, 0.003, 0.01, 0.03]),
        switches=chance.choice([0.05, 0.2, 0.4]),
    )
