"""The glossary is what the code says."""

from pathlib import Path

from orchestrator.flow.glossary import STATES, glossary
from orchestrator.model.message import State

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_code() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert page == glossary(), "run: python -m orchestrator.flow.glossary"


def test_every_state_is_told() -> None:
    assert set(STATES) == set(State)
