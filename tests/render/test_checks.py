import pytest

from orchestrator.flow.render.checks import check_template
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
