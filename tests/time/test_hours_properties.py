"""What holds of every clock, law and wish at every moment."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.flow.law import read_law
from orchestrator.model.clock import Clock, QuietHours
from orchestrator.rules.hours import Opening, _narrowed, opening

LAW = read_law()
SECOND = timedelta(seconds=1)
ZONES = [
    "America/New_York",
    "America/Los_Angeles",
    "America/Havana",
    "Europe/Paris",
    "Europe/London",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Antarctica/Troll",
]
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
quiets = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1])
moments = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
channels = st.sampled_from(["sms", "voice", "email"])


@st.composite
def clocks(draw: st.DrawFn, zones_min: int = 0) -> Clock:
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=zones_min, max_size=2))
    country = draw(st.sampled_from([None, "US", "FR", "GB", "JP"]))
    region = draw(st.sampled_from([None, "TX", "FL", "RI", "CA"])) if country == "US" else None
    wish = draw(st.none() | quiets) or (None, None)
    return Clock(tuple(zones), country, region, *wish)


def is_open(instant: datetime, clock: Clock, channel: str, quiet: list[QuietHours]) -> bool:
    """The naive oracle: what the wall shows, rule by rule. Knows no holiday."""
    for zone in clock.zones:
        shown = instant.astimezone(ZoneInfo(zone))
        now = shown.time()
        for rule in [*quiet, clock.wish]:
            if rule is None:
                continue
            over_midnight = rule.start > rule.end
            if over_midnight and (now >= rule.start or now < rule.end):
                return False
            if not over_midnight and rule.start <= now < rule.end:
                return False
        for layer in LAW.hours_for(clock, channel):
            rows = [row for row in layer if WEEK[shown.weekday()] in row.days]
            if not rows or not all(row.opens <= now < row.closes for row in rows):
                return False
    return True


@settings(max_examples=400, deadline=None)
@given(
    moments, clocks(1), channels, st.lists(st.builds(lambda p: QuietHours(*p), quiets), max_size=2)
)
def test_an_opening_is_open_and_what_is_open_is_found(
    now: datetime, clock: Clock, channel: str, quiet: list[QuietHours]
) -> None:
    found = opening(now, clock, channel, quiet=quiet, law=LAW)
    if found.at is None:
        wait = timedelta(days=3)
    else:
        wait = found.at - now
        ends = found.until or found.at + timedelta(days=1)
        for instant in (
            found.at,
            found.at + 15 * SECOND,
            found.at + (ends - found.at) / 2,
            ends - SECOND,
        ):
            assert is_open(instant, clock, channel, quiet), (instant, found)
    quarter = timedelta(minutes=15)
    probe = datetime.fromtimestamp(now.timestamp() // 900 * 900, UTC) + quarter
    while probe < now + wait:
        shut = not is_open(probe, clock, channel, quiet)
        assert shut or clock.country == "FR" or _repeats(probe, clock), (probe, found)
        probe += quarter


def _repeats(instant: datetime, clock: Clock) -> bool:
    """Within a day of clocks that were put back: the quieter reading may have been taken."""
    return any(
        (instant - timedelta(days=1)).astimezone(ZoneInfo(zone)).utcoffset()
        != (instant + timedelta(days=1)).astimezone(ZoneInfo(zone)).utcoffset()
        for zone in clock.zones
    )


@settings(max_examples=300, deadline=None)
@given(moments, clocks(), channels, quiets)
def test_a_wish_and_a_campaign_only_narrow(
    now: datetime, clock: Clock, channel: str, more: tuple[time, time]
) -> None:
    plain = Clock(clock.zones, clock.country, clock.region)
    widest = opening(now, plain, channel, quiet=[], law=LAW)
    wished = opening(now, Clock(*_place(clock), *more), channel, quiet=[], law=LAW)
    narrow = opening(now, clock, channel, quiet=[QuietHours(*more)], law=LAW)
    for narrower in (wished, narrow):
        if narrower.at is None:
            continue
        assert widest.at is not None
        assert narrower.at >= widest.at
        there = opening(narrower.at, plain, channel, quiet=[], law=LAW)
        assert there.at == narrower.at
        assert there.until is None or (narrower.until and narrower.until <= there.until)


def _place(clock: Clock) -> tuple[tuple[str, ...], str | None, str | None]:
    return clock.zones, clock.country, clock.region


@settings(max_examples=150, deadline=None)
@given(
    moments,
    st.lists(st.integers(-3000, 6000), min_size=2, max_size=8),
    clocks(),
    channels,
    quiets,
    st.sampled_from([0.0, 15.0, 600.0]),
)
def test_what_was_asked_before_changes_no_answer(
    start: datetime,
    minutes: list[int],
    clock: Clock,
    channel: str,
    quiet: tuple[time, time],
    hold_s: float,
) -> None:
    asked = [start + timedelta(minutes=n) for n in minutes]

    def answer(now: datetime) -> Opening:
        return opening(now, clock, channel, quiet=[QuietHours(*quiet)], law=LAW, hold_s=hold_s)

    _narrowed.cache_clear()
    remembered = [answer(now) for now in asked]
    for now, found in zip(asked, remembered, strict=True):
        _narrowed.cache_clear()
        assert answer(now) == found


@settings(max_examples=100)
@given(clocks())
def test_a_key_is_a_clock(clock: Clock) -> None:
    assert Clock.parse(clock.key) == clock
