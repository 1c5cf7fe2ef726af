"""The data's 27 real coupon campaigns: who received one, and which coupons came back.

The data gives days, not times. A campaign counts as received at 09:00 Eastern on its first day.
A redemption takes the time of the household's basket with a coupon on that day, and noon Eastern
where there is none.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from demo.complete_journey.clock import EASTERN, midnight, text
from demo.complete_journey.customers import Record
from demo.complete_journey.source import pc, read

RECEIVED = "Coupon Campaign Received"
REDEEMED = "Coupon Redeemed"


def coupon_events(households: Collection[int] | None = None) -> Iterator[Record]:
    """Both kinds of events, in order of time."""
    campaigns = {
        row["campaign_id"]: row
        for row in read(
            "campaign_descriptions", ("campaign_id", "campaign_type", "start_date", "end_date")
        ).to_pylist()
    }
    records = [*_received(campaigns, households), *_redeemed(campaigns, households)]
    records.sort(key=lambda r: (r["at"], r["id"]))
    yield from records


def _received(
    campaigns: dict[int, dict[str, Any]], households: Collection[int] | None
) -> Iterator[Record]:
    for row in _rows("campaigns", ("campaign_id", "household_id"), households):
        number = row["campaign_id"]
        begins = midnight(campaigns[number]["start_date"].date()) + timedelta(hours=9)
        yield {
            "id": f"campaign-{number}-{row['household_id']}",
            "name": RECEIVED,
            "customer": f"hh-{row['household_id']}",
            "at": text(begins),
            "properties": {
                "campaign_id": str(number),
                "campaign_type": campaigns[number]["campaign_type"],
                "ends": campaigns[number]["end_date"].date().isoformat(),
            },
        }


def _redeemed(
    campaigns: dict[int, dict[str, Any]], households: Collection[int] | None
) -> Iterator[Record]:
    baskets = _baskets_with_coupon(households)
    seen: Counter[str] = Counter()
    columns = ("household_id", "coupon_upc", "campaign_id", "redemption_date")
    for row in _rows("coupon_redemptions", columns, households):
        household, number, upc = row["household_id"], row["campaign_id"], row["coupon_upc"]
        day = row["redemption_date"].date()
        at, order = baskets.get((household, day), (midnight(day) + timedelta(hours=12), None))
        name = f"coupon-{household}-{upc}-{day.isoformat()}"
        seen[name] += 1
        yield {
            "id": name if seen[name] == 1 else f"{name}-{seen[name]}",
            "name": REDEEMED,
            "customer": f"hh-{household}",
            "at": text(at),
            "properties": {
                "coupon": str(upc),
                "campaign_id": str(number),
                "campaign_type": campaigns[number]["campaign_type"],
                **({"order_id": order} if order else {}),
            },
        }


def _baskets_with_coupon(
    households: Collection[int] | None,
) -> dict[tuple[int, date], tuple[datetime, str]]:
    """The first basket with a coupon of each household and Eastern day."""
    used = (pc.field("coupon_disc") > 0) | (pc.field("coupon_match_disc") > 0)
    if households is not None:
        used &= pc.field("household_id").isin(sorted(households))
    columns = ("household_id", "basket_id", "transaction_timestamp")
    first: dict[tuple[int, date], tuple[datetime, str]] = {}
    for row in read("transactions", columns, used).sort_by("transaction_timestamp").to_pylist():
        at = row["transaction_timestamp"].replace(tzinfo=UTC)
        key = (row["household_id"], at.astimezone(EASTERN).date())
        first.setdefault(key, (at, str(row["basket_id"])))
    return first


def _rows(
    name: str, columns: tuple[str, ...], households: Collection[int] | None
) -> list[dict[str, Any]]:
    where = None
    if households is not None:
        where = pc.field("household_id").isin(sorted(households))
    rows: list[dict[str, Any]] = read(name, columns, where).to_pylist()
    return rows
