"""What the provider's own log shows. Our tables only group its lines, and are held against it."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import quantiles

from orchestrator.model.span import parse_rate
from orchestrator.store.journeys import TOO_LATE
from tests.chaos.diary import ALL, Diary, OptOut, Stop
from tests.chaos.ledger import Ledger, Row
from tests.chaos.shop import CAPS, TRIGGERS, Person, campaigns
from tests.chaos.silence import Silence, owed, silences
from tests.provider.log import Acceptance, Log, instant

HOLD = timedelta(seconds=15)
"""D: a write ends no later than this after its gates were checked."""

LAG = timedelta(seconds=1)
"""By so much later than it was written a loaded provider may have read a message."""

_NS = 1_000_000_000


@dataclass
class Verdict:
    """What was found. `wrong`: kind → what is wrong with which message."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    silences: list[Silence] = field(default_factory=list)
    recovery_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    pause_s: list[float] = field(default_factory=list)
    """From each pause's commit to the last write that it should have stopped; 0 without any."""
    pause_wait_s: list[float] = field(default_factory=list)
    """From asking for a pause to its commit."""

    def blame(self, kind: str, message: str, what: str) -> None:
        """One violation."""
        self.wrong[kind].append((message, what))

    @property
    def good(self) -> bool:
        """Nothing at all is wrong."""
        return not any(self.wrong.values())


@dataclass(frozen=True, slots=True)
class _Sent:
    row: Row
    who: Person
    line: Acceptance
    at: datetime

    @property
    def id(self) -> str:
        return self.row.id


def judge(seed: int, diary: Diary, ledger: Ledger, log: Log, people: Sequence[Person]) -> Verdict:
    """Everything that must hold once all has ended."""
    verdict = Verdict(seed)
    by_key = {one.key: one for one in people}
    sent: list[_Sent] = []
    for line in log:
        row = ledger.rows.get(line.message_id)
        if row is None:
            verdict.blame("ledger", line.message_id, "accepted, and in no ledger")
            continue
        sent.append(_Sent(row, by_key[row.customer], line, instant(line.received_ns)))
    marketing = [one for one in sent if one.row.marketing]
    _once(verdict, sent)
    _ends(verdict, ledger, log)
    _lost_events(verdict, diary, ledger)
    _lost_slots(verdict, diary, ledger)
    _caps(verdict, marketing)
    _quiet(verdict, marketing)
    _consents(verdict, marketing, diary.opt_outs)
    _pauses(verdict, sent, diary.stops)
    _recovery(verdict, diary, log)
    _count(verdict, diary, ledger, log, marketing)
    return verdict


def _once(verdict: Verdict, sent: Iterable[_Sent]) -> None:
    groups: dict[tuple[str, str, str, int], list[_Sent]] = defaultdict(list)
    for one in sent:
        key = one.row
        groups[key.campaign, key.customer, key.occasion, key.step].append(one)
    for those in groups.values():
        row = those[-1].row
        again = len(those) - 1
        if not again:
            continue
        if row.marketing:
            verdict.blame("doubled", row.id, f"accepted {again + 1} times")
            continue
        verdict.counts["service_doubled"] += again
        if again > row.maybe_more:
            said = f"{again} more than once, {row.maybe_more} of them counted"
            verdict.blame("service", row.id, said)


def _ends(verdict: Verdict, ledger: Ledger, log: Log) -> None:
    for row in ledger.rows.values():
        verdict.states[row.state] += 1
        if row.reason:
            verdict.reasons[f"{row.state}: {row.reason}"] += 1
        taken = row.id in log.by_message
        if not row.ended and not taken:
            verdict.blame("lost", row.id, f"is {row.state} in the end, and nobody has it")
        elif not row.ended:
            verdict.blame("ledger", row.id, f"is {row.state} in the end, and the provider has it")
        elif row.state == "accepted" and not taken:
            verdict.blame("lost", row.id, "is said to be accepted, and the provider lacks it")
        elif taken and row.state not in ("accepted", "unknown_final"):
            verdict.blame("ledger", row.id, f"is {row.state}, and the provider has it")


def _lost_events(verdict: Verdict, diary: Diary, ledger: Ledger) -> None:
    led = {(row.event, row.campaign) for row in ledger.rows.values()} | ledger.never_began.keys()
    for event in diary.events:
        for campaign in TRIGGERS[event.name]:
            if (event.key, campaign) not in led:
                said = f"{event.name} {event.key} of {event.customer} led to no {campaign}"
                verdict.blame("lost", "", said)


def _lost_slots(verdict: Verdict, diary: Diary, ledger: Ledger) -> None:
    """Every full minute of the trial was decided, while there still were members."""
    decided = {at.replace(microsecond=0) for at in ledger.passes.get("minute", ())}
    at = instant(diary.began_ns).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at < instant(diary.calm_ns):
        verdict.counts["slots"] += 1
        if at not in decided:
            verdict.blame("lost", "", f"the slot of {at:%H:%M} was never decided")
        at += timedelta(minutes=1)


def _caps(verdict: Verdict, sent: Sequence[_Sent]) -> None:
    of: dict[str, list[_Sent]] = defaultdict(list)
    for one in sent:
        of[one.row.customer].append(one)
    for mine in of.values():
        for text, those in _capped(mine):
            rate = parse_rate(text)
            times = sorted((one.at, one.id) for one in those)
            for (first, _), (last, id) in zip(times, times[rate.count :], strict=False):
                if last - first < rate.per:
                    verdict.blame("cap", id, f"{text}: {rate.count + 1} from {first} to {last}")


def _capped(mine: Sequence[_Sent]) -> Iterator[tuple[str, list[_Sent]]]:
    def only(holds: Callable[[_Sent], bool]) -> list[_Sent]:
        return [one for one in mine if holds(one)]

    for text in CAPS["overall"]:
        yield text, list(mine)
    for channel, texts in CAPS["channel"].items():
        for text in texts:
            yield text, only(lambda one, c=channel: one.line.kind == c)  # type: ignore[misc]
    for topic, texts in CAPS["topic"].items():
        for text in texts:
            yield text, only(lambda one, t=topic: one.row.topic == t)  # type: ignore[misc]
    for name, campaign in campaigns().items():
        for text in campaign.get("caps", ()):
            yield text, only(lambda one, n=name: one.row.campaign == n)  # type: ignore[misc]


def _quiet(verdict: Verdict, sent: Iterable[_Sent]) -> None:
    for one in sent:
        if one.who.quiet_at(one.at):
            verdict.blame("quiet", one.id, f"{one.at} is quiet in {one.who.zone} {one.who.wish}")


def _consents(verdict: Verdict, sent: Iterable[_Sent], opt_outs: Iterable[OptOut]) -> None:
    said: dict[str, list[OptOut]] = defaultdict(list)
    for one in opt_outs:
        said[one.customer].append(one)
    for got in sent:
        channel, topic = got.line.kind, got.row.topic
        if not {(channel, topic), (channel, ALL)} & got.who.agreed:
            verdict.blame("consent", got.id, f"never agreed to {channel} about {topic}")
        for out in said[got.who.key]:
            late = got.at - instant(out.at_ns)
            if out.channel == channel and out.topic in (topic, ALL) and late > timedelta(0):
                verdict.counts["after_opt_out"] += 1
                if late > HOLD + LAG:
                    verdict.blame("consent", got.id, f"{late} after an opt-out was committed")


def _stops(stop: Stop, row: Row) -> bool:
    if stop.scope == "everything":
        return True
    if stop.scope == "provider":
        return stop.name == "recording"
    return stop.name == (row.campaign if stop.scope == "campaign" else row.channel)


def _pauses(verdict: Verdict, sent: Sequence[_Sent], stops: Iterable[Stop]) -> None:
    for stop in stops:
        until_ns = stop.until_ns
        assert until_ns is not None
        verdict.pause_wait_s.append((stop.at_ns - stop.asked_ns) / _NS)
        meant = [
            one
            for one in sent
            if stop.at_ns < one.line.received_ns < until_ns and _stops(stop, one.row)
        ]
        last_ns = max((one.line.received_ns for one in meant), default=stop.at_ns)
        verdict.pause_s.append((last_ns - stop.at_ns) / _NS)
        for one in meant:
            late = one.at - instant(stop.at_ns)
            if late > HOLD + LAG:
                verdict.blame("pause", one.id, f"{late} after {stop.scope} {stop.name} was paused")


def _recovery(verdict: Verdict, diary: Diary, log: Log) -> None:
    """From each disaster's end to the next message that was taken, as far as anything was due."""
    times = sorted(line.received_ns for line in log)
    verdict.silences = silences(diary.looks, times, diary.calm_ns)
    idle = [look.at_ns for look in diary.looks if look.stored and not owed(look.stored)]
    for fault in diary.faults:
        if fault.ended_ns > diary.calm_ns:
            continue
        after = next(iter(times[bisect_right(times, fault.ended_ns) :]), None)
        if after is not None:
            before = bisect_right(idle, after)
            begun = max(fault.ended_ns, idle[before - 1] if before else 0)
            verdict.recovery_s[fault.kind].append((after - begun) / _NS)
    verdict.counts["longest_silence_ms"] = max(
        ((b - a) // 1_000_000 for a, b in pairwise(times) if b <= diary.calm_ns), default=0
    )


def _count(
    verdict: Verdict, diary: Diary, ledger: Ledger, log: Log, marketing: Sequence[_Sent]
) -> None:
    verdict.counts.update(
        messages=len(ledger.rows),
        accepted=len(log),
        accepted_marketing=len(marketing),
        events=len(diary.events),
        opt_outs=len(diary.opt_outs),
        pauses=len(diary.stops),
        kills=diary.kills,
        disasters=len(diary.faults),
        unknown=verdict.states["unknown_final"],
        in_doubt=sum(
            any("reconciled" in line for line in row.history) for row in ledger.rows.values()
        ),
        again=sum(len(row.attempts) > 1 for row in ledger.rows.values()),
        too_late=_too_late(ledger),
    )


def _too_late(ledger: Ledger) -> int:
    """Askings that nobody decided about while they were news; each is told as `expired`."""
    late = {
        (row.event, row.campaign)
        for row in ledger.rows.values()
        if (row.state, row.reason) == ("skipped", TOO_LATE)
    }
    return len(late | {one for one, why in ledger.never_began.items() if why == TOO_LATE})


def p(values: Sequence[float], percent: int) -> float:
    """A percentile; 0 of nothing."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def story(verdict: Verdict, ledger: Ledger, log: Log) -> Iterator[str]:
    """Of the first message of each kind of violation, everything that is known."""
    for kind, those in verdict.wrong.items():
        for id, what in those[:1]:
            yield f"{kind}: message {id or '-'}: {what} (one of {len(those)})"
            row: Row | None = ledger.rows.get(id)
            if row is not None:
                yield f"  {row.campaign} for {row.customer}, {row.occasion}, step {row.step}"
                yield f"  {row.state} {row.reason or ''}; {row.planned_at} to {row.ended_at}"
                yield from (f"  {line}" for line in row.attempts)
                yield from (f"  {line}" for line in row.history)
            lines: Mapping[str, Sequence[Acceptance]] = log.by_message
            for line in lines.get(id, ()):
                yield f"  accepted {instant(line.received_ns)} attempt {line.attempt_id} {line.ref}"
