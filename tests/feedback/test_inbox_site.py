"""The inbox over HTTP: each customer's own, for pages of the shop's own address."""

import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.inbox import InboxChannel, InboxSettings
from orchestrator.entry import clock
from orchestrator.entry.web.inbox import BYTES_MAX, inbox_token
from tests.feedback.site import Answer, Caller, answering
from tests.support.shop import NOW, Small, consent, customer, event

KEY = "a key of the shop's own servers"
SITE = "https://shop.example.com"
ORDERS = "https://www.example.com"
TEMPLATES = {
    "inbox.subject.j2": "{{ event.properties.ref }}\n",
    "inbox.txt.j2": "A word for you\n",
}


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    shop = Small(
        tmp_path,
        {"hello": {"channels": ["inbox"], "expires": "3d"}},
        database=str(tmp_path / "t.db"),
        shop={
            "channels": {"inbox": {"through": "inbox"}},
            "order_url": f"{ORDERS}/order/{{product}}",
        },
        channel=InboxChannel(InboxSettings()),
        templates={"hello": TEMPLATES},
    )
    for key in ("ann/1", "bob2"):
        shop.add(customer(key), consent(key, "inbox"))
        shop.add(event(key, "Signed Up", NOW, id=f"e{key}", ref=f"a word for {key}"))
    shop.tick(NOW)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(minutes=1))
    with answering(shop, write_key=KEY) as one:
        yield one
    shop.engine.dispose()


def bearer(customer: str, key: str = KEY) -> dict[str, str]:
    return {"authorization": f"Bearer {inbox_token(key, customer)}"}


def page(caller: Caller, customer: str = "ann/1", query: str = "", **headers: str) -> Answer:
    path = f"/v1/inbox?customer={customer}{query}"
    return caller.call("GET", path, headers=headers or bearer(customer))


def mark(caller: Caller, how: str, customer: str, ids: Any, **headers: str) -> Answer:
    body = ids if isinstance(ids, bytes) else json.dumps({"ids": ids}).encode()
    path = f"/v1/inbox/{how}?customer={customer}"
    return caller.call("POST", path, body, headers or bearer(customer))


def test_the_token_is_what_any_language_can_make() -> None:
    made = hmac.new(KEY.encode(), b"inbox:ann/1", "sha256").hexdigest()
    assert inbox_token(KEY, "ann/1") == made


def test_a_customer_reads_and_marks_the_own_inbox(caller: Caller) -> None:
    found = json.loads(page(caller).body)
    (message,) = found["messages"]
    assert (message["title"], message["seen"], found["unseen"]) == ("a word for ann/1", False, 1)
    assert json.loads(mark(caller, "seen", "ann/1", [message["id"]]).body) == {"marked": 1}
    assert json.loads(mark(caller, "seen", "ann/1", [message["id"]]).body) == {"marked": 0}
    assert json.loads(page(caller).body)["unseen"] == 0
    assert json.loads(mark(caller, "clicked", "ann/1", [message["id"]]).body) == {"marked": 1}
    (message,) = json.loads(page(caller).body)["messages"]
    assert message["clicked"]


def test_nobody_reads_or_marks_the_inbox_of_another(caller: Caller) -> None:
    (ann,) = json.loads(page(caller).body)["messages"]
    for headers in (
        {"x-none": ""},
        bearer("bob2"),
        bearer("ann/1", "another key of 16"),
        {"authorization": "Basic x"},
    ):
        assert page(caller, **headers).status == 401
        for how in ("seen", "clicked"):
            assert mark(caller, how, "ann/1", [ann["id"]], **headers).status == 401
    assert json.loads(mark(caller, "seen", "bob2", [ann["id"]]).body) == {"marked": 0}
    assert json.loads(mark(caller, "clicked", "bob2", [ann["id"]]).body) == {"marked": 0}
    assert json.loads(page(caller).body)["unseen"] == 1


@pytest.mark.parametrize("body", [b"[", b" " * (BYTES_MAX + 1)])
def test_who_is_not_known_is_told_nothing_of_what_was_sent(caller: Caller, body: bytes) -> None:
    assert mark(caller, "seen", "ann/1", body, **bearer("bob2")).status == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[", 400), (b"[]", 400), (b'{"ids": "1"}', 400), (b" " * (BYTES_MAX + 1), 413)],
)
def test_what_cannot_be_read_is_refused(caller: Caller, body: bytes, status: int) -> None:
    assert mark(caller, "seen", "ann/1", body).status == status


def test_pages_are_turned_by_the_mark_of_the_one_before(caller: Caller) -> None:
    assert page(caller, query="&after=nonsense").status == 400
    assert page(caller, query="&most=0").status == 200
    assert json.loads(page(caller, query="&most=999999999999").body)["next"] is None


def test_a_browser_may_ask_from_the_shops_own_pages_alone(caller: Caller) -> None:
    wanted = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization",
    }
    for origin, allowed in (
        (SITE, SITE),
        (ORDERS, ORDERS),  # Tactful answers on a host of its own, as `tactful init` writes it
        ("https://other.example.com", None),
        ("https://other.www.example.com", None),
    ):
        answer = caller.call("OPTIONS", "/v1/inbox", headers={**wanted, "origin": origin})
        assert answer.headers.get("access-control-allow-origin") == allowed
    assert (
        page(caller, **bearer("ann/1"), origin=SITE).headers["access-control-allow-origin"] == SITE
    )
