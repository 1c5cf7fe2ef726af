"""A campaign: a marketer's intent, as written in `campaigns/<name>/campaign.yaml`."""

from datetime import timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, model_validator

from orchestrator.model.base import Written
from orchestrator.model.clock import Hours
from orchestrator.model.condition import Condition, EventFilter
from orchestrator.model.offer import Offer
from orchestrator.model.program import Program, SendOp, WaitOp, program
from orchestrator.model.shop import Approval
from orchestrator.model.span import Cap, Percent, Portion, Span, Whole
from orchestrator.model.step import Send, SendStep, Step
from orchestrator.model.trigger import OnCron, OnDate, OnDay, Trigger

Purpose = Literal["inform", "help", "offer", "service"]


class Goal(EventFilter):
    """`{event: Order Completed, within: 3d, value: total}`: what the campaign hopes for.

    Whoever reaches the goal leaves the campaign: nobody is reminded of what they have done.
    """

    event: str = Field(description="The event that is hoped for.", examples=["Order Completed"])
    within: Span = Field(
        timedelta(days=7), description="How long after a message it still counts.", examples=["3d"]
    )
    value: str | None = Field(
        None,
        description="The property of the event that says what it was worth.",
        examples=["total"],
    )


class Campaign(Written):
    """Who should hear from the shop, when, about what, and on which channel.

    `name` is the folder's name. `service` messages (a bill, a change to an order) need no consent
    and come before all others; every other purpose is marketing.
    """

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,62}$",
        description="The folder's name; there is no need to write it.",
        examples=["cart-reminder"],
    )
    purpose: Purpose = Field(
        description="What it does for the customer. Only service needs no consent."
    )
    topic: str = Field(
        description="What customers subscribe to; one of the topics of shop.yaml.",
        examples=["offers"],
    )
    priority: Whole = Field(
        50, ge=0, le=100, description="Who comes first when a cap leaves room for one."
    )
    trigger: Trigger = Field(description="What asks for a message.")
    audience: Condition | None = Field(
        None, description="Who may get it; without it, everybody whom the trigger names."
    )
    channels: tuple[str, ...] = Field(
        (),
        description="In this order; `preferred` is the customer's own choice. Without it: the "
        "preferred one, then the shop's in their order.",
        examples=["[preferred, email, sms]"],
    )
    steps: tuple[Step, ...] = Field(
        (SendStep(send=Send()),),
        min_length=1,
        description="What happens once the trigger has asked. Without it: one send.",
    )
    offer: Offer | None = Field(
        None, description="What is proposed, and what of its price is shown."
    )
    quiet_hours: Hours | None = Field(
        None, description="More quiet than the shop's; they cannot be widened here."
    )
    caps: tuple[Cap, ...] = Field(
        (),
        description="The most messages of this campaign that one customer gets.",
        examples=["[1 per 7d, 3 per calendar month]"],
    )
    when_full: Literal["skip", "defer"] = Field(
        "skip", description="A full cap drops the message, or puts it off."
    )
    again_after: Span | None = Field(
        None, description="Not to the same customer again for so long.", examples=["30d"]
    )
    expires: Span = Field(
        timedelta(hours=24), description="How long after its occasion a message may still leave."
    )
    max_audience: Whole = Field(
        ge=1, description="More messages than this in a day, and it halts.", examples=["20_000"]
    )
    approval: Approval | None = Field(
        None,
        description="Whether somebody must look at the plan and approve of it before anything is "
        "planned. Without it: what shop.yaml says.",
        examples=["required"],
    )
    canary: Portion | None = Field(
        None,
        description="Of each step of a new version, so many messages leave first; a share is of "
        "those that are planned. The rest follows once they have proved to be well received.",
        examples=["200"],
    )
    canary_for: Span = Field(
        timedelta(hours=1),
        description="How long the first messages are watched for bounces and complaints.",
        examples=["1h"],
    )
    segments_max: Whole = Field(
        2, ge=1, le=10, description="The most pieces that a text message may have."
    )
    goal: Goal | None = Field(
        None, description="What the campaign hopes for; who reaches it, leaves."
    )
    holdout: Percent = Field(
        0.0, ge=0, le=50, description="The share of customers who get nothing, for comparison."
    )

    @model_validator(mode="after")
    def _sells_with_a_price(self) -> Self:
        if self.purpose == "offer" and self.offer is None:
            raise ValueError("offers nothing, yet its purpose is offer; add an offer with products")
        if not self.sends:
            raise ValueError("never sends anything; add a send step")
        return self

    @cached_property
    def program(self) -> Program:
        """The steps, flat."""
        return program(self.steps)

    @cached_property
    def may_be_left(self) -> bool:
        """Whether something that customers do ends it for them while they wait."""
        waits = (op.wait for op in self.program if isinstance(op, WaitOp))
        return any(wait.exit_on is not None for wait in waits)

    @cached_property
    def sends(self) -> dict[int, Send]:
        """The sends of the program, by number."""
        return {n: op.send for n, op in enumerate(self.program) if isinstance(op, SendOp)}

    @property
    def marketing(self) -> bool:
        """Whether it needs consent and waits for others: everything but service."""
        return self.purpose != "service"

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule asks, and not what a customer or a product did."""
        return isinstance(self.trigger, OnCron | OnDay | OnDate)

    def channels_of(self, step: int) -> tuple[str, ...]:
        """The channels of a send, in order."""
        return self.sends[step].channels or self.channels

    def expires_of(self, step: int) -> timedelta:
        """How long after its occasion a send may still leave."""
        return self.sends[step].expires or self.expires
