"""What a trial came to: a table for people, a line for machines."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chaos.diary import Diary
from tests.chaos.judge import Verdict, p
from tests.chaos.silence import told

LONG_S = 15.0
"""A silence that wants an explanation."""

VIOLATIONS = {
    "doubled": "marketing, taken more than once",
    "lost": "lost",
    "cap": "over a cap",
    "quiet": "in quiet hours",
    "consent": "without consent",
    "pause": "in spite of a pause",
    "ledger": "ledger and provider disagree",
    "service": "service, twice and not counted",
}


def figures(verdict: Verdict, diary: Diary) -> dict[str, Any]:
    """The line for machines."""
    counts = verdict.counts
    numbers = {kind: len(verdict.wrong.get(kind, ())) for kind in VIOLATIONS}
    return {
        "kills": counts["kills"],
        "messages": counts["messages"],
        "doubled": numbers["doubled"],
        "lost": numbers["lost"],
        "too_late": counts["too_late"],
        "unknown": counts["unknown"],
        "cap_violations": numbers["cap"],
        "quiet_violations": numbers["quiet"],
        "consent_violations": numbers["consent"],
        "pause_violations": numbers["pause"],
        "ledger_violations": numbers["ledger"],
        "service_violations": numbers["service"],
        "service_doubled": counts["service_doubled"],
        "accepted": counts["accepted"],
        "in_doubt": counts["in_doubt"],
        "again": counts["again"],
        "disasters": counts["disasters"],
        "events": counts["events"],
        "opt_outs": counts["opt_outs"],
        "pauses": counts["pauses"],
        "pause_p50_s": round(p(verdict.pause_s, 50), 3),
        "pause_p99_s": round(p(verdict.pause_s, 99), 3),
        "pause_max_s": round(max(verdict.pause_s, default=0.0), 3),
        "pause_wait_p50_s": round(p(verdict.pause_wait_s, 50), 3),
        "pause_wait_max_s": round(max(verdict.pause_wait_s, default=0.0), 3),
        "longest_silence_s": round(counts["longest_silence_ms"] / 1000, 1),
        "longest_silence_with_due_s": round(
            max((one.seconds for one in verdict.silences), default=0.0), 1
        ),
        **dict(_recovery(verdict)),
        "load_p50": round(p([look.load for look in diary.looks], 50), 1),
        "seconds": round((diary.calm_ns - diary.began_ns) / 1e9, 1),
        "drain_s": round((diary.ended_ns - diary.calm_ns) / 1e9, 1),
        "seed": verdict.seed,
    }


def table(verdict: Verdict, diary: Diary) -> Iterator[str]:
    """The lines for people."""
    said = figures(verdict, diary)
    yield f"{said['seconds']:,.0f} s of disasters, and {said['drain_s']:,.0f} s until all had ended"
    yield f"{said['events']:,} events, {said['opt_outs']} opt-outs, {said['pauses']} pauses"
    yield f"{said['messages']:,} messages decided on, {said['accepted']:,} taken by the provider"
    yield f"  {said['again']} tried more than once, {said['in_doubt']} in doubt for a while"
    yield "how they ended: " + _list(verdict.states)
    yield "the reasons: " + _list(verdict.reasons)
    yield ""
    yield f"{'disaster':<18}{'struck':>8}{'sent again after p50':>22}{'p99':>9}{'max':>9}"
    kinds = sorted({fault.kind for fault in diary.faults})
    for kind in kinds:
        number = sum(fault.kind == kind for fault in diary.faults)
        times = verdict.recovery_s.get(kind, [])
        p50, p99, most = p(times, 50), p(times, 99), max(times, default=0.0)
        yield f"{kind:<18}{number:>8}{p50:>20.2f} s{p99:>7.1f} s{most:>7.1f} s"
    yield "started again: " + _list(diary.restarts)
    yield f"the longest time without any message: {said['longest_silence_s']} s"
    yield f"  while something was due: {said['longest_silence_with_due_s']} s"
    yield from told(verdict.silences, diary.began_ns, LONG_S)
    why: Counter[str] = Counter()
    for one in verdict.silences:
        why += one.why
    yield "what stood in the way, in seconds: " + _list(
        Counter({k: round(s) for k, s in why.items()})
    )
    yield (
        f"from a pause's commit to the last write: p50 {said['pause_p50_s']} s, "
        f"p99 {said['pause_p99_s']} s, max {said['pause_max_s']} s; until it was committed: "
        f"p50 {said['pause_wait_p50_s']} s, max {said['pause_wait_max_s']} s"
    )
    yield ""
    for kind, words in VIOLATIONS.items():
        yield f"{words:<36}{len(verdict.wrong.get(kind, ())):>6}"
    yield f"{'service, taken twice and counted':<36}{said['service_doubled']:>6}"
    yield f"{'decided too late, and said so':<36}{said['too_late']:>6}"
    yield f"{'unknown in the end, and said so':<36}{said['unknown']:>6}"


def line(verdict: Verdict, diary: Diary) -> str:
    """One line of JSON."""
    return json.dumps(figures(verdict, diary))


def _recovery(verdict: Verdict) -> Iterator[tuple[str, float]]:
    for kind, times in sorted(verdict.recovery_s.items()):
        name = f"recovery_{kind.replace(' ', '_')}"
        yield f"{name}_p50_s", round(p(times, 50), 2)
        yield f"{name}_p99_s", round(p(times, 99), 2)
        yield f"{name}_max_s", round(max(times), 2)


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items(), key=lambda x: -x[1]))
