"""`preview`, `status`, `report`, `simulate`, `doctor`: they look, and send nothing."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orchestrator.flow.render.context import VARIABLES
from orchestrator.model.account import AccountName
from orchestrator.store.accounts import change_breaker
from tests.cli.shop import NIGHT, NOW, ShopFolder

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> ShopFolder:
    """Ann was written to two hours ago and ordered; Bob has no address, Cyd lives elsewhere."""
    shop = ShopFolder(tmp_path_factory.mktemp("town"))
    shop.sell_tea()
    shop.add_customer()
    shop.add_customer("bob", email=None)
    shop.add_customer("cyd", city="Oslo")
    shop.put_to_work()
    for key in ("ann", "bob", "cyd"):
        shop.happen(key, at=NOW - 2 * HOUR)
    shop.ok("run", "--once", at=NOW - 2 * HOUR)
    shop.happen("ann", "Order Completed", at=NOW - HOUR, total=20)
    return shop


@pytest.fixture
def town(built: ShopFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ShopFolder:
    """That shop, for one test alone."""
    monkeypatch.chdir(tmp_path)
    return ShopFolder(tmp_path, like=built)


# preview


def test_a_message_as_one_customer_would_see_it(town: ShopFolder) -> None:
    said = town.json("preview", "hello", "--customer", "cyd")
    assert (said["subject"], said["failed"]) == ("Hello from Corner Shop", "")
    assert "Hello Oslo" in said["text"]
    assert "<p" in said["html"]
    assert "Hello Oslo" in town.ok("preview", "hello", "--customer", "cyd")


def test_a_text_message_with_its_segments_cost_and_quote(town: ShopFolder) -> None:
    said = town.json("preview", "deal", "--customer", "ann")
    assert (said["channel"], said["pieces"], said["alphabet"]) == ("sms", 1, "GSM-7")
    assert Decimal(said["cost"]) == Decimal("0.0079")
    assert [line["product"] for line in said["quote"]] == ["tea"]
    assert "1 segment, 0.0079 USD" in town.ok("preview", "deal", "--customer", "ann")


def test_whatever_a_template_is_told_of_is_there(town: ShopFolder) -> None:
    known = [f"{name}.{entry}" for name, entries in VARIABLES.items() for entry in entries or ()]
    printed = "".join(
        f"{{{{ {name} }}}} "
        for name in ("today", "locale", "language", *sorted(known))
        if not name.startswith("product") and not name.startswith("event.")
    )
    town.write({"campaigns/hello/email.txt.j2": printed + "{{ event.name }} {{ event.at }}"})
    town.ok("check")
    said = town.json("preview", "hello", "--customer", "ann")
    for word in ("November 24", "en_US", "Corner Shop", "care@example.com", "inform", "Signed Up"):
        assert word in said["text"]


def test_a_preview_leaves_nothing_behind(town: ShopFolder) -> None:
    before = town.content()
    town.ok("preview", "hello", "--customer", "ann")
    assert town.content() == before


def test_a_page_in_a_file(town: ShopFolder) -> None:
    town.ok("preview", "hello", "--customer", "ann", "--out", "pages/ann.html")
    assert "Hello Paris" in (town.home / "pages/ann.html").read_text(encoding="utf-8")


def test_a_customer_without_an_address(town: ShopFolder) -> None:
    said = town.ok("preview", "hello", "--customer", "bob")
    assert "nobody: the customer has no address for it" in said
    assert "nobody@example.com" not in said


def test_why_there_is_no_message(town: ShopFolder) -> None:
    town.change("campaigns/hello/email.html.j2", "customer.city", "customer.kids")
    result = town("preview", "hello", "--customer", "ann")
    assert result.exit_code == 1
    assert "there is no message: undefined: email.html.j2:2" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("helo", "--customer", "ann"), 'did you mean "hello"?'),
        (("hello", "--customer", "nobody"), "there is no customer 'nobody'"),
        (("hello", "--customer", "ann", "--channel", "sms"), "is not sent by 'sms'"),
        (("hello", "--customer", "ann", "--step", "7"), "those that do: 0"),
    ],
)
def test_mistakes_of_a_preview(town: ShopFolder, words: tuple[str, ...], said: str) -> None:
    result = town("preview", *words)
    assert result.exit_code == 2
    assert said in result.stderr


# status, pause, resume


def test_the_status(town: ShopFolder) -> None:
    town.happen("ann", at=NIGHT - HOUR)
    town.ok("run", "--once", at=NIGHT)
    town.ok("pause", "channel", "sms", "--reason", "a wrong number", at=NIGHT)
    said = town.json("status", at=NIGHT)
    assert said["due_now"] == 0
    assert "2026-11-25T14:00:00Z" <= said["next_due"] < "2026-11-25T14:10:00Z"
    assert [(w["channel"], w["messages"]) for w in said["waiting"]] == [("email", 1)]
    assert [(p["scope"], p["name"], p["reason"]) for p in said["paused"]] == [
        ("channel", "sms", "a wrong number")
    ]
    printed = town.ok("status", at=NIGHT)
    assert "paused: channel sms since Tue 24 Nov 2026 23:00: a wrong number" in printed
    assert "Wed 25 Nov 2026 09:0" in printed


@pytest.mark.parametrize(
    "what",
    [("everything",), ("campaign", "hello"), ("channel", "email"), ("provider", "outbox")],
)
def test_a_pause_holds_and_a_resume_lets_go(town: ShopFolder, what: tuple[str, ...]) -> None:
    before = len(town.sent())
    town.ok("pause", *what)
    town.happen("ann", at=NOW)
    town.ok("run", "--once", at=NOW)
    assert len(town.sent()) == before
    assert town.json("pause", *what, code=1)["paused"] is False
    town.ok("resume", *what)
    town.ok("run", "--once", at=NOW + HOUR)
    assert len(town.sent()) == before + 1
    result = town("resume", *what)
    assert (result.exit_code, "was not paused" in result.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("evrything",), 'did you mean "everything"?'),
        (("campaign",), "which campaign?"),
        (("campaign", "helo"), 'did you mean "hello"?'),
        (("channel", "mail"), 'did you mean "email"?'),
        (("provider", "email"), "there is no provider 'email'"),
        (("everything", "hello"), "did you mean `campaign hello`?"),
    ],
)
def test_a_pause_does_not_miss_by_a_slip(
    town: ShopFolder, words: tuple[str, ...], said: str
) -> None:
    result = town("pause", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert town.json("status")["paused"] == []


def test_a_pause_works_with_wrong_files(town: ShopFolder) -> None:
    town.write({"campaigns/shop.yaml": "brand: [", "campaigns/hello/campaign.yaml": "purpose: x"})
    town.ok("pause", "channel", "email")
    town.ok("pause", "campaign", "hello")
    assert len(town.json("status")["paused"]) == 2


# report


def of(said: Any, name: str) -> Any:
    return next(one for one in said["campaigns"] if one["campaign"] == name)


def test_what_was_sent_and_what_not(town: ShopFolder) -> None:
    hello = of(town.json("report"), "hello")
    (email,) = hello["channels"]
    assert (email["sent"], email["states"], Decimal(email["cost"])) == (
        1,
        {"accepted": 1},
        Decimal("0.001"),
    )
    missed = {no["reason"]: no["number"] for no in hello["not_sent"]}
    assert missed == {"no_address": 1, "not_in_audience": 1}
    printed = town.ok("report")
    assert "1 sent, 0.00 USD" in printed
    assert "campaigns/hello/campaign.yaml:4" in printed


def test_who_a_schedule_passed_over_is_counted_once(town: ShopFolder) -> None:
    town.change_campaign("deal", "max_audience: 50", "max_audience: 50\nholdout: 50%")
    town.agree("bob", given=False, at=NOW + 31 * DAY)
    town.ok("run", "--once", at=NOW + 22 * HOUR)
    deal = of(town.json("report"), "deal")
    missed = {no["reason"]: no["number"] for no in deal["not_sent"]}
    left_out = missed.get("holdout", 0)
    sent = sum(on["sent"] for on in deal["channels"])
    assert (sent + left_out, missed["no_consent"]) == (2, 1)


def test_the_goal_of_those_written_to(town: ShopFolder) -> None:
    goal = of(town.json("report"), "hello")["goal"]
    assert goal["written_to"] == {"customers": 1, "reached": 1, "still_open": 1, "worth": 20.0}
    assert (goal["left_out"]["customers"], goal["lift"]) == (0, None)
    assert "nobody was left out, so its effect cannot be told" in town.ok("report")


def test_a_goal_after_its_time_does_not_count(town: ShopFolder) -> None:
    town.change_campaign("hello", "within: 3d", "within: 30m")
    goal = of(town.json("report"), "hello")["goal"]
    assert (goal["written_to"]["reached"], goal["written_to"]["still_open"]) == (0, 0)


def test_a_campaign_that_is_no_longer_written_is_still_told_of(town: ShopFolder) -> None:
    for path in (town.home / "campaigns/hello").iterdir():
        path.unlink()
    (town.home / "campaigns/hello").rmdir()
    assert of(town.json("report"), "hello")["channels"][0]["sent"] == 1


def test_before_anything_was_planned(shop: ShopFolder) -> None:
    shop.add_customer()
    assert "Nothing was planned yet." in shop.ok("report")


# simulate


def test_the_past_with_these_campaigns(town: ShopFolder) -> None:
    words = ("simulate", "--from", "2026-11-24 09:00", "--to", "2026-11-25 12:00", "--step", "1h")
    said = town.json(*words)
    assert of(said["report"], "hello")["channels"][0]["sent"] == 1
    assert of(said["report"], "deal")["channels"][0]["sent"] == 3
    assert len(town.sent()) == 1
    assert "4 sent" in town.ok(*words)


def test_what_was_due_before_the_simulation_is_none_of_its_messages(town: ShopFolder) -> None:
    """It neither leaves in a burst at the first moment, nor is it told as missed."""
    town.change_campaign("deal", "0 10 * * WED", "0 10 * * *")
    words = ("simulate", "--from", "2026-11-24 10:30", "--to", "2026-11-25 12:00", "--step", "1h")
    report = town.json(*words)["report"]
    assert of(report, "hello")["channels"] == []
    assert of(report, "deal")["channels"][0]["sent"] == 3
    assert [of(report, name)["not_sent"] for name in ("hello", "deal")] == [[], []]


@pytest.mark.parametrize(
    ("start", "end", "step", "said"),
    [
        ("2026-11-24", "2026-11-23", "1h", "--to must be later than --from"),
        ("2026-11-24", "2026-11-25", "soon", "--step"),
        ("then", "2026-11-25", "1h", "not a moment"),
    ],
)
def test_mistakes_of_a_simulation(
    town: ShopFolder, start: str, end: str, step: str, said: str
) -> None:
    result = town("simulate", "--from", start, "--to", end, "--step", step)
    assert result.exit_code == 2
    assert said in result.stderr


# doctor


def test_all_is_well(town: ShopFolder) -> None:
    found = town.json("doctor")
    # How old the zones' rules are is this machine's affair.
    assert {one["level"] for one in found if one["about"] != "time zones"} == {"good"}
    about = {one["about"] for one in found}
    assert about >= {"tactful", "clock", "time zones", "campaigns", "database", "plugin outbox"}
    assert "channel email, sms" in town.ok("doctor")


def errors(found: Any) -> dict[str, str]:
    return {one["about"]: one["what"] for one in found if one["level"] == "error"}


def test_what_is_not_well(town: ShopFolder) -> None:
    town.change_campaign("hello", "topic: tips", "topic: tip")
    town.change("campaigns/shop.yaml", "email: {through: outbox", "email: {through: email_smtp")
    found = errors(town.json("doctor", code=3))
    assert found["campaigns"] == "1 problems"
    town.change_campaign("hello", "topic: tip", "topic: tips")
    assert "is not set up" in errors(town.json("doctor", code=3))["channel email"]


def test_a_clock_that_is_wrong(town: ShopFolder) -> None:
    early = NOW.replace(year=2019)
    assert "2019" in errors(town.json("doctor", at=early, code=3))["clock"]
    behind = NOW - DAY
    assert "still to come" in errors(town.json("doctor", at=behind, code=3))["database"]


def test_before_there_is_a_database(shop: ShopFolder) -> None:
    found = shop.json("doctor")
    assert "there is no" in next(one["what"] for one in found if one["about"] == "database")


def test_what_the_files_name_no_more_can_still_be_paused(town: ShopFolder) -> None:
    """Its messages wait, and workers may have the files of before."""
    (town.home / "campaigns/hello").rename(town.home / "campaigns/greeting")
    for connection in town.database():
        change_breaker(connection, AccountName("sms", "texter"), lambda breaker: breaker, NOW)
    town.ok("pause", "campaign", "hello")
    town.ok("pause", "provider", "texter")
    assert town("pause", "campaign", "helo").exit_code == 2
    assert town("pause", "provider", "texte").exit_code == 2


def test_a_provider_that_only_stands_in_can_be_paused(town: ShopFolder) -> None:
    town.change(
        "campaigns/shop.yaml",
        "{through: outbox, cost: 0.0010",
        "{through: outbox, failover: email_smtp, cost: 0.0010",
    )
    town.ok("pause", "provider", "email_smtp")
