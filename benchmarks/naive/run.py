"""Campaigns of the naive kind, from their start to the last status."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from celery import Celery  # type: ignore[import-untyped]
from sqlalchemy import Engine, create_engine, func, select
from sqlalchemy.orm import Session

from benchmarks.naive.app import start_campaign
from benchmarks.naive.tables import Base, Customer, Message
from benchmarks.processes import running, until
from benchmarks.ran import Ran
from benchmarks.servers import Servers, for_sqlalchemy

WAIT_S = 600


@contextmanager
def naive(
    servers: Servers, customers: int, *, alone: bool = False
) -> Iterator[Callable[[str], Ran]]:
    """A worker of two processes, as Celery starts it, or `alone`. What is given runs a campaign
    over `smtp` or `http`."""
    url, broker = for_sqlalchemy(servers.database()), servers.broker()
    engine = _shop(url, customers)
    environment = {
        "NAIVE_DATABASE_URL": url,
        "NAIVE_REDIS_URL": broker,
        "NAIVE_SMTP_PORT": str(servers.sink.smtp_port),
        "NAIVE_HTTP_PORT": servers.sink.http_url.rpartition(":")[2],
    }
    hands = ["-P", "solo"] if alone else ["-c", "2"]
    arguments = ["celery", "-A", "benchmarks.naive.app", "worker", "-l", "warning", *hands]
    client = Celery("client", broker=broker, set_as_current=False)
    with running(arguments, environment, servers.folder / "naive.log") as worker:
        until(lambda: bool(client.control.ping(timeout=0.5)), "the naive worker")

        def run(over: str) -> Ran:
            cpu_s, began = servers.cpu_s(worker.pid), datetime.now(UTC)
            client.send_task(start_campaign.name, [over])
            until(lambda: _accepted(engine, over) == customers, "everything accepted", WAIT_S)
            cpu_s = servers.cpu_s(worker.pid) - cpu_s
            return Ran(customers, (_ended(engine, over) - began).total_seconds(), cpu_s)

        yield run
        client.pool.force_close_all()
    engine.dispose()


def _shop(url: str, customers: int) -> Engine:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Customer(
                email=f"c{number}@example.com",
                first_name=f"Friend {number}",
                household_size=1 + number % 5,
                kids_count=number % 3,
                subscribed=True,
            )
            for number in range(customers)
        )
        session.commit()
    return engine


def _accepted(engine: Engine, over: str) -> int:
    wanted = (Message.campaign == over, Message.status == "accepted")
    with Session(engine) as session:
        return session.scalars(select(func.count()).select_from(Message).where(*wanted)).one()


def _ended(engine: Engine, over: str) -> datetime:
    with Session(engine) as session:
        last = session.scalars(
            select(func.max(Message.sent_at)).where(Message.campaign == over)
        ).one()
    assert last is not None  # they are all accepted
    return last
