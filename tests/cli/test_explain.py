"""`tactful explain`: every gate can stop a message, and tells its value, its line, and its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.tables import addresses, customers, messages, suppressions, versions
from tests.cli.shop import NIGHT, NOW, TEA_PRICE, ShopFolder

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HELLO, SHOP = "campaigns/hello/campaign.yaml", "campaigns/shop.yaml"


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def one(shop: ShopFolder, campaign: str = "hello", at: datetime = NOW) -> Any:
    (found,) = shop.json("explain", "ann", "--campaign", campaign, at=at)["campaigns"]
    return found


def gates(found: Any) -> Iterator[Any]:
    yield from found["customer"]
    for some in found["channels"].values():
        yield from some
    yield from found["last"]


def ready(shop: ShopFolder) -> None:
    """Ann signed up an hour ago, and nothing speaks against writing to her."""
    shop.add_customer()
    shop.happen("ann", at=NOW - HOUR)


def test_nothing_stops_it(shop: ShopFolder) -> None:
    ready(shop)
    found = one(shop)
    assert [gate["name"] for gate in gates(found) if not gate["passes"]] == []
    assert (found["reason"], found["channel"]) == (None, "email")
    assert found["send_after"] == stamp(NOW)
    assert found["occasion"]["asks"] == "now"
    assert "would get it by email, Tue 24 Nov 2026 12:00" in shop.ok("explain", "ann")


def test_a_trigger_that_has_not_asked_is_the_first_reason(shop: ShopFolder) -> None:
    shop.add_customer()
    shop.sell_tea()
    shop.change_campaign("deal", '{cron: "0 10 * * WED"}', "{back_in_stock: bought}")
    said = shop.ok("explain", "ann")
    assert "would not get it: its trigger has not asked about this customer" in said
    assert "would not get it: the reason to write is gone" not in said


@dataclass(frozen=True)
class Stopped:
    """How a gate comes to stop Ann's message, and what it says then."""

    arrange: Callable[[ShopFolder], object]
    value: Any = None
    until: datetime | None = None
    line: str | None = None
    at: datetime = NOW
    campaign: str = "hello"
    fillers: int = 0
    law: str = ""
    reason: str = field(default="")
    """The reason that is told, where another gate comes before."""


def changed(old: str, new: str, campaign: str = "hello") -> Callable[[ShopFolder], None]:
    def arrange(shop: ShopFolder) -> None:
        ready(shop)
        shop.change_campaign(campaign, old, new)

    return arrange


def customer(**words: Any) -> Callable[[ShopFolder], None]:
    def arrange(shop: ShopFolder) -> None:
        shop.add_customer(**words)
        shop.happen("ann", at=NOW - HOUR)

    return arrange


def paused(*what: str) -> Callable[[ShopFolder], None]:
    def arrange(shop: ShopFolder) -> None:
        ready(shop)
        shop.ok("pause", *what)

    return arrange


def sent_before(*old_and_new: str, file: str = HELLO, **words: Any) -> Callable[[ShopFolder], None]:
    """A message left two hours ago; an hour ago Ann signed up again."""

    def arrange(shop: ShopFolder) -> None:
        if old_and_new:
            shop.change(file, *old_and_new)
        shop.add_customer(**words)
        shop.put_to_work()
        shop.happen("ann", at=NOW - 2 * HOUR)
        shop.ok("run", "--once", at=NOW - 2 * HOUR)
        assert len(shop.sent()) == 1
        shop.happen("ann", at=NOW - HOUR)

    return arrange


def planned_before(
    *old_and_new: str, file: str = SHOP, **words: Any
) -> Callable[[ShopFolder], None]:
    """At night a campaign of higher priority planned for the morning; then Ann signs up again."""

    def arrange(shop: ShopFolder) -> None:
        if old_and_new:
            shop.change(file, *old_and_new)
        shop.copy_campaign("hello", "first")
        shop.change_campaign("first", "topic: tips", "topic: tips\npriority: 90")
        shop.change_campaign("hello", "event: Signed Up", "event: Order Completed")
        shop.add_customer(**words)
        shop.put_to_work()
        shop.happen("ann", at=NIGHT - HOUR)
        shop.ok("run", "--once", at=NIGHT - HOUR)
        assert shop.sent() == []
        shop.happen("ann", "Order Completed", at=NIGHT - HOUR)

    return arrange


def texted(times: int, at: datetime, *, planned: bool) -> Callable[[ShopFolder], None]:
    """In Florida, so many text messages of one topic; then Ann signs up again."""

    def arrange(shop: ShopFolder) -> None:
        shop.write({"campaigns/hello/sms.txt.j2": "Hello {{ customer.city }}\n"})
        shop.change_campaign("hello", "channels: [email]", "channels: [sms]")
        shop.add_customer(region="FL")
        for number in range(times):
            shop.copy_campaign("hello", f"first-{number}")
            shop.change_campaign(f"first-{number}", "topic: tips", "topic: tips\npriority: 90")
        shop.change_campaign("hello", "event: Signed Up", "event: Order Completed")
        shop.put_to_work()
        shop.happen("ann", at=at - HOUR)
        shop.ok("run", "--once", at=at - HOUR)
        assert len(shop.sent()) == (0 if planned else times)
        shop.happen("ann", "Order Completed", at=at - HOUR)

    return arrange


def suppress(shop: ShopFolder) -> None:
    ready(shop)
    for connection in shop.database():
        key = connection.scalar(
            addresses.select().with_only_columns(addresses.c.address_key).limit(1)
        )
        row = {"address_key": key, "scope": "all", "reason": "bounced", "at": NOW}
        connection.execute(suppressions.insert(), row)


def go_silent(shop: ShopFolder) -> None:
    """The cart reminder waits, and the order comes in between."""
    wait = "wait: 30m, unless: {event: Order Completed, same: ref}"
    shop.change(SHOP, "{total: number}", "{total: number, ref: text}")
    shop.change_campaign("hello", "event: Signed Up", f"event: Signed Up, {wait}")
    shop.add_customer()
    shop.happen("ann", at=NOW - HOUR, ref="r1")
    shop.happen("ann", "Order Completed", at=NOW - HOUR / 2, ref="r1")


def sell_nothing(shop: ShopFolder) -> None:
    shop.add_customer()


def prefer_texts(shop: ShopFolder) -> None:
    shop.write({"campaigns/hello/sms.txt.j2": "Hello {{ customer.city }}\n"})
    shop.change_campaign("hello", "channels: [email]", "channels: [preferred, email]")
    ready(shop)
    for connection in shop.database():
        connection.exec_driver_sql("UPDATE customers SET preferred_channel = 'email'")


def withdraw(shop: ShopFolder) -> None:
    ready(shop)
    shop.agree("ann", given=False, at=NOW + DAY)


def take_a_pause(shop: ShopFolder) -> None:
    ready(shop)
    for connection in shop.database():
        connection.execute(customers.update().values(paused_until=NOW + DAY))


LEFT = NOW - 2 * HOUR
HELD = timedelta(seconds=15)
MORNING = NIGHT + 10 * HOUR

CASES = {
    "paused": Stopped(paused("campaign", "hello")),
    "already_messaged": Stopped(
        lambda shop: (sent_before()(shop), shop.happen("bob", at=NOW)), at=LEFT + HOUR / 2
    ),
    "on_pause": Stopped(take_a_pause, value=stamp(NOW + DAY), until=NOW + DAY),
    "too_soon_again": Stopped(
        sent_before("channels: [email]", "channels: [email]\nagain_after: 3d"),
        value=stamp(LEFT), until=LEFT + 3 * DAY + HELD, line=f"{HELLO}:10",
    ),
    "expired": Stopped(ready, value=stamp(NOW + 11 * HOUR), at=NOW + 12 * HOUR, line=f"{HELLO}:10"),
    "trigger_gone": Stopped(go_silent, line=f"{HELLO}:3"),
    "not_in_audience": Stopped(customer(city="Oslo"), line=f"{HELLO}:4"),
    "nothing_to_offer": Stopped(
        sell_nothing, campaign="deal", line="campaigns/deal/campaign.yaml:4"
    ),
    "channel_paused": Stopped(paused("channel", "email")),
    "not_preferred": Stopped(prefer_texts, line=f"{HELLO}:9", reason="-"),
    "no_address": Stopped(customer(email=None)),
    "suppressed": Stopped(suppress),
    "no_consent": Stopped(withdraw, line=f"{HELLO}:2", at=NOW + DAY / 4),
    "no_time_zone": Stopped(customer(zone=None, country=None, region=None, phone=None)),
    "quiet_hours": Stopped(
        changed("expires: 12h", "expires: 12h\nquiet_hours: 11:00-23:30"),
        value=stamp(NOW + 21 * HOUR), until=NOW + 21 * HOUR, line=f"{HELLO}:11",
    ),
    "legal_cap": Stopped(
        texted(3, NOW, planned=False), value=3, until=NOW - HOUR + DAY + HELD, fillers=3,
        law="us-fl-subject",
    ),
    "legal_cap_lost": Stopped(
        texted(3, NIGHT, planned=True), value=3, until=MORNING + DAY + HELD, at=NIGHT, fillers=3,
        law="us-fl-subject",
    ),
    "customers_wish": Stopped(
        sent_before(max_per_week=1), value=1, until=LEFT + 7 * DAY + HELD, fillers=1
    ),
    "customers_wish_lost": Stopped(
        planned_before(max_per_week=1), value=1, until=MORNING + 7 * DAY + HELD, at=NIGHT,
        fillers=1,
    ),
    "campaign_cap": Stopped(
        sent_before("expires: 12h", "expires: 12h\ncaps: [1 per 2d]"),
        value=1, until=LEFT + 2 * DAY + HELD, line=f"{HELLO}:11", fillers=1,
    ),
    "channel_cap": Stopped(
        sent_before("[9 per 7d]", "[9 per 7d]\n  channel: {email: [1 per 2d]}", file=SHOP),
        value=1, until=LEFT + 2 * DAY + HELD, line=f"{SHOP}:9", fillers=1,
    ),
    "channel_cap_lost": Stopped(
        planned_before("[9 per 7d]", "[9 per 7d]\n  channel: {email: [1 per 2d]}"),
        value=1, until=MORNING + 2 * DAY + HELD, line=f"{SHOP}:9", at=NIGHT, fillers=1,
    ),
    "topic_cap": Stopped(
        sent_before("[9 per 7d]", "[9 per 7d]\n  topic: {tips: [1 per 2d]}", file=SHOP),
        value=1, until=LEFT + 2 * DAY + HELD, line=f"{SHOP}:9", fillers=1,
    ),
    "topic_cap_lost": Stopped(
        planned_before("[9 per 7d]", "[9 per 7d]\n  topic: {tips: [1 per 2d]}"),
        value=1, until=MORNING + 2 * DAY + HELD, line=f"{SHOP}:9", at=NIGHT, fillers=1,
    ),
    "overall_cap": Stopped(
        sent_before("[9 per 7d]", "[1 per 2d]", file=SHOP),
        value=1, until=LEFT + 2 * DAY + HELD, line=f"{SHOP}:8", fillers=1,
    ),
    "overall_cap_lost": Stopped(
        planned_before("[9 per 7d]", "[1 per 2d]"),
        value=1, until=MORNING + 2 * DAY + HELD, line=f"{SHOP}:8", at=NIGHT, fillers=1,
    ),
    "holdout": Stopped(changed("max_audience: 50", "max_audience: 50\nholdout: 50%"), reason="-"),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CASES if name != "holdout"])
def test_each_gate_stops_a_message_and_says_why(shop: ShopFolder, name: str) -> None:
    case = CASES[name]
    case.arrange(shop)
    found = one(shop, case.campaign, case.at)
    stopped = next(g for g in gates(found) if g["name"] == name and not g["passes"])
    assert stopped["says"]
    assert stopped["value"] == case.value
    assert stopped["until"] == (None if case.until is None else stamp(case.until))
    place = stopped["spot"]
    assert (place and f"{place['file']}:{place['line']}") == case.line
    assert len(stopped["fillers"]) == case.fillers
    assert [row["id"] for row in stopped["law"]] == ([case.law] if case.law else [])
    if not case.reason:
        assert found["reason"] == name
        assert stopped["says"].split(" ")[0] in found["says"]


@pytest.mark.parametrize("name", ["not_in_audience", "legal_cap", "overall_cap", "quiet_hours"])
def test_what_stops_a_message_stands_on_the_screen(shop: ShopFolder, name: str) -> None:
    case = CASES[name]
    case.arrange(shop)
    printed = shop.ok("explain", "ann", "--campaign", case.campaign, at=case.at)
    (line,) = (line for line in printed.splitlines() if f"STOPS   {name}: " in line)
    assert (case.line or "") in line
    assert ("opens" in line) == (case.until is not None)
    assert printed.count("    message ") == case.fillers
    assert ("Florida Statutes" in printed) == bool(case.law)


def test_every_gate_is_shown_here(shop: ShopFolder) -> None:
    """The shop's richest campaign knows no gate that the cases above do not."""
    shop.change(
        SHOP, "[9 per 7d]", "[9 per 7d]\n  channel: {sms: [1 per 2d]}\n  topic: {tips: [3 per 7d]}"
    )
    shop.change_campaign(
        "hello",
        "max_audience: 50",
        "max_audience: 50\nholdout: 50%\nagain_after: 3d\ncaps: [1 per 2d]",
    )
    prefer_texts(shop)
    shop.change_campaign("hello", "event: Signed Up", "inactive: Signed Up, for: 2d")
    known = {gate["name"] for campaign in ("hello", "deal") for gate in gates(one(shop, campaign))}
    known |= {gate["name"] for gate in gates(one(shop, "hello", NOW + 2 * DAY))}
    assert known - {"campaign_cap_lost"} == CASES.keys() - {"legal_cap", "legal_cap_lost"} - _WISHES


_WISHES = {"customers_wish", "customers_wish_lost"}


def test_who_is_left_out_to_compare(shop: ShopFolder) -> None:
    shop.change_campaign("hello", "max_audience: 50", "max_audience: 50\nholdout: 50%")
    names = [f"c{number}" for number in range(4)]
    for name in names:
        shop.add_customer(name)
        shop.happen(name, at=NOW - HOUR)
    said = {name: shop.json("explain", name, "--campaign", "hello") for name in names}
    stopped = {name for name, all_ in said.items() if all_["campaigns"][0]["reason"] == "holdout"}
    assert 0 < len(stopped) < len(names)
    for name in stopped:
        (gate,) = said[name]["campaigns"][0]["last"]
        assert gate["says"] == "belongs to the 50 % who are left out to measure the effect"
        assert gate["spot"]["line"] == 12


def test_each_test_of_the_audience_has_its_own_verdict(shop: ShopFolder) -> None:
    shop.change_campaign("hello", "- {trait: city, in: [Paris, Rome]}", "- {segment: parents}")
    shop.change_campaign(
        "hello",
        "  none:",
        "    - {last: Signed Up, older_than: 2d}\n  none:\n    - {trait: city, is: Paris}",
    )
    shop.add_customer(kids=2)
    shop.happen("ann", at=NOW - HOUR)
    audience = next(g for g in gates(one(shop)) if g["name"] == "not_in_audience")
    shown = [
        (leaf["says"], leaf["holds"] == leaf["wanted"], leaf["value"], leaf["spot"]["line"])
        for leaf in audience["leaves"]
    ]
    assert shown == [
        ("segment: parents", True, None, 6),
        ("trait: kids, at_least: 1", True, 2, 18),
        ("last: Signed Up, older_than: 2d", False, stamp(NOW - HOUR), 7),
        ("trait: city, is: Paris", False, "Paris", 9),
        ("did: Order Completed, within: 30d, at_least: 2", True, 0, 10),
    ]
    assert audience["leaves"][2]["until"] == stamp(NOW - HOUR + 2 * DAY)
    printed = shop.ok("explain", "ann", "--campaign", "hello")
    assert "✗ none: trait: city, is: Paris — is Paris" in printed
    assert "opens Thu 26 Nov 2026 11:00" in printed


def test_what_only_waits_says_until_when(shop: ShopFolder) -> None:
    ready(shop)
    shop.happen("ann", at=NIGHT - HOUR)
    found = one(shop, at=NIGHT)
    quiet = next(gate for gate in gates(found) if gate["name"] == "quiet_hours")
    assert (quiet["passes"], quiet["until"]) == (True, stamp(MORNING))
    assert (found["reason"], found["send_after"]) == (None, stamp(MORNING))
    assert quiet["by"] == "quiet 21:00-09:00"
    assert quiet["spot"] == {"file": SHOP, "line": 6}
    assert "waits   quiet_hours" in shop.ok("explain", "ann", at=NIGHT)


def test_a_customers_own_quiet_hours_are_named(shop: ShopFolder) -> None:
    shop.add_customer(quiet_from="11:00", quiet_until="14:00")
    shop.happen("ann", at=NOW - HOUR)
    quiet = next(gate for gate in gates(one(shop)) if gate["name"] == "quiet_hours")
    assert (quiet["by"], quiet["spot"]) == ("wish 11:00-14:00", None)


def test_the_law_of_the_place_is_named(shop: ShopFolder) -> None:
    shop.change(SHOP, "quiet_hours: 21:00-09:00\n", "")
    shop.sell_tea()
    ready(shop)
    quiet = next(g for g in gates(one(shop, "deal", NIGHT)) if g["name"] == "quiet_hours")
    assert quiet["law"] != []
    assert {row["id"] for row in quiet["law"]} == set(quiet["by"].split(", "))


@pytest.mark.parametrize(
    ("event_at", "asks", "due_at"),
    [
        (NOW - HOUR, "later", NOW + 3 * HOUR),
        (NOW - 5 * HOUR, "now", NOW - HOUR),
        (NOW - 3 * DAY, "before", NOW - 3 * DAY + 4 * HOUR),
        (None, "not", NOW),
    ],
)
def test_when_the_trigger_asks(
    shop: ShopFolder, event_at: datetime | None, asks: str, due_at: datetime
) -> None:
    shop.change_campaign("hello", "event: Signed Up", "event: Signed Up, wait: 4h")
    shop.add_customer()
    if event_at is not None:
        shop.happen("ann", at=event_at)
    occasion = one(shop)["occasion"]
    assert (occasion["asks"], occasion["due_at"]) == (asks, stamp(due_at))


def test_a_schedule_asks_later(shop: ShopFolder) -> None:
    ready(shop)
    occasion = one(shop, "deal")["occasion"]
    assert (occasion["asks"], occasion["due_at"]) == ("later", stamp(NOW + 22 * HOUR))


@pytest.mark.parametrize(
    ("trigger", "asks"),
    [
        ("{date: birthday, every: year}", "later"),
        ("{enters: parents}", "not"),
        ("{price_drop: bought}", "now"),
        ("{back_in_stock: bought}", "not"),
        ("{inactive: Signed Up, for: 10d}", "later"),
        ("{once: 2026-11-20 10:00}", "not"),
    ],
)
def test_every_trigger_can_be_explained(shop: ShopFolder, trigger: str, asks: str) -> None:
    shop.change(SHOP, "kids: number", "kids: number, birthday: date")
    shop.change_campaign("hello", "{event: Signed Up}", trigger)
    shop.sell_tea()
    shop.add_customer(birthday="1990-12-24")
    shop.happen("ann", at=NOW - HOUR)
    shop.happen("ann", "Order Completed", at=NOW - DAY, products=[{"product_id": "tea"}])
    shop.add("prices", {**TEA_PRICE, "amount": "1.99", "at": NOW - HOUR})
    assert one(shop)["occasion"]["asks"] == asks


def test_what_is_on_record(shop: ShopFolder) -> None:
    sent_before()(shop)
    shop.agree("ann", "sms", given=False, at=NOW + 29 * DAY)
    said = shop.json("explain", "ann", at=NOW)
    assert said["addresses"] == {"email": "ann@example.com", "phone": "+12125550101"}
    assert [(m["campaign"], m["state"]) for m in said["messages"]] == [("hello", "accepted")]
    email = next(c for c in said["consents"] if c["channel"] == "email" and c["topic"] == "*")
    assert (email["given"], email["touchpoint"], email["wording"]) == (True, "till", "v1")
    printed = shop.ok("explain", "ann")
    assert "withdrawn" in printed
    assert "accepted" in printed


def test_a_customer_on_the_way_through_steps(shop: ShopFolder) -> None:
    steps = "steps:\n  - send: {}\n  - wait: 2d\n  - send: {template: again}\n"
    shop.change_campaign("hello", "expires: 12h\n", f"expires: 12h\n{steps}")
    for part in ("subject", "html"):
        text = (shop.home / f"campaigns/hello/email.{part}.j2").read_text(encoding="utf-8")
        shop.write({f"campaigns/hello/again.email.{part}.j2": text})
    shop.add_customer()
    shop.put_to_work()
    shop.happen("ann", at=NOW - HOUR)
    shop.ok("run", "--once", at=NOW - HOUR)
    found = one(shop)
    assert (found["journey"]["step"], found["step"]) == (1, 2)
    assert found["journey"]["due_at"] == stamp(NOW - HOUR + 2 * DAY)
    assert "is on the way through its steps" in shop.ok("explain", "ann", "--campaign", "hello")


def test_what_another_release_has_written_is_said_beside_the_rest(shop: ShopFolder) -> None:
    steps = "steps:\n  - send: {}\n  - wait: 2d\n  - send: {}\n"
    shop.change_campaign("hello", "expires: 12h\n", f"expires: 12h\n{steps}")
    shop.put_to_work()
    ready(shop)
    shop.ok("run", "--once")
    # She is on the way in a version that nobody here can read; another one is at work.
    for connection in shop.database():
        hello = versions.update().where(versions.c.name == "hello")
        connection.execute(hello.values(files={"campaign.yaml": "{}"}))
        connection.execute(messages.update().values(reason="no_answer"))
    shop.change_campaign("hello", "wait: 2d", "wait: 3d")
    told = " ".join(shop.ok("explain", "ann").split())
    assert "campaign hello is written for another release of Tactful" in told
    assert "deal (offer)" in told
    found = shop.json("explain", "ann")
    assert [one["campaign"] for one in found["campaigns"]] == ["deal"]
    (said,) = found["strange"]
    assert "cannot be read here" in said
    assert shop.json("explain", "--message", "1")["why"]["name"] == "no_answer"


def test_a_message_by_its_number(shop: ShopFolder) -> None:
    sent_before()(shop)
    said = shop.json("explain", "--message", "1")
    assert (said["message"]["state"], said["message"]["customer"]) == ("accepted", "ann")
    assert [attempt["outcome"] for attempt in said["attempts"]] == ["accepted"]
    assert said["content"]["subject"] == "Hello from Corner Shop"
    printed = shop.ok("explain", "--message", "1")
    assert "attempt 1: accepted" in printed
    assert "Subject: Hello from Corner Shop" in printed


def test_a_message_that_did_not_leave(shop: ShopFolder) -> None:
    shop.add_customer(city="Oslo")
    shop.put_to_work()
    shop.happen("ann", at=NOW - HOUR)
    shop.ok("run", "--once", at=NOW - HOUR)
    printed = shop.ok("explain", "--message", "1")
    assert "skipped (not_in_audience)" in printed
    assert "does not match the audience" in printed
    assert f"{HELLO}:4" in printed


def test_a_quote_is_shown_with_its_message(shop: ShopFolder) -> None:
    shop.sell_tea()
    shop.add_customer()
    shop.put_to_work()
    shop.ok("run", "--once", at=NOW + 22 * HOUR)
    (line,) = shop.json("explain", "--message", "1")["content"]["quote"]
    assert (line["product"], line["amount"]) == ("tea", "2.49")
    assert "quoted: product: tea" in shop.ok("explain", "--message", "1")


def test_only_what_stops_it(shop: ShopFolder) -> None:
    customer(city="Oslo")(shop)
    printed = shop.ok("explain", "ann", "--campaign", "hello", "--short")
    assert "STOPS   not_in_audience" in printed
    assert "passed" not in printed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "there is no customer 'nobody'"),
        (("--message", "99"), "there is no message 99"),
        (("ann", "--campaign", "helo"), 'did you mean "hello"?'),
        ((), "name either a customer or --message NUMBER"),
        (("ann", "--at", "soon"), "not a moment"),
    ],
)
def test_mistakes(shop: ShopFolder, words: tuple[str, ...], said: str) -> None:
    shop.add_customer()
    result = shop("explain", *words)
    assert result.exit_code == 2
    assert said in result.stderr
