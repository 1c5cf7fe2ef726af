"""Money is printed by the macros alone; what they show is the quote."""

import datetime as dt
import re
from decimal import Decimal

import pytest

from orchestrator.flow.render import (
    Rendered,
    RenderFailed,
    product_context,
    render_email,
    render_text,
)
from orchestrator.model.measure import Measure
from orchestrator.model.money import Fee, Money, Quote, Tax, UnitPrice, price_of
from tests.render.shop import EMAIL, END, START, TEXT, message, product, templates


def text(source: str, **given: object) -> Rendered | RenderFailed:
    return render_text(templates(sms_txt=source), message(**given), offer=True)  # type: ignore[arg-type]


def shown(source: str, **given: object) -> Rendered:
    outcome = text(source, **given)
    assert isinstance(outcome, Rendered), outcome
    return outcome


LINE = "{{ price_short(product) }} {{ order_link(product) }}"


def test_an_offer_on_one_line_is_quoted_as_shown() -> None:
    outcome = shown(LINE, products=[product(lowest="9.99")])
    assert outcome.text == (
        "$7.99 incl. tax ($0.26/oz), was $9.99 -20%, until Nov 28 https://shop.example/o/1"
    )
    (line,) = outcome.quote.lines
    assert (line.product_id, line.price_id) == ("1", 101)
    assert line.total == Money(Decimal("7.99"), "USD")
    assert line.unit_price == UnitPrice(Money(Decimal("0.26"), "USD"), Measure(Decimal(1), "oz"))
    assert (line.was, line.percent) == (Money(Decimal("9.99"), "USD"), 20)
    assert line.valid_until == END
    assert line.order_link == "https://shop.example/o/1"
    assert Quote.from_json(outcome.quote.to_json()) == outcome.quote


@pytest.mark.parametrize(
    ("locale", "currency", "amount", "expected"),
    [
        ("de_DE", "EUR", "1234.50", "1.234,50 € inkl. MwSt. (617,25 €/l), bis 28. November"),
        ("en_US", "USD", "1234.50", "$1,234.50 incl. tax ($617.25/L), until Nov 28"),
        ("ja_JP", "JPY", "1234", "￥1,234 税込 (￥617/L), 11月28日まで"),
        ("xx_XX", "USD", "1", "$1.00 incl. tax ($0.50/L), until Nov 28"),
    ],
)
def test_prices_follow_the_locale(locale: str, currency: str, amount: str, expected: str) -> None:
    products = [product(amount=amount, currency=currency, size="2 L")]
    outcome = shown(LINE, products=products, locale=locale)
    line = outcome.text.removesuffix(" https://shop.example/o/1").replace("\u00a0", " ")
    assert line == expected


@pytest.mark.parametrize(
    ("locale", "size", "expected"),
    [
        ("en_US", "16 OZ", "$0.50/oz"),
        ("en_US", "2 LB", "$4.00/lb"),
        ("en_US", "12 CT", "$0.67 each"),
        ("de_DE", "16 OZ", "0,50 $/oz"),
        ("de_DE", "500 G", "16,00 $/kg"),
        ("de_DE", "12 CT", "0,67 $/Stück"),
        ("fr_FR", "500 ML", "16,00 $US/l"),
    ],
)
def test_unit_prices_follow_the_locale(locale: str, size: str, expected: str) -> None:
    outcome = shown(LINE, products=[product(amount="8.00", size=size)], locale=locale)
    assert f"({expected})" in outcome.text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("locale", "size", "expected"),
    [
        ("en_US", "1 CT", "1 ct"),
        ("de_DE", "1 CT", "1 Stück"),
        ("fr_FR", "1 CT", "1 pièce"),
        ("fr_FR", "12 CT", "12 pièces"),
        ("es_ES", "1 CT", "1 unidad"),
        ("ja_JP", "12 CT", "12個"),
    ],
)
def test_one_piece_is_not_told_as_many(locale: str, size: str, expected: str) -> None:
    source = "{{ price_parts(product).size }} {{ price_short(product) }} {{ order_link(product) }}"
    outcome = shown(source, products=[product(size=size)], locale=locale)
    assert outcome.text.startswith(f"{expected} ")


def test_french_narrow_spaces_do_not_cost_a_segment() -> None:
    products = [product(amount="1234.50", currency="EUR", size="2 L", until=None)]
    outcome = shown(LINE, products=products, locale="fr_FR")
    assert outcome.text.startswith("1 234,50 € TTC (617,25 €/l) ")
    assert outcome.segments is not None
    assert outcome.segments.alphabet == "GSM-7"


def test_every_mandatory_part_is_told() -> None:
    price = price_of(
        Money.of("10", "USD"),
        price_id=1,
        valid_from=START,
        tax=Tax("added", rate=Decimal("0.05")),
        fees=(Fee("bottle deposit", Money.of("0.25", "USD")),),
    )
    record = product_context({"id": "7", "title": "Soda"}, price, "https://shop.example/o/7")
    body = "{{ price(product) }}{{ order_button(product) }}"
    outcome = render_email(
        templates(email_html=body, email_subject="Soda"), message(products=[record]), offer=True
    )
    assert isinstance(outcome, Rendered), outcome
    assert "$10.75" in outcome.text
    assert "incl. $0.50 tax" in outcome.text
    assert "incl. $0.25 bottle deposit" in outcome.text


@pytest.mark.parametrize("lowest", [None, "7.99", "7.50"])
def test_no_reduction_is_claimed_without_a_higher_prior_price(lowest: str | None) -> None:
    products = [product(lowest=lowest)]
    sources = {**EMAIL, "sms.txt.j2": LINE}
    files = {name.removesuffix(".j2").replace(".", "_"): source for name, source in sources.items()}
    for outcome in (
        render_text(templates(**files), message(products=products)),
        render_email(templates(**files), message(products=products)),
    ):
        assert isinstance(outcome, Rendered), outcome
        assert not re.search(r"was|%(?!;)|30 days", outcome.text)
        assert outcome.quote.lines[0].was is None


def test_the_last_day_is_the_customers() -> None:
    noon = dt.datetime(2017, 11, 28, 17, tzinfo=dt.UTC)
    assert "until Nov 28, 12:00 PM" in shown(LINE, products=[product(until=noon)]).text
    assert "until" not in shown(LINE, products=[product(until=None)]).text


@pytest.mark.parametrize(
    "source",
    [
        "{{ product.price }}",
        "{{ product.price|string }}",
        "{{ product.price ~ '' }}",
        "{{ product.price|upper }}",
        "{{ [product.price]|join }}",
        "{{ product.price|escape }}",
        "{% set p = product.price %}{{ p }}",
        "{{ products|map(attribute='price')|join(', ') }}",
    ],
)
def test_a_price_is_never_printed_bare(source: str) -> None:
    outcome = text(source + LINE)
    assert isinstance(outcome, RenderFailed)
    assert outcome.reason == "bare_price"
    assert "price_short(product)" in outcome.detail


def test_a_price_is_never_printed_bare_in_html() -> None:
    outcome = render_email(
        templates(email_html="<p>{{ product.price }}</p>", email_subject="x"), message()
    )
    assert isinstance(outcome, RenderFailed)
    assert outcome.reason == "bare_price"


def test_printing_a_list_of_prices_tells_no_number() -> None:
    outcome = text("{{ [product.price]|string }}" + LINE)
    assert isinstance(outcome, Rendered)
    assert outcome.text.startswith("[<price>]")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Come and see {{ product.title }}", "price_not_shown"),
        ("{{ order_link(product) }}", "price_not_shown"),
        ("{{ price_short(product) }}", "order_link_not_shown"),
        # Asked for, but never printed:
        ("{% set p = price_short(product) %}{{ order_link(product) }}", "price_not_shown"),
        ("{{ price_short(product) }}{% set o = order_link(product) %}", "order_link_not_shown"),
    ],
)
def test_an_offer_without_price_or_order_link_fails(source: str, reason: str) -> None:
    outcome = text(source)
    assert isinstance(outcome, RenderFailed)
    assert outcome.reason == reason
    kept = render_text(templates(sms_txt=source), message())
    assert isinstance(kept, Rendered)  # it is an offer's rule, not a tip's


def test_a_product_without_price_or_link_is_named() -> None:
    bare = product_context({"id": "9", "title": "Thing"}, None)
    for macro, reason in (("price_short", "price_missing"), ("order_link", "order_link_missing")):
        outcome = text(f"{{{{ {macro}(product) }}}}", products=[bare])
        assert isinstance(outcome, RenderFailed)
        assert (outcome.reason, "9" in outcome.detail) == (reason, True)


def test_amounts_of_bills_are_written_like_prices() -> None:
    outcome = render_text(
        templates(sms_txt="{{ amount(event.properties.total, event.properties.currency) }}"),
        message(event={"name": "Bill", "properties": {"total": 1012.3, "currency": "USD"}}),
    )
    assert isinstance(outcome, Rendered)
    assert outcome.text == "$1,012.30"
    assert outcome.quote == Quote()


@pytest.mark.parametrize("total", ["lots", [1], {}, True])
def test_what_is_no_amount_fails(total: object) -> None:
    event = {"name": "Bill", "properties": {"total": total, "currency": "USD"}}
    outcome = render_text(
        templates(sms_txt="{{ amount(event.properties.total, 'USD') }}"), message(event=event)
    )
    assert isinstance(outcome, RenderFailed)
    assert outcome.reason == "data_error"


def test_all_products_of_an_email_are_quoted_once() -> None:
    products = [product(1, lowest="9.99"), product(2, "Milk", "1/2 GAL", "3.49"), product(3, "Tea")]
    files = {name.removesuffix(".j2").replace(".", "_"): source for name, source in EMAIL.items()}
    outcome = render_email(templates(**files), message(products=products), offer=True)
    assert isinstance(outcome, Rendered), outcome
    assert [line.product_id for line in outcome.quote.lines] == ["1", "2", "3"]
    assert all(line.order_link for line in outcome.quote.lines)


def test_the_text_as_shipped_fits_one_segment() -> None:
    files = {name.removesuffix(".j2").replace(".", "_"): source for name, source in TEXT.items()}
    outcome = render_text(
        templates(**files), message(products=[product(lowest="9.99")]), offer=True
    )
    assert isinstance(outcome, Rendered), outcome
    assert outcome.segments is not None
    assert (outcome.segments.alphabet, outcome.segments.count) == ("GSM-7", 1)


def quoted(source: str, **given: object) -> list[tuple[bool, ...]]:
    """Of each line: whether it has a unit price, a former price, a percentage and an end."""
    return [
        tuple(
            one is not None for one in (line.unit_price, line.was, line.percent, line.valid_until)
        )
        for line in shown(source, **given).quote.lines
    ]


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "fr_FR", "ja_JP", "sv_SE", "ar_EG"])
@pytest.mark.parametrize(
    ("macro", "told"),
    [
        ("price_total", (False, False, False, False)),
        ("price_tight", (True, False, False, True)),
        ("price_short", (True, True, True, True)),
    ],
)
def test_what_is_not_shown_of_a_price_is_not_quoted(
    macro: str, told: tuple[bool, ...], locale: str
) -> None:
    source = f"{{{{ {macro}(product) }}}} {{{{ order_link(product) }}}}"
    assert quoted(source, locale=locale, products=[product(lowest="9.99")]) == [told]


@pytest.mark.parametrize(
    ("locale", "currency", "less", "more"),
    [("de_DE", "EUR", "2.49", "12.49"), ("ja_JP", "JPY", "249", "2490"),
     ("fr_FR", "EUR", "249.00", "1249.00"), ("en_US", "USD", "24", "24000")],
)  # fmt: skip
def test_a_price_within_a_longer_one_is_not_quoted(
    locale: str, currency: str, less: str, more: str
) -> None:
    asked = "{% set unsaid = price_total(products[0]) %}{{ price_total(products[1]) }} "
    sold = [
        product(number, amount=amount, currency=currency, until=None)
        for number, amount in ((1, less), (2, more))
    ]
    lines = shown(asked + "{{ order_link(products[1]) }}", locale=locale, products=sold).quote.lines
    assert [line.product_id for line in lines] == ["2"]
