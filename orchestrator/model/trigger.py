"""Triggers: what asks for a message.

A trigger is known by its first word: `event`, `inactive`, `cron`, `once`, `enters`, `date`,
`price_drop`, `back_in_stock`. Each asking is an *occasion*; a customer gets a step of a campaign
at most once for each occasion.
"""

from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from orchestrator.model.base import Written
from orchestrator.model.clock import TimeOfDay
from orchestrator.model.condition import EventFilter
from orchestrator.model.schedule import CronText, parse_once
from orchestrator.model.span import Percent, Shift, Span

Whose = Literal["customer", "shop"]
"""Whose wall clock: each customer's own, or the shop's."""

LocalTime = Annotated[
    datetime,
    BeforeValidator(lambda text: parse_once(text).at),
    WithJsonSchema({"type": "string", "examples": ["2017-11-22 10:00"]}),
]
"""A day and a time to the minute, without a zone."""


class Match(EventFilter):
    """Another event of the same customer, tied to the first by one property."""

    event: str = Field(description="The event.", examples=["Order Completed"])
    same: str | None = Field(
        None,
        description="The property that it must share with the trigger's event.",
        examples=["cart_id"],
    )


class OnEvent(EventFilter):
    """`{event: Cart Updated, wait: 4h, unless: {event: Order Completed, same: cart_id}}`"""

    event: str = Field(
        description="The event; one of those of shop.yaml.", examples=["Cart Updated"]
    )
    wait: Span | None = Field(None, description="So long after it.", examples=["4h"])
    unless: Match | None = Field(None, description="Nothing is due if this happened meanwhile.")

    @model_validator(mode="after")
    def _waits_for_the_exception(self) -> Self:
        if self.unless and not self.wait:
            raise ValueError("has unless, but leaves no time for it; add a wait, such as 4h")
        return self


class OnInactive(EventFilter):
    """`{inactive: Order Completed, for: 45d}`: the last one is so long ago; once each time."""

    inactive: str = Field(
        description="The event that has not happened any more.", examples=["Order Completed"]
    )
    for_: Span = Field(alias="for", description="For how long.", examples=["45d"])


class OnCron(Written):
    """`{cron: "0 10 * * MON", zone: customer}`: minute, hour, day, month, weekday."""

    cron: CronText = Field(description="Minute, hour, day of the month, month, weekday.")
    zone: Whose = Field("customer", description="Whose clock it is told by.")


class OnDay(Written):
    """`{once: 2017-11-22 10:00, zone: customer}`: one time only."""

    once: LocalTime = Field(description="The day and time.")
    zone: Whose = Field("customer", description="Whose clock it is told by.")


class OnEntering(Written):
    """`{enters: loyal}`: the customer was not in the segment, and now is."""

    enters: str = Field(description="One of the segments of shop.yaml.", examples=["loyal"])


class OnDate(Written):
    """`{date: birthday, offset: -7d, at: 10:00, every: year}`: on the customer's clock."""

    date: str = Field(description="A trait that is a date.", examples=["birthday"])
    offset: Shift = Field(
        timedelta(0), description="So many days later; earlier with a minus.", examples=["-7d"]
    )
    at: TimeOfDay = Field(time(10), description="The time of that day.", examples=["10:00"])
    every: Literal["year"] | None = Field(
        None, description="On the same day of every year, from that day itself on."
    )


class OnProduct(Written):
    """What happens to a product that this customer bought or viewed not long ago."""

    within: Span = Field(timedelta(days=90), description="How long ago that was at most.")


class OnPriceDrop(OnProduct):
    """`{price_drop: bought, within: 90d, by: 10%}`"""

    price_drop: Literal["bought", "viewed"] = Field(
        description="What the customer did with the product that is cheaper now."
    )
    by: Percent = Field(5.0, gt=0, lt=100, description="The smallest reduction that counts.")


class OnBackInStock(OnProduct):
    """`{back_in_stock: viewed, within: 60d}`"""

    back_in_stock: Literal["bought", "viewed"] = Field(
        description="What the customer did with the product that is there again."
    )


TRIGGERS: dict[str, type[Written]] = {
    "event": OnEvent,
    "inactive": OnInactive,
    "cron": OnCron,
    "once": OnDay,
    "enters": OnEntering,
    "date": OnDate,
    "price_drop": OnPriceDrop,
    "back_in_stock": OnBackInStock,
}


def _kind(value: Any) -> str | None:
    if isinstance(value, Written):
        return next(word for word, kind in TRIGGERS.items() if type(value) is kind)
    return next((w for w in TRIGGERS if w in value), None) if isinstance(value, dict) else None


Trigger = Annotated[
    Annotated[OnEvent, Tag("event")]
    | Annotated[OnInactive, Tag("inactive")]
    | Annotated[OnCron, Tag("cron")]
    | Annotated[OnDay, Tag("once")]
    | Annotated[OnEntering, Tag("enters")]
    | Annotated[OnDate, Tag("date")]
    | Annotated[OnPriceDrop, Tag("price_drop")]
    | Annotated[OnBackInStock, Tag("back_in_stock")],
    Discriminator(
        _kind,
        custom_error_type="trigger",
        custom_error_message="a trigger begins with one of: " + ", ".join(TRIGGERS),
    ),
]
