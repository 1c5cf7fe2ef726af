"""The judge sees each kind of violation; what is right it lets pass."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.diary import Diary, Fault, Happened, OptOut, Stop
from tests.chaos.judge import Verdict, judge
from tests.chaos.ledger import Ledger, Row
from tests.chaos.shop import Person
from tests.chaos.table import VIOLATIONS, line, table
from tests.provider.log import Acceptance, Log

NOON = datetime(2026, 11, 2, 12, 0, 30, tzinfo=UTC)
ANN = Person(
    "ann", "Europe/London", "ann@example.com", "+12125550100", None, frozenset({("email", "*")})
)


def ns(after_s: float) -> int:
    return int((NOON + timedelta(seconds=after_s)).timestamp() * 1e9)


def row(id: str, state: str = "accepted", **more: object) -> Row:
    plain = {
        "campaign": "hello",
        "customer": "ann",
        "occasion": f"event {id}",
        "step": 0,
        "channel": "email",
        "reason": None,
        "marketing": True,
        "topic": "tips",
        "event": f"e{id}",
    }
    return Row(id=id, state=state, **{**plain, **more})  # type: ignore[arg-type]


def took(id: str, after_s: float, attempt: str = "1") -> Acceptance:
    at = ns(after_s)
    return Acceptance(
        1, at, at, to=ANN.email, message_id=id, attempt_id=attempt, kind="email", ref=f"r{attempt}"
    )


def told(
    rows: Sequence[Row], lines: Sequence[Acceptance], diary: Diary | None = None
) -> tuple[Verdict, set[str]]:
    diary = diary or Diary()
    diary.began_ns, diary.calm_ns, diary.ended_ns = ns(0), ns(20), ns(25)
    ledger = Ledger({one.id: one for one in rows}, {})
    verdict = judge(7, diary, ledger, Log(tuple(lines)), [ANN])
    return verdict, {kind for kind, those in verdict.wrong.items() if those}


def test_what_is_right_passes() -> None:
    rows = [row("1"), row("2", "capped", reason="overall_cap"), row("3", "unknown_final")]
    rows[2].reason = "no_answer"
    diary = Diary(
        events=[Happened("e1", "Order Completed", "ann", ns(0))],
        opt_outs=[OptOut("ann", "sms", "*", ns(0)), OptOut("ann", "email", "*", ns(0))],
        stops=[Stop("campaign", "hello", ns(0), ns(1), ns(30))],
        faults=[Fault("kill child", ns(1), ns(1))],
    )
    rows[0].campaign = "receipt"
    verdict, wrong = told(rows, [took("1", 14.0), took("3", 15.0)], diary)
    assert wrong == set()
    assert verdict.good
    assert verdict.counts["unknown"] == 1
    assert verdict.pause_s == [14.0]
    assert verdict.recovery_s == {"kill child": [13.0]}


def violations() -> Iterator[tuple[str, Sequence[Row], Sequence[Acceptance], Diary]]:
    two = [row("1", occasion="same"), row("2", occasion="same", channel="sms")]
    yield "doubled", [row("1")], [took("1", 1), took("1", 2, "2")], Diary()
    yield "doubled", two, [took("1", 1), took("2", 2)], Diary()
    bill = [row("1", campaign="receipt", marketing=False, topic="orders")]
    yield "service", bill, [took("1", 1), took("1", 2, "2")], Diary()
    sure = [row("1", campaign="receipt", marketing=False, topic="orders")]
    sure[0].outcomes += ["deferred", "accepted"]
    yield "service", sure, [took("1", 1), took("1", 2, "2")], Diary()
    yield "lost", [row("1")], [], Diary()
    yield "lost", [row("1", "planned")], [], Diary()
    yield "lost", [row("1", "capped")], [], Diary()
    yield "lost", [], [], Diary(events=[Happened("e1", "Signed Up", "ann", ns(0))])
    yield "ledger", [row("1", "expired", reason="expired")], [took("1", 1)], Diary()
    yield "ledger", [row("1", "unknown", reason="no_answer")], [took("1", 1)], Diary()
    yield "ledger", [], [took("1", 1)], Diary()
    four = [row(str(n)) for n in range(4)]
    yield "cap", four, [took(str(n), n * 19.9) for n in range(4)], Diary()
    yield "quiet", [row("1")], [took("1", 9 * 3600)], Diary()
    yield "consent", [row("1", topic="offers", channel="sms")], [_text("1")], Diary()
    gone = Diary(opt_outs=[OptOut("ann", "email", "tips", ns(0))])
    yield "consent", [row("1")], [took("1", 16.5)], gone
    for scope, name in (("campaign", "hello"), ("channel", "email"), ("everything", "*")):
        stop = Stop(scope, name, ns(-1), ns(0), ns(30))
        yield "pause", [row("1")], [took("1", 16.5)], Diary(stops=[stop])


def _text(id: str) -> Acceptance:
    return Acceptance(1, ns(1), ns(1), to=ANN.phone, message_id=id, kind="sms")


@pytest.mark.parametrize(("kind", "rows", "lines", "diary"), list(violations()))
def test_what_is_wrong_is_seen(
    kind: str, rows: Sequence[Row], lines: Sequence[Acceptance], diary: Diary
) -> None:
    verdict, wrong = told(rows, lines, diary)
    assert wrong == {kind}
    assert kind in VIOLATIONS
    assert f"{VIOLATIONS[kind]:<36}{len(verdict.wrong[kind]):>6}" in list(table(verdict, diary))


def test_a_slot_that_nobody_decided_is_lost() -> None:
    diary = Diary(began_ns=ns(0), calm_ns=ns(40))
    verdict = judge(7, diary, Ledger({}, {}), Log(()), [ANN])
    assert [what for _, what in verdict.wrong["lost"]] == ["the slot of 12:01 was never decided"]
    decided = Ledger({}, {"minute": [NOON.replace(minute=1, second=0)]})
    assert judge(7, diary, decided, Log(()), [ANN]).good


def test_what_came_too_late_is_counted_and_is_not_lost() -> None:
    asked = [Happened(key, "Signed Up", "ann", ns(0)) for key in ("e1", "e2")]
    late = [row("1", "skipped", reason="expired"), row("2", "skipped", reason="expired")]
    tours = {("e1", "tour"): "expired", ("e2", "tour"): "not_in_audience"}
    diary = Diary(events=asked, began_ns=ns(0), calm_ns=ns(20))
    verdict = judge(7, diary, Ledger({one.id: one for one in late}, {}, tours), Log(()), [ANN])
    assert verdict.good
    assert '"too_late": 3' in line(verdict, diary)


def test_a_duplicate_of_a_service_message_that_was_in_doubt_is_only_counted() -> None:
    bill = row("1", campaign="receipt", marketing=False, topic="orders")
    bill.outcomes += ["unknown", "accepted"]
    verdict, wrong = told([bill], [took("1", 1), took("1", 2, "2")])
    assert wrong == set()
    assert verdict.counts["service_doubled"] == 1
    assert '"service_doubled": 1' in line(verdict, Diary())
