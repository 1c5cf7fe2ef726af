"""From planned to written: what may change in between, and what a provider may answer."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from channels.contract import Deferred, Item, Outcome, Reason, Rejected, Unknown
from orchestrator.flow.report import report
from orchestrator.store.consents import suppress
from orchestrator.store.controls import pause
from orchestrator.store.database import writing
from orchestrator.tables import addresses, attempts, contents, controls, messages, suppressions
from tests.support.shop import (
    NOW,
    TEMPLATES,
    Small,
    consent,
    customer,
    event,
    price,
    product,
    stock,
)

pytestmark = pytest.mark.usefixtures("databases")

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SOON = NOW + HOUR
OFFER: dict[str, Any] = {
    "purpose": "offer",
    "topic": "offers",
    "offer": {"products": {"from": "listed", "ids": ["p1"]}},
}


def planned(
    folder: Path, campaign: dict[str, Any] | None = None, *more: Any, **options: Any
) -> Small:
    """A shop with one message planned for ann1."""
    shop = Small(folder, {"hello": campaign or {}}, **options)
    shop.add(customer("ann1"), consent("ann1"), *more, event("ann1", "Signed Up", NOW))
    assert shop.plan(NOW)["hello"] == Counter(planned=1)
    return shop


def end(shop: Small) -> tuple[str, str | None]:
    """How the one message stands."""
    ((only,),) = shop.ledger().values()
    return only


@pytest.mark.parametrize(
    ("expires", "ends"), [("3d", HOUR), ("30m", HOUR / 2)], ids=["quiet", "expired"]
)
def test_no_provider_may_hold_a_message_into_quiet_hours_or_beyond_its_expiry(
    tmp_path: Path, expires: str, ends: timedelta
) -> None:
    """At NOW it is noon there."""
    shop = planned(tmp_path, {"quiet_hours": "13:00-06:00", "expires": expires})
    written: list[Item] = []
    shop.recording.before = written.extend
    shop.dispatch(NOW + MINUTE)
    assert [item.not_after for item in written] == [NOW + ends]


# --- prices -------------------------------------------------------------------------------------


def offered(folder: Path, **more: Any) -> Small:
    return planned(folder, {**OFFER, **more}, product("p1"), price("p1", "2.49"))


def quoted(shop: Small) -> list[str]:
    return [line["amount"] for row in shop.rows(contents) for line in row["quote"]]


def test_the_price_is_that_of_the_moment_of_sending(tmp_path: Path) -> None:
    shop = offered(tmp_path)
    shop.add(price("p1", "2.99", at=SOON))
    shop.dispatch(SOON)
    assert "$2.99" in shop.sent()[0].text
    assert "2.49" not in shop.sent()[0].text
    assert quoted(shop) == ["2.99"]


def test_a_promotion_that_has_ended_meanwhile_is_not_told(tmp_path: Path) -> None:
    shop = offered(tmp_path)
    shop.add(price("p1", "1.99", at=NOW + MINUTE, until=SOON))
    shop.dispatch(SOON)
    assert "$2.49" in shop.sent()[0].text
    assert "1.99" not in shop.sent()[0].text
    assert quoted(shop) == ["2.49"]


@pytest.mark.parametrize(
    "change",
    [
        [price("p1", "2.49", until=SOON)],
        [stock("p1", 0, SOON)],
        [price("p1", "2.49", until=SOON), price("p1", "1.99", at=NOW + MINUTE, until=SOON)],
    ],
)
def test_what_can_no_longer_be_had_is_not_offered(tmp_path: Path, change: list[Any]) -> None:
    shop = offered(tmp_path)
    shop.add(*change)
    shop.dispatch(SOON)
    assert shop.sent() == []
    assert end(shop)[0] in ("stale", "render_failed")


@pytest.mark.parametrize(
    "change", [price("p1", "2.99", at=SOON), price("p1", "2.99")], ids=["new", "corrected"]
)
def test_a_price_that_changes_between_rendering_and_sending(tmp_path: Path, change: Any) -> None:
    shop = offered(tmp_path)
    rendered: list[str] = []

    def once(text: str) -> None:
        if not rendered:
            shop.add(change)
        rendered.append(text)

    shop.recording.rendered = lambda item: once(item.text)
    shop.dispatch(SOON)
    assert ["$2.49" in text for text in rendered] == [True, False]
    assert "$2.99" in shop.sent()[0].text
    assert quoted(shop) == ["2.99"]


def test_what_is_said_of_a_price_is_so_when_it_is_sent(tmp_path: Path) -> None:
    until, sooner = NOW + 216 * HOUR, NOW + 48 * HOUR
    shop = planned(tmp_path, OFFER, product("p1"), price("p1", "2.49", until=until))
    rendered: list[str] = []

    def once(text: str) -> None:
        if not rendered:
            shop.add(price("p1", "2.49", until=sooner))
        rendered.append(text)

    shop.recording.rendered = lambda item: once(item.text)
    shop.dispatch(SOON)
    assert len(rendered) == 2
    assert rendered[0] != shop.sent()[0].text == rendered[1]
    ((line,),) = (row["quote"] for row in shop.rows(contents))
    assert line["until"] == sooner.isoformat()


def test_one_of_two_that_sells_out_between_rendering_and_sending(tmp_path: Path) -> None:
    two = {"offer": {"products": {"from": "listed", "ids": ["p1", "p2"]}}}
    both = (product("p1"), price("p1", "2.49"), product("p2"), price("p2", "3.49"))
    shop = planned(tmp_path, {**OFFER, **two}, *both)
    rendered: list[str] = []

    def once(text: str) -> None:
        if not rendered:
            shop.add(stock("p1", 0, NOW))
        rendered.append(text)

    shop.recording.rendered = lambda item: once(item.text)
    shop.dispatch(SOON)
    assert "$2.49" in rendered[0]
    assert [("$2.49" in item.text, "$3.49" in item.text) for item in shop.sent()] == [(False, True)]


def test_a_price_that_ends_between_rendering_and_sending(tmp_path: Path) -> None:
    shop = offered(tmp_path)
    change = price("p1", "2.49", until=SOON)
    shop.recording.rendered = lambda item: shop.add(change)
    shop.dispatch(SOON)
    assert shop.sent() == []
    assert end(shop) == ("stale", "nothing_to_offer")


def test_one_poisonous_message_stops_alone(tmp_path: Path) -> None:
    templates = {**TEMPLATES, "email.html.j2": "<p>{{ 100 / customer.kids }}</p>\n"}
    shop = Small(tmp_path, {"hello": {}}, templates={"hello": templates})
    for n, kids in enumerate((1, 0, 2, None)):
        shop.add(customer(f"c{n}", kids=kids), consent(f"c{n}"), event(f"c{n}", "Signed Up", NOW))
    assert shop.tick(NOW).sent == Counter(accepted=2, render_failed=2)
    states = {key: rows[0][0] for (_, key), rows in shop.ledger().items()}
    assert states == {
        "c0": "accepted", "c1": "render_failed", "c2": "accepted", "c3": "render_failed",
    }  # fmt: skip


# --- opting out, pausing ------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["planning", "rendering"])
@pytest.mark.parametrize("what", ["withdrawn", "topic", "suppressed", "objected"])
def test_nothing_is_sent_after_an_opt_out(tmp_path: Path, what: str, between: str) -> None:
    shop = planned(tmp_path)
    (row,) = (row for row in shop.rows(addresses) if row["kind"] == "email")

    def opt_out() -> None:
        if what == "withdrawn":
            shop.add(consent("ann1", given=False, at=NOW + MINUTE))
        elif what == "topic":
            shop.add(consent("ann1", topic="tips", given=False, at=NOW + MINUTE))
        else:
            with writing(shop.engine) as connection:
                scope: Any = "all" if what == "suppressed" else "marketing"
                suppress(connection, row["address_key"], scope, "test", NOW)

    if between == "planning":
        opt_out()
    else:
        shop.recording.rendered = lambda item: opt_out()
    shop.dispatch(SOON)
    assert shop.sent() == []
    assert end(shop) == (
        "suppressed", "suppressed" if what in ("suppressed", "objected") else "no_consent",
    )  # fmt: skip
    assert shop.rows(attempts) == []


@pytest.mark.parametrize(
    "what",
    [("everything", "*"), ("campaign", "hello"), ("channel", "email"), ("provider", "outbox")],
)
@pytest.mark.parametrize("between", ["planning", "rendering"])
def test_nothing_is_written_while_paused_and_nothing_is_lost(
    tmp_path: Path, what: tuple[str, str], between: str
) -> None:
    shop = planned(tmp_path)

    def stop(_: Any = None) -> None:
        with writing(shop.engine) as connection:
            pause(connection, *what, "test", NOW)

    if between == "planning":
        stop()
    else:
        shop.recording.rendered = stop
    shop.run(SOON, SOON + HOUR, 10 * MINUTE)
    assert shop.sent() == []
    assert shop.rows(attempts) == []
    shop.recording.rendered = lambda item: None
    shop.execute(delete(controls))
    shop.dispatch(SOON + 2 * HOUR)
    assert end(shop) == ("accepted", None)
    assert len(shop.sent()) == 1


def test_what_was_paused_for_too_long_expires(tmp_path: Path) -> None:
    shop = planned(tmp_path, {"expires": "2h"})
    with writing(shop.engine) as connection:
        pause(connection, "everything", "*", "test", NOW)
    shop.dispatch(NOW + HOUR)
    shop.dispatch(NOW + 2 * HOUR)
    assert end(shop) == ("expired", "expired")


def test_a_message_goes_to_the_address_that_the_customer_has_now(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    shop.add(customer("ann1", email="new@example.com"))
    shop.dispatch(SOON)
    assert [record.address for record in shop.sent()] == ["new@example.com"]
    (row,) = shop.rows(messages)
    assert row["address"] == "new@example.com"


def test_an_address_that_changes_while_its_message_is_rendered(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    shop.recording.rendered = lambda item: shop.add(customer("ann1", email="new@example.com"))
    shop.dispatch(SOON)
    assert [record.address for record in shop.sent()] == ["new@example.com"]


def test_a_customer_who_has_no_address_any_more_gets_nothing(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    shop.add(customer("ann1", email=None))
    shop.dispatch(SOON)
    assert shop.sent() == []
    assert end(shop) == ("suppressed", "no_address")


def test_who_has_reached_the_goal_before_the_message_left_gets_none(tmp_path: Path) -> None:
    shop = planned(tmp_path, {"goal": {"event": "Order Completed"}})
    shop.add(event("ann1", "Order Completed", NOW + MINUTE))
    shop.dispatch(SOON)
    assert shop.sent() == []
    assert end(shop) == ("stale", "goal_reached")


# --- what the provider says ---------------------------------------------------------------------


def answers(shop: Small, *outcomes: Outcome) -> None:
    """The provider's next answers; then it takes everything."""
    left = list(outcomes)
    shop.recording.script = lambda item: left.pop(0) if left else None


@pytest.mark.parametrize(
    ("outcome", "not_before"),
    [
        (Rejected(Reason.provider_down, "down", retryable=True), timedelta(seconds=1)),
        (Rejected(Reason.rate_limited, "slow", retryable=True, retry_after_s=600), 10 * MINUTE),
        (Deferred(300, "busy"), 5 * MINUTE),
        (Deferred(0, "not now"), timedelta(seconds=1)),
    ],
)
def test_a_certain_failure_that_may_pass_is_tried_again_later(
    tmp_path: Path, outcome: Outcome, not_before: timedelta
) -> None:
    shop = planned(tmp_path)
    answers(shop, outcome)
    assert shop.dispatch(NOW) == Counter(deferred=1)
    assert shop.dispatch(NOW + not_before - timedelta(milliseconds=1)) == Counter()
    assert shop.dispatch(NOW + not_before + 2 * MINUTE) == Counter(accepted=1)
    assert [row["outcome"] for row in shop.rows(attempts)][1:] == ["accepted"]


def test_a_failure_that_lasts_ends_with_the_message(tmp_path: Path) -> None:
    shop = planned(tmp_path, {"expires": "1h"})
    shop.recording.script = lambda item: Deferred(900, "busy")
    shop.run(NOW, NOW + 2 * HOUR, 5 * MINUTE)
    assert end(shop) == ("expired", "provider")
    assert 2 <= len(shop.rows(attempts)) <= 4


@pytest.mark.parametrize(
    ("reason", "scopes"),
    [
        (Reason.bad_address, ["all"]),
        (Reason.unsubscribed, ["marketing"]),
        (Reason.content_refused, []),
        (Reason.other, []),
    ],
)
def test_a_final_refusal(tmp_path: Path, reason: Reason, scopes: list[str]) -> None:
    shop = planned(tmp_path)
    answers(shop, Rejected(reason, "no"))
    shop.dispatch(NOW)
    assert end(shop) == ("rejected", str(reason))
    assert [row["scope"] for row in shop.rows(suppressions)] == scopes
    shop.add(event("ann1", "Signed Up", SOON))
    assert shop.plan(SOON)["hello"] == Counter(["suppressed" if scopes else "planned"])


def test_a_refused_message_fills_no_cap_and_an_unknown_one_does(tmp_path: Path) -> None:
    for n, (outcome, verdict) in enumerate(
        [(Rejected(Reason.other, "no"), "planned"), (Unknown("?"), "campaign_cap")]
    ):
        shop = planned(tmp_path / str(n), {"caps": ["1 per 1d"]})
        answers(shop, outcome)
        shop.recording.knows = False
        shop.dispatch(NOW)
        shop.add(event("ann1", "Signed Up", NOW + MINUTE))
        assert shop.plan(NOW + MINUTE)["hello"] == Counter([verdict])


def test_a_lost_answer_is_found(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    shop.recording.loses = lambda item: True
    assert shop.dispatch(NOW) == Counter(unknown=1)
    shop.run(NOW, NOW + HOUR, MINUTE)
    assert end(shop) == ("accepted", None)
    assert len(shop.sent()) == 1
    assert shop.rows(messages)[0]["counts_at"] == NOW, "it counts from when it was written"


def test_what_certainly_never_came_is_sent_again(tmp_path: Path) -> None:
    shop = planned(tmp_path)
    answers(shop, Unknown("silence"))
    shop.run(NOW, NOW + HOUR, MINUTE)
    assert end(shop) == ("accepted", None)
    assert [row["outcome"] for row in shop.rows(attempts)] == ["deferred", "accepted"]


@pytest.mark.parametrize(
    ("purpose", "end_", "outcomes"),
    [("help", "unknown_final", ["unknown"]), ("service", "accepted", ["unknown", "accepted"])],
)
def test_a_silent_provider(
    tmp_path: Path, purpose: str, end_: str, outcomes: Sequence[str]
) -> None:
    """Marketing at most once; service at least once. Neither is guessed before 15 minutes."""
    shop = planned(tmp_path, {"purpose": purpose})
    lost = iter([True])
    shop.recording.loses = lambda item: next(lost, False)
    shop.recording.knows = False
    shop.run(NOW, NOW + 14 * MINUTE, MINUTE)
    assert end(shop)[0] == "unknown"
    shop.run(NOW + 15 * MINUTE, NOW + HOUR, MINUTE)
    assert end(shop)[0] == end_
    assert len(shop.sent()) == len(outcomes)
    assert [row["outcome"] for row in shop.rows(attempts)] == outcomes
    assert counted_twice(shop) == len(outcomes) - 1, "every possible duplicate is counted"


def test_what_certainly_did_not_arrive_is_no_duplicate(tmp_path: Path) -> None:
    shop = planned(tmp_path, {"purpose": "service"})
    answers(shop, Unknown("silence"), Deferred(0, "busy"), None)
    shop.run(NOW, NOW + HOUR, MINUTE)
    assert [row["outcome"] for row in shop.rows(attempts)] == ["deferred", "deferred", "accepted"]
    assert counted_twice(shop) == 0


def counted_twice(shop: Small) -> int:
    """How many times a message may have arrived once more, as the report tells."""
    (hello,) = report(shop.tactful, NOW + HOUR).campaigns
    return sum(on.maybe_twice for on in hello.channels)


def test_the_message_has_one_name_over_all_its_attempts(tmp_path: Path) -> None:
    shop = planned(tmp_path, {"purpose": "service"})
    lost = iter([True])
    shop.recording.loses = lambda item: next(lost, False)
    shop.recording.knows = False
    shop.run(NOW, NOW + HOUR, 5 * MINUTE)
    assert len({record.stable_id for record in shop.sent()}) == 1
    assert len({record.attempt_id for record in shop.sent()}) == 2


def test_a_message_is_claimed_by_one_worker(tmp_path: Path) -> None:
    """Two processes on one file: the second finds nothing to send while the first is writing."""
    shop = planned(tmp_path / "outbox", database=str(tmp_path / "shop.db"))
    other = Small(tmp_path / "outbox", {"hello": {}}, database=str(tmp_path / "shop.db"))
    seen: list[Counter[str]] = []
    shop.recording.before = lambda items: seen.append(other.dispatch(NOW))
    assert shop.dispatch(NOW) == Counter(accepted=1)
    assert seen == [Counter()]
    other.engine.dispose()
    shop.engine.dispose()


def test_messages_of_one_customer_leave_one_after_another(tmp_path: Path) -> None:
    shop = Small(tmp_path, {"a": {}, "b": {}, "c": {}}, shop={"caps": {"overall": ["2 per 1d"]}})
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    assert sorted(shop.told()) == ["a for ann1", "b for ann1"]


def test_the_higher_priority_leaves_first(tmp_path: Path) -> None:
    campaigns = {name: {"priority": n} for name, n in (("low", 10), ("high", 90), ("mid", 50))}
    shop = Small(tmp_path, campaigns)
    shop.add(customer("ann1"), consent("ann1"), event("ann1", "Signed Up", NOW))
    shop.tick(NOW)
    assert shop.told() == ["high for ann1", "mid for ann1", "low for ann1"]
