"""The console in a browser: what each page tells, and what each button does."""

import json
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from threading import Event
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from orchestrator.entry.settings import settings
from orchestrator.entry.web.console import desk as module
from orchestrator.entry.web.console.desk import Desk
from orchestrator.flow.load import load
from orchestrator.model.errors import Broken
from orchestrator.store.database import open_database
from orchestrator.tables import feedback, versions
from tests.cli.shop import NOW, ShopFolder
from tests.console.room import KEY, Room, console
from tests.feedback.site import Answer

HOSTILE = '<script>alert("x")</script>'
LOOKERS = 50
"""More than there are threads for answers, or connections to the database."""

PAGES = (
    "",
    "?watch=1",
    "/campaigns",
    "/campaigns/hello",
    "/campaigns/hello/plan",
    "/campaigns/hello/preview",
    "/campaigns/hello/preview?customer=ann",
    "/campaigns/deal/preview?customer=ann&channel=sms&step=0",
    "/customers",
    "/customers?key=ann",
    "/replies",
)


def said(answer: Answer) -> str:
    """The words of a page."""
    inside = re.sub(r"<style>.*?</style>", "", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", inside).split())


def paused(room: Room) -> list[tuple[str, str]]:
    return [(one["name"], one["reason"]) for one in told(room, "status")["paused"]]


def told(room: Room, path: str) -> Any:
    return json.loads(room.ask(path).body)


def test_who_has_no_key_sees_the_door(room: Room) -> None:
    for path in PAGES:
        answer = room.get(path)
        assert answer.status == 303, path
        assert answer.headers["location"].startswith("/console/door?back=/console"), path
    assert room.enter(key="wrong" * 10).status == 403
    assert room.enter(name=" ").status == 403
    assert room.cookie == ""
    assert "ann" not in room.get("/customers?key=ann").text


def test_the_key_opens_it_and_leads_back(room: Room) -> None:
    wanted = "/console/customers?key=ann"
    answer = room.enter(back=wanted)
    assert (answer.status, answer.headers["location"]) == (303, wanted)
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Ann Lee" in said(room.get(""))


def test_who_leaves_is_outside(room: Room) -> None:
    room.enter()
    form = {"form": room.form()}
    for given, cookie in (({}, room.cookie), (form, ""), ({"form": "0" * 64}, room.cookie)):
        answer = room.caller.post("/console/leave", given, cookie=cookie)
        assert "set-cookie" not in answer.headers, "somebody else's page ends no session"
    answer = room.press("/leave")
    assert (answer.status, answer.headers["location"]) == (303, "/console/door")
    assert 'tactful_console=""' in answer.headers["set-cookie"]
    assert f'value="{room.form()}"' in room.get("").text.partition("<main")[0]


def test_nothing_on_the_way_is_kept(room: Room) -> None:
    answers = [room.get("/customers?key=ann"), room.enter(back="/console/customers?key=ann")]
    answers += [room.press("/leave"), room.press("/pause", what="everything")]
    for answer in answers:
        assert answer.status == 303
        assert answer.headers["cache-control"] == "no-store"


def test_whose_clock_it_is_stands_on_every_page(room: Room) -> None:
    room.enter()
    for path in PAGES:
        assert "All times are those of America/New_York." in said(room.get(path)), path


def test_a_reason_with_spaces_of_several_kinds(room: Room) -> None:
    room.enter()
    given = {"what": "everything", "reason": " prix\u00a0erronés\u202f: 5\u00a0€\t"}
    assert room.press("/pause", **given).status == 303
    assert paused(room) == [("*", "prix erronés : 5 €, by Ann Lee")]


def test_replies_that_are_more_than_are_shown(room: Room) -> None:
    words = {"source": "outbox", "kind": "replied", "at": NOW, "received_at": NOW, "settled": True}
    rows = [{**words, "event_key": f"r{n}", "detail": f"What? {n}."} for n in range(101)]
    for connection in room.shop.database():
        connection.execute(insert(feedback), rows[:100])
    room.enter()
    assert "more wait" not in said(room.get("/replies"))
    for connection in room.shop.database():
        connection.execute(insert(feedback), rows[100:])
    page = said(room.get("/replies"))
    assert "These are the 100 oldest; more wait behind them." in page
    assert ("What? 99." in page, "What? 100." in page) == (True, False)
    first, second = (str(one["id"]) for one in told(room, "replies")["replies"][:2])
    assert room.press("/replies", id=first, means="stop").status == 303
    answer = room.press("/replies", id=first, means="fine")
    assert answer.status == 422
    assert f"reply {first} waits no more" in said(answer)
    assert room.press("/replies", id=second, means="fine").status == 303


@pytest.mark.parametrize(
    "back",
    ["https://evil.example", "//evil.example", "/console//../..\\x", "/consoles", "\r\nx: y", ""],
)
def test_the_door_leads_nowhere_else(room: Room, back: str) -> None:
    assert room.enter(back=back).headers["location"] == "/console"


def test_a_stroke_too_many_leads_home(room: Room) -> None:
    room.enter()
    answer = room.get("/")
    assert (answer.status, answer.headers["location"]) == (303, "/console")


def test_behind_tls_the_cookie_stays_there(room: Room) -> None:
    form = {"name": "Ann", "key": KEY, "back": "/console"}
    answer = room.caller.post("/console/door", form, x_forwarded_proto="https")
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_every_page_answers_and_no_script_could_run(room: Room) -> None:
    room.enter()
    for path in PAGES:
        answer = room.get(path)
        assert answer.status == 200, (path, said(answer))
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
        assert answer.headers["cache-control"] == "no-store"
        assert "<script" not in answer.text


def test_what_is_going_on(room: Room) -> None:
    room.enter()
    page = said(room.get(""))
    assert "Tue 24 Nov 2026, 12:00 (America/New_York)" in page
    assert "Nobody is at work." in page
    assert 'http-equiv="refresh"' in room.get("?watch=1").text
    assert 'http-equiv="refresh"' not in room.get("").text


def test_a_plan_before_anything_leaves(room: Room) -> None:
    room.enter()
    before = room.shop.content()
    page = said(room.get("/campaigns/hello/plan"))
    assert "1 messages, 0.0010 USD" in page
    assert "Hello Paris" in page
    (wanted,) = told(room, "plan?campaign=hello")["campaigns"]
    assert f"digest {wanted['digest']}" in page
    assert room.shop.content() == before


def test_one_plan_at_a_time(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.enter()
    answers: list[Answer] = []
    plain = module.forecast

    def slow(*given: object, **more: object) -> object:
        monkeypatch.setattr(module, "forecast", plain)
        answers.append(room.get("/campaigns/hello/plan"))
        return plain(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "forecast", slow)
    assert room.get("/campaigns/hello/plan").status == 200
    assert answers[0].status == 503
    assert "a plan is being made for somebody else" in said(answers[0])


def test_a_plan_keeps_nobody_from_the_kill_switch(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.enter()
    answers: list[Answer] = []
    ahead = import_module("orchestrator.flow.forecast.forecast")
    plain = ahead.estimate

    def pressed(*given: Any) -> Any:  # while all that was planned is written, and not undone yet
        answers.append(room.press("/pause", what="everything"))
        return plain(*given)

    monkeypatch.setattr(ahead, "estimate", pressed)
    assert room.get("/campaigns/hello/plan").status == 200
    assert [answer.status for answer in answers] == [303]
    assert paused(room) == [("*", "by Ann Lee")]
    assert not list(room.shop.home.glob("var/plan-*"))


def test_a_copy_that_cannot_be_made(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(engine: object, path: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(import_module("orchestrator.flow.forecast.apart"), "copy_to", full)
    room.enter()
    answer = room.get("/campaigns/hello/plan")
    if room.shop.url.startswith("sqlite"):
        assert answer.status == 503
        assert "plans in a copy of the database" in said(answer)
        assert "disk is full" in said(answer)
    else:
        assert answer.status == 200


def test_many_slow_pages_hold_up_nobody_else(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, go_on = module.look, Event()

    def slow(*given: Any) -> Any:  # with a connection in its hands
        assert go_on.wait(60)
        return plain(*given)

    monkeypatch.setattr(module, "look", slow)
    room.enter()
    with ThreadPoolExecutor(LOOKERS) as people:
        try:
            asked = [people.submit(room.get, "") for _ in range(LOOKERS // 2)]
            asked += [people.submit(room.ask, "status") for _ in range(LOOKERS // 2)]
            assert room.caller.get("/ready").status == 200
            assert room.press("/pause", what="everything").status == 303
            assert room.call("resume", b'{"what": "everything"}').status == 200
        finally:
            go_on.set()
        assert {one.result().status for one in asked} == {200}


def test_a_customer_explained(room: Room) -> None:
    room.enter()
    page = said(room.get("/customers?key=ann"))
    assert "hello inform — would get it by email" in page
    assert "✓ trait: city, in: [Paris, Rome] — is Paris campaigns/hello/campaign.yaml:6" in page
    assert "email * given" in page
    answer = room.get("/customers?key=nobody")
    assert (answer.status, "there is no customer" in said(answer)) == (404, True)


@pytest.fixture
def evening(town: ShopFolder) -> Iterator[Room]:
    """What was due has left."""
    town.ok("run", "--once")
    with console(town) as made:
        yield made


def test_a_message_with_its_page(evening: Room) -> None:
    room = evening
    room.enter()
    (number,) = re.findall(r'href="/console/messages/(\d+)"', room.get("/customers?key=ann").text)
    page = room.get(f"/messages/{number}")
    assert "accepted" in said(page)
    assert "Hello from Corner Shop" in said(page)
    letter = room.get(f"/messages/{number}/letter")
    assert "Hello Paris</p>" in letter.text
    policy = letter.headers["content-security-policy"]
    assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(policy.split("; "))
    assert "/o/" not in letter.text, "looking at it must not count as opening"
    report = said(room.get("/campaigns/hello"))
    assert "1 accepted" in report


@pytest.mark.parametrize(
    "path",
    [
        "/messages/0",
        "/messages/77",
        f"/messages/{2**64}",
        f"/messages/{'9' * 5000}",
        "/messages/first",
        "/nothing",
        "/customers/ann",
        "/messages/77/letter",
        "/campaigns/helo",
        "/campaigns/helo/plan",
        "/campaigns/helo/preview",
        "/campaigns/hello/preview?customer=nobody",
        "/campaigns/hello/preview?customer=ann&channel=sms",
        "/campaigns/hello/preview?customer=ann&step=7",
        f"/campaigns/hello/preview?customer=ann&step={'9' * 5000}",
        "/campaigns/hello/preview?customer=ann&step=one",
        "/campaigns/deal/preview/letter?customer=ann",
    ],
)
def test_what_there_is_not(room: Room, path: str) -> None:
    room.enter()
    assert room.get(path).status == 404


@pytest.mark.parametrize(
    "path",
    ["/customers?key=%00", "/campaigns/%0a", "/campaigns/hello/preview?customer=%00", "?a=%ff%00"],
)
def test_what_no_database_keeps(room: Room, path: str) -> None:
    room.enter()
    assert room.get(path).status in (404, 422)
    assert room.press("/pause", what="everything", reason="a\0b").status == 422
    assert paused(room) == []


@pytest.mark.parametrize("number", ["9" * 5000, f"{2**63}", "-1", "one", "²", ""])
def test_a_number_that_no_database_keeps(room: Room, number: str) -> None:
    room.enter()
    assert room.press("/replies", id=number, means="stop").status == 422
    given = {"campaign": "hello", "digest": "0" * 64, "audience": number}
    assert room.press("/approve", **given).status == 422


def test_numbers_that_take_long_hold_up_no_page(
    town: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, go_on = module.report, Event()

    def slow(*given: Any, **more: Any) -> Any:
        assert go_on.wait(60)
        return plain(*given, **more)

    monkeypatch.setattr(module, "report", slow)
    with console(town, wait_s=0.0) as room:
        room.enter()
        for path in ("/campaigns", "/campaigns/hello"):
            answer = room.get(path)
            assert (answer.status, "The ledger is being added up" in said(answer)) == (200, True)
            assert 'http-equiv="refresh"' in answer.text
            assert "hello" in said(answer)
        assert "Pause it now" in said(room.get("/campaigns/hello"))
        go_on.set()
    with console(town) as room:
        room.enter()
        for path in ("/campaigns", "/campaigns/hello"):
            answer = room.get(path)
            assert "as of Tue 24 Nov 2026, 12:00 (America/New_York)" in said(answer)
            assert 'http-equiv="refresh"' not in answer.text


def test_a_campaign_that_is_written_no_more_can_be_stopped(room: Room) -> None:
    for connection in room.shop.database():
        connection.execute(text("DELETE FROM campaigns WHERE name = 'deal'"))
    room.enter()
    page = room.get("/campaigns/deal")
    assert "no longer written" in said(page)
    assert "Nothing was planned yet." in said(page)
    assert "Pause it now" in said(page)
    assert "Who would get it now?" not in said(page)


def test_hostile_words_are_words(room: Room) -> None:
    room.enter(name=HOSTILE)
    room.shop.add_customer("bob", city=HOSTILE, email=None, phone=None)
    room.press("/pause", what="campaign deal", reason=HOSTILE)
    for path in (
        "",
        "/customers?key=bob",
        f"/customers?key={HOSTILE}",
        "/campaigns/<script>alert(1)",
    ):
        answer = room.get(path.replace("<", "%3C").replace(">", "%3E").replace('"', "%22"))
        assert "<script" not in answer.text, path
        assert "alert(" in answer.text, path


def test_pause_and_let_go_on(room: Room) -> None:
    room.enter()
    answer = room.press("/pause", what="campaign hello", reason="wrong prices", back="/console?x")
    assert (answer.status, answer.headers["location"]) == (303, "/console?x")
    assert paused(room) == [("hello", "wrong prices, by Ann Lee")]
    assert "Campaign hello is paused" in said(room.get(""))
    assert "This campaign is paused." in said(room.get("/campaigns/hello"))
    room.press("/resume", what="campaign hello")
    room.press("/pause", what="everything")
    assert paused(room) == [("*", "by Ann Lee")]
    assert room.press("/pause", what="campaign helo").status == 404
    assert room.press("/pause", what="campain hello").status == 422
    room.press("/resume", what="everything")
    assert paused(room) == []


def test_no_other_page_presses_a_button(room: Room) -> None:
    room.enter()
    for form in ({}, {"form": "0" * 64}, {"form": ""}):
        given = {"what": "everything", **form}
        answer = room.caller.post("/console/pause", given, cookie=room.cookie)
        assert answer.status == 403
    form = {"form": room.form(), "what": "everything"}
    assert room.caller.post("/console/pause", form).status == 403  # no cookie
    kind = {"cookie": room.cookie, "content-type": "application/json"}
    assert room.caller.call("POST", "/console/pause", b"{}", kind).status == 415
    large = b"form=" + b"x" * 100_000
    kind = {"cookie": room.cookie, "content-type": "application/x-www-form-urlencoded"}
    assert room.caller.call("POST", "/console/pause", large, kind).status == 413
    many = b"&".join(b"a%d=1" % number for number in range(1_000))
    assert room.caller.call("POST", "/console/pause", many, kind).status == 400
    assert paused(room) == []


def test_somebody_approves(room: Room) -> None:
    room.shop.change("campaigns/shop.yaml", "country: US", "country: US\napproval: required")
    room.shop.put_to_work()
    room.enter()
    plan = room.get("/campaigns/hello/plan")
    assert "waits until somebody approves of this content" in said(plan)
    (digest,) = re.findall(r'name="digest" value="([^"]+)"', plan.text)
    wanted = {"campaign": "hello", "digest": digest}
    assert room.press("/approve", **wanted).status == 422  # asks as things happen: of how many?
    assert room.press("/approve", **wanted, audience="many").status == 422
    assert room.press("/approve", **wanted, audience="20", back="/console").status == 303
    (one,) = told(room, "plan?campaign=hello")["campaigns"]
    assert one["approval"].startswith("approved by Ann Lee on 2026-11-24, for 20")


def test_the_campaigns_that_were_put_to_work_last(room: Room) -> None:
    room.enter()
    assert room.get("/campaigns/hullo/plan").status == 404
    room.shop.copy_campaign("hello", "hullo")
    assert room.get("/campaigns/hullo/plan").status == 404  # somebody is writing it yet
    room.shop.put_to_work()
    assert room.get("/campaigns/hullo/plan").status == 200


def test_a_database_that_is_away(room: Room) -> None:
    room.enter()
    for connection in room.shop.database():
        connection.execute(text("ALTER TABLE campaigns RENAME TO elsewhere"))
    answer = room.get("")
    assert answer.status == 503
    assert "The database does not answer" in said(answer)


def test_what_another_release_has_written_can_be_stopped(room: Room) -> None:
    for connection in room.shop.database():
        strange = "purpose: something that a later release knows\n"
        connection.execute(
            update(versions)
            .where(versions.c.name == "hello")
            .values(files={"campaign.yaml": strange})
        )
    room.enter()
    answer = room.get("")
    assert answer.status == 200
    assert "hello is written for another release of Tactful" in said(answer)
    assert '<option value="campaign hello">' in answer.text
    assert room.press("/pause", what="campaign hello").status == 303
    assert paused(room) == [("hello", "by Ann Lee")]
    assert "Let it go on" in said(room.get(""))
    assert room.get("/replies").status == 200
    answer = room.get("/campaigns/hello/plan")
    assert (answer.status, "another release" in said(answer)) == (503, True)


def test_campaigns_that_are_wrong_as_they_are_written(room: Room) -> None:
    for connection in room.shop.database():
        connection.execute(text("DELETE FROM campaigns"))
    room.shop.change_campaign("hello", "purpose: inform", "purpose: shout")
    room.enter()
    answer = room.get("")
    assert answer.status == 200
    assert "campaigns/hello/campaign.yaml:1:10" in said(answer)
    assert room.press("/pause", what="everything").status == 303
    answer = room.get("/campaigns")
    assert answer.status == 409
    assert "campaigns/hello/campaign.yaml:1:10" in said(answer)


def test_without_a_key_there_is_no_console(town: ShopFolder) -> None:
    with console(town, console=None) as room:
        for path in ("", "/door", "/campaigns", "/api/status"):
            assert room.get(path).status == 404


def test_a_key_that_could_be_guessed_starts_nothing(town: ShopFolder) -> None:
    engine = open_database(town.url)
    shop = load(town.home).settings
    assert shop is not None
    desk = Desk(engine, settings(town.home), shop.shop)
    with pytest.raises(Broken, match="TACTFUL_CONSOLE_KEY"), console(town, console=(desk, "open")):
        pass
    engine.dispose()
