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
