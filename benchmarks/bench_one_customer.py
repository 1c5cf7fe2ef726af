"""One customer's decision, as it is taken while an event comes in."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import insert

from benchmarks.engine import campaign, on_event, opened, shipped
from benchmarks.figure import Figure, Measured
from benchmarks.town import NOW, make_town
from orchestrator.model.version import Version
from orchestrator.store.database import open_database, writing
from orchestrator.tables import events

CUSTOMERS = 100_000
ASKED = 300
WARM_UP = 20
JUST_DUE = timedelta(hours=20, minutes=5)
"""Before it an order made the shipped welcome due, so that more is asked than of this order."""

FIGURES = (
    Figure("decide_one_ms", "One customer, one campaign: median", "ms", "at most 10"),
    Figure("decide_one_p99_ms", "One customer, one campaign: 99 of 100", "ms"),
    Figure("decide_twelve_ms", "One customer, the shipped campaigns: median", "ms"),
    Figure("decide_twelve_p99_ms", "One customer, the shipped campaigns: 99 of 100", "ms"),
)


def measure(divisor: int) -> Measured:
    """Of a town of 100,000, divided by `divisor`."""
    with TemporaryDirectory(prefix="tactful-bench-") as folder:
        database = Path(folder, "town.db")
        make_town(database, CUSTOMERS // divisor, worldwide=False, lines=True)
        asked = max(ASKED // divisor, 10)
        one = on_event(campaign("autumn"), "Order Completed")
        for name, versions in (("one", [one]), ("twelve", shipped())):
            spent = sorted(_decide(database, versions, asked, Path(folder)))
            yield f"decide_{name}_ms", median(spent) * 1000
            yield f"decide_{name}_p99_ms", quantiles(spent, n=100, method="inclusive")[-1] * 1000


def _decide(database: Path, versions: Sequence[Version], asked: int, outbox: Path) -> list[float]:
    """Seconds for each customer who has just ordered; the first few are not counted."""
    engine = open_database(str(database))
    spent = []
    numbers = count()
    with opened(engine, versions, outbox) as tactful:
        tactful.plan(NOW - timedelta(minutes=1))  # what the calendar asks is done
        for customer_id in range(1, asked + WARM_UP + 1):
            with writing(engine) as connection:
                connection.execute(
                    insert(events),
                    [
                        {
                            "key": f"{versions[0].digest}-{next(numbers)}",
                            "customer_id": customer_id,
                            "name": "Order Completed",
                            "at": at,
                            "properties": {"order_id": "o", "total": 61.5, "coupon_used": False},
                        }
                        for at in (NOW - JUST_DUE, NOW - timedelta(seconds=1))
                    ],
                )
            began = perf_counter()
            tactful.decide([customer_id], NOW)
            spent.append(perf_counter() - began)
    engine.dispose()
    return spent[WARM_UP:]
