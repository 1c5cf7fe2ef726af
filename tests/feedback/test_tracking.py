"""Opens and clicks: off unless the shop wants them, of people only, and no way to anywhere else."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from orchestrator.flow.links import Links
from orchestrator.flow.tracking import is_machine, track
from orchestrator.model.shop import Tracking
from orchestrator.store.database import writing
from orchestrator.store.deployment import Deployment, this_deployment
from orchestrator.tables import contents, feedback, targets
from tests.feedback.site import BROWSER, Caller, answering
from tests.feedback.stage import history, standing
from tests.support.shop import NOW, TEMPLATES, Small, consent, customer, event

LINKS = Links("https://shop.example.com", b"secret")
SHELF = "https://shop.example.com/shelf?a=1&b=%22x%22#top"
PAGE = (
    '{% extends "layout.html.j2" %}{% block content %}<p>'
    '<a href="https://shop.example.com/shelf?a=1&amp;b=%22x%22#top">look</a> '
    '<a class="button" href="https://example.com/{{ customer.who }}">yours</a> '
    '<a href="mailto:care@example.com">write</a></p>{% endblock %}\n'
)


def sent(folder: Path, tracking: dict[str, bool] | None) -> Small:
    shop = Small(
        folder,
        {"letter": {}},
        shop={} if tracking is None else {"tracking": tracking},
        database=str(folder / "t.db"),
        templates={"letter": {**TEMPLATES, "email.html.j2": PAGE}},
    )
    with writing(shop.engine) as connection:
        this_deployment(connection, Deployment("d1", "secret"))
    for key in ("ann1", "bob2"):
        shop.add(customer(key), consent(key), event(key, "Signed Up", NOW))
        shop.tick(NOW)
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Small]:
    made = sent(tmp_path, {"clicks": True, "opens": True})
    yield made
    made.engine.dispose()


@pytest.fixture
def caller(shop: Small) -> Iterator[Caller]:
    with answering(shop) as one:
        yield one


def shown(shop: Small, message: int = 1) -> str:
    return next(row["html"] for row in shop.rows(contents) if row["message_id"] == message)


def hrefs(page: str) -> list[str]:
    return [unescape(url) for url in re.findall(r'<a\b[^>]*\bhref="([^"]*)"', page)]


def clicks(shop: Small, message: int = 1) -> list[str]:
    """The paths of the counted links of a message."""
    return [urlsplit(url).path for url in hrefs(shown(shop, message)) if "/c/" in url]


def picture(shop: Small) -> str:
    (url,) = re.findall(r'<img src="([^"]*/o/[^"]*)"', shown(shop))
    return urlsplit(url).path


def heard(shop: Small) -> list[tuple[str, int]]:
    return [(row["kind"], row["message_id"]) for row in shop.rows(feedback)]


@pytest.mark.parametrize("tracking", [None, {"clicks": False, "opens": False}])
def test_nothing_is_counted_unless_the_shop_says_so(
    tmp_path: Path, tracking: dict[str, bool] | None
) -> None:
    shop = sent(tmp_path, tracking)
    page = shown(shop)
    assert hrefs(page)[:2] == [SHELF, "https://example.com/ann1"]
    assert "<img" not in page
    assert shop.rows(targets) == []
    shop.engine.dispose()


def test_a_click_leads_to_the_address_and_is_counted_once(shop: Small, caller: Caller) -> None:
    first, second = clicks(shop)
    for _ in range(2):
        answer = caller.get(first)
        assert (answer.status, answer.headers["location"]) == (302, SHELF)
        assert answer.headers["cache-control"] == "no-store"
    assert caller.get(second).headers["location"] == "https://example.com/ann1"
    assert heard(shop) == [("clicked", 1), ("clicked", 1)]
    assert history(shop) == ["clicked", "clicked"]
    assert standing(shop) == ("accepted", None)


def test_the_address_is_not_in_the_link(shop: Small) -> None:
    assert not [path for path in clicks(shop) if "shelf" in path or "ann1" in path]
    assert sorted(row["url"] for row in shop.rows(targets)) == [
        "https://example.com/ann1",
        "https://example.com/bob2",
        SHELF,
    ]


def test_other_links_are_left_as_they_are(shop: Small) -> None:
    left = [url for url in hrefs(shown(shop)) if "/c/" not in url]
    assert left == [
        "mailto:care@example.com",
        LINKS.unsubscribe(1),
        LINKS.preferences(1),
    ]


def test_an_open_is_counted_once(shop: Small, caller: Caller) -> None:
    for _ in range(3):
        answer = caller.get(picture(shop))
        assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
        assert answer.body.startswith(b"GIF89a")
    assert heard(shop) == [("opened", 1)]


@pytest.mark.parametrize(
    "headers",
    [
        {"user-agent": ""},
        {"user-agent": "Mozilla/5.0"},
        {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"user-agent": "BarracudaCentral/1.0"},
        {"user-agent": "python-requests/2.32"},
        {"user-agent": BROWSER, "purpose": "prefetch"},
        {"user-agent": BROWSER, "sec-purpose": "prefetch;prerender"},
        {"user-agent": BROWSER, "x-moz": "prefetch"},
        {"user-agent": BROWSER, "x-purpose": "preview"},
    ],
)
def test_machines_are_led_on_and_not_counted(
    shop: Small, caller: Caller, headers: dict[str, str]
) -> None:
    path = clicks(shop)[0]
    assert caller.call("GET", path, headers=headers).headers["location"] == SHELF
    assert caller.call("GET", picture(shop), headers=headers).status == 200
    assert heard(shop) == []


def test_a_look_at_the_head_is_not_counted(shop: Small, caller: Caller) -> None:
    assert caller.call("HEAD", clicks(shop)[0]).headers["location"] == SHELF
    assert caller.call("HEAD", picture(shop)).status == 200
    assert caller.call("POST", clicks(shop)[0]).status == 405
    assert heard(shop) == []


@pytest.mark.parametrize(
    "agent",
    [
        BROWSER,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "Mozilla/5.0 (Linux; Android 16; Cubot P60) AppleWebKit/537.36 Chrome/140.0 Mobile",
    ],
)
def test_people_are_counted(agent: str) -> None:
    said = {"user-agent": agent}
    assert not is_machine("GET", lambda name: said.get(name, ""))


def test_there_is_no_way_to_anywhere_else(shop: Small, caller: Caller) -> None:
    mine, theirs = clicks(shop, 1)[0], clicks(shop, 2)[1]
    key, _, rest = mine.removeprefix("/c/").partition("-")
    other = theirs.removeprefix("/c/").partition("-")[0]
    tampered = [
        f"/c/{other}-{rest}",
        f"/c/{key}-{rest[:-1]}0" if rest[-1] != "0" else f"/c/{key}-{rest[:-1]}1",
        f"/c/{key}-2{rest[1:]}",
        f"/c/{key}",
        f"/c/{rest}",
        f"/c/https://evil.example/-{rest}",
        f"/c/%0d%0alocation:x-{rest}",
        f"{mine}/https://evil.example",
        f"{mine}0",
        f"/c/{LINKS.token(1, '0' * 16)}",
        "/c/-",
    ]
    for path in tampered:
        answer = caller.get(path)
        assert (answer.status, answer.headers.get("location")) == (404, None), path
    assert caller.get(f"{mine}?to=https://evil.example").headers["location"] == SHELF
    assert caller.get(picture(shop)[:-1] + "x").status == 404
    assert {message for _, message in heard(shop)} == {1}


def test_links_are_led_through_us_whatever_stands_around_them() -> None:
    page = (
        '<A STYLE="x" HREF="https://a.example/?q=&quot;&amp;"><b>x</b></A><a href="#x">y</a></BODY>'
    )
    found = track(page, Tracking(clicks=True, opens=True), LINKS, 7)
    assert list(found.targets.values()) == ['https://a.example/?q="&']
    assert found.html.count("/c/") == 1
    assert '<a href="#x">y</a>' in found.html
    assert found.html.endswith('width="1" height="1" alt=""></body>')
    assert track(page, Tracking(), LINKS, 7).html == page
