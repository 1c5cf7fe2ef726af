"""What must be true of a run, by the provider's own record and by what people did."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.model.message import UNDECIDED
from orchestrator.tables import attempts, messages
from tests.delivery.world import HOLD, Sent, check_caps
from tests.simulation.provider import Written
from tests.simulation.run import Run

_AMOUNT = re.compile(r"\$(\d+\.\d\d)")


class Violated(AssertionError):
    """A promise was broken; `invariant` names it."""

    def __init__(self, invariant: str, what: object) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


def judge(run: Run) -> Counter[str]:
    """Raise Violated at the first promise that was broken; else how the messages ended."""
    rows = {str(row["id"]): row for row in run.stage.shop.rows(messages)}
    written = run.provider.written
    sent = [_sent(one, run) for one in written]
    marketing = [one for one in sent if not _is_service(one, run)]
    for what in _more_than_once(rows, marketing):
        raise Violated("I1 a marketing message was taken twice", what)
    for what in _doubled_without_doubt(run, rows, sent):
        raise Violated("I2 a service message was doubled, and not counted or not in doubt", what)
    try:
        check_caps(_unmoved(marketing, run), run.stage.made)
    except AssertionError as error:
        raise Violated("I3 a window holds more than its cap", error) from None
    for what in _disturbing(sent, run):
        raise Violated("I4 written in quiet hours", what)
    for what in _unwanted(written, sent, run):
        raise Violated("I5 written more than D after a change of mind", what)
    for what in _without_end(run, rows):
        raise Violated("I6 a row has no end, or is gone", what)
    for what in _otherwise_in_the_ledger(rows, written):
        raise Violated("I7 the ledger and the provider differ", what)
    for what in _wrong_prices(written, run):
        raise Violated("I8 a price that did not hold", what)
    for what in _poisoned(run, rows):
        raise Violated("I12 a message did not stop alone", what)
    return Counter(row["state"] for row in rows.values())


def _sent(one: Written, run: Run) -> Sent:
    words = one.item.subject or one.item.text.partition(".")[0]
    campaign, _, key = words.partition(" for ")
    return Sent(campaign, run.stage.made.people[key.split()[0]], one.at, one.item)  # type: ignore[arg-type]


def _is_service(one: Sent, run: Run) -> bool:
    return bool(run.stage.made.campaigns[one.campaign].get("purpose") == "service")


def _more_than_once(rows: dict[str, Any], sent: Sequence[Sent]) -> Iterator[object]:
    key = ("campaign", "customer_id", "occasion", "step")
    taken = Counter(tuple(rows[one.record.message_id][k] for k in key) for one in sent)
    yield from (what for what, number in taken.items() if number > 1)


def _doubled_without_doubt(
    run: Run, rows: dict[str, Any], sent: Sequence[Sent]
) -> Iterator[object]:
    """A second one may leave only where the answer to the first one was never heard in time."""
    taken = Counter(one.record.message_id for one in sent)
    tried: Counter[str] = Counter()
    unsure: Counter[str] = Counter()
    for row in run.stage.shop.rows(attempts):
        tried[str(row["message_id"])] += 1
        unsure[str(row["message_id"])] += row["outcome"] in (None, "accepted", "unknown")
    for id, number in taken.items():
        if number > max(unsure[id], 1):
            yield rows[id], number, "more were taken than the ledger counts as possible"
        if number > tried[id] or number > rows[id]["tries"]:
            yield rows[id], number, "more were taken than the ledger knows of"
    if run.baton.deaths or run.baton.stalls:
        return  # who died or stood still may have heard nothing
    before: dict[str, str] = {}
    for one in sent:
        id, attempt = one.record.message_id, one.record.attempt_id
        if before.get(id, attempt) not in {attempt, *run.provider.lost}:
            yield rows[id], "the answer to the one before was heard"
        before[id] = attempt


def _unmoved(sent: Sequence[Sent], run: Run) -> list[Sent]:
    """Those of addresses that nobody has left: who holds one later is another household."""
    left = {address for _, _, address in run.facts.moves}
    return [one for one in sent if one.record.address not in left]


def _disturbing(sent: Sequence[Sent], run: Run) -> Iterator[object]:
    begin, _, end = run.stage.made.shop["quiet_hours"].partition("-")
    quiet = time.fromisoformat(begin), time.fromisoformat(end)
    for one in sent:
        local = one.at.astimezone(ZoneInfo(one.who.zone)).time()
        if _within(local, *quiet):
            yield one, local


def _within(local: time, start: time, end: time) -> bool:
    return start <= local < end if start < end else local >= start or local < end


def _unwanted(written: Sequence[Written], sent: Sequence[Sent], run: Run) -> Iterator[object]:
    facts, made = run.facts, run.stage.made
    for raw, one in zip(written, sent, strict=True):
        latest, who, item = one.at - HOLD, one.who.key, one.record
        if raw.judged_at < latest:
            yield "judged", raw.judged_at, one
        topic = made.campaigns[one.campaign].get("topic", "tips")
        service = _is_service(one, run)
        for since, of, channel, about in facts.opt_outs:
            meant = (of, channel) == (who, item.kind) and about in (None, topic)
            if meant and not service and since < latest:
                yield "opted out", since, one
        for since, address, wholly in facts.suppressed:
            if address == item.address and since < latest and (wholly or not service):
                yield "suppressed", since, one
        for since, of, old in facts.moves:
            gone = of == who and old == item.address and since < latest
            if gone and not _came_back(run, of, old, since):
                yield "moved", since, one
        for since, until, scope, name in facts.pauses:
            stopped = {
                "everything": True,
                "campaign": one.campaign == name,
                "channel": item.kind == name,
                "provider": raw.provider == name,
            }
            if stopped[scope] and since < latest and one.at <= until:
                yield "paused", since, until, one


def _came_back(run: Run, who: str, old: str, since: datetime) -> bool:
    """Whether the customer had this address again: left it a second time, or holds it."""
    later = [address for then, of, address in run.facts.moves if of == who and then > since]
    return old in later or run.addresses[who]["email"] == old


def _without_end(run: Run, rows: dict[str, Any]) -> Iterator[object]:
    missing = {str(id) for id in run.planned} - rows.keys()
    if missing:
        yield "gone", missing
    for row in rows.values():
        if row["state"] in UNDECIDED or row["ended_at"] is None or row["token"] is not None:
            yield dict(row)
        elif row["state"] != "accepted" and not row["reason"]:
            yield "no reason", dict(row)


def _otherwise_in_the_ledger(rows: dict[str, Any], written: Sequence[Written]) -> Iterator[object]:
    taken = {one.item.message_id for one in written}
    for id, row in rows.items():
        if row["state"] == "accepted" and id not in taken:
            yield "not at the provider", dict(row)
        elif id in taken and row["state"] not in ("accepted", "unknown_final") and row["marketing"]:
            yield "at the provider", dict(row)


def _wrong_prices(written: Sequence[Written], run: Run) -> Iterator[object]:
    history = run.facts.prices
    far = datetime.max.replace(tzinfo=run.baton.now.tzinfo)
    ends = [at for at, _ in history[1:]] + [far]
    held: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for (since, amount), until in zip(history, ends, strict=True):
        held[amount].append((since - timedelta(seconds=15), until))  # worked out while committing
    for one in written:
        for amount in _AMOUNT.findall(one.item.text):
            if not any(since <= one.at and until >= one.at - HOLD for since, until in held[amount]):
                yield amount, history, one


def _poisoned(run: Run, rows: dict[str, Any]) -> Iterator[object]:
    for row in rows.values():
        if row["state"] == "poisoned":
            words = f"{row['campaign']} for {run.stage.ids[row['customer_id']]}"
            if run.killer is None and run.baton.deaths < 5:
                yield "nobody died", dict(row)
            elif run.killer is not None and words != run.killer:
                yield "another one killed", dict(row)
