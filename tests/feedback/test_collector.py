"""The shop's site tells of what happens: once each, and durable before it is answered."""

import asyncio
import base64
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import text

from orchestrator.entry.web import gathering as gathering_module
from orchestrator.entry.web.app import Front, Site, make_app
from orchestrator.entry.web.collector import BYTES_MAX
from orchestrator.entry.web.gathering import Gathering
from orchestrator.flow.collect import Call, collect, read_calls
from orchestrator.flow.ingest import Ingested, Refused
from orchestrator.model.errors import Broken
from orchestrator.store.database import open_database, reading
from orchestrator.tables import addresses, consent_log, customers, events
from tests.feedback.site import Answer, Caller, answering
from tests.feedback.stage import agreed
from tests.support.shop import Small, customer

KEY = "a key that is long enough"
AUTH = {"authorization": f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"}


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Small]:
    on = getattr(request, "param", "sqlite")
    url = str(tmp_path / "t.db") if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = Small(tmp_path, {"letter": {}}, database=url)
    yield made
    made.engine.dispose()


on_both = pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def caller(shop: Small) -> Iterator[Caller]:
    with answering(shop, write_key=KEY) as one:
        yield one


def track(key: str, name: str = "Signed Up", **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": key, "userId": "ann1", "event": name, **more}


def identify(key: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": key, "userId": "ann1", "traits": traits}


def send(caller: Caller, *calls: Any, **more: Any) -> Answer:
    raw = json.dumps({"batch": calls, **more}).encode()
    return caller.call("POST", "/v1/batch", raw, AUTH)


def agrees(key: str, **properties: Any) -> dict[str, Any]:
    said = {"channel": "email", "given": True, "touchpoint": "site", "wording": "Yes, write to me"}
    more = {"properties": {**said, **properties}}
    return {"type": "consent", "messageId": key, "userId": "ann1", **more}


def happened(shop: Small) -> list[tuple[str, str]]:
    return sorted((row["key"], row["name"]) for row in shop.rows(events))


@on_both
def test_what_was_agreed_to_counts_at_once(shop: Small, caller: Caller) -> None:
    assert send(caller, identify("i1", email="ann@example.com"), agrees("c1")).status == 200
    send(caller, agrees("c2", topic="tips", given=False), agrees("c3", topic="offers", given=False))
    again = send(caller, agrees("c1"))
    assert (again.status, json.loads(again.body)) == (200, {"success": True})
    assert agreed(shop, "ann1") == {
        ("email", "*"): True,
        ("email", "tips"): False,
        ("email", "offers"): False,
    }
    (first, *_) = log = shop.rows(consent_log)
    assert len(log) == 3, "what is told twice counts once"
    assert (first["touchpoint"], first["wording"]) == ("site", "Yes, write to me")


def test_a_yes_without_its_evidence_is_refused(shop: Small, caller: Caller) -> None:
    answer = send(caller, agrees("c1", wording=""), agrees("c2", given="perhaps"))
    told = json.loads(answer.body)
    assert [one["index"] for one in told["refused"]] == [0, 1]
    assert "wording" in told["refused"][0]["reason"]
    raw = json.dumps({"messageId": "c3", "userId": "ann1", "properties": "yes"}).encode()
    assert b"properties must be" in caller.call("POST", "/v1/consent", raw, AUTH).body
    assert shop.rows(consent_log) == []


@on_both
def test_events_and_customers(shop: Small, caller: Caller) -> None:
    at = datetime.now(UTC) - timedelta(hours=1)
    properties = {"ref": "x", "products": [{"product_id": "p1", "quantity": 2, "price": 1.5}]}
    answer = send(
        caller,
        identify("i1", email="Ann@Example.com", kids=2, id="somebody else"),
        track("t1", timestamp=at.isoformat(), properties=properties),
        {"type": "page", "messageId": "p1", "userId": "ann1", "properties": {"path": "/x"}},
    )
    assert (answer.status, json.loads(answer.body)) == (200, {"success": True})
    assert happened(shop) == [("p1", "Page Viewed"), ("t1", "Signed Up")]
    (row,) = shop.rows(customers)
    assert (row["key"], row["traits"]) == ("ann1", {"kids": 2})
    assert [row["address"] for row in shop.rows(addresses)] == ["Ann@example.com"]
    told = {row["key"]: row for row in shop.rows(events)}
    assert told["t1"]["at"] == at
    assert told["t1"]["properties"] == {"ref": "x"}


@on_both
def test_what_is_told_twice_counts_once(shop: Small, caller: Caller) -> None:
    send(caller, identify("i1", kids=1), track("t1"), track("t1"))
    send(caller, identify("i2", kids=2))
    late = send(caller, identify("i1", kids=1), track("t1", "Cart Updated"))
    assert late.status == 200
    assert happened(shop) == [("t1", "Signed Up")]
    assert [row["traits"] for row in shop.rows(customers)] == [{"kids": 2}]


@on_both
def test_what_was_told_last_counts_whatever_arrives_last(shop: Small, caller: Caller) -> None:
    """A telephone that was offline tells this morning's in the evening."""
    now = datetime.now(UTC)

    def at(key: str, hours_ago: int, **traits: Any) -> dict[str, Any]:
        told = (now - timedelta(hours=hours_ago)).isoformat()
        return {**identify(key, **traits), "timestamp": told}

    send(caller, at("i1", 9, kids=1, city="Rome", email="old@example.com"))
    send(caller, at("i2", 3, kids=2, email="new@example.com"))
    send(caller, at("i3", 3, kids=2), at("i4", 6, kids=7, city="Paris", email="mid@example.com"))
    send(caller, at("i5", 8, city="Oslo", who="Ann"), at("i6", 12, kids=9))
    (row,) = shop.rows(customers)
    assert row["traits"] == {"kids": 2, "city": "Paris", "who": "Ann"}
    assert [each["address"] for each in shop.rows(addresses)] == ["new@example.com"]
    send(caller, at("i7", 1, kids=None))
    send(caller, at("i8", 2, kids=5))
    assert shop.rows(customers)[0]["traits"] == {"city": "Paris", "who": "Ann"}


def test_one_at_a_time(shop: Small, caller: Caller) -> None:
    for what, said in (("identify", identify("i1", kids=1)), ("track", track("t1"))):
        del said["type"]
        answer = caller.call("POST", f"/v1/{what}", json.dumps(said).encode(), AUTH)
        assert answer.status == 200
    assert happened(shop) == [("t1", "Signed Up")]
    assert shop.rows(customers)[0]["traits"] == {"kids": 1}


def test_a_clock_that_is_wrong_is_set_right(shop: Small, caller: Caller) -> None:
    now = datetime.now(UTC)
    wrong = now + timedelta(hours=5)
    told = track("t1", timestamp=(wrong - timedelta(minutes=10)).isoformat())
    send(caller, told, track("t2", timestamp="in spring"), sentAt=wrong.isoformat())
    at = {row["key"]: row["at"] for row in shop.rows(events)}
    assert abs(at["t1"] - (now - timedelta(minutes=10))) < timedelta(minutes=1)
    assert abs(at["t2"] - now) < timedelta(minutes=1)


def test_a_wrong_call_is_refused_alone(shop: Small, caller: Caller) -> None:
    answer = send(
        caller,
        track("t1"),
        {**track("t2"), "userId": None, "anonymousId": "a"},
        "x",
        {**track("t3"), "type": "alias"},
        track("t4", properties=[1]),
        track("t5", properties={"x": "y" * 40_000}),
        identify("i1", email="nobody"),
        track(""),
        track("t6", event=7),
    )
    assert answer.status == 200
    refused = json.loads(answer.body)["refused"]
    assert sorted(one["index"] for one in refused) == [1, 2, 3, 4, 5, 6, 7]
    assert happened(shop) == [("t1", "Signed Up"), ("t6", "7")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic"},
        {"authorization": "Basic !!"},
        {"authorization": "Bearer " + KEY},
        {"authorization": "Basic " + base64.b64encode(KEY[:-1].encode() + b":").decode()},
        {"authorization": "Basic " + base64.b64encode(b":" + KEY.encode()).decode()},
    ],
)
def test_strangers_are_not_listened_to(
    shop: Small, caller: Caller, headers: dict[str, str]
) -> None:
    raw = json.dumps({"batch": [track("t1")]}).encode()
    assert caller.call("POST", "/v1/batch", raw, headers).status == 401
    assert happened(shop) == []


def test_without_a_key_there_is_no_way_in(shop: Small) -> None:
    with answering(shop) as caller:
        assert send(caller, track("t1")).status == 404
    with pytest.raises(Broken, match="TACTFUL_WRITE_KEY"):
        make_app(Site(shop.engine, front=Front(shop.tactful.shop, write_key="short")))


def test_packed_bodies(shop: Small, caller: Caller) -> None:
    raw = gzip.compress(json.dumps({"batch": [track("t1")]}).encode())
    packed = {**AUTH, "content-encoding": "gzip"}
    assert caller.call("POST", "/v1/batch", raw, packed).status == 200
    assert caller.call("POST", "/v1/batch", raw[:-9], packed).status == 400
    assert caller.call("POST", "/v1/batch", b"x" * 99, packed).status == 400
    assert caller.call("POST", "/v1/batch", raw, {**AUTH, "content-encoding": "br"}).status == 400
    bomb = gzip.compress(b"0" * 200_000_000, 9)
    assert len(bomb) < BYTES_MAX
    assert caller.call("POST", "/v1/batch", bomb, packed).status == 413
    assert caller.call("POST", "/v1/batch", b" " * (BYTES_MAX + 1), AUTH).status == 413
    assert happened(shop) == [("t1", "Signed Up")]


def test_hostile_bodies(shop: Small, caller: Caller) -> None:
    chance = Random(3)
    odd: list[Any] = [None, 1, -1.5, [], {}, "x", "\x00", True, 10**30, {"a": {"b": []}}, "é" * 99]
    names = ("type", "messageId", "userId", "event", "timestamp", "properties", "traits")
    for number in range(400):
        calls = []
        for _ in range(3):
            one = track(f"h{number}") if chance.random() < 0.5 else identify(f"h{number}", kids=1)
            one[chance.choice(names)] = chance.choice(odd)
            calls.append(one)
        raw = json.dumps({"batch": calls, "sentAt": chance.choice(odd)}).encode()
        if chance.random() < 0.3:
            raw = raw[: chance.randrange(len(raw))]
        if chance.random() < 0.1:
            raw = b"[" * 200_000
        assert caller.call("POST", "/v1/batch", raw, AUTH).status in (200, 400)
    assert send(caller, track("after")).status == 200
    assert ("after", "Signed Up") in happened(shop)


def test_a_200_means_that_it_is_durable(tmp_path: Path) -> None:
    """Somebody else, who looks at the file, finds what was answered for."""
    shop = Small(tmp_path, {"letter": {}}, database=str(tmp_path / "t.db"))
    other = open_database(str(tmp_path / "t.db"))
    with answering(shop, write_key=KEY) as caller:
        for number in range(20):
            assert send(caller, track(f"t{number}")).status == 200
            with reading(other) as connection:
                assert connection.scalar(text("SELECT count(*) FROM events")) == number + 1
        shop.execute(text("ALTER TABLE events RENAME TO elsewhere"))
        assert send(caller, track("lost")).status == 503
        shop.execute(text("ALTER TABLE elsewhere RENAME TO events"))
        assert send(caller, track("kept")).status == 200
    other.dispose()
    shop.engine.dispose()


def calls_of(*said: dict[str, Any]) -> list[Call]:
    return read_calls(json.dumps({"batch": said}).encode(), datetime.now(UTC))


@on_both
def test_many_at_once_share_transactions(shop: Small) -> None:
    """What arrives together is written together, and each caller hears of its own."""
    told: list[int] = []
    commits: list[int] = []
    sa_event.listen(shop.engine, "commit", lambda _: commits.append(1))

    async def all_at_once() -> list[list[Refused]]:
        gathering = Gathering(shop.engine, shop.tactful.shop, told.extend)
        asked = [calls_of({**track(f"t{n}"), "userId": f"c{n}"}, track("")) for n in range(60)]
        answers = await asyncio.gather(*(gathering.write(one) for one in asked))
        while gathering.busy:
            await asyncio.sleep(0)
        return answers

    refused = asyncio.run(all_at_once())
    assert len(commits) == 1
    assert [[one.line for one in of] for of in refused] == [[2]] * 60
    assert len(happened(shop)) == 60
    assert set(told) == set(shop.ids().values())


def test_poison_spoils_nothing_for_others(shop: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(connection: Any, calls: list[Call], *rest: Any) -> Ingested:
        if any(one.key == "t7" for one in calls):
            raise ValueError("a bug")
        return collect(connection, calls, *rest)

    monkeypatch.setattr(gathering_module, "collect", poisoned)

    async def all_at_once() -> list[Any]:
        gathering = Gathering(shop.engine, shop.tactful.shop)
        asked = [calls_of(track(f"t{n}")) for n in range(12)]
        writes = (gathering.write(one) for one in asked)
        return await asyncio.gather(*writes, return_exceptions=True)

    answers = asyncio.run(all_at_once())
    assert [n for n, one in enumerate(answers) if isinstance(one, Exception)] == [7]
    assert len(happened(shop)) == 11


def test_who_is_told_may_fail_without_harm(shop: Small) -> None:
    def fails(ids: object) -> None:
        raise ConnectionError("redis is away")

    with answering(shop, write_key=KEY, decide=fails) as caller:
        assert send(caller, track("t1")).status == 200
        assert send(caller, track("t2")).status == 200


def test_what_arrives_is_acted_on(shop: Small, caller: Caller) -> None:
    now = datetime.now(UTC)
    shop.add(customer("ann1"))
    agreed = {"customer": "ann1", "channel": "email", "topic": "*", "given": True}
    shop.add(("consents", {**agreed, "at": now, "touchpoint": "till", "wording": "Yes."}))
    send(caller, track("t1"))
    assert shop.plan(datetime.now(UTC))["letter"] == {"planned": 1}
