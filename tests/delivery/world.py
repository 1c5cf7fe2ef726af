"""A random shop over some days, and what the provider's own log must show of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from channels.contract import Deferred, Item, Outcome, Reason, Rejected
from channels.outbox import Record
from orchestrator.model.message import UNDECIDED
from orchestrator.model.span import Rate, parse_rate
from orchestrator.tables import messages
from tests.support.shop import Small, consent, customer, event

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOLD = timedelta(seconds=15)
ZONES = {
    "America/New_York": ("US", "NY"),
    "America/Los_Angeles": ("US", "CA"),
    "Europe/London": ("GB", None),
    "Asia/Kolkata": ("IN", None),
    "Pacific/Auckland": ("NZ", None),
}
_UNITS = ("day", "week", "month")
STARTS = (  # each with the clocks of some of the zones changing some days later
    datetime(2017, 11, 2, tzinfo=UTC),
    datetime(2018, 3, 8, tzinfo=UTC),
    datetime(2018, 3, 22, tzinfo=UTC),
    datetime(2017, 9, 21, tzinfo=UTC),
)


@dataclass
class Person:
    """A customer as the oracle knows one."""

    key: str
    zone: str
    address: dict[str, str]
    wish: tuple[time, time] | None = None
    max_per_week: int | None = None
    withdrawn: dict[str, datetime] = field(default_factory=dict)  # channel → since when


@dataclass
class World:
    """Everything that chance has made, from one seed."""

    seed: int
    start: datetime
    people: dict[str, Person]
    campaigns: dict[str, dict[str, Any]]
    shop: dict[str, Any]
    records: list[tuple[datetime, tuple[str, dict[str, Any]]]]
    days: int

    @property
    def end(self) -> datetime:
        """After the last event."""
        return self.start + self.days * DAY


def world(seed: int, *, days: int, people: int, calendar: bool = False) -> World:
    """The world of a seed; `calendar`: some of its caps go by days and weeks of the calendar."""
    chance = Random(seed)
    start = chance.choice(STARTS)
    persons = [_person(chance, n) for n in range(people)]
    if chance.random() < 0.7:  # two of one household
        persons[1].address["email"] = persons[0].address["email"]
    shop = {
        "quiet_hours": chance.choice(["21:00-09:00", "22:00-08:00", "13:00-15:00"]),
        "caps": {
            "overall": [f"{chance.randint(1, 3)} per {chance.choice(['1d', '3d', '30h'])}"],
            "channel": {"sms": [f"1 per {chance.choice(['1d', '5h'])}"]},
            "topic": {"offers": [f"{chance.randint(1, 2)} per 2d"]},
        },
    }
    campaigns = {f"c{n}": _campaign(chance) for n in range(chance.randint(3, 5))}
    if calendar:
        _by_the_calendar(Random(f"{seed}/calendar"), shop, campaigns)
    made = World(seed, start, {p.key: p for p in persons}, campaigns, shop, [], days)
    made.records = sorted(_records(chance, made), key=lambda record: record[0])
    return made


def _by_the_calendar(
    chance: Random, shop: dict[str, Any], campaigns: dict[str, dict[str, Any]]
) -> None:
    """In place of most other caps, so that these are the ones that are met."""
    shop["caps"] = {
        "overall": [f"{chance.randint(1, 2)} per calendar day"],
        "topic": {"offers": [f"{chance.randint(2, 3)} per calendar week", "5 per 7d"]},
    }
    for campaign in campaigns.values():
        campaign["caps"] = [f"{chance.randint(1, 3)} per calendar {chance.choice(_UNITS)}"]


def _person(chance: Random, n: int) -> Person:
    address = {"email": f"p{n}@example.com", "phone": f"+1212555{100 + n:04d}"}
    return Person(
        f"p{n}",
        chance.choice(sorted(ZONES)),
        address,
        chance.choice([None, None, (time(20), time(10)), (time(11), time(12))]),
        chance.choice([None, None, 1, 3]),
    )


def _campaign(chance: Random) -> dict[str, Any]:
    triggers: list[dict[str, Any]] = [
        {"event": "Signed Up"},
        {"event": "Cart Updated", "wait": "3h", "unless": {"event": "Order Completed"}},
        {"event": "Order Completed"},
        {"inactive": "Order Completed", "for": "2d"},
        {"cron": f"{chance.randint(0, 59)} {chance.choice(['2', '10', '*/6', '23'])} * * *"},
    ]
    steps: list[list[dict[str, Any]]] = [
        [{"send": {}}],
        [{"send": {}}],
        [{"send": {}}, {"wait": "1d"}, {"send": {"template": "again"}}],
    ]
    more = {"caps": [f"{chance.randint(1, 2)} per 2d"]} if chance.random() < 0.5 else {}
    return {
        "purpose": "service" if chance.random() < 0.15 else "help",
        "topic": chance.choice(["offers", "tips"]),
        "priority": chance.choice([40, 50, 50, 60]),
        "trigger": chance.choice(triggers),
        "steps": chance.choice(steps),
        "channels": chance.choice([["email"], ["sms", "email"], ["preferred", "email", "sms"]]),
        "expires": chance.choice(["6h", "24h", "3d"]),
        "when_full": chance.choice(["skip", "skip", "skip", "defer"]),
        **more,
    }


def _records(chance: Random, made: World) -> Iterable[tuple[datetime, Any]]:
    for n, who in enumerate(made.people.values()):
        country, region = ZONES[who.zone]
        ends = [f"{end:%H:%M}" for end in who.wish or ()]
        yield made.start, customer(
            who.key, zone=who.zone, country=country, region=region, **who.address,
            max_per_week=who.max_per_week, preferred_channel=chance.choice([None, "sms", "email"]),
            **dict(zip(("quiet_from", "quiet_until"), ends, strict=False)),
        )  # fmt: skip
        for channel in ("email", "sms"):
            yield made.start, consent(who.key, channel)
            if chance.random() < 0.3:
                at = made.start + chance.random() * made.days * DAY
                who.withdrawn[channel] = at
                yield at, consent(who.key, channel, given=False, at=at)
        for m in range(made.days * 2):
            at = made.start + timedelta(seconds=chance.randrange(made.days * 86_400))
            name = chance.choice(["Signed Up", "Cart Updated", "Order Completed"])
            yield at, event(who.key, name, at, id=f"{n}/{m}")


def unreliable(chance: Random) -> Callable[[Item], Outcome | None]:
    """A provider that sometimes is busy, and sometimes refuses."""

    def answer(item: Item) -> Outcome | None:
        drawn = chance.random()
        if drawn < 0.05:
            return Deferred(chance.choice([0.0, 60.0, 7200.0]), "busy")
        if drawn < 0.1:
            return Rejected(Reason.provider_down, "down", retryable=True)
        return Rejected(Reason.other, "no") if drawn < 0.12 else None

    return answer


@dataclass
class Sent:
    """A line of the provider's log, read without our tables."""

    campaign: str
    who: Person
    at: datetime
    record: Record

    @classmethod
    def of(cls, record: Record, made: World) -> "Sent":
        words = record.subject or record.text.partition(".")[0]
        campaign, _, key = words.partition(" for ")
        return cls(campaign, made.people[key.split()[0]], record.at, record)


def check(shop: Small, made: World) -> Counter[str]:
    """Everything that must hold once all has ended; the states of the messages."""
    sent = [Sent.of(record, made) for record in shop.sent()]
    check_once(shop, sent)
    marketing = [s for s in sent if made.campaigns[s.campaign]["purpose"] != "service"]
    check_caps(marketing, made)
    check_quiet(sent, made)
    for one in marketing:
        channel = one.record.kind
        assert one.at < one.who.withdrawn.get(channel, datetime.max.replace(tzinfo=UTC)), one
    return check_ends(shop, sent)


def check_once(shop: Small, sent: Sequence[Sent]) -> None:
    """At most one acceptance for each message, and for each step of each occasion."""
    rows = {str(row["id"]): row for row in shop.rows(messages)}
    key = ("campaign", "customer_id", "occasion", "step")
    taken = Counter(tuple(rows[s.record.message_id][k] for k in key) for s in sent)
    assert all(number == 1 for number in taken.values()), taken.most_common(3)
    for one in sent:
        assert rows[one.record.message_id]["campaign"] == one.campaign


def check_ends(shop: Small, sent: Sequence[Sent]) -> Counter[str]:
    """Every row has ended, with a reason; and accepted means that the provider has it."""
    rows = shop.rows(messages)
    for row in rows:
        assert row["state"] not in UNDECIDED, dict(row)
        assert row["state"] == "accepted" or row["reason"], dict(row)
        assert row["ended_at"] is not None, dict(row)
    accepted = {str(row["id"]) for row in rows if row["state"] == "accepted"}
    assert accepted == {one.record.message_id for one in sent}
    return Counter(row["state"] for row in rows)


def check_caps(sent: Sequence[Sent], made: World) -> None:
    """No window of a cap's length holds more than the cap, for a customer or an address."""
    caps = made.shop["caps"]
    for whose in (lambda s: s.who.key, lambda s: s.record.address):
        of: dict[str, list[Sent]] = defaultdict(list)
        for one in sent:
            of[whose(one)].append(one)
        for mine in of.values():
            for cap in caps["overall"]:
                within(mine, parse_rate(cap), "overall")
            for name, rates in caps.get("channel", {}).items():
                for cap in rates:
                    within([s for s in mine if s.record.kind == name], parse_rate(cap), name)
            for topic, rates in caps["topic"].items():
                named = [s for s in mine if made.campaigns[s.campaign]["topic"] == topic]
                for cap in rates:
                    within(named, parse_rate(cap), topic)
            for name, campaign in made.campaigns.items():
                for cap in campaign.get("caps", ()):
                    within([s for s in mine if s.campaign == name], parse_rate(cap), name)
    for who in made.people.values():
        if who.max_per_week is not None:
            mine = [s for s in sent if s.who is who]
            within(mine, Rate(who.max_per_week, 7 * DAY), "wish")


def within(sent: Sequence[Sent], cap: Rate, what: str) -> None:
    """No `cap.count + 1` of these lie in less than `cap.per`; or in one period of the calendar, by
    the wall of whom the last of them went to."""
    if cap.calendar is not None:
        for one in sent:
            mine = _period(one.at, cap.calendar, one.who.zone)
            before = [
                other
                for other in sent
                if other.at <= one.at and _period(other.at, cap.calendar, one.who.zone) == mine
            ]
            assert len(before) <= cap.count, (what, str(cap), one.at, len(before))
        return
    times = sorted(one.at for one in sent)
    for first, last in zip(times, times[cap.count :], strict=False):
        assert last - first >= cap.per, (what, str(cap), first, last)


def _period(at: datetime, unit: str, zone: str) -> tuple[int, ...]:
    local = at.astimezone(ZoneInfo(zone)).date()
    if unit == "week":
        return tuple(local.isocalendar())[:2]
    return (local.year, local.month, local.day)[: 3 if unit == "day" else 2]


def check_quiet(sent: Sequence[Sent], made: World) -> None:
    """Neither the beginning of a write nor its end lies in hours that are quiet."""
    start, _, end = made.shop["quiet_hours"].partition("-")
    shop = (time.fromisoformat(start), time.fromisoformat(end))
    for one in sent:
        for quiet in filter(None, (shop, one.who.wish)):
            for at in (one.at, one.at + HOLD):
                local = at.astimezone(ZoneInfo(one.who.zone)).time()
                assert not _in(local, *quiet), (one, quiet, local)


def _in(local: time, start: time, end: time) -> bool:
    return start <= local < end if start < end else local >= start or local < end
