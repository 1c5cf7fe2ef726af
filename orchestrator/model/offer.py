"""Offers: which products a message proposes, and what of their price must be shown."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from orchestrator.model.base import Written
from orchestrator.model.span import Span, Whole

Slot = Literal["trigger", "regulars", "goes_with", "better", "bestsellers", "listed"]
Shown = Literal["total price", "unit price", "was price", "valid until", "how to order"]


class Products(Written):
    """`{from: regulars, at_most: 3}`

    - `trigger`: the products of the event, or the product whose price or stock changed;
    - `regulars`: what this customer buys regularly and is about to run out of;
    - `goes_with`: what others buy together with the trigger's products (cross-sell);
    - `better`: a comparable, higher-end product of the same kind (up-sell);
    - `bestsellers`: what sells most now;
    - `listed`: the products of `ids`.

    Never proposed: what has no valid price, is out of stock, or (`goes_with`, `better`,
    `bestsellers`) was bought within `not_bought_within`.
    """

    from_: Slot = Field(alias="from", description="Where the products come from.")
    at_most: Whole = Field(3, ge=1, le=12, description="Few choices are easier than many.")
    ids: tuple[str, ...] = Field(
        (), description="The keys of the products, for listed.", examples=["[1082185, 995242]"]
    )
    category: str | None = Field(None, description="Only this category.", examples=["COFFEE"])
    theme: str | None = Field(None, description="Only this theme.", examples=["running"])
    not_bought_within: Span = Field(
        timedelta(days=30), description="Not what was bought so lately."
    )

    @model_validator(mode="after")
    def _ids_with_listed(self) -> Self:
        if self.from_ == "listed" and not self.ids:
            raise ValueError("lists no product; add ids: [...]")
        if self.ids and self.from_ != "listed":
            raise ValueError(f"has ids, yet takes products from {self.from_}; write from: listed")
        return self


class Offer(Written):
    """What is proposed. A message whose offer lacks a price or the way to order never leaves."""

    products: Products = Field(description="Which products.")
    show: tuple[Shown, ...] = Field(
        ("total price", "how to order"),
        description="What of the price must be shown.",
        examples=["[total price, unit price, how to order]"],
    )

    @model_validator(mode="after")
    def _total_and_order(self) -> Self:
        missing = {"total price", "how to order"} - set(self.show)
        if missing:
            raise ValueError(f"hides what an offer must show; add {' and '.join(sorted(missing))}")
        return self
