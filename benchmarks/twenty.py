"""Twenty campaigns over everyone, each with a history of its own."""

from orchestrator.flow.load import revive
from orchestrator.model.version import Version

ORDER, VIEW = "did: Order Completed", "did: Page Viewed"
THEMED = "where: {theme: coffee and tea}"
BIG = "where: {total: {at_least: 60}}"
COUPON = "where: {coupon_used: yes}"

# What each campaign's customers have done and are like: `all` of these, and `none` of those.
AUDIENCES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("last: Order Completed, older_than: 30d", "trait: kids_count, at_least: 1"), ()),
    (("last: Order Completed, older_than: 25d",), (f"{VIEW}, within: 30d",)),
    ((f"{ORDER}, at_least: 40 times",), ()),
    ((f"{ORDER}, at_least: 6 times, within: 14d",), ()),
    ((f"{ORDER}, sum: total, above: 900, within: 60d",), ()),
    ((f"{ORDER}, {BIG}, at_least: 3 times, within: 30d",), ()),
    ((f"{VIEW}, {THEMED}, within: 14d", f"{ORDER}, at_least: 2 times, within: 7d"), ()),
    ((f"{VIEW}, within: 2d",), (f"{ORDER}, within: 30d",)),
    (("first: Order Completed, within: 80d",), (f"{ORDER}, within: 14d",)),
    ((f"{ORDER}, {COUPON}, at_least: 3 times, within: 90d",), (f"{ORDER}, within: 10d",)),
    ((f"{VIEW}, distinct: theme, at_least: 6, within: 30d",), ()),
    (("segment: families", f"{ORDER}, within: 1d"), ()),
    (("segment: big baskets", "trait: household_size, at_least: 5"), (f"{VIEW}, within: 21d",)),
    (("trait: home_owner, is: yes", f"{VIEW}, at_least: 8 times, within: 30d"), ()),
    ((f"{VIEW}, {THEMED}, within: 1d", "trait: household_size, at_most: 2"), ()),
    ((f"{ORDER}, exactly: 1, within: 45d", f"{VIEW}, within: 7d"), ()),
    (("trait: billing_day, in: [21]",), (f"{ORDER}, within: 7d",)),
    ((f"{ORDER}, sum: total, below: 50, within: 90d",), (f"{VIEW}, within: 45d",)),
    (("last: Page Viewed, within: 12h", f"{ORDER}, within: 3d"), ("got: summer, within: 10d",)),
    ((f"{ORDER}, {BIG}, within: 1d", f"{ORDER}, {BIG}, at_least: 2 times, within: 90d"), ()),
)


def twenty(pattern: Version) -> tuple[Version, ...]:
    """The campaigns; texts, schedule and channels are those of `pattern`."""
    return tuple(
        revive(
            f"number-{number:02}",
            {**pattern.files, "campaign.yaml": _written(number, *audience)},
            pattern.settings,
        )
        for number, audience in enumerate(AUDIENCES, 1)
    )


def _written(number: int, all_: tuple[str, ...], none: tuple[str, ...]) -> str:
    lines = [
        "purpose: inform",
        f"topic: {'offers' if number % 3 else 'tips'}",
        f"priority: {20 + number * 37 % 60}",
        "trigger: {once: 2017-11-21 12:00, zone: shop}",
        "audience:",
        "  all:",
        *(f"    - {{{one}}}" for one in all_),
        *(["  none:"] if none else []),
        *(f"    - {{{one}}}" for one in none),
        f"channels: {'[preferred, email, sms]' if number % 2 else '[email]'}",
        "caps: [1 per 7d]" if number % 4 else "caps: [2 per 14d]",
        "expires: 2d",
        "max_audience: 2_000_000",
        *(["holdout: 10%"] if number % 5 == 0 else []),
    ]
    return "\n".join(lines) + "\n"
