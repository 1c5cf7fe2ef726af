import pytest

from orchestrator.flow.render.checks import check_template
from orchestrator.flow.render.templates import TemplateSet
from orchestrator.model.problem import Problem
from tests.render.shop import EMAIL, SHARED, TEXT, templates


def found(source: str) -> list[tuple[int, int, str]]:
    problems = check_template(templates(email_html=source), "email.html.j2")
    assert all(problem.file == "email.html.j2" for problem in problems)
    return [(problem.line, problem.column, problem.what) for problem in problems]


def test_what_ships_has_no_problems() -> None:
    for name, source in (*SHARED.items(), *EMAIL.items(), *TEXT.items()):
        every = templates(**{name.removesuffix(".j2").replace(".", "_"): source})
        assert check_template(every, name) == []


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("Only $4.99 today", "$4.99"),
        ("Only\n  <b>€</b> 5", "€</b> 5"),
        ("{{ customer.x }} USD", "}} USD"),
        ("USD {{ customer.x }}", "USD {{"),
        ("${{ customer.x }}", "${{"),
        ("{{ customer.x }}&nbsp;€", "}}&nbsp;€"),
        ("just 5 dollars", "5 dollars"),
        ("99¢", "99¢"),
        ("$ <strong>{{ price_short(product) }}</strong>", "$ <strong>{{"),
    ],
)
def test_money_by_hand_is_found(source: str, what: str) -> None:
    ((_, _, told),) = found(source)
    assert told == f'money written by hand: "{what}"'


@pytest.mark.parametrize("source", ["now 20% off", "-20 %", "Save 5%!", "−{{ 3 }}", "{{ 3 }}% off"])
def test_reductions_by_hand_are_found(source: str) -> None:
    assert [told for _, _, told in found(source) if "reduction" in told] == [
        told for _, _, told in found(source)
    ]
    assert bool(found(source)) is ("%" in source)


def test_one_brace_where_two_are_meant() -> None:
    source = "Dear\n  { customer.first_name },"
    (problem,) = check_template(templates(email_html=source), "email.html.j2")
    assert (problem.line, problem.column) == (2, 3)
    assert problem.what == '"{ customer.first_name }" is shown as it stands'
    assert problem.fix == "write two braces: {{ customer.first_name }}"
    assert found("{today}") == [(1, 1, '"{today}" is shown as it stands')]


@pytest.mark.parametrize(
    "source",
    [
        "{sale}",
        "a{color:red}",
        "<style>p{ today }</style>",
        "{{customer.x}}",
        "{# {today} #}",
        "{}",
    ],
)
def test_braces_that_mean_nothing_to_us(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "TOP 10 tips, ALL 3 of them, TRY 2",
        "100% of our 5 pounds of coffee",
        "{# $4.99 #}<!-- $5 --><style>a{width:50%}</style><p style=\"width:-20%\">x</p>",
        "{{ price(product) }} {{ amount(event.properties.total, 'USD') }}",
        "{% if product.price.reduced %}x{% endif %}",
        "{% for p in products %}{{ p.title }}{{ price(p) }}{% endfor %}",
        "{% set x = 1 %}{{ x }}{{ customer.anything }}",
        "{{ product.sizee | default('') }}{% if product.colour is defined %}x{% endif %}",
    ],
)  # fmt: skip
def test_what_is_right_is_let_alone(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize(
    ("source", "place", "what"),
    [
        ("a\n  {{ cutomer.first_name }}", (2, 6), 'unknown variable "cutomer"'),
        ("{% for p in prodcts %}x{% endfor %}", (1, 13), 'unknown variable "prodcts"'),
        ("{{ product.pirce }}", (1, 12), '"product" has no "pirce"'),
        ("{{ product['pirce'] }}", (1, 13), '"product" has no "pirce"'),
        ("\n{{ product.price }}", (2, 12), '"price" is printed as a bare value'),
        ("{{ event.properties.total }}", (1, 21), '"total" is printed as a bare value'),
        ("{{ event.properties['total']|round(2) }}", (1, 22), '"total" is printed as a bare value'),
        ("{{ 'for ' ~ product.price }}", (1, 21), '"price" is printed as a bare value'),
        ("{% include 'layot.html.j2' %}", (1, 13), 'there is no "layot.html.j2"'),
        ("a\n{{ customer.x | default(“you”) }}", (2, 25), "“ cannot stand here"),
        ("\n\n{% if %}", (3, 1), "Expected an expression, got 'end of statement block'"),
        ("\n{{ customer.x|safe }}", (2, 1), "No filter named 'safe'."),
        ("\n{% autoescape false %}{% endautoescape %}", (2, 1), "escaping cannot be switched off"),
    ],
)
def test_problems_have_a_place(source: str, place: tuple[int, int], what: str) -> None:
    assert found(source) == [(*place, what)]


def test_near_names_are_suggested() -> None:
    (problem,) = check_template(templates(email_html="{{ prodcts|length }}"), "email.html.j2")
    assert problem.fix == 'did you mean "products"?'


def test_all_problems_of_a_file_come_at_once() -> None:
    assert len(found("{{ a }}\n{{ b }}\n$5\n{{ product.price }}")) == 4


@pytest.mark.parametrize(
    ("source", "line", "column", "what"),
    [
        ("{{ price() }}", 1, 4, "price(): 'product' is missing"),
        ("\n{{ price(product, 2) }}", 2, 4, "price(): takes 1 at most, and is given 2"),
        (
            "{{ order_button(product, lable='Go') }}",
            1,
            4,
            "order_button(): takes no 'lable'; it takes: product, label",
        ),
        ("{{ word('ordr') }}", 1, 4, "word(): there is no 'ordr'"),
        ("{{ word('fee') }}", 1, 4, "word(): there is no 'amount'"),
        (
            "{{ amount(customer.due, 'XQX') }}",
            1,
            4,
            "amount(): unknown currency 'XQX': use a code of ISO 4217",
        ),
        ("{{ amount(customer.due) }}", 1, 4, "amount(): missing a required argument: 'currency'"),
        (
            "{{ customer.since | date('longish') }}",
            1,
            21,
            "date: a date is day, short, medium, long or full",
        ),
        ("{{ 'soon' | date }}", 1, 13, "date: 'soon' is no date such as 2017-11-30"),
        ("{{ customer.x | number(9) }}", 1, 17, "number: number takes 0 to 6 digits"),
        ("{{ customer.x | round(-1) }}", 1, 17, "round: round takes 0 to 6 digits"),
        ("{{ customer.x | round(1, 'up') }}", 1, 17, "round: method must be common, ceil or floor"),
        ("{{ customer.x | upper(1) }}", 1, 17, "upper: too many positional arguments"),
        ("{{ products | join(by=1) }}", 1, 15, "join: got an unexpected keyword argument 'by'"),
        ("{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}", 1, 10, "m(): 'a' is missing"),
    ],
)
def test_what_no_data_can_make_right_is_found(
    source: str, line: int, column: int, what: str
) -> None:
    assert found(source) == [(line, column, what)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ price(product=product) }}{{ order_button(product, label='Go') }}",
        "{{ word('why', topic=customer.x, brand='Us') }}{{ word(customer.x) }}",
        "{{ amount(customer.x, customer.y) }}{{ amount('3.50', 'EUR') }}",
        "{{ customer.x|date('day') }}{{ customer.x|date(customer.y) }}{{ '2017-01-30'|date }}",
        "{{ products | map(attribute='title') | join(', ') | truncate(9, true, '', 0) | upper }}",
        "{{ products | sum('n') }}{{ products | list | first }}{{ customer.x | round(2, 'ceil') }}",
        "{{ products | groupby('brand') | length }}{{ products | select('defined') | last }}",
        "{% macro m(a, b=1) %}{{ a }}{{ b }}{{ kwargs.c }}{% endmacro %}{{ m(1, c=2) }}",
        '{% from "text.j2" import short_title as price %}{{ price(product, 9) }}',
        "{{ greeting(customer, unknown='you') }}{{ customer.x | replace('a', 'b', 1) }}",
    ],
)
def test_calls_that_data_can_make_right_are_let_alone(source: str) -> None:
    assert found(source) == []


@pytest.mark.parametrize(
    ("source", "line", "column", "what", "fix"),
    [
        (
            "{% block contnet %}Hello{% endblock %}",
            2,
            10,
            'nothing of the block "contnet" is shown: layout.html.j2 has no place for it',
            'did you mean "content"?',
        ),
        (
            "{% block content %}Hello{% endblock %}\n\n  <p>Bye</p>",
            4,
            3,
            "stands outside of the blocks of layout.html.j2, and is not shown",
            "put it into {% block content %} … {% endblock %}",
        ),
        (
            "{% if customer.x %}\n{{ customer.x }}{% endif %}",
            3,
            1,
            "stands outside of the blocks of layout.html.j2, and is not shown",
            "put it into {% block content %} … {% endblock %}",
        ),
    ],
)
def test_what_the_layout_has_no_place_for_is_found(
    source: str, line: int, column: int, what: str, fix: str
) -> None:
    every = templates(email_html='{% extends "layout.html.j2" %}\n' + source)
    (problem,) = check_template(every, "email.html.j2")
    assert problem == Problem("email.html.j2", line, column, what, fix)


@pytest.mark.parametrize(
    "source",
    [
        "{# a note #}\n{% set x = 1 %}{% set y %}word{% endset %}\n"
        "{% macro m() %}said{% endmacro %}\n"
        "{% block content %}{{ x }}{{ y }}{{ m() }}"
        "{% block within %}Hi{% endblock %}{% endblock %}",
        '{% import "text.j2" as texts %}{% from "text.j2" import short_title as short %}\n'
        "{% block content %}{{ texts.text_footer() }}{{ short(product) }}{% endblock %}",
        "{% if customer.x %}{% block content %}Hi{% endblock %}{% endif %}",
    ],
)
def test_what_stands_beside_blocks_and_prints_nothing_is_let_alone(source: str) -> None:
    assert found('{% extends "layout.html.j2" %}\n' + source) == []


def test_a_line_beside_the_subject_needs_no_place_in_the_layout() -> None:
    page = '{% extends "_frame.html.j2" %}{% block preheader %}Hi{% endblock %}'
    every = TemplateSet({**SHARED, "email.html.j2": page, "_frame.html.j2": "<p>x</p>"})
    assert check_template(every, "email.html.j2") == []


def test_files_that_hold_themselves_are_found() -> None:
    parts = {
        "email.html.j2": "\n{% include '_a.html.j2' %}",
        "_a.html.j2": "{% include '_b.html.j2' %}",
        "_b.html.j2": "{% if customer.x %}\n {% include '_a.html.j2' %}{% endif %}",
        "layout.html.j2": '{% extends "layout.html.j2" %}',
    }
    every = TemplateSet({**SHARED, **parts})
    told = [str(problem) for name in parts for problem in check_template(every, name)]
    assert told == [
        "_a.html.j2:1:13: holds itself: _a.html.j2 → _b.html.j2 → _a.html.j2 (break the circle)",
        "_b.html.j2:2:14: holds itself: _b.html.j2 → _a.html.j2 → _b.html.j2 (break the circle)",
        "layout.html.j2:1:13: holds itself: layout.html.j2 → layout.html.j2 (break the circle)",
    ]
