"""Approving, releasing and cancelling from the command line, and what the others show of it."""

from datetime import timedelta

import pytest

from tests.cli.shop import NOW, ShopFolder

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEDNESDAY = NOW + timedelta(hours=22)
"""10 in the morning in New York, when the deal is due."""


@pytest.fixture
def town(shop: ShopFolder) -> ShopFolder:
    shop.sell_tea()
    for n in range(4):
        shop.add_customer(f"c{n}", phone=f"+1212555010{n}")
    shop.put_to_work(NOW)
    return shop


def ask_for_approval(shop: ShopFolder, name: str = "deal") -> None:
    shop.change_campaign(name, "max_audience", "approval: required\nmax_audience")
    shop.put_to_work(NOW)


def digest_of(shop: ShopFolder, name: str) -> str:
    (one,) = shop.json("plan", name)["campaigns"]
    return str(one["digest"])


def test_approved_as_the_plan_says(town: ShopFolder) -> None:
    ask_for_approval(town)
    said = town.ok("plan", "deal")
    command = next(line for line in said.splitlines() if line.startswith("`tactful approve"))
    assert "waits until somebody approves of this content" in said
    assert "Not counted, for nobody has approved of it: deal (4)." in said
    assert "\n0 messages, 0.00 USD. Nothing was written.\n" in said
    town.ok("run", "--once", at=WEDNESDAY + MINUTE)
    assert town.sent() == []
    words = command.strip("`").split()[1:]
    done = town.ok(*words, "--by", "ann")
    assert done == "deal is approved of by ann, for 4 customers in a day\n"
    assert "approved by ann on 2026-11-24, for 4 in a day" in town.ok("plan", "deal")
    town.ok("run", "--once", at=WEDNESDAY + MINUTE)
    assert len(town.sent()) == 4


def test_a_simulation_says_what_it_takes_as_approved_of(town: ShopFolder) -> None:
    ask_for_approval(town)
    words = ("simulate", "--from", "2026-11-25 09:30", "--to", "2026-11-25 11:00", "--step", "30m")
    assert "\nAs if somebody had approved of: deal\n" in town.ok(*words)
    assert town.json(*words)["supposed_approved"] == ["deal"]
    town.ok("approve", "deal", "--digest", digest_of(town, "deal"))
    assert town.json(*words)["supposed_approved"] == []


def test_without_a_name_it_is_the_login(town: ShopFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    ask_for_approval(town)
    monkeypatch.setenv("LOGNAME", "bob")
    done = town.json("approve", "deal", "--digest", digest_of(town, "deal"))
    assert (done["approved_by"], done["audience"]) == ("bob", 4)


def test_an_old_digest_is_refused(town: ShopFolder) -> None:
    ask_for_approval(town)
    digest = digest_of(town, "deal")
    town.change_campaign("deal", "max_audience: 50", "max_audience: 40")
    result = town("approve", "deal", "--digest", digest)
    assert result.exit_code == 2
    assert "look again: `tactful plan deal`" in " ".join(result.stderr.split())


def test_events_need_a_number(town: ShopFolder) -> None:
    ask_for_approval(town, "hello")
    said = " ".join(town.ok("plan", "hello").split())
    assert f"--digest {digest_of(town, 'hello')} --audience NUMBER`" in said
    town.ok("approve", "hello", "--digest", digest_of(town, "hello"), "--audience", "9")


def test_check_report_and_explain_show_it(town: ShopFolder) -> None:
    ask_for_approval(town)
    assert town.ok("check") == "2 campaigns in order, 1 that must be approved of\n"
    assert town.json("check")["approval_required"] == ["deal"]
    waits = "waits until somebody approves of this content"
    assert f"deal: {waits}" in town.ok("report")
    held = {one["campaign"]: one["held"] for one in town.json("report")["campaigns"]}
    assert held == {"deal": [waits], "hello": []}
    assert "nobody has approved of this content yet" in town.ok("explain", "c1", "--short")


def test_a_canary_is_shown_and_released(town: ShopFolder) -> None:
    town.change_campaign("deal", "max_audience", "canary: 2\ncanary_for: 3h\nmax_audience")
    assert "of a new version 2 leave first, and are watched for 3h" in town.ok("plan", "deal")
    town.ok("run", "--once", at=NOW)
    town.ok("run", "--once", at=WEDNESDAY + MINUTE)
    assert len(town.sent()) == 2
    said = town.ok("report", at=WEDNESDAY + 2 * MINUTE)
    assert "deal: its first 2 messages leave, and are watched for 3h" in said
    town.ok("run", "--once", at=WEDNESDAY + 3 * MINUTE)
    said = town.ok("report", at=WEDNESDAY + 4 * MINUTE)
    assert "deal: its first 2 messages are watched until 2026-11-25 18:01 UTC" in said
    assert town.ok("release", "deal") == "the rest of deal may leave\n"
    assert town("release", "deal").exit_code == 1
    town.ok("run", "--once", at=WEDNESDAY + 5 * MINUTE)
    assert len(town.sent()) == 4
    assert town.json("report", at=WEDNESDAY + 6 * MINUTE)["campaigns"][0]["held"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [(["helo"], 'did you mean "hello"?'), (["--customer", "c9"], "there is no customer 'c9'")],
)
def test_a_slip_of_the_pen_is_no_proof_that_nothing_waits(
    town: ShopFolder, words: list[str], said: str
) -> None:
    result = town("cancel", *words)
    assert (result.exit_code, said in result.output) == (2, True)


def test_cancelled_from_the_command_line(town: ShopFolder) -> None:
    for n in range(3):
        town.happen(f"c{n}", at=NOW + MINUTE)
    night = NOW + timedelta(hours=11)
    for n in range(3):
        town.happen(f"c{n}", at=night)
    town.ok("run", "--once", at=NOW + 2 * MINUTE)
    town.ok("run", "--once", at=night + MINUTE)
    assert len(town.sent()) == 3
    first = town.json("explain", "--message", "1")["message"]["id"]
    late = town.json("cancel", "--message", str(first), at=night, code=1)
    assert late["answers"] == [{"message": 1, "answer": "too late", "state": "accepted"}]
    assert town.ok("cancel", "--customer", "c1", at=night).split("\n")[1] == "1 cancelled"
    done = town.json("cancel", "hello", at=night)
    assert done["cancelled"] == 2
    assert "nothing" in town("cancel", "hello", at=night).stdout
    assert town("cancel", "hello", at=night).exit_code == 1
    for wrong in (["cancel"], ["cancel", "hello", "--message", "1"]):
        assert town(*wrong).exit_code == 2
    town.ok("run", "--once", at=NOW + DAY)
    assert [record.kind for record in town.sent()].count("email") == 3


def test_a_customer_is_forgotten_by_name(town: ShopFolder) -> None:
    asked = town("forget", "c1", at=NOW)
    assert asked.exit_code != 0  # nobody has said yes
    assert town("forget", "c1", "--json").exit_code == 2
    assert town("forget", "nobody", "--yes").exit_code == 2
    done = town.json("forget", "c1", "--yes", at=NOW)
    assert (done["before"], done["answers"]) == (False, [])
    assert done["erased"]["consents"]
    assert "was forgotten on 2026-11-24, before" in town.ok("forget", "c1", "--yes", at=NOW)
    town.ok("run", "--once", at=WEDNESDAY + MINUTE)
    assert len(town.sent()) == 3
