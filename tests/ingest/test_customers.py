"""Customers as they are told become customers as they are stored."""

import pytest

from orchestrator.flow.ingest import Reader, address_key
from tests.ingest.stage import NOW, SHOP, everything, fresh, of, rows, take_in

pytestmark = pytest.mark.usefixtures("databases")


def told(**words: object) -> dict[str, object]:
    return {"id": "ann", **words}


def refusal(**words: object) -> str:
    (refused,) = take_in(fresh(), *of("customers", told(**words))).refused
    return refused.reason


def test_an_address_is_kept_in_one_form_with_its_digest() -> None:
    engine = fresh()
    take_in(engine, *of("customers", told(email=" Ann.Lee@Example.COM ", phone="(312) 555-0123")))
    assert rows(engine, "addresses", "kind", "address", "address_key", "shared") == [
        ("email", "Ann.Lee@example.com", address_key("email", "ann.lee@example.com"), False),
        ("phone", "+13125550123", address_key("phone", "+13125550123"), False),
    ]


@pytest.mark.parametrize(
    ("records", "phone"),
    [
        ([{"country": "FR"}, {"phone": "06 12 34 56 78"}], "+33612345678"),
        ([{"country": "FR"}, {"phone": "312 555 0123", "country": "US"}], "+13125550123"),
        ([{"country": "FR"}, {"phone": "+1 312 555 0123"}], "+13125550123"),
    ],
)
def test_a_number_without_a_country_code_is_of_the_country_that_is_known(
    records: list[dict[str, object]], phone: str
) -> None:
    engine = fresh()
    for record in records:
        take_in(engine, *of("customers", told(**record)))
    assert rows(engine, "addresses", "address") == [(phone,)]


def test_all_holders_of_an_address_know_that_it_is_shared_until_one_is_left() -> None:
    engine = fresh()
    take_in(engine, *of("customers", told(email="a@example.com"), {"id": "bob"}))
    take_in(engine, *of("customers", {"id": "bob", "email": "A@example.com"}))
    assert rows(engine, "addresses", "customer_id", "shared") == [(1, True), (2, True)]
    take_in(engine, *of("customers", {"id": "bob", "email": "b@example.com"}))
    assert rows(engine, "addresses", "customer_id", "shared") == [(1, False), (2, False)]
    take_in(engine, *of("customers", {"id": "bob", "email": "a@example.com"}))
    take_in(engine, *of("customers", {"id": "bob", "email": None}))
    assert rows(engine, "addresses", "customer_id", "shared") == [(1, False)]


def test_customers_with_the_same_clock_share_one() -> None:
    engine = fresh()
    take_in(
        engine,
        *of(
            "customers",
            {"id": "a", "region": "IL"},
            {"id": "b", "country": "us", "region": "IL"},
            {"id": "c", "zone": "America/Chicago", "quiet_from": "21:00", "quiet_until": "9:00"},
            {"id": "d"},
        ),
    )
    assert rows(engine, "clocks", "key") == [
        ("America/Chicago|US|IL|",),
        ("America/Chicago|US||21:00-09:00",),
        ("|||",),
    ]
    assert [row[0] for row in rows(engine, "customers", "place")] == ["US", "US-IL", "US-IL", None]


def test_a_later_record_that_names_one_thing_leaves_the_others_alone() -> None:
    engine = fresh()
    take_in(
        engine, *of("customers", told(region="IL", quiet_from="21:00", quiet_until="09:00", kids=2))
    )
    take_in(engine, *of("customers", told(region="CA")))
    take_in(engine, *of("customers", told(locale="en-US")))
    assert rows(engine, "customers", "place", "locale", "traits") == [
        ("US-CA", "en_US", {"kids": 2, "region": "CA"})
    ]
    with_clock = [row for row in rows(engine, "clocks", "id", "key") if "CA" in row[1]]
    assert with_clock == [(2, "America/Los_Angeles|US|CA|21:00-09:00")]
    assert rows(engine, "customers", "clock_id") == [(2,)]


def test_nothing_said_leaves_a_trait_and_none_takes_it_away() -> None:
    engine = fresh()
    take_in(engine, *of("customers", told(kids=2, owner=True)))
    take_in(engine, *of("customers", told(kids=None)))
    assert rows(engine, "customers", "traits") == [({"owner": True},)]


def test_traits_are_of_their_declared_type() -> None:
    engine = fresh()
    take_in(
        engine,
        *of(
            "customers",
            told(kids="3", owner="yes", birthday="1980-02-29", likes="tea|coffee", lifecycle="new"),
        ),
    )
    assert rows(engine, "customers", "traits") == [
        (
            {
                "kids": 3,
                "owner": True,
                "birthday": "1980-02-29",
                "likes": ["tea", "coffee"],
                "lifecycle": "new",
            },
        )
    ]


def test_an_undeclared_trait_is_left_out_and_noted_with_the_nearest_name() -> None:
    engine, reader = fresh(), Reader(SHOP, NOW)
    take_in(
        engine, *of("customers", told(lifecycl="new"), {"id": "b", "lifecycl": "x"}), reader=reader
    )
    assert rows(engine, "customers", "traits") == [({},), ({},)]
    assert reader.notes() == [
        "trait 'lifecycl' is not in shop.yaml and is left out; did you mean \"lifecycle\"? (2×)"
    ]


def test_a_declared_trait_is_meant_though_exports_use_its_name_for_something_else() -> None:
    engine, traits = fresh(), {**SHOP.traits, "state": SHOP.traits["lifecycle"]}
    reader = Reader(SHOP.model_copy(update={"traits": traits}), NOW)
    take_in(engine, *of("customers", told(state="active", tz="America/Denver")), reader=reader)
    assert rows(engine, "customers", "traits") == [({"state": "active", "zone": "America/Denver"},)]
    assert reader.notes() == ["'tz' is read as 'zone' (1×)"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"email": "ann"}, "email 'ann' is not an address"),
        ({"phone": "12"}, "phone '12' is not a telephone number"),
        ({"phone": "06 12 34 56 78", "country": "France"}, "write it with its country code"),
        ({"zone": "America/Chikago"}, "no such time zone"),
        ({"country": "Narnia"}, "no such country"),
        ({"region": "ZZ"}, "no such region of US"),
        ({"quiet_from": "21:00"}, "needs both ends"),
        ({"quiet_from": "25:00", "quiet_until": "09:00"}, "quiet_from: write a time as 22:00"),
        ({"locale": "xx_YY"}, "locale 'xx_YY' is unknown"),
        ({"preferred_channel": "emial"}, 'did you mean "email"?'),
        ({"max_per_week": -1}, "max_per_week must be a whole number"),
        ({"kids": "many"}, "kids must be a number"),
        ({"kids": "nan"}, "kids is not a number that can be kept"),
        ({"kids": 1e400}, "kids is not a number that can be kept"),
        ({"owner": "perhaps"}, "owner must be yes or no"),
        ({"birthday": "29/02/1980"}, "birthday must be a date"),
        ({"likes": 3}, "likes must be a list"),
        ({"lifecycle": "gone"}, "it may be: new, active"),
        ({"id": " "}, "id is missing"),
        ({"id": "a\nb"}, "control character"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(words: dict[str, object], reason: str) -> None:
    assert reason in refusal(**words)


def test_the_same_customers_again_change_nothing() -> None:
    engine = fresh()
    records = of("customers", told(email="a@example.com", region="TX", kids=1), {"id": "b"})
    take_in(engine, *records)
    before = everything(engine)
    done = take_in(engine, *records)
    assert done.tallies["customers"].same == 2
    assert not done.customers
    assert everything(engine) == before


def test_of_two_records_of_a_customer_the_later_one_counts() -> None:
    engine = fresh()
    done = take_in(engine, *of("customers", told(kids=1, owner=True), told(kids=2)))
    assert rows(engine, "customers", "traits") == [({"kids": 2, "owner": True},)]
    tally = done.tallies["customers"]
    assert (tally.new, tally.changed, tally.same) == (1, 0, 1)


def test_the_bucket_is_31_bits_of_the_key_and_never_moves() -> None:
    engine = fresh()
    take_in(engine, *of("customers", told(), {"id": "bob"}))
    # Written down: a bucket that moved would mix the held out with the others.
    assert rows(engine, "customers", "key", "bucket") == [("ann", 617131782), ("bob", 1088101356)]
