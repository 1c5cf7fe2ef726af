"""Steps: what a campaign does once its trigger has asked. A simple campaign has one `send`."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from orchestrator.model.base import Written
from orchestrator.model.condition import Condition
from orchestrator.model.span import Span
from orchestrator.model.trigger import Match


class Still(Written):
    """`{still: audience}`: the campaign's audience must hold again at this moment."""

    still: Literal["audience"] = Field(description="The audience, asked once more.")


def _when_kind(value: Any) -> str:
    written = isinstance(value, dict) and "still" in value
    return "still" if written or isinstance(value, Still) else "if"


When = Annotated[
    Annotated[Still, Tag("still")] | Annotated[Condition, Tag("if")], Discriminator(_when_kind)
]


class Send(Written):
    """`{send: {channels: [preferred, email], template: last-call, expires: 24h}}`"""

    channels: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="The channels of this message alone, in order.",
        examples=["[preferred, email]"],
    )
    template: str | None = Field(
        None, description="What the names of its template files begin with.", examples=["last-call"]
    )
    expires: Span | None = Field(
        None, description="As of the campaign, for this message alone.", examples=["24h"]
    )
    when: When | None = Field(None, description="Skip this step unless this holds.")


class Wait(Written):
    """`{wait: {for: 2d, until: …, exit_on: …}}`"""

    for_: Span = Field(
        alias="for",
        description="How long at most, from when the message before it leaves.",
        examples=["2d"],
    )
    until: Match | None = Field(None, description="Go on at once when this happens.")
    exit_on: Match | None = Field(None, description="Leave the campaign when this happens.")


def _as_wait(value: Any) -> Any:
    return value if isinstance(value, dict | Wait) else {"for": value}


class Branch(Written):
    """`{branch: {if: …, then: [steps], otherwise: [steps]}}`"""

    if_: When = Field(alias="if", description="What decides.")
    then: tuple["Step", ...] = Field((), description="The steps where it holds.")
    otherwise: tuple["Step", ...] = Field((), description="The steps where it does not.")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if not self.then and not self.otherwise:
            raise ValueError("leads nowhere; add steps under then or otherwise")
        return self


class SendStep(Written):
    """Send one message."""

    send: Send = Field(description="The message.")


class WaitStep(Written):
    """Let time pass: `wait: 2d`, or with what ends it early."""

    wait: Annotated[Wait, BeforeValidator(_as_wait, json_schema_input_type=Wait | Span)] = Field(
        description="How long, and what ends it early.", examples=["2d"]
    )


class BranchStep(Written):
    """Go one of two ways."""

    branch: Branch = Field(description="The fork.")


class ExitStep(Written):
    """Leave the campaign; the text says why, for `explain` and `report`."""

    exit: str = Field(description="Why.", examples=["has come back"])


STEPS: dict[str, type[Written]] = {
    "send": SendStep,
    "wait": WaitStep,
    "branch": BranchStep,
    "exit": ExitStep,
}


def _kind(value: Any) -> str | None:
    if isinstance(value, Written):
        return next(word for word, kind in STEPS.items() if type(value) is kind)
    return next((w for w in STEPS if w in value), None) if isinstance(value, dict) else None


Step = Annotated[
    Annotated[SendStep, Tag("send")]
    | Annotated[WaitStep, Tag("wait")]
    | Annotated[BranchStep, Tag("branch")]
    | Annotated[ExitStep, Tag("exit")],
    Discriminator(
        _kind,
        custom_error_type="step",
        custom_error_message="a step is one of: " + ", ".join(STEPS),
    ),
]
Branch.model_rebuild()
BranchStep.model_rebuild()
