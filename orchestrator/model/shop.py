"""What all campaigns share: `campaigns/shop.yaml`."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, model_validator

from orchestrator.model.answer import Answers
from orchestrator.model.base import Written
from orchestrator.model.clock import Hours
from orchestrator.model.condition import Condition
from orchestrator.model.span import Amount, Cap, Pace, Span, show_span

Approval = Literal["required", "not required"]
SPREAD_MAX = timedelta(hours=2)
TraitType = Literal["text", "number", "yes/no", "date", "list"]


class TraitSpec(Written):
    """`kids_count: number`, or `{type: text, values: [new, active, lapsing]}`"""

    type: TraitType = Field(description="What its values are.")
    values: tuple[str, ...] = Field(
        (), description="If given, no other value is taken.", examples=["[new, active]"]
    )

    @model_validator(mode="after")
    def _values_of_texts(self) -> Self:
        if self.values and self.type not in ("text", "list"):
            raise ValueError(f"has values, which a {self.type} trait cannot; leave them out")
        return self


def _as_trait(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Caps(Written):
    """The most messages a customer gets from all campaigns together, service messages aside."""

    overall: tuple[Cap, ...] = Field((), description="Of all together.", examples=["[3 per 7d]"])
    channel: dict[str, tuple[Cap, ...]] = Field(
        default_factory=dict, description="On one channel.", examples=["{sms: [1 per day]}"]
    )
    topic: dict[str, tuple[Cap, ...]] = Field(
        default_factory=dict, description="On one topic.", examples=["{offers: [2 per 7d]}"]
    )


class ChannelUse(Written):
    """`{through: outbox, cost: 0.0079}`: the plugin behind a channel, and what one piece costs.

    A piece is a message, or a segment of a text message.
    """

    through: str = Field(description="The plugin that sends.", examples=["outbox"])
    failover: str | None = Field(
        None,
        description="The plugin that sends while the first one fails or is paused. What the first "
        "one may have taken is never sent again.",
        examples=["email_smtp"],
    )
    pace: Pace | None = Field(
        None,
        description="The most messages that the provider is given, over all workers.",
        examples=["20 per 1s"],
    )
    cost: Amount = Field(
        Decimal(0),
        ge=0,
        description="What one piece costs, in the shop's currency.",
        examples=["0.0079"],
    )
    sender: str = Field(
        "", description="The address or number that it comes from.", examples=["+13125550123"]
    )
    dkim_selector: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$",
        description="Of e-mail: the name of the key that the provider signs with, for `doctor` to "
        "look at.",
        examples=["s1"],
    )


class Brand(Written):
    """Who speaks: shown in every message."""

    name: str = Field(description="What the shop is called.", examples=["Corner Shop"])
    postal_address: str = Field(description="Where it is.", examples=["1 Main St, Springfield"])
    contact: str = Field(
        description="Where a person answers: an address or a number.", examples=["care@example.com"]
    )


class PriceDisplay(Written):
    """How prices stand in the shop's data and are told to customers."""

    tax: Literal["included", "added"] = Field(
        "included", description="Whether the prices in the data have the tax in them."
    )
    tax_rate: Amount = Field(
        Decimal(0), ge=0, lt=1, description="What is added to the price.", examples=["0.08"]
    )
    fees: dict[str, Annotated[Amount, Field(ge=0)]] = Field(
        default_factory=dict,
        description="What must be paid besides, for each.",
        examples=["{deposit: 0.25}"],
    )


class Themes(Written):
    """What belongs to a theme: product categories, and beginnings of page paths."""

    categories: tuple[str, ...] = Field((), description="Product categories.", examples=["[SHOES]"])
    pages: tuple[str, ...] = Field(
        (), description="Beginnings of page addresses.", examples=["[/running]"]
    )


class Tracking(Written):
    """Whether messages tell who looked at them. Off unless written: it is watching people."""

    clicks: bool = Field(
        False, description="Links in e-mails lead through Tactful, which counts who follows them."
    )
    opens: bool = Field(
        False, description="A picture of nothing in e-mails tells that they were opened."
    )


def _days(least: int) -> AfterValidator:
    def at_least(span: timedelta) -> timedelta:
        if span < timedelta(days=least):
            raise ValueError(f"is too short; write {least}d or more")
        return span

    return AfterValidator(at_least)


class Keep(Written):
    """How long what is only needed for a while is kept; `tactful tidy` takes away the rest.

    Messages themselves, quotes, and what customers agreed to or wished for, are kept for ever.
    """

    feedback: Annotated[Span, _days(7)] = Field(
        timedelta(days=180),
        description="What providers told, word for word, and replies that were read.",
        examples=["180d"],
    )
    calls: Annotated[Span, _days(1)] = Field(
        timedelta(days=30),
        description="The names of the site's calls, by which a repetition is known.",
        examples=["30d"],
    )
    links: Annotated[Span, _days(30)] = Field(
        timedelta(days=730),
        description="Where counted links lead, after the last message that led there.",
        examples=["730d"],
    )
    texts: Annotated[Span, _days(30)] = Field(
        timedelta(days=730),
        description="The words of messages, after their expiry. The quotes stay.",
        examples=["730d"],
    )


def _a_while(span: timedelta) -> timedelta:
    if span > SPREAD_MAX:
        raise ValueError(f"is too long; write {show_span(SPREAD_MAX)} or less")
    return span


class Shop(Written):
    """The shop's own settings; every campaign stands on them."""

    brand: Brand = Field(description="Who speaks.")
    zone: str = Field("UTC", description="The shop's own time zone.", examples=["America/Chicago"])
    country: str | None = Field(
        None,
        pattern="^[A-Z]{2}$",
        description="Where the shop is, in two letters.",
        examples=["US"],
    )
    locale: str = Field(
        "en_US",
        description="The language and customs of who has not named theirs.",
        examples=["en_US"],
    )
    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", description="Of all prices.", examples=["USD"]
    )
    base_url: HttpUrl = Field(
        description="Where the links in messages lead.", examples=["https://shop.example.com"]
    )
    order_url: str = Field(
        description="Where a product is ordered; {product} stands for its key.",
        examples=["https://shop.example.com/order/{product}"],
    )
    quiet_hours: Hours | None = Field(
        None, description="When nobody is disturbed, by each customer's clock."
    )
    spread: Annotated[Span, AfterValidator(_a_while)] = Field(
        timedelta(minutes=10),
        description="What waited for the end of quiet hours leaves over so long: each customer at "
        "another moment, not all at once.",
        examples=["10m"],
    )
    caps: Caps = Field(Caps(), description="The most messages of all campaigns together.")
    approval: Approval = Field(
        "not required",
        description="Whether somebody must approve of every campaign's plan before anything of it "
        "is planned; a campaign may say otherwise.",
    )
    channels: dict[str, ChannelUse] = Field(
        min_length=1, description="The ways to reach people, the shop's favourite first."
    )
    topics: dict[str, str] = Field(
        min_length=1,
        description="What customers may subscribe to, as they read it.",
        examples=["{offers: Offers}"],
    )
    traits: dict[
        str,
        Annotated[
            TraitSpec, BeforeValidator(_as_trait, json_schema_input_type=TraitSpec | TraitType)
        ],
    ] = Field(
        default_factory=dict,
        description="What may be known of a customer.",
        examples=["{lifecycle: text, kids: number}"],
    )
    events: dict[str, dict[str, TraitType]] = Field(
        default_factory=dict,
        description="The events that arrive, with their properties.",
        examples=["{Order Completed: {total: number}}"],
    )
    segments: dict[str, Condition] = Field(
        default_factory=dict, description="Conditions with a name, for all campaigns."
    )
    themes: dict[str, Themes] = Field(
        default_factory=dict, description="What products and pages are about."
    )
    never_offer: tuple[str, ...] = Field(
        (),
        description="Product categories that no message names: private, or not for everyone.",
        examples=["[Cigarettes, Liquor, Family Planning]"],
    )
    tracking: Tracking = Field(Tracking(), description="What is counted of who looks at messages.")
    answers: Answers = Field(
        Answers(),
        description="What is answered to STOP, START and HELP, where the provider does not do it.",
    )
    keep: Keep = Field(Keep(), description="How long what is only needed for a while is kept.")
    prices: PriceDisplay = Field(PriceDisplay(), description="How prices are told.")
    bought: str = Field("Order Completed", description="The event that means a purchase.")
    viewed: str = Field("Product Viewed", description="The event that means a look.")

    @property
    def plugins(self) -> dict[str, tuple[str, ...]]:
        """Channel → the plugins behind it, the first one first."""
        both = {name: (use.through, use.failover) for name, use in self.channels.items()}
        return {name: tuple(one for one in some if one) for name, some in both.items()}

    def order_link(self, product: str) -> str:
        """Where the product with this key is ordered; a key may hold what means more in a link."""
        return self.order_url.replace("{product}", quote(product))
