"""The console for programs: the same answers as `--json`, for whoever has the key."""

import json
from typing import Any

import pytest

from orchestrator.store.controls import pauses
from tests.cli.shop import ShopFolder
from tests.console.room import KEY, Room, console

QUESTIONS = ("status", "report", "plan", "customers/ann", "messages/1", "replies")


def told(room: Room, path: str) -> Any:
    answer = room.ask(path)
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def paused(shop: ShopFolder) -> list[tuple[str, str, str]]:
    for connection in shop.database():
        return [(one.scope, one.name, one.reason) for one in pauses(connection)]
    raise AssertionError("there is a database")


def test_as_the_command_line_tells_it(town: ShopFolder) -> None:
    town.ok("run", "--once")
    wanted = {
        "report": town.json("report"),
        "plan": town.json("plan"),
        "plan?campaign=hello": town.json("plan", "hello"),
        "customers/ann": town.json("explain", "ann"),
        "messages/1": town.json("explain", "--message", "1"),
        "replies": town.json("replies"),
        "status": {**town.json("top", "--once"), "held_back": town.json("status")["held_back"]},
    }
    with console(town) as room:
        for path, answer in wanted.items():
            assert told(room, path) == answer, path


def test_only_with_the_key(room: Room) -> None:
    room.enter()
    for path in QUESTIONS:
        for headers in ({}, {"authorization": "Bearer no"}, {"authorization": f"Basic {KEY}"}):
            answer = room.caller.get(f"/console/api/{path}", **headers)
            assert answer.status == 401, path
            assert json.loads(answer.body) == {"error": "the console's key is wrong"}
    # A browser's cookie opens the pages, and nothing here.
    assert room.caller.get("/console/api/status", cookie=room.cookie).status == 401
    assert room.call("pause", b'{"what": "everything"}', key="").status == 401
    assert paused(room.shop) == []


def test_pause_and_resume(room: Room) -> None:
    said = json.dumps({"what": "campaign", "name": "hello", "reason": "wrong prices"}).encode()
    answer = room.call("pause", said)
    assert json.loads(answer.body) == {"scope": "campaign", "name": "hello", "paused": True}
    assert json.loads(room.call("pause", said).body)["paused"] is False
    assert paused(room.shop) == [("campaign", "hello", "wrong prices")]
    assert json.loads(room.call("resume", said).body)["resumed"] is True
    room.call("pause", b'{"what": "everything"}')
    assert paused(room.shop) == [("everything", "*", "by the API")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"what": 1}', 400),
        (b'{"what": "everything", "reason": "a\\u0000b"}', 422),
        (b'{"what": "everything", "reason": "\\ud800"}', 422),
        (b'{"what": "campain", "name": "hello"}', 422),
        (b'{"what": "campaign"}', 422),
        (b'{"what": "campaign", "name": "helo"}', 404),
        (b'{"what": "everything", "resaon": "wrong prices"}', 400),
        (b'{"what": "campaign", "nmae": "hello"}', 400),
        (b" " * 100_000, 400),
        (b"[" * 60_000, 400),
    ],
)
def test_a_call_that_cannot_be_meant(room: Room, body: bytes, status: int) -> None:
    answer = room.call("pause", body)
    assert answer.status == status
    assert json.loads(answer.body)["error"]
    assert paused(room.shop) == []


@pytest.mark.parametrize(
    "path",
    [
        "customers/nobody",
        "messages/77",
        f"messages/{2**70}",
        f"messages/{'9' * 5000}",
        "messages/first",
        "messages/-1",
        "messages/%C2%B2",
        "plan?campaign=helo",
    ],
)
def test_what_there_is_not(room: Room, path: str) -> None:
    answer = room.ask(path)
    assert answer.status == 404
    assert json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"what": everything}', "the body is no JSON: line 1, column 10: Expecting value"),
        (b'{"what": "caf\xe9"}', "the body is no UTF-8: byte 14"),
        (b'["everything"]', "the body is no JSON object"),
        (b'{"what": "campaign", "name": null}', "name is no text"),
        (
            b'{"what": "everything", "resaon": "x"}',
            "there is nothing called 'resaon' here; did you mean \"reason\"?",
        ),
        (
            b'{"what": "everything", "reason": "a\\nb"}',
            "reason: a line break, or another character that cannot be shown, is in it",
        ),
    ],
)
def test_where_the_fault_is(room: Room, body: bytes, why: str) -> None:
    assert json.loads(room.call("pause", body).body)["error"] == why
    assert paused(room.shop) == []


def test_a_plan_of_all_is_not_made_by_a_slip_of_the_pen(room: Room) -> None:
    answer = room.ask("plan?campain=hello")
    assert answer.status == 400
    wanted = "there is nothing called 'campain' here; did you mean \"campaign\"?"
    assert json.loads(answer.body)["error"] == wanted


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/campaigns/hello"])
def test_an_address_that_leads_nowhere(room: Room, path: str) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    answer = room.caller.get(f"/console/api{path}", **headers)
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": f"there is no /console/api{path}"}
    answer = room.caller.get(f"/console/api{path}")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("path", "methods", "allow"),
    [
        ("status", ("POST", "PUT", "DELETE", "OPTIONS"), "GET, HEAD"),
        ("pause", ("GET", "HEAD", "PUT", "PATCH", "OPTIONS"), "POST"),
    ],
)
def test_asked_in_another_way(room: Room, path: str, methods: tuple[str, ...], allow: str) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    for method in methods:
        answer = room.caller.call(method, f"/console/api/{path}", b"", headers)
        assert (answer.status, answer.headers["allow"]) == (405, allow), method
        if method != "HEAD":
            wanted = f"/console/api/{path} is asked with {allow.partition(',')[0]}"
            assert json.loads(answer.body) == {"error": wanted}
    assert room.caller.call("HEAD", "/console/api/status", b"", headers).status == 200
