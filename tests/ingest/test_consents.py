"""What holds after statements of consent, in whatever order they arrive."""

from datetime import UTC, datetime
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from orchestrator.flow.ingest import address_key
from orchestrator.store.consents import suppress
from orchestrator.store.database import reading, writing
from orchestrator.tables import consents, customers
from tests.ingest.stage import everything, fresh, of, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")


def said(day: int, topic: str, given: bool, until: int | None = None) -> dict[str, object]:
    return {
        "customer": "ann",
        "channel": "email",
        "topic": topic,
        "given": given,
        "at": f"2017-10-{day:02}T00:00:00Z",
        "until": None if until is None else f"2018-01-{until:02}T00:00:00Z",
        "touchpoint": "till",
        "wording": "w-1",
    }


def holds(*statements: dict[str, object]) -> dict[str, bool]:
    engine = fresh()
    for statement in statements:
        take_in(engine, *of("consents", statement))
    found = dict(rows(engine, "consents", "topic", "given"))
    engine.dispose()
    return found


def test_a_withdrawal_of_everything_withdraws_every_topic() -> None:
    assert holds(said(1, "offers", True), said(2, "*", False)) == {"offers": False, "*": False}


def test_a_topic_granted_after_that_counts_again() -> None:
    assert holds(said(1, "offers", True), said(2, "*", False), said(3, "offers", True)) == {
        "offers": True,
        "*": False,
    }


def test_a_topic_withdrawn_after_a_grant_of_everything_is_withdrawn() -> None:
    assert holds(said(1, "*", True), said(2, "offers", False)) == {"offers": False, "*": True}


def test_what_arrives_late_does_not_overwrite_a_later_statement() -> None:
    assert holds(said(5, "offers", False), said(1, "offers", True)) == {"offers": False}


def test_of_two_statements_at_one_instant_the_withdrawal_holds() -> None:
    assert holds(said(1, "offers", False), said(1, "offers", True)) == {"offers": False}


def test_an_implied_consent_does_not_shorten_one_given_in_words() -> None:
    engine = fresh()
    take_in(engine, *of("consents", said(1, "offers", True), said(2, "offers", True, until=5)))
    assert rows(engine, "consents", "given", "until") == [(True, None)]


def test_an_implied_consent_runs_out_after_a_withdrawal() -> None:
    engine = fresh()
    take_in(engine, *of("consents", said(1, "offers", True), said(2, "offers", False)))
    take_in(engine, *of("consents", said(3, "offers", True, until=5)))
    assert rows(engine, "consents", "given", "until") == [(True, datetime(2018, 1, 5, tzinfo=UTC))]


_SHARED = fresh()
"""Examples have a customer each, for a database each would take most of the time."""
_NUMBERS = count()


def held(customer: str) -> list[tuple[object, ...]]:
    wanted = (
        select(consents.c.topic, consents.c.given, consents.c.at, consents.c.until)
        .join(customers, customers.c.id == consents.c.customer_id)
        .where(customers.c.key == customer)
        .order_by(consents.c.topic)
    )
    with reading(_SHARED) as connection:
        return [tuple(row) for row in connection.execute(wanted)]


STATEMENTS = st.lists(
    st.builds(
        said,
        st.integers(1, 6),
        st.sampled_from(["*", "offers", "recipes"]),
        st.booleans(),
        st.none() | st.integers(1, 3),
    ),
    max_size=7,
    unique_by=lambda one: (one["at"], one["topic"], one["given"]),
)


@given(STATEMENTS, st.randoms(use_true_random=False))
def test_any_order_and_any_batches_give_the_same_state(
    statements: list[dict[str, object]], random: Random
) -> None:
    together, apart = f"t{next(_NUMBERS)}", f"a{next(_NUMBERS)}"
    take_in(_SHARED, *of("consents", *({**one, "customer": together} for one in statements)))
    for statement in random.sample(statements, len(statements)):
        take_in(_SHARED, *of("consents", {**statement, "customer": apart}))
    assert held(apart) == held(together)


@given(STATEMENTS)
def test_the_latest_word_on_a_topic_or_on_all_is_what_holds(
    statements: list[dict[str, object]],
) -> None:
    ann = f"l{next(_NUMBERS)}"
    take_in(_SHARED, *of("consents", *({**one, "customer": ann} for one in statements)))
    standing = {topic: given for topic, given, _, _ in held(ann)}
    for topic in ("offers", "recipes"):
        about = [one for one in statements if one["topic"] in (topic, "*")]
        if about:
            latest = max(str(one["at"]) for one in about)
            expected = all(one["given"] for one in about if one["at"] == latest)
            assert standing.get(topic, standing.get("*")) == expected


def test_a_repeated_statement_is_logged_once() -> None:
    engine = fresh()
    take_in(engine, *of("consents", said(1, "offers", True)))
    before = everything(engine)
    done = take_in(engine, *of("consents", said(1, "offers", True), said(1, "offers", True)))
    assert done.tallies["consents"].same == 2
    assert everything(engine) == before


def test_a_withdrawal_of_someone_unknown_is_kept() -> None:
    engine = fresh()
    take_in(engine, *of("consents", {**said(1, "*", False), "customer": "stranger"}))
    assert rows(engine, "customers", "key") == [("stranger",)]
    assert rows(engine, "consents", "given") == [(False,)]


@pytest.mark.parametrize("written", [{"channel": "EMAIL"}, {"topic": "Offers"}])
def test_a_withdrawal_in_other_letters_is_of_the_same_channel_and_topic(
    written: dict[str, str],
) -> None:
    assert holds(said(1, "offers", True), {**said(2, "offers", False), **written}) == {
        "offers": False
    }


@pytest.mark.parametrize("missing", ["touchpoint", "wording"])
def test_a_consent_needs_evidence_and_a_withdrawal_does_not(missing: str) -> None:
    without = {name: value for name, value in said(1, "offers", True).items() if name != missing}
    done = take_in(fresh(), *of("consents", without, {**without, "given": "no"}))
    assert [(one.line, one.reason.split(":")[0]) for one in done.refused] == [
        (1, f"{missing} is missing")
    ]


def test_the_first_reason_for_a_suppression_stays() -> None:
    engine = fresh()
    key, at = address_key("email", "a@example.com"), datetime(2017, 10, 1, tzinfo=UTC)
    with writing(engine) as connection:
        assert suppress(connection, key, "marketing", "unsubscribed", at)
        assert not suppress(connection, key, "marketing", "complained", at)
        assert suppress(connection, key, "all", "bounced", at)
    assert rows(engine, "suppressions", "scope", "reason") == [
        ("all", "bounced"),
        ("marketing", "unsubscribed"),
    ]
