"""A locale's language, and the way in which it is written."""

import pytest

from orchestrator.flow.render import Rendered, TemplateSet, render_email, render_text
from orchestrator.model.language import direction_of, language_of
from tests.render.shop import EMAIL, SHARED, message, templates


@pytest.mark.parametrize(
    ("locale", "language", "direction"),
    [
        ("en_US", "en", "ltr"),
        ("de-AT", "de", "ltr"),
        ("fil_PH", "fil", "ltr"),
        ("ar_EG", "ar", "rtl"),
        ("he", "he", "rtl"),
        ("zh_Hant_TW", "zh", "ltr"),
        ("nobody knows", "nobody knows", "ltr"),
    ],
)
def test_of_a_locale(locale: str, language: str, direction: str) -> None:
    assert (language_of(locale), direction_of(locale)) == (language, direction)


def test_a_page_says_which_way_it_is_read() -> None:
    made = render_email(TemplateSet({**SHARED, **EMAIL}), message(locale="ar_EG"))
    assert isinstance(made, Rendered), made
    assert '<html lang="ar" dir="rtl">' in made.html


def test_filipino_is_not_finnish() -> None:
    made = render_text(templates(sms_txt="{{ language }}"), message(locale="fil_PH"))
    assert isinstance(made, Rendered), made
    assert made.text == "fil"


def test_a_word_takes_a_name() -> None:
    text = "{{ word('fee', amount='2', name='a deposit') }}"
    made = render_text(templates(sms_txt=text), message())
    assert isinstance(made, Rendered), made
    assert "a deposit" in made.text
