"""What is answered to a customer who writes STOP, START or HELP: in which words, and how soon."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from orchestrator.model.base import Written

Wish = Literal["stop", "start", "help"]

WISHES: Final[tuple[Wish, ...]] = ("stop", "start", "help")

ANSWER_WITHIN = timedelta(minutes=5)
"""An answer to STOP that comes later counts as a message to somebody who wants none (FCC 2024)."""

ONCE_WITHIN: Final[Mapping[Wish, timedelta]] = MappingProxyType(
    {"stop": timedelta(hours=24), "start": timedelta(hours=24), "help": timedelta(minutes=10)}
)
"""The same wish of the same address is answered once in so long, unless the other one came between.
HELP is asked again sooner: whoever asks twice has not been helped."""

PREFIX = "answer-to-"
"""How the names of the answers' campaigns begin. No folder of a shop's own may."""


def _fillable(text: str) -> str:
    """Its braces are those that are filled in."""
    left = text.replace("{brand}", "").replace("{contact}", "")
    if "{" in left or "}" in left:
        raise ValueError("only {brand} and {contact} are filled in; take the other braces out")
    if "{brand}" not in text:
        raise ValueError("does not say who answers; write {brand} where the shop's name goes")
    return text


Said = dict[
    Annotated[str, Field(pattern="^[a-z]{2}$")],
    Annotated[str, Field(min_length=1, max_length=480), AfterValidator(_fillable)],
]
"""By language."""


class Answers(Written):
    """`{stop: {en: "{brand}: no more marketing texts. START begins again."}}`

    What is written here takes the place of the product's own words, language by language.
    """

    stop: Said = Field(
        default_factory=dict,
        description="The one confirmation of STOP. No marketing.",
        examples=['{en: "{brand}: no more marketing texts."}'],
    )
    start: Said = Field(
        default_factory=dict,
        description="The answer to START, where it begins something again.",
        examples=['{en: "{brand}: welcome back. STOP ends it."}'],
    )
    help: Said = Field(
        default_factory=dict,
        description="The answer to HELP.",
        examples=['{en: "{brand}: {contact} will help."}'],
    )


def campaign_of(wish: Wish) -> str:
    """The name under which the answers to a wish stand in the ledger."""
    return f"{PREFIX}{wish}"


def is_answer(campaign: str) -> bool:
    """Whether a campaign is an answer: it leaves at any hour, for the customer has just written."""
    return campaign.startswith(PREFIX)
