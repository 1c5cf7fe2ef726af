"""Made-up consents, each with its touchpoint, wording and time, and their withdrawals.

The data has none. Every agreement lies before October 2017; most withdrawals before the replay,
some inside its four weeks, so that the last check before sending has something to find. Some
customers were asked and said no, many were never asked: no record at all.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from demo.complete_journey.chance import happens, pick, share
from demo.complete_journey.clock import REPLAY_FROM, REPLAY_TO, text
from demo.complete_journey.customers import Record, customer

_ASKED_FROM = datetime(2016, 1, 1, 13, tzinfo=UTC)
_ASKED_TO = datetime(2017, 9, 30, 22, tzinfo=UTC)
_IMPLIED = timedelta(days=730)  # CASL: implied consent ends two years after the purchase

# Share of the reachable customers who agreed at all, then per topic.
_AGREED = {"email": 0.8, "sms": 0.5}
_TOPICS: dict[str, dict[str, float]] = {
    "email": {"offers": 0.75, "recipes": 0.6, "replenish": 0.6, "account": 0.85, "news": 0.4},
    "sms": {"offers": 0.7, "replenish": 0.55, "account": 0.6},
}
_ASKED_AT = {
    "email": ("till", "till", "website", "website", "account", "support"),
    "sms": ("sms keyword", "sms keyword", "till", "website", "account"),
}
_WITHDRAWN_AT = {
    "email": ("website", "website", "account", "support"),
    "sms": ("sms keyword", "sms keyword", "support"),
}


def consents(households: Iterable[int]) -> Iterator[Record]:
    """All consent records of the households, in order of time."""
    records = [record for household in households for record in consents_of(household)]
    records.sort(key=lambda r: (r["at"], r["customer"], r["channel"], r["topic"]))
    yield from records


def consents_of(household: int) -> Iterator[Record]:
    """One household's agreements, refusals and withdrawals, for the addresses it has."""
    who = customer(household)
    for channel, address in (("email", "email"), ("sms", "phone")):
        if address not in who:
            continue
        if happens(household, f"{channel} refused", 0.05):
            yield _record(household, channel, "*", _asked(household, channel), given=False)
        elif happens(household, f"{channel} agreed", _AGREED[channel]):
            yield from _agreed(household, channel, canadian=who.get("country") == "CA")


def _agreed(household: int, channel: str, *, canadian: bool) -> Iterator[Record]:
    at = _asked(household, channel)
    implied = canadian and happens(household, f"{channel} implied", 0.4)
    if happens(household, f"{channel} everything", 0.1):
        topics = ["*"]
    else:
        wanted = _TOPICS[channel].items()
        topics = [t for t, p in wanted if happens(household, f"{channel} {t}", p)]
    for topic in topics:
        record = _record(household, channel, topic, at)
        if implied:
            record["wording"] = f"{channel}-implied-by-purchase"
            record["until"] = text(at + _IMPLIED)
        yield record
    if topics:
        yield from _withdrawn(household, channel, topics, at)


def _withdrawn(household: int, channel: str, topics: list[str], at: datetime) -> Iterator[Record]:
    fate = share(household, f"{channel} withdrawn")
    if fate < 0.07:
        since, until = at + timedelta(hours=1), REPLAY_FROM
    elif fate < 0.13:
        since, until = REPLAY_FROM, REPLAY_TO
    else:
        return
    when = since + (until - since) * share(household, f"{channel} withdrawn at")
    touchpoint = pick(household, f"{channel} withdrawn where", _WITHDRAWN_AT[channel])
    # STOP ends everything on the channel; in the account one topic is unticked at a time.
    one_topic = touchpoint == "account" and "*" not in topics
    topic = pick(household, f"{channel} withdrawn topic", topics) if one_topic else "*"
    wording = "STOP" if touchpoint == "sms keyword" else f"{channel}-withdrawal-1"
    yield {
        **_record(household, channel, topic, when, given=False),
        "touchpoint": touchpoint,
        "wording": wording,
    }


def _asked(household: int, channel: str) -> datetime:
    span = _ASKED_TO - _ASKED_FROM
    return _ASKED_FROM + span * share(household, f"{channel} asked at")


def _record(
    household: int, channel: str, topic: str, at: datetime, *, given: bool = True
) -> Record:
    half = 1 if at.month <= 6 else 2
    return {
        "customer": f"hh-{household}",
        "channel": channel,
        "topic": topic,
        "given": given,
        "at": text(at),
        "touchpoint": pick(household, f"{channel} asked where", _ASKED_AT[channel]),
        "wording": f"{channel}-{at.year}-{half}",
    }
