"""What is imported is decided about at once, where somebody hears of it."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.entry import clock
from orchestrator.entry.queue.app import make_app
from orchestrator.entry.queue.hints import IDS_MAX, Hints
from orchestrator.entry.queue.news import News
from orchestrator.flow.imports import import_records
from orchestrator.flow.ingest import Ingested
from tests.distributed.world import SCRIPTS, World
from tests.servers.ports import free_port


def heard(world: World, queue: str) -> list[list[Any]]:
    """The arguments of the hints in a queue, the first one first."""
    raw = [json.loads(one) for one in reversed(world.broker.lrange(queue, 0, -1))]
    return [json.loads(_body(one))[0] for one in raw]


def _body(message: dict[str, Any]) -> str:
    return base64.b64decode(message["body"]).decode()


def bring(world: World, kind: str, records: list[dict[str, Any]], news: News) -> None:
    """An import, in small batches."""
    shop = world.tactful.shop
    import_records(
        world.engine, kind, records, shop=shop, now=clock.now(), batch_rows=2, news=news.told
    )
    news.end()


def happened(customer: str, number: int) -> dict[str, Any]:
    """Somebody signs up."""
    event = {"id": f"e{number}", "name": "Signed Up", "customer": customer}
    return {**event, "at": str(clock.now()), "properties": {}}


def test_each_batch_tells_whose_news_it_brings_once_it_is_committed(world: World) -> None:
    bring(world, "events", [happened(f"c{n % 3}", n) for n in range(5)], News(world.hints))
    assert heard(world, "decide") == [[[1, 2]], [[1, 3]], [[2]]]
    assert heard(world, "plan") == []
    bring(world, "events", [happened(f"c{n % 3}", n) for n in range(5)], News(world.hints))
    assert len(heard(world, "decide")) == 3, "a second import brings nothing new"


def test_beyond_some_customers_everyone_is_looked_at_soon(world: World) -> None:
    bring(world, "events", [happened(f"c{n}", n) for n in range(5)], News(world.hints, left=3))
    assert heard(world, "decide") == [[[1, 2]], [[3]]]
    assert len(heard(world, "plan")) == 1


def test_many_are_told_of_in_parts(world: World) -> None:
    News(world.hints).told(Ingested(customers=set(range(IDS_MAX + 1))))
    assert [len(ids) for (ids,) in heard(world, "decide")] == [IDS_MAX, 1]


def test_another_price_concerns_whomever_it_may(world: World) -> None:
    bring(world, "products", [{"id": "tea", "title": "Tea"}], News(world.hints))
    for days, amount in ((2, "2.49"), (1, "1.99")):
        assert heard(world, "plan") == []
        at = str(clock.now() - timedelta(days=days))
        price = {"product": "tea", "amount": amount, "currency": "USD", "at": at}
        bring(world, "prices", [price], News(world.hints))
    assert len(heard(world, "plan")) == 1
    assert heard(world, "decide") == []


def test_where_nobody_hears_nothing_more_is_said() -> None:
    app = make_app(f"redis://127.0.0.1:{free_port()}/0")
    news = News(Hints(app))
    news.told(Ingested(customers={1}))
    assert news.left == 0
    app.pool.force_close_all()


@pytest.mark.parametrize("away", [False, True])
def test_the_command(world: World, tmp_path: Path, away: bool) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(happened(f"c{n}", n)) for n in range(3)))
    environ = dict(world.environ)
    if away:
        environ["TACTFUL_REDIS_URL"] = f"redis://127.0.0.1:{free_port()}/0"
    told = world.command(environ, SCRIPTS / "tactful", "import", "events", file, "--json")
    assert json.loads(told)[0]["new"] == 3
    assert heard(world, "decide") == ([] if away else [[[1, 2, 3]]])
