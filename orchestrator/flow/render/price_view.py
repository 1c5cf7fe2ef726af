"""A price inside a template's data: there to be handed to a macro, never to be printed."""

from collections.abc import Hashable
from typing import Any, NoReturn

from orchestrator.flow.render.state import RenderRefused
from orchestrator.model.money import Price

_HOW = "a price is printed by a macro: {{ price(product) }} or {{ price_short(product) }}"


class PriceView:
    """Holds a Price. Every way of turning it into text raises RenderRefused.

    One product's record serves many messages, so that the view also keeps what was written of its
    price, by place and language.
    """

    __slots__ = ("_price", "_written")

    def __init__(self, price: Price) -> None:
        self._price = price
        self._written: dict[Hashable, Any] = {}

    @property
    def reduced(self) -> bool:
        """Whether it is lower than in all of the 30 days before, so that templates may say so."""
        return self._price.reduction is not None

    def __str__(self) -> NoReturn:
        raise RenderRefused("bare_price", _HOW)

    def __repr__(self) -> str:
        return "<price>"

    def __html__(self) -> NoReturn:
        raise RenderRefused("bare_price", _HOW)

    def __format__(self, spec: str) -> NoReturn:
        raise RenderRefused("bare_price", _HOW)


def price_in(view: PriceView) -> Price:
    """The price that a view holds; for the macros' functions, out of reach of templates."""
    return view._price


def written_in(view: PriceView) -> dict[Hashable, Any]:
    """What the macros' functions have written of this price before."""
    return view._written
