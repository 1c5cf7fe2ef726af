"""The customers' own pages: GET changes nothing, one click ends it, wishes hold from now on."""

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from orchestrator.flow.links import Links
from orchestrator.flow.page_words import PAGE_LANGUAGES, page_words
from orchestrator.flow.wishes import PAUSE
from orchestrator.store.database import writing
from orchestrator.store.deployment import Deployment, this_deployment
from orchestrator.tables import addresses, clocks, consent_log, customers, suppressions, wishes
from tests.feedback.site import Answer, Caller, answering
from tests.feedback.stage import LATER, agreed, number, stage
from tests.support.shop import NOW, Small, consent, customer, event

LINKS = Links("https://shop.example.com", b"secret")


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Small]:
    on = getattr(request, "param", "sqlite")
    url = str(tmp_path / "t.db") if on == "sqlite" else request.getfixturevalue("postgres_url")
    made = stage(tmp_path, "ann1", "bob2", database=url)
    with writing(made.engine) as connection:
        this_deployment(connection, Deployment("d1", "secret"))
    yield made
    made.engine.dispose()


on_both = pytest.mark.parametrize("shop", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def caller(shop: Small) -> Iterator[Caller]:
    with answering(shop) as one:
        yield one


def path(kind: str, message: int = 1) -> str:
    return f"/{kind}/{LINKS.token(message)}"


class Form(HTMLParser):
    """What a browser would send if somebody pressed the button."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._select: str | None = None
        self._first = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        name, value = found.get("name"), found.get("value") or ""
        if tag == "select":
            self._select, self._first = name, True
        elif tag == "option" and self._select:
            if "selected" in found or self._first:
                self.fields = [one for one in self.fields if one[0] != self._select]
                self.fields.append((self._select, value))
            self._first = False
        elif tag == "input" and name and (found["type"] != "checkbox" or "checked" in found):
            self.fields.append((name, value))

    def but(self, **changed: str | None) -> list[tuple[str, str]]:
        """With other values; None takes a field away."""
        kept = [(name, value) for name, value in self.fields if name not in changed]
        return kept + [(name, value) for name, value in changed.items() if value is not None]


def rows(shop: Small) -> Any:
    """Whatever a page might change."""
    tables = (consent_log, customers, suppressions, wishes)
    return [[dict(row) for row in shop.rows(table)] for table in tables]


@on_both
def test_one_click_ends_the_channel_without_a_page_before_it(shop: Small, caller: Caller) -> None:
    answer = caller.post(path("u"), {"List-Unsubscribe": "One-Click"})
    assert answer.status == 200
    assert agreed(shop, "ann1") == {("email", "*"): False, ("sms", "*"): True}
    assert agreed(shop, "bob2")["email", "*"] is True
    (said,) = [row for row in shop.rows(consent_log) if not row["given"]]
    assert said["touchpoint"] == "unsubscribe button of the mail program"
    assert said["wording"] == "No more messages by e-mail from Corner Shop? Unsubscribe"
    assert datetime.now(UTC) - said["at"] < timedelta(minutes=1)
    assert caller.post(path("u"), {"List-Unsubscribe": "One-Click"}).status == 200
    assert len([row for row in shop.rows(consent_log) if not row["given"]]) == 1


@on_both
def test_one_click_counts_for_everyone_with_that_address(shop: Small, caller: Caller) -> None:
    """The mailbox has asked for an end; whose name the shop has for it, it cannot know."""
    shop.add(customer("cy3", email="ann1@example.com"), consent("cy3"), consent("cy3", "sms"))
    assert caller.post(path("u"), {"List-Unsubscribe": "One-Click"}).status == 200
    for key in ("ann1", "cy3"):
        assert agreed(shop, key) == {("email", "*"): False, ("sms", "*"): True}
    assert agreed(shop, "bob2")["email", "*"] is True
    shop.add(customer("ann1", email="new@example.com"))  # and the old letter is pressed once more
    assert caller.post(path("u"), {"List-Unsubscribe": "One-Click"}).status == 200
    assert len([row for row in shop.rows(consent_log) if not row["given"]]) == 2


def test_one_click_in_the_other_form_that_mail_programs_use(shop: Small, caller: Caller) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--'
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert caller.call("POST", path("u"), body, kind).status == 200
    assert agreed(shop, "ann1")["email", "*"] is False


def test_looking_changes_nothing(shop: Small, caller: Caller) -> None:
    before = rows(shop)
    for kind in "up":
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
            for query in ("", "?List-Unsubscribe=One-Click", "?on=email/tips&shown=email/tips"):
                caller.call(method, path(kind) + query)
    assert rows(shop) == before


def test_the_page_with_one_button(shop: Small, caller: Caller) -> None:
    page = caller.get(path("u"))
    assert page.status == 200
    assert "No more messages by e-mail from Corner Shop?" in page.text
    form = Form(page.text)
    assert [tag for tag, _ in form.tags if tag in ("form", "button")] == ["form", "button"]
    assert f'href="../p/{LINKS.token(1)}"' in page.text
    done = caller.post(path("u"), form.fields)
    assert "You are unsubscribed" in done.text
    (said,) = [row for row in shop.rows(consent_log) if not row["given"]]
    assert said["touchpoint"] == "unsubscribe link"


@pytest.mark.parametrize(
    "token",
    [
        *("1", "1.", ".", "x", "1." + "0" * 32, LINKS.token(1) + "0", LINKS.token(1)[:-1]),
        *(LINKS.token(1).replace("1.", "2.", 1), "0" + LINKS.token(1), LINKS.token(1).upper()),
        *(LINKS.token(999), LINKS.token(10**17), "1%00." + "0" * 32, "%D9%A1." + "0" * 32),
        *(Links("", b"another").token(1), LINKS.token(1, "0" * 16), "../u/" + LINKS.token(1)),
    ],
)
def test_links_that_were_tampered_with_lead_nowhere(
    shop: Small, caller: Caller, token: str
) -> None:
    before = rows(shop)
    for kind in "up":
        page = caller.get(f"/{kind}/{token}")
        assert page.status == 404
        assert caller.post(f"/{kind}/{token}", {"List-Unsubscribe": "One-Click"}).status == 404
    assert rows(shop) == before


def test_a_link_that_lost_its_end_says_so_kindly(caller: Caller) -> None:
    page = caller.get(path("u")[:-3])
    assert "This link leads nowhere" in page.text
    assert "care@example.com" in page.text


def test_pages_are_safe_to_look_at(caller: Caller) -> None:
    for page in (caller.get(path("u")), caller.get(path("p")), caller.post(path("u"))):
        (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = page.headers["content-security-policy"]
        assert f"style-src 'sha256-{digest}'" in policy
        assert "default-src 'none'" in policy
        assert "script" not in page.text
        assert " style=" not in page.text
        assert " on" not in re.sub(r"[^<]*(<[^>]*>)[^<]*", r"\1", page.text).replace(
            ' name="on', ""
        )
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert '<html lang="en">' in page.text
        assert "ann1" not in page.text  # a link that was passed on tells nothing of its owner
        assert number("ann1")[1:] not in page.text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}", "{x}"])
def test_hostile_names_are_only_names(tmp_path: Path, name: str) -> None:
    brand = {"name": name, "postal_address": name, "contact": name}
    shop = Small(tmp_path, {"letter": {}}, shop={"brand": brand, "topics": {"tips": name}},
                 database=str(tmp_path / "t.db"))  # fmt: skip
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    with writing(shop.engine) as connection:
        this_deployment(connection, Deployment("d1", "secret"))
    with answering(shop) as caller:
        for page in (caller.get(path("u")), caller.get(path("p")), caller.post(path("u"))):
            assert page.status == 200
            tags = {tag for tag, _ in Form(page.text).tags}
            assert not tags & {"script", "img"}
            assert "49" not in page.text
    shop.engine.dispose()


def form_of(caller: Caller, message: int = 1) -> Form:
    return Form(caller.get(path("p", message)).text)


def save(caller: Caller, fields: Any, message: int = 1) -> Answer:
    """Press the button, and go where that leads."""
    answer = caller.post(path("p", message), fields)
    if answer.status != 303:
        return answer
    assert answer.headers["location"] == "?saved=1"
    return caller.get(path("p", message) + "?saved=1")


def test_saving_as_it_stands_changes_nothing(shop: Small, caller: Caller) -> None:
    before = rows(shop)
    page = save(caller, form_of(caller).fields)
    assert "Saved" in page.text
    assert rows(shop) == before


@on_both
def test_topics_by_channel(shop: Small, caller: Caller) -> None:
    form = form_of(caller)
    ticked = {value for name, value in form.fields if name == "on"}
    assert ticked == {"email/offers", "email/tips", "sms/offers", "sms/tips"}
    fields = [one for one in form.fields if one not in [("on", "email/offers"), ("on", "sms/tips")]]
    page = save(caller, fields)
    assert agreed(shop, "ann1") == {
        ("email", "*"): True,
        ("email", "offers"): False,
        ("sms", "*"): True,
        ("sms", "tips"): False,
    }
    assert {v for n, v in Form(page.text).fields if n == "on"} == {"email/tips", "sms/offers"}
    said = [row for row in shop.rows(consent_log) if row["touchpoint"] == "preference page"]
    assert [row["wording"] for row in said] == [
        "Write to me about Offers – e-mail: no",
        "Write to me about Tips – text message: no",
    ]
    save(caller, [*form_of(caller).fields, ("on", "email/offers")])
    assert agreed(shop, "ann1")["email", "offers"] is True


def test_who_was_unsubscribed_may_choose_a_topic_again(shop: Small, caller: Caller) -> None:
    caller.post(path("u"))
    form = form_of(caller)
    assert not [one for one in form.fields if one[0] == "on" and one[1].startswith("email")]
    save(caller, [*form.fields, ("on", "email/tips")])
    assert agreed(shop, "ann1")["email", "tips"] is True
    assert agreed(shop, "ann1")["email", "*"] is False


def test_boxes_that_were_not_on_the_page_are_left_alone(shop: Small, caller: Caller) -> None:
    before = agreed(shop, "ann1")
    fields = [("shown", "email/nothing"), ("on", "webpush/tips"), ("shown", "x"), ("on", "/")]
    assert save(caller, fields).status == 200
    assert agreed(shop, "ann1") == before


@on_both
def test_wishes_are_kept_with_their_evidence(shop: Small, caller: Caller) -> None:
    changed = {"quiet_from": "20:30", "quiet_until": "10:00", "max_per_week": "2"}
    page = save(caller, form_of(caller).but(**changed, preferred_channel="sms", locale="de_DE"))
    assert "Was Sie von Corner Shop erhalten" in page.text
    assert {(n, v) for n, v in Form(page.text).fields if n in changed} == set(changed.items())
    (row,) = [row for row in shop.rows(customers) if row["key"] == "ann1"]
    assert (row["max_per_week"], row["preferred_channel"], row["locale"]) == (2, "sms", "de_DE")
    keys = {one["id"]: one["key"] for one in shop.rows(clocks)}
    assert keys[row["clock_id"]] == "America/New_York|US|NY|20:30-10:00"
    kept = [(r["what"], r["before"], r["after"], r["wording"]) for r in shop.rows(wishes)]
    assert kept == [
        ("quiet", None, "20:30-10:00", "Do not disturb me between: 20:30-10:00"),
        ("often", None, "2", "At most so many messages a week: 2"),
        ("way", None, "sms", "My favourite way: sms"),
        ("language", None, "de_DE", "My language: de_DE"),
    ]
    assert {row["touchpoint"] for row in shop.rows(wishes)} == {"preference page"}
    save(caller, form_of(caller).but(quiet_from="", quiet_until="", max_per_week=""))
    (row,) = [row for row in shop.rows(customers) if row["key"] == "ann1"]
    assert row["max_per_week"] is None
    assert keys[row["clock_id"]] == "America/New_York|US|NY|"


@on_both
def test_a_wish_is_not_undone_by_what_was_told_before_it(shop: Small, caller: Caller) -> None:
    """But arrives after it, as from a telephone that was offline."""
    wish = {"preferred_channel": "sms", "quiet_from": "20:30", "quiet_until": "10:00"}
    save(caller, form_of(caller).but(**wish, max_per_week="2"))
    old = {"preferred_channel": "email", "quiet_from": None, "quiet_until": None, "city": "Bonn"}
    told_at = datetime.now(UTC) - timedelta(hours=2)
    told = {"id": "ann1", **old, "max_per_week": 9, "told_at": told_at}
    shop.add(("customers", told))
    (row,) = [row for row in shop.rows(customers) if row["key"] == "ann1"]
    assert (row["preferred_channel"], row["max_per_week"]) == ("sms", 2)
    assert row["traits"]["city"] == "Bonn"
    keys = {one["id"]: one["key"] for one in shop.rows(clocks)}
    assert keys[row["clock_id"]] == "America/New_York|US|NY|20:30-10:00"


@pytest.mark.parametrize(
    "ends", [("20:00", ""), ("", "08:00"), ("20:00", "20:00"), ("25:00", "08:00"), ("x", "y")]
)
def test_hours_that_are_none(shop: Small, caller: Caller, ends: tuple[str, str]) -> None:
    before = rows(shop)
    fields = form_of(caller).but(quiet_from=ends[0], quiet_until=ends[1], on=None, max_per_week="3")
    page = save(caller, fields)
    assert page.status == 422
    assert "Please fill in both times" in page.text
    assert ("max_per_week", "3") in Form(page.text).fields  # nothing that was written is lost
    assert ("quiet_from", ends[0]) in Form(page.text).fields
    assert rows(shop) == before


@pytest.mark.parametrize(
    "odd",
    [
        {"max_per_week": "0"},
        {"max_per_week": "-1"},
        {"max_per_week": "٣"},
        {"preferred_channel": "carrier pigeon"},
        {"locale": "../../etc/passwd"},
        {"pause": "for ever"},
    ],
)
def test_what_the_form_does_not_offer(shop: Small, caller: Caller, odd: dict[str, str]) -> None:
    before = rows(shop)
    assert save(caller, form_of(caller).but(**odd)).status == 422
    assert rows(shop) == before


@on_both
def test_a_pause_holds_everything_but_service(shop: Small, caller: Caller) -> None:
    page = save(caller, form_of(caller).but(pause="begin"))
    assert "Paused until" in page.text
    until = next(row["paused_until"] for row in shop.rows(customers) if row["key"] == "ann1")
    now = until - PAUSE
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    for key in ("ann1", "bob2"):
        shop.add(event(key, "Cart Updated", now), event(key, "Order Completed", now))
    assert shop.plan(now)["text"] == {"planned": 1, "on_pause": 1}
    assert len([one for one in shop.ledger() if one[0] == "bill"]) == 2
    shop.add(event("ann1", "Cart Updated", until, id="after"))
    assert shop.plan(until)["text"] == {"planned": 1}
    page = save(caller, form_of(caller).but(pause="end"))
    assert "Paused until" not in page.text
    assert [row["what"] for row in shop.rows(wishes)] == ["pause", "go_on"]


def test_a_pause_counts_for_what_is_planned_already(shop: Small) -> None:
    shop.add(event("ann1", "Cart Updated", LATER))
    shop.plan(LATER)
    shop.execute(customers.update().values(paused_until=LATER + timedelta(days=1)))
    shop.dispatch(LATER)
    assert shop.ledger()["text", "ann1"] == [("suppressed", "on_pause")]


def test_an_address_that_must_not_be_used_is_not_offered(shop: Small, caller: Caller) -> None:
    (key,) = {
        row["address_key"] for row in shop.rows(addresses)
        if row["address"] == "ann1@example.com"
    }  # fmt: skip
    blocked = {"address_key": key, "scope": "marketing", "reason": "complained", "at": NOW}
    shop.execute(suppressions.insert(), blocked)
    shown = {value for name, value in form_of(caller).fields if name == "shown"}
    assert shown == {"sms/offers", "sms/tips"}


def test_the_form_needs_no_mouse_and_no_eyes(caller: Caller) -> None:
    page = caller.get(path("p")).text
    tags = Form(page).tags
    labels = {found.get("for") for tag, found in tags if tag == "label"}
    for tag, found in tags:
        if tag == "select":
            assert found["id"] in labels
        if tag == "input" and found["type"] == "time":
            assert found["aria-label"]
    assert page.count("<fieldset>") == page.count("<legend>") == 3
    assert 'name="viewport"' in page
    assert not [found for _, found in tags if "tabindex" in found]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a" * 70_000, b"&".join([b"a=1"] * 3_000)])
def test_forms_that_are_none(shop: Small, caller: Caller, body: bytes) -> None:
    before = rows(shop)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert caller.call("POST", path("p"), body, kind).status in (400, 413)
    assert rows(shop) == before


def test_while_the_database_is_away(shop: Small, caller: Caller) -> None:
    shop.execute(text("ALTER TABLE messages RENAME TO elsewhere"))
    page = caller.get(path("u"))
    assert page.status == 503
    assert "try again" in page.text


@pytest.mark.parametrize("locale", ["en_GB", "de_AT", "fr_CA", "es_MX", "ja_JP", "fi_FI"])
def test_pages_in_the_customers_language(shop: Small, caller: Caller, locale: str) -> None:
    shop.execute(customers.update().values(locale=locale))
    words = page_words(locale)
    page = caller.get(path("p")).text
    assert words["about"] in page
    assert ("locale", locale) in Form(page).fields or locale == "fi_FI"
    assert words["end_button"] in caller.get(path("u")).text
    assert words["ended_title"] in caller.post(path("u")).text


def test_every_language_has_every_word_and_the_same_gaps() -> None:
    for language, words in PAGE_LANGUAGES.items():
        assert words.keys() == PAGE_LANGUAGES["en"].keys(), language
        for name, english in PAGE_LANGUAGES["en"].items():
            assert gaps(words[name]) == gaps(english), (language, name)
    own = [set(words.values()) for words in PAGE_LANGUAGES.values()]
    assert min(len(one - own[0]) for one in own[1:]) > 35  # not English with another name


def gaps(said: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", said))
