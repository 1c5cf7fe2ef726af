"""What all campaigns share: `campaigns/shop.yaml`."""

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, HttpUrl, model_validator

from orchestrator.model.base import Written
from orchestrator.model.clock import Hours
from orchestrator.model.condition import Condition
from orchestrator.model.span import Amount, Cap

TraitType = Literal["text", "number", "yes/no", "date", "list"]


class TraitSpec(Written):
    """`kids_count: number`, or `{type: text, values: [new, active, lapsing]}`"""

    type: TraitType
    values: tuple[str, ...] = Field((), description="If given, no other value is taken.")

    @model_validator(mode="after")
    def _values_of_texts(self) -> Self:
        if self.values and self.type not in ("text", "list"):
            raise ValueError(f"has values, which a {self.type} trait cannot; leave them out")
        return self


def _as_trait(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Caps(Written):
    """The most messages a customer gets from all campaigns together, service messages aside."""

    overall: tuple[Cap, ...] = ()
    channel: dict[str, tuple[Cap, ...]] = Field(default_factory=dict)
    topic: dict[str, tuple[Cap, ...]] = Field(default_factory=dict)


class ChannelUse(Written):
    """`{through: outbox, cost: 0.0079}`: the plugin behind a channel, and what one piece costs.

    A piece is a message, or a segment of a text message.
    """

    through: str
    cost: Amount = Field(Decimal(0), ge=0, description="In the shop's currency.")
    sender: str = Field("", description="The address or number that it comes from.")


class Brand(Written):
    """Who speaks: shown in every message."""

    name: str
    postal_address: str
    contact: str = Field(description="Where a person answers: an e-mail address or a number.")


class PriceDisplay(Written):
    """How prices stand in the shop's data and are told to customers."""

    tax: Literal["included", "added"] = "included"
    tax_rate: Amount = Field(Decimal(0), ge=0, lt=1, description="Added to the price: 0.08.")
    fees: dict[str, Annotated[Amount, Field(ge=0)]] = Field(
        default_factory=dict, description="Mandatory, per order line."
    )


class Themes(Written):
    """What belongs to a theme: product categories, and beginnings of page paths."""

    categories: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


class Shop(Written):
    """The shop's own settings; every campaign stands on them."""

    brand: Brand
    zone: str = "UTC"
    country: str | None = Field(None, pattern="^[A-Z]{2}$", examples=["US"])
    locale: str = "en_US"
    currency: str = Field("USD", pattern="^[A-Z]{3}$", examples=["USD"])
    base_url: HttpUrl = Field(description="Where the preference pages and links of messages live.")
    order_url: str = Field(description="Where a product is ordered; {product} is its id.")
    quiet_hours: Hours | None = None
    caps: Caps = Caps()
    channels: dict[str, ChannelUse] = Field(min_length=1)
    topics: dict[str, str] = Field(min_length=1, description="What customers may subscribe to.")
    traits: dict[str, Annotated[TraitSpec, BeforeValidator(_as_trait)]] = Field(
        default_factory=dict, description="What may be known of a customer."
    )
    events: dict[str, dict[str, TraitType]] = Field(
        default_factory=dict, description="The events that arrive, with their properties."
    )
    segments: dict[str, Condition] = Field(default_factory=dict)
    themes: dict[str, Themes] = Field(default_factory=dict)
    prices: PriceDisplay = PriceDisplay()
    bought: str = Field("Order Completed", description="The event that means a purchase.")
    viewed: str = Field("Product Viewed", description="The event that means a look.")
