"""What templates and the data in them cannot do."""

import subprocess
import sys
from datetime import UTC

import pytest

from orchestrator.flow.render import Rendered, RenderFailed, RenderLimits, TemplateSet, render_text
from orchestrator.flow.render.state import RenderState
from tests.render.shop import message, templates

SMALL = RenderLimits(output_chars_max=5_000, steps_max=2_000, render_time_s=2.0)


def run(source: str, limits: RenderLimits = SMALL, **event: object) -> Rendered | RenderFailed:
    context = message(event={"name": "x", "properties": event})
    return render_text(templates(sms_txt=source), context, limits=limits)


def reason(source: str, limits: RenderLimits = SMALL, **event: object) -> str:
    outcome = run(source, limits, **event)
    assert isinstance(outcome, RenderFailed), outcome
    return outcome.reason


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ [].__class__ }}",
        "{{ (1).__class__ }}",
        "{{ customer.__class__ }}",
        "{{ customer.traits.__init__ }}",
        "{{ price.__globals__ }}",
        "{{ price._func }}",
        "{{ price._func.__globals__ }}",
        "{{ greeting.__globals__ }}",
        "{{ product.price._price.total }}",
        "{{ product.price.total }}",
        "{{ self._TemplateReference__context }}",
        "{{ self.__init__ }}",
        "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
        "{% for x in [1] %}{{ loop.__init__ }}{% endfor %}",
        "{{ caller.__class__ }}",
        "{% import 'text.j2' as t %}{{ t.__class__ }}",
        "{% import 'text.j2' as t %}{{ t._body_stream }}",
        "{{ 'x'.upper() }}",
        "{{ 'x'.join(['a']) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ 'x'.format_map({}) }}",
        "{{ today.strftime('%Y') }}",
        "{{ today.replace(year=1) }}",
        "{{ customer.pop('first_name') }}",
        "{{ products.append(1) }}",
        "{{ customer.items() }}",
        "{{ [customer]|map(attribute='__class__')|first }}",
        "{{ ([customer]|groupby('__class__'))|first|first }}",
        "{{ products|sum('__class__') }}",
        "{{ range(3) }}",
        "{{ lipsum() }}",
        "{{ cycler(1) }}",
        "{{ joiner(1) }}",
        "{{ namespace() }}",
        "{{ dict(a=1) }}",
        "{{ environment }}",
        "{{ customer|attr('__class__') }}",
        "{{ 1|pprint }}",
        "{{ '<b>'|safe }}",
        "{{ [1, 2]|random }}",
        "{{ 'x'|center(10) }}",
        "{{ 'x'|indent(10) }}",
        "{{ '%s'|format(1) }}",
        "{% autoescape false %}x{% endautoescape %}",
        "{% include ['text.j2', 'other'] %}",
    ],
)
def test_nothing_beyond_plain_data_is_reached(source: str) -> None:
    assert reason(source) in {"undefined", "forbidden", "template_error"}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{{ 'a' * 10**9 }}", {"forbidden"}),
        ("{{ 'a' * 1000000000 }}", {"forbidden"}),
        ("{{ [0] * 1000000000 }}", {"forbidden"}),
        ("{{ 1000000000 * 'a' }}", {"forbidden"}),
        ("{{ 10 ** 10 }}", {"forbidden"}),
        ("{{ '%1000000000d' % 1 }}", {"forbidden"}),
        ("{{ '%1000000000d'|format(1) }}", {"template_error"}),
        ("{{ 1.5|round(1000000000, 'ceil') }}", {"forbidden"}),
        ("{{ 1|number(1000000000) }}", {"forbidden"}),
        ("{% set a = 10**15 %}{{ a }}", {"forbidden"}),
        ("{% set a = 99999999999 * 99999 %}{{ a * a * a }}", {"forbidden"}),
        ("{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40, {"too_long"}),
        (
            "{% set a %}xxxxxxxxxx{% endset %}"
            + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40
            + "{{ a|length }}",
            {"too_long"},
        ),
        (
            "{% set a = 'x'|replace('x', 'xxxxxxxxxxxxxxxxxxxx') %}"
            + "{% set a = a|replace('x', a) %}" * 8,
            {"too_long"},
        ),
        ("{% set a = event.properties.many|join('x' ~ event.properties.long) %}", {"too_long"}),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", {"too_slow"}),
        (
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
            "{{ m(60) }}",
            {"too_slow"},
        ),
        ("{% include 'sms.txt.j2' %}", {"too_slow"}),
        ("{% for a in event.properties.many %}" * 6 + "{% endfor %}" * 6, {"too_slow"}),
        ("{% for a in event.properties.many %}" * 6 + "x" + "{% endfor %}" * 6, {"too_slow"}),
        (
            "{% for a in event.properties.tree recursive %}"
            "{{ loop(event.properties.tree) }}{% endfor %}",
            {"too_slow"},
        ),
        (
            "{% for a in event.properties.many %}{{ event.properties.long }}{% endfor %}",
            {"too_long"},
        ),
    ],
)
def test_bombs_end_at_the_limits(source: str, why: set[str]) -> None:
    assert reason(source, many=list(range(200)), long="y" * 300, tree=[1, 2]) in why


def test_the_clock_ends_what_steps_do_not() -> None:
    hurried = RenderLimits(render_time_s=0.0)
    assert reason("a{{ customer.first_name }}b", hurried) == "too_slow"


def test_the_first_message_does_not_pay_for_the_compiling() -> None:
    many = "{{ customer.first_name }}, " * 4_000
    outcome = run(many, RenderLimits(render_time_s=0.1))
    assert isinstance(outcome, Rendered), outcome


def test_a_machine_that_stands_still_costs_no_message() -> None:
    state = RenderState("en_US", UTC, RenderLimits(render_time_s=0.05))
    subprocess.run([sys.executable, "-c", "import time; time.sleep(0.1)"], check=True)
    state.check_time()


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ 2 + 3 * 4 }}", "14"),
        ("{{ 7 // 2 }} {{ 7 % 2 }}", "3 1"),
        ("{{ event.properties.kg * 2 }}", "5"),
        ("{{ event.properties.kg + 1.5 }}", "4"),
        ("{{ 1234.5 }}", "1,234.5"),
        ("{{ 1234|number }}", "1,234"),
        ("{{ today }}", "November 22, 2017"),
        ("{{ today|date('short') }}", "11/22/17"),
        ("{{ today|date('day') }}", "November 22"),
        ("{{ '2017-11-30'|date }}", "November 30, 2017"),
        ("{{ today.year }}", "2017"),
        ("{{ event.properties.list|join(', ') }}", "a, b"),
        ("{{ event.properties.list[0] ~ '!' }}", "a!"),
        (
            "{% for a in event.properties.list %}{{ loop.index }}{{ a }}{{ loop.cycle('x', 'y') }}"
            "{% endfor %}",
            "1ax2by",
        ),
        ("{{ customer.nobody | default('there') }}", "there"),
        ("{% if customer.nobody is defined %}no{% else %}yes{% endif %}", "yes"),
        ("{% import 'text.j2' as t %}{{ t.text_footer() }}", "Reply STOP to end"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a & b') }}", "<a & b>"),
        ("{% set x %}a{% endset %}{{ x|upper }}", "A"),
        ("{% for k, v in customer.traits|items %}{{ k }}={{ v }}{% endfor %}", "first_name=Ann"),
        ("{{ 'yes' if 'A' in customer.first_name }}", "yes"),
    ],
)
def test_what_templates_need_works(source: str, shown: str) -> None:
    outcome = run(source, kg=2.5, list=["a", "b"])
    assert isinstance(outcome, Rendered), outcome
    assert outcome.text == shown


@pytest.mark.parametrize(
    "source",
    [
        "{{ none }}",
        "{{ true }}",
        "{{ customer }}",
        "{{ products }}",
        "{{ 'a' ~ none }}",
        "{{ 5 / 0 }}",
        "{{ 'tomorrow'|date }}",
    ],
)
def test_what_no_customer_should_read_is_refused(source: str) -> None:
    assert reason(source) == "data_error"


def test_sets_do_not_share_templates() -> None:
    one = TemplateSet({"sms.txt.j2": "one"})
    assert isinstance(render_text(one, message()), Rendered)
    missing = render_text(
        TemplateSet({"a.txt.j2": "{% include 'sms.txt.j2' %}"}), message(), kind="a.txt"
    )
    assert isinstance(missing, RenderFailed)
    assert missing.reason == "template_missing"
