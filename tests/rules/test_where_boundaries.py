"""`where` at its edges, where random examples seldom stand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.rules.oracle import Happening, Person
from tests.rules.population import empty, matched, matched_aside, record, settle
from tests.support.databases import Databases

NOW = datetime(2017, 11, 21, 17, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
PARIS = {"all": [{"trait": "city", "is": "Paris"}]}


@pytest.fixture(scope="module")
def engine(module_databases: Databases) -> Engine:
    return empty()


def found(
    engine: Engine,
    said: dict[str, Any],
    now: datetime = NOW,
    segments: dict[str, Any] | None = None,
    **known: Any,
) -> bool:
    settle(engine, [Person("ann", **known)])
    return bool(matched(engine, said, now, segments))


def bought(*times: datetime, products: list[str] | None = None, **properties: Any) -> Any:
    carried = [record(key) for key in products or []]
    return [Happening("bought", at, properties, carried) for at in times]


@pytest.mark.parametrize(
    ("ago", "counts"),
    [(WEEK, False), (WEEK - TICK, True), (WEEK + TICK, False), (DAY * 0, True), (-TICK, False)],
)
@pytest.mark.parametrize(
    "said", [{"did": "bought"}, {"last": "bought"}, {"first": "bought"}, {"got": "c"}]
)
def test_a_window_is_open_at_its_old_end_and_closed_at_now(
    engine: Engine, said: dict[str, Any], ago: timedelta, counts: bool
) -> None:
    known = {"events": bought(NOW - ago), "got": [("c", "accepted", NOW - ago)]}
    assert found(engine, {**said, "within": WEEK}, **known) is counts


@pytest.mark.parametrize(("ago", "old"), [(WEEK, True), (WEEK - TICK, False), (WEEK + TICK, True)])
@pytest.mark.parametrize("word", ["last", "first"])
def test_older_than_begins_where_within_ends(
    engine: Engine, word: str, ago: timedelta, old: bool
) -> None:
    events = bought(NOW - ago)
    assert found(engine, {word: "bought", "older_than": WEEK}, events=events) is old
    assert found(engine, {word: "bought", "within": WEEK}, events=events) is not old


@pytest.mark.parametrize("word", ["last", "first"])
@pytest.mark.parametrize("test", ["within", "older_than"])
def test_the_moment_of_what_never_happened_is_unknown_and_so_is_its_opposite(
    engine: Engine, word: str, test: str
) -> None:
    said = {word: "bought", test: WEEK}
    assert not found(engine, said)
    assert not found(engine, {"none": [said]})
    assert not found(engine, said, events=bought(NOW + TICK)), "it has not happened yet"


@pytest.mark.parametrize(
    ("bound", "matching"),
    [
        ({"at_least": 2}, {2, 3}),
        ({"above": 2}, {3}),
        ({"at_most": 2}, {0, 1, 2}),
        ({"below": 2}, {0, 1}),
        ({"exactly": 2}, {2}),
        ({"at_least": 1}, {1, 2, 3}),
        ({"at_most": 0}, {0}),
        ({"exactly": 0}, {0}),
        ({}, {1, 2, 3}),
        ({"at_least": 1, "at_most": 2}, {1, 2}),
    ],
)
@pytest.mark.parametrize("measure", [{}, {"sum": "one"}, {"distinct": "each"}])
def test_bounds_of_counts_sums_and_distinct_values(
    engine: Engine, measure: dict[str, str], bound: dict[str, int], matching: set[int]
) -> None:
    for number in range(4):
        events = [e for n in range(number) for e in bought(NOW, one=1, each=f"s{n}")]
        said = {"did": "bought", **measure, **bound}
        assert found(engine, said, events=events) is (number in matching), number
        assert found(engine, {"none": [said]}, events=events) is (number not in matching), number


def test_several_events_at_one_instant_count_one_by_one(engine: Engine) -> None:
    events = bought(NOW, NOW, NOW)
    assert found(engine, {"did": "bought", "exactly": 3}, events=events)
    assert found(engine, {"last": "bought", "within": DAY}, events=events)


def test_an_event_counts_once_however_many_of_its_products_match(engine: Engine) -> None:
    events = bought(NOW, products=["p1", "p2", "p3"])
    said = {"did": "bought", "product": {"category": "COFFEE"}, "exactly": 1}
    assert found(engine, said, events=events)
    one_product = {"category": "TEA", "organic": False}
    assert not found(engine, {"did": "bought", "product": one_product}, events=events)


@pytest.mark.parametrize("missing", [{}, {"total": None}])
def test_an_event_without_the_property_neither_passes_nor_fails_a_test_of_it(
    engine: Engine, missing: dict[str, Any]
) -> None:
    events = bought(NOW, **missing)
    for test in ({"at_least": 0}, {"is_not": 3}, {"not_in": [3]}):
        assert not found(engine, {"did": "bought", "where": {"total": test}}, events=events), test
    assert found(engine, {"did": "bought", "where": {"total": {"known": False}}}, events=events)
    assert found(engine, {"did": "bought", "sum": "total", "exactly": 0}, events=events)
    assert found(engine, {"did": "bought", "distinct": "total", "exactly": 0}, events=events)


# Midnight in New York is 05:00 UTC: the local day is the 20th just before, and the 21st from then.
MIDNIGHT = datetime(2017, 11, 21, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "day", "before", "after"),
    [
        ({"within_last": DAY}, "2017-11-20", True, False),
        ({"within_last": DAY}, "2017-11-21", False, True),
        ({"within_last": WEEK}, "2017-11-14", True, False),
        ({"within_last": WEEK}, "2017-11-15", True, True),
        ({"within_next": DAY}, "2017-11-20", True, False),
        ({"within_next": DAY}, "2017-11-21", False, True),
        ({"within_next": WEEK}, "2017-11-26", True, True),
        ({"within_next": WEEK}, "2017-11-27", False, True),
        ({"within_next": WEEK}, "2017-11-28", False, False),
        ({"older_than": WEEK}, "2017-11-13", True, True),
        ({"older_than": WEEK}, "2017-11-14", False, True),
        ({"older_than": WEEK}, "2017-11-15", False, False),
    ],
)
def test_days_change_at_the_customers_midnight(
    engine: Engine, said: dict[str, Any], day: str, before: bool, after: bool
) -> None:
    said = {"trait": "birthday", **said}
    known = {"traits": {"birthday": day}}
    assert found(engine, said, MIDNIGHT - TICK, **known) is before
    assert found(engine, said, MIDNIGHT, **known) is after
    assert not found(engine, said, MIDNIGHT, zone=None, **known), "no zone, no day"
    assert not found(engine, {"none": [said]}, MIDNIGHT, zone=None, **known)


@pytest.mark.parametrize("test", [{"is": "Paris"}, {"is_not": "Paris"}, {"not_in": ["Paris"]}])
def test_who_has_no_city_is_neither_in_paris_nor_not_in_paris(
    engine: Engine, test: dict[str, Any]
) -> None:
    for said in ({"trait": "city", **test}, {"none": [{"trait": "city", **test}]}):
        assert not found(engine, said)
        assert not found(engine, said, traits={"city": None})
    assert found(engine, {"trait": "city", "known": False})
    assert found(engine, {"trait": "city", "known": False}, traits={"city": None})
    assert not found(engine, {"trait": "city", "known": True}, traits={"city": None})
    assert found(engine, {"trait": "city", "known": True}, traits={"city": ""})


def test_the_unknown_in_a_group_leaves_open_only_what_depends_on_it(engine: Engine) -> None:
    unknown, yes, no = {"trait": "city", "is": "a"}, {"did": "bought", "at_most": 0}, {"got": "c"}
    assert found(engine, {"any": [unknown, yes]})
    assert not found(engine, {"all": [unknown, yes]})
    assert found(engine, {"none": [{"all": [unknown, no]}]})
    assert not found(engine, {"none": [{"any": [unknown, no]}]})


def test_a_segment_is_something_one_is_in_or_is_not(engine: Engine) -> None:
    segments = {"parisians": PARIS, "others": {"none": [{"segment": "parisians"}]}}
    for city, inside in ({"city": "Paris"}, True), ({"city": "Rome"}, False), ({}, False):
        for name, answer in ("parisians", inside), ("others", not inside):
            assert found(engine, {"segment": name}, NOW, segments, traits=city) is answer


@pytest.mark.parametrize(
    ("until", "now", "agreed"),
    [
        (None, NOW, True),
        (NOW, NOW - TICK, True),
        (NOW, NOW, False),
        (NOW, NOW + TICK, False),
    ],
)
def test_consent_runs_out_at_its_instant(
    engine: Engine, until: datetime | None, now: datetime, agreed: bool
) -> None:
    consents = [("sms", "*", True, NOW - DAY, until)]
    assert found(engine, {"consent": "sms"}, now, consents=consents) is agreed
    assert found(engine, {"consent": "sms", "topic": "tips"}, now, consents=consents) is agreed


def test_consent_begins_at_its_instant(engine: Engine) -> None:
    consents = [("sms", "*", True, NOW, None)]
    assert not found(engine, {"consent": "sms"}, NOW - TICK, consents=consents)
    assert found(engine, {"consent": "sms"}, NOW, consents=consents)


def test_a_topic_that_was_withdrawn_is_not_covered_by_all_topics(engine: Engine) -> None:
    consents = [("sms", "*", True, NOW, None), ("sms", "tips", False, NOW, None)]
    assert not found(engine, {"consent": "sms", "topic": "tips"}, consents=consents)
    assert found(engine, {"consent": "sms", "topic": "offers"}, consents=consents)
    assert found(engine, {"consent": "sms"}, consents=consents)
    assert not found(engine, {"consent": "email"}, consents=consents)


def test_a_withdrawal_holds_at_once_although_a_clock_was_ahead(engine: Engine) -> None:
    consents = [("sms", "*", True, NOW - DAY, None), ("sms", "tips", False, NOW + DAY, None)]
    assert not found(engine, {"consent": "sms", "topic": "tips"}, consents=consents)
    assert found(engine, {"consent": "sms", "topic": "offers"}, consents=consents)


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ("planned", False), ("deferred", False), ("claimed", False), ("sending", True),
        ("unknown", True), ("accepted", True), ("delivered", True), ("bounced", True),
        ("complained", True), ("unknown_final", True), ("rejected", False), ("skipped", False),
        ("held_out", False), ("capped", False), ("expired", False),
    ],
)  # fmt: skip
def test_got_means_that_it_left_or_may_have_left(engine: Engine, state: str, left: bool) -> None:
    assert found(engine, {"got": "c"}, got=[("c", state, NOW)]) is left
    assert not found(engine, {"got": "another"}, got=[("c", state, NOW)])


@pytest.mark.parametrize(
    ("hobbies", "has", "has_not"),
    [(["a", "b"], True, False), ([], False, True), (["ab"], False, True), (None, False, False)],
)
def test_has_looks_into_lists(engine: Engine, hobbies: Any, has: bool, has_not: bool) -> None:
    said = {"trait": "hobbies", "has": "a"}
    assert found(engine, said, traits={"hobbies": hobbies}) is has
    assert found(engine, {"none": [said]}, traits={"hobbies": hobbies}) is has_not


@pytest.mark.parametrize("name", ["a.b", "größe", "$", "a b", "[0]", "it's", "%", ":x"])
def test_any_name_of_a_property_can_be_asked_for(engine: Engine, name: str) -> None:
    assert found(engine, {"trait": name, "is": "a"}, traits={name: "a"})
    assert not found(engine, {"trait": name, "is": "a"}, traits={"a": "a"})
    assert found(engine, {"trait": name, "has": "a"}, traits={name: ["a"]})
    assert found(engine, {"trait": name, "at_least": 2}, traits={name: 2})


@pytest.mark.parametrize(
    ("value", "at_least", "at_most", "yes"),
    [
        (5, True, False, False), ("5", True, False, False), (" 5.0 ", True, False, False),
        ("abc", False, False, False), ("3.5 %", False, False, False), ("", False, False, False),
        ("1e999", False, False, False), (["5"], False, False, False), (True, False, False, True),
        (False, False, False, False), ("true", False, False, False),
    ],
)  # fmt: skip
def test_what_is_no_number_is_no_known_number_and_keeps_nobody_from_being_asked(
    engine: Engine, value: Any, at_least: bool, at_most: bool, yes: bool
) -> None:
    settle(engine, [Person("ann", traits={"fat": value}, events=bought(NOW, fat=value))])
    asked = [({"at_least": 4}, at_least), ({"at_most": 4}, at_most), ({"is": True}, yes)]
    for test, answer in asked:
        trait, event = {"trait": "fat", **test}, {"did": "bought", "where": {"fat": test}}
        for said in (trait, event):
            assert matched(engine, said, NOW) == ({"ann"} if answer else set())
            assert matched_aside(engine, [said], NOW) == [{"ann"} if answer else set()]
    total = {"did": "bought", "sum": "fat", "at_least": 4}
    assert bool(matched(engine, total, NOW)) is at_least
    assert bool(matched_aside(engine, [total], NOW)[0]) is at_least
