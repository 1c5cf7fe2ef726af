"""Conditions and customers for Hypothesis: few values, so that they meet, and every edge."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.rules.oracle import Happening, Person
from tests.rules.population import CATALOGUE, record

NOW = datetime(2017, 11, 21, 4, 30, tzinfo=UTC)
"""Half past eleven at night of the 20th in New York; of the 21st in Auckland already."""
TICK = timedelta(microseconds=1)
SPANS = [timedelta(hours=1), timedelta(days=1), timedelta(days=7)]
EDGES = [
    *(NOW - span + shift for span in SPANS for shift in (-TICK, timedelta(0), TICK)),
    NOW,
    NOW - TICK,
    NOW + TICK,
    NOW - timedelta(days=40),
]
DAYS = [f"2017-11-{day}" for day in (13, 14, 19, 20, 21, 27)] + ["2016-02-29"]
NUMBERS = [0, 1, 2, 2.5, -1]


@st.composite
def _drawn(draw: st.DrawFn, strategy: Any) -> Any:
    return draw(strategy())


def brief(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The same, but a failure does not print all that it is made of."""
    return _drawn(lambda: strategy)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


texts = st.sampled_from(["a", "b", "é ß", ""])
numbers = st.sampled_from(NUMBERS)
asked_numbers = st.sampled_from([Decimal(str(n)) if n % 1 else int(n) for n in NUMBERS])
spans = st.sampled_from(SPANS)
days = st.sampled_from(DAYS)
day_spans = st.sampled_from([timedelta(days=1), timedelta(days=7)])

happenings = st.builds(
    Happening,
    st.sampled_from(["bought", "seen"]),
    st.sampled_from(EDGES),
    some(total=numbers, store=texts, gift=st.booleans(), day=days),
    st.lists(
        st.sampled_from(sorted(CATALOGUE)).map(record), max_size=2, unique_by=lambda r: r["key"]
    ),
)
people = st.builds(
    Person,
    st.just(""),
    st.sampled_from(["America/New_York", "Pacific/Auckland", None]),
    some(
        city=texts,
        kids=numbers,
        member=st.booleans(),
        birthday=days,
        hobbies=st.lists(texts, max_size=2),
    ),
    st.lists(happenings, max_size=5),
    st.lists(
        st.tuples(
            st.sampled_from(["sms", "email"]),
            st.sampled_from(["*", "offers", "tips"]),
            st.booleans(),
            st.sampled_from(EDGES),
            st.one_of(st.none(), st.sampled_from(EDGES)),
        ),
        max_size=3,
        unique_by=lambda c: c[:2],
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2"]),
            st.sampled_from(["accepted", "planned", "skipped", "unknown", "capped", "complained"]),
            st.sampled_from(EDGES),
        ),
        max_size=3,
    ),
)

text_tests = st.one_of(
    st.fixed_dictionaries({"is": texts}),
    st.fixed_dictionaries({"is_not": texts}),
    st.fixed_dictionaries({"in": st.lists(texts, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"not_in": st.lists(texts, min_size=1, max_size=2)}),
)
bounds = some(
    at_least=asked_numbers, at_most=asked_numbers, above=asked_numbers, below=asked_numbers
)
number_tests = st.one_of(
    bounds.filter(bool),
    st.fixed_dictionaries({"is": asked_numbers}),
    st.fixed_dictionaries({"is_not": asked_numbers}),
    st.fixed_dictionaries({"in": st.lists(asked_numbers, min_size=1, max_size=2)}),
)
truth_tests = st.one_of(
    st.fixed_dictionaries({"is": st.booleans()}), st.fixed_dictionaries({"is_not": st.booleans()})
)
dates = st.one_of(some(before=days, after=days).filter(bool), st.fixed_dictionaries({"is": days}))
gaps = st.fixed_dictionaries({"known": st.booleans()})
local_days = st.one_of(
    st.fixed_dictionaries({"within_last": day_spans}),
    st.fixed_dictionaries({"within_next": day_spans}),
    st.fixed_dictionaries({"older_than": day_spans}),
)
lists = st.fixed_dictionaries({"has": texts})


def trait(name: str, tests: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(tests, gaps).map(lambda t: {"trait": name, **t})


filters = brief(
    some(
        where=some(
            total=st.one_of(number_tests, gaps),
            store=st.one_of(text_tests, gaps),
            gift=truth_tests,
            day=dates,
        ),
        product=some(
            category=st.fixed_dictionaries({"is": st.sampled_from(["COFFEE", "TEA"])}),
            brand=st.one_of(st.fixed_dictionaries({"is_not": st.just("Bean")}), gaps),
            organic=truth_tests,
        ),
    )
)
event_names = st.sampled_from(["bought", "seen", "never"])
measures = st.sampled_from([{}, {}, {"sum": "total"}, {"distinct": "store"}])
how_often = st.one_of(
    st.just({}),
    some(
        at_least=st.integers(0, 3), at_most=st.integers(0, 3), above=st.integers(0, 2),
        below=st.integers(1, 3), exactly=st.integers(0, 2),
    ),
)  # fmt: skip
did = st.builds(
    lambda name, f, m, n, w: {"did": name, **f, **m, **n, **w},
    event_names, filters, measures, how_often, some(within=spans),
)  # fmt: skip
moment = st.builds(
    lambda word, name, f, test: {word: name, **f, **test},
    st.sampled_from(["first", "last"]),
    event_names,
    filters,
    st.one_of(
        st.fixed_dictionaries({"within": spans}), st.fixed_dictionaries({"older_than": spans})
    ),
)
consent = st.builds(
    lambda channel, topic: {"consent": channel, **topic},
    st.sampled_from(["sms", "email"]),
    some(topic=st.sampled_from(["offers", "tips", "unheard"])),
)
got = st.builds(lambda c, w: {"got": c, **w}, st.sampled_from(["c1", "c2"]), some(within=spans))
plain_leaves = brief(
    st.one_of(
        trait("city", text_tests),
        trait("kids", number_tests),
        trait("member", truth_tests),
        trait("birthday", st.one_of(dates, local_days)),
        trait("hobbies", lists),
        did,
        did,
        moment,
        consent,
        got,
    )
)


def groups(of: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    part = st.lists(of, max_size=3)
    return some(all=part, any=part, none=part).filter(lambda g: any(g.values()))


plain_trees = st.recursive(plain_leaves, groups, max_leaves=4)
trees = st.recursive(
    st.one_of(plain_leaves, plain_leaves, st.just({"segment": "loyal"})), groups, max_leaves=7
)


@st.composite
def populations(draw: st.DrawFn) -> list[Person]:
    """One to five customers."""
    found = draw(st.lists(people, min_size=1, max_size=5))
    for number, who in enumerate(found):
        who.key = f"c{number}"
    return found


@st.composite
def conditions(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A few trees, which may ask for the segment `loyal`."""
    return draw(st.lists(trees, min_size=3, max_size=6))


@st.composite
def known_segments(draw: st.DrawFn) -> dict[str, Any]:
    """What `loyal` means."""
    return {"loyal": draw(plain_trees)}
