"""A plugin with a bug: what it was given is in doubt, everything else goes on, and it is told."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.contract import Accepted, Deferred, Item, Outcome, Prepared, Rejected, Unknown
from channels.outbox import OutboxSettings
from orchestrator.model.patience import USUAL
from orchestrator.tables import attempts, message_log, suppressions
from tests.support.channel import Recording, open_channel
from tests.support.shop import NOW, Small, consent, customer, event

TEXT = {"channels": ["sms"], "trigger": {"event": "Signed Up"}}

pytestmark = pytest.mark.usefixtures("databases")


class Faulty(Recording):
    """Sends by whatever the test gives it."""

    sends: Callable[[Sequence[Item]], Any]
    prepares: Callable[[Item], Any] | None = None

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        answer: list[Outcome] = self.sends(items)
        return answer

    def prepare(self, item: Item) -> Any:
        return super().prepare(item) if self.prepares is None else self.prepares(item)


def stage(folder: Path, customers: int = 3) -> tuple[Small, Faulty]:
    """Texts go through the faulty plugin, letters through a good one; each is due to everybody."""
    shop = Small(folder, {"hello": {}, "text": TEXT})
    faulty = Faulty(OutboxSettings(folder=folder / "faulty", files=False))
    shop.channels["sms"] = faulty
    for n in range(customers):
        shop.add(customer(f"c{n}"), consent(f"c{n}"), consent(f"c{n}", "sms"))
        shop.add(event(f"c{n}", "Signed Up", NOW))
    return shop, faulty


def raises(*_: object) -> Any:
    raise ZeroDivisionError("a bug\x00\nof two lines")


NONSENSE: tuple[tuple[Callable[[Sequence[Item]], Any], str], ...] = (
    (raises, "the plugin outbox broke down: ZeroDivisionError: a bug  of two lines (test_faulty"),
    (lambda items: None, "broke down: TypeError: 'NoneType' object is not iterable"),
    (lambda items: [Accepted("x")] * 2, "the plugin outbox gave 2 outcomes for 3 messages"),
    (lambda items: [Accepted("x")] * 4, "the plugin outbox gave 4 outcomes for 3 messages"),
    (lambda items: [None] * 3, "the plugin outbox gave None for a message"),
    (lambda items: ["ok"] * 3, "the plugin outbox gave 'ok' for a message"),
    (lambda items: [Accepted("")] * 3, "gave Accepted(provider_ref='') for a message"),
    (lambda items: [Accepted(b"x")] * 3, "gave Accepted(provider_ref=b'x') for a message"),  # type: ignore[arg-type]
    (lambda items: [Accepted(True)] * 3, "gave Accepted(provider_ref=True) for a message"),  # type: ignore[arg-type]
    (lambda items: [Rejected("no such number", "x")] * 3, "gave Rejected(reason='no such number'"),  # type: ignore[arg-type]
    (lambda items: [Rejected(None, "x")] * 3, "gave Rejected(reason=None"),  # type: ignore[arg-type]
    (lambda items: [Deferred(float("nan"), "x")] * 3, "gave Deferred(retry_after_s=nan"),
    (lambda items: [Deferred(float("inf"), "x")] * 3, "gave Deferred(retry_after_s=inf"),
    (lambda items: [Rejected("other", "x", True, 1e300)] * 3, "gave Rejected(reason='other'"),  # type: ignore[arg-type]
    (lambda items: [Unknown("half \x00\nan answer")] * 3, "half   an answer"),
)


@pytest.mark.parametrize(("sends", "said"), NONSENSE)
def test_what_it_was_given_is_in_doubt_and_the_others_go_on(
    tmp_path: Path, sends: Callable[[Sequence[Item]], Any], said: str
) -> None:
    shop, faulty = stage(tmp_path)
    faulty.sends = sends
    shop.tick(NOW)
    found = shop.ledger()
    assert {found["text", f"c{n}"][0] for n in range(3)} == {("unknown", "no_answer")}
    assert {found["hello", f"c{n}"][0] for n in range(3)} == {("accepted", None)}
    lost = [row for row in shop.rows(attempts) if row["outcome"] == "unknown"]
    assert len(lost) == 3
    assert all(said in row["detail"] for row in lost), lost[0]["detail"]


def test_one_senseless_outcome_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    shop, faulty = stage(tmp_path)
    faulty.sends = lambda items: [Accepted("a"), None, Accepted("c")]
    shop.tick(NOW)
    states = [rows[0][0] for (name, _), rows in sorted(shop.ledger().items()) if name == "text"]
    assert sorted(states) == ["accepted", "accepted", "unknown"]


def test_a_number_is_a_name_too_and_what_no_ledger_keeps_is_left_out_of_it(
    tmp_path: Path,
) -> None:
    """Both were surely taken: in doubt, a service message would be sent once more."""
    shop, faulty = stage(tmp_path)
    faulty.sends = lambda items: [Accepted(4711), Accepted("a\x00\nb"), Accepted("c")]  # type: ignore[arg-type]
    shop.tick(NOW)
    names = {row["provider_ref"] for row in shop.rows(attempts)}
    assert {"4711", "a  b", "c"} <= names


def test_a_reason_in_its_own_words_is_that_reason(tmp_path: Path) -> None:
    shop, faulty = stage(tmp_path)
    faulty.sends = lambda items: [Rejected("bad_address", "x")] * 3  # type: ignore[arg-type]
    shop.tick(NOW)
    found = shop.ledger()
    assert {found["text", f"c{n}"][0] for n in range(3)} == {("rejected", "bad_address")}
    assert {row["scope"] for row in shop.rows(suppressions)} == {"all"}


def test_a_bug_takes_few_down_with_it(tmp_path: Path) -> None:
    """Marketing is not sent again: an audience must not be lost to a mistake in a plugin."""
    shop, faulty = stage(tmp_path, 60)
    faulty.sends = raises
    shop.tick(NOW)
    states = [rows[0] for (name, _), rows in shop.ledger().items() if name == "text"]
    assert states.count(("unknown", "no_answer")) == 20
    assert states.count(("deferred", "provider")) == 40


@pytest.mark.parametrize(
    ("prepares", "said"),
    [
        (raises, "the plugin outbox broke down: ZeroDivisionError: a bug  of two lines"),
        (lambda item: None, "the plugin outbox prepared None"),
        (lambda item: "fine", "the plugin outbox prepared 'fine'"),
    ],
)
def test_what_it_breaks_down_over_waits_until_it_is_mended(
    tmp_path: Path, prepares: Callable[[Item], Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop, faulty = stage(tmp_path)
    good = open_channel(tmp_path)
    faulty.sends = lambda items: [Accepted(item.stable_id) for item in items]

    def one_breaks(item: Item) -> Prepared:
        if "for c1" in item.text:
            answer: Prepared = prepares(item)
            return answer
        ready = good.prepare(item)
        assert isinstance(ready, Prepared)
        return ready

    faulty.prepares = one_breaks
    shop.tick(NOW)
    found = shop.ledger()
    assert found["text", "c1"] == [("deferred", "plugin_broke")]
    assert found["text", "c0"] == found["text", "c2"] == [("accepted", None)]
    assert found["hello", "c1"] == [("accepted", None)]
    (line,) = [row["detail"] for row in shop.rows(message_log) if row["what"] == "plugin_broke"]
    assert said in line
    assert [said in record.message for record in caplog.records] == [True]
    shop.tick(NOW + USUAL.retry_after_max / 2)
    assert shop.ledger()["text", "c1"] == [("deferred", "plugin_broke")]
    faulty.prepares = None
    shop.tick(NOW + USUAL.retry_after_max)
    assert shop.ledger()["text", "c1"] == [("accepted", None)]


def test_what_nobody_mends_ends_when_it_is_no_longer_news(tmp_path: Path) -> None:
    shop, faulty = stage(tmp_path, 1)
    faulty.prepares = raises
    shop.run(NOW, NOW + timedelta(hours=73), timedelta(minutes=30))
    assert shop.ledger()["text", "c0"] == [("expired", "plugin_broke")]
