"""Tactful on Celery's workers as the Procfile starts them, sending to the sink."""

import re
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from sqlalchemy import Engine, exists, func, select, update

from benchmarks.engine import OWN
from benchmarks.processes import ROOT, running, until
from benchmarks.ran import Ran
from benchmarks.servers import Servers
from benchmarks.town import Town, fill_town
from orchestrator.entry.chance import new_deployment
from orchestrator.entry.opening import make_tactful
from orchestrator.entry.queue.app import make_app
from orchestrator.entry.queue.hints import Hints
from orchestrator.flow.load import load
from orchestrator.model.clock import Clock
from orchestrator.model.message import IN_HAND, WAITING, State
from orchestrator.model.shop import Shop
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.deployment import this_deployment
from orchestrator.store.planned import last_message
from orchestrator.store.schema import create_schema
from orchestrator.tables import clocks, messages
from orchestrator.tables.messages import is_one_of
from tests.provider.plugin import make_plugin_path


@dataclass(frozen=True)
class Way:
    """By which plugin messages leave, and the campaign, channel and line of the Procfile for it."""

    plugin: str
    campaign: str = "letter"
    channel: str = "email"
    line: str = "email"
    country: str = "US"
    """Where the customers live: texts to the US do not leave on Sundays, when one may measure."""


WAYS = {
    "smtp": Way("email_smtp"),
    "http": Way("recording"),
    "sendgrid": Way("email_sendgrid"),
    "twilio": Way("sms_twilio", "note", "sms", "texts", country="GB"),
}


@dataclass(frozen=True)
class Fleet:
    """Workers that wait for hints."""

    engine: Engine
    hints: Hints
    pids: Sequence[int]
    shop: Shop
    deployment_id: str

    def states(self) -> dict[str, int]:
        """State → messages."""
        told = select(messages.c.state, func.count().label("messages")).group_by(messages.c.state)
        with reading(self.engine) as connection:
            return {row.state: row.messages for row in connection.execute(told)}

    def newest(self) -> int:
        """The last message that was planned."""
        with reading(self.engine) as connection:
            return last_message(connection)

    def is_busy(self) -> bool:
        """Whether anything waits, or is in hand. Costs next to nothing, as `states` does not."""
        ways = (is_one_of(messages.c.state, some) for some in (WAITING, IN_HAND))
        with reading(self.engine) as connection:
            return any(connection.scalar(select(exists().where(way))) for way in ways)


ALONE = (
    "celery -A orchestrator.entry.queue worker -l info -P solo -n alone@%h "
    "-Q plan,decide,dispatch.email,dispatch.sms --without-gossip --without-mingle"
)
"""All of it in one process, to see that everything runs."""


def run_campaign(
    servers: Servers,
    customers: int,
    over: str,
    *,
    alone: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Ran:
    """A message to whoever of so many customers wants one, once; `over`: a name in `WAYS`."""
    lines = ["plan", WAYS[over].line]
    with fleet(servers, customers, over, lines, alone=alone, environment=environment) as ours:
        before, newest = ours.states(), ours.newest()
        cpu_s, began = servers.cpu_s(*ours.pids), datetime.now(UTC)
        ours.hints.plan()
        # Seldom: looking costs the database work that is none of ours. The ledger has the times.
        every_s = 0.1 if alone else 1.0
        until(lambda: _settled(ours, newest), "everything accepted", 600, every_s)
        cpu_s = servers.cpu_s(*ours.pids) - cpu_s
        accepted = messages.c.state == State.ACCEPTED
        told = select(func.count(), func.max(messages.c.ended_at)).where(
            accepted, messages.c.planned_at >= began
        )
        with reading(ours.engine) as connection:
            number, ended = connection.execute(told).one()
        others = {
            state: count - before.get(state, 0)
            for state, count in ours.states().items()
            if state != State.ACCEPTED and count > before.get(state, 0)
        }
        if others:
            raise RuntimeError(f"{number} accepted, but also {others}")
    return Ran(number, (ended - began).total_seconds(), cpu_s)


def _settled(ours: Fleet, before: int) -> bool:
    """All of it has left, and a while later there is no more. `before`: the newest of others."""
    found = ours.newest()
    if found == before or ours.is_busy():
        return False
    time.sleep(1)
    return ours.newest() == found and not ours.is_busy()


@contextmanager
def fleet(
    servers: Servers,
    customers: int,
    over: str,
    names: Sequence[str],
    *,
    alone: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
    trigger: str = "",
) -> Iterator[Fleet]:
    """A town on PostgreSQL, a campaign put to work, and these lines of the Procfile running.

    `trigger`: what asks for the campaign; else it is due once, as of a minute ago.
    `environment`: the settings of a plugin that goes neither to the sink's SMTP nor to its HTTP.
    """
    lines = {"alone": ALONE} if alone else {name: _of_procfile(name) for name in names}
    url, broker = servers.database(), servers.broker()
    engine = open_database(url)
    create_schema(engine)
    fill_town(engine, Town(customers, worldwide=False))
    home = servers.folder / f"shop-{over}"
    due = datetime.now(UTC) - timedelta(minutes=1)
    once = f"{{once: {due:%Y-%m-%d %H:%M}, zone: shop}}"
    _furnish(home, WAYS[over], trigger or once)
    with writing(engine) as connection:
        for number, zone in enumerate(_zones_at_noon(), 1):
            moved = update(clocks).where(clocks.c.id == number)
            connection.execute(moved.values(key=Clock((zone,), WAYS[over].country).key))
        deployment = this_deployment(connection, new_deployment())
    loaded = load(home)
    settings = loaded.settings
    if loaded.problems or settings is None:
        raise RuntimeError("\n".join(map(str, loaded.problems)))
    make_tactful(engine, loaded, {}, deployment).publish(datetime.now(UTC) - timedelta(days=1))
    wanted = {
        **environment,
        "TACTFUL_HOME": str(home),
        "TACTFUL_DATABASE_URL": url,
        "TACTFUL_REDIS_URL": broker,
        "TACTFUL_EMAIL_SMTP_HOST": "127.0.0.1",
        "TACTFUL_EMAIL_SMTP_PORT": str(servers.sink.smtp_port),
        "TACTFUL_EMAIL_SMTP_TLS": "none",
        "TACTFUL_RECORDING_URL": servers.sink.http_url,
        "PYTHONPATH": str(make_plugin_path(servers.folder / "plugins")),
    }
    app = make_app(broker)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                running(shlex.split(line), wanted, servers.folder / f"{over}-{name}.log")
            )
            for name, line in lines.items()
        ]
        until(lambda: len(app.control.ping(timeout=0.5)) >= len(lines), "the workers")
        pids = [worker.pid for worker in workers]
        yield Fleet(engine, Hints(app), pids, settings.shop, deployment.id)
        app.pool.force_close_all()
    engine.dispose()


def _of_procfile(name: str) -> str:
    """The command of one of its lines, which starts with `celery`."""
    text = (ROOT / "Procfile").read_text(encoding="utf-8")
    return next(
        line.partition(": ")[2] for line in text.splitlines() if line.startswith(f"{name}: ")
    )


def _furnish(home: Path, way: Way, trigger: str) -> None:
    """The benchmarks' shop with one campaign, which this asks for."""
    campaign = way.campaign
    shutil.copytree(OWN / "campaigns" / campaign, home / "campaigns" / campaign)
    shop = (OWN / "campaigns" / "shop.yaml").read_text(encoding="utf-8")
    shop = re.sub(rf"({way.channel}: \{{through: )\w+", rf"\1{way.plugin}", shop)
    shop = re.sub(r"^zone: .*", "zone: UTC", shop, flags=re.MULTILINE)
    (home / "campaigns" / "shop.yaml").write_text(shop, encoding="utf-8")
    written = home / "campaigns" / campaign / "campaign.yaml"
    written.write_text(
        re.sub(
            r"trigger: \{once: .*\}",
            f"trigger: {trigger}",
            written.read_text(encoding="utf-8"),
        ),
        encoding="utf-8",
    )


def _zones_at_noon() -> list[str]:
    """Where it is some time between eleven and three now: nobody there wants quiet."""
    hour = datetime.now(UTC).hour
    east = [(noon - hour + 12) % 24 - 12 for noon in (11, 12, 13, 14)]
    return [f"Etc/GMT{-one:+d}" for one in east]
