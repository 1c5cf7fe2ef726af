"""Every piece of a campaign or a segment that names something: does it exist, does it fit?"""

from collections.abc import Iterator
from typing import TypeVar

from orchestrator.flow.load.events import check_event, fit_event
from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.shape import pieces, rebuild
from orchestrator.flow.load.values import Asked, fit
from orchestrator.model.base import Written
from orchestrator.model.condition import EventFilter, Got, HasConsent, InSegment, Path, TraitTest
from orchestrator.model.offer import Products
from orchestrator.model.trigger import (
    OnBackInStock,
    OnDate,
    OnEntering,
    OnPriceDrop,
)

_Value = TypeVar("_Value")


def check_names(value: object, names: Names, at: Path = ()) -> Iterator[Finding]:
    """A finding for every name in `value` (a campaign, a condition) that means nothing."""
    for path, piece in pieces(value, at):
        yield from _names_in(piece, names, path)


def _names_in(piece: Written, names: Names, path: Path) -> Iterator[Finding]:
    shop = names.shop
    match piece:
        case EventFilter():
            yield from check_event(piece, names, path)
        case TraitTest():
            yield from names.look(piece.trait, shop.traits, (*path, "trait"), "trait")
        case InSegment():
            yield from names.segment(piece.segment, (*path, "segment"))
        case OnEntering():
            yield from names.segment(piece.enters, (*path, "enters"))
        case Got():
            yield from names.campaign(piece.got, (*path, "got"))
        case HasConsent():
            yield from names.channel(piece.consent, (*path, "consent"))
            if piece.topic is not None:
                yield from names.topic(piece.topic, (*path, "topic"))
        case OnDate():
            yield from _check_date(piece, names, path)
        case OnPriceDrop(price_drop=how) | OnBackInStock(back_in_stock=how):
            word = "price_drop" if isinstance(piece, OnPriceDrop) else "back_in_stock"
            event = shop.bought if how == "bought" else shop.viewed
            yield from names.event(event, (*path, word))
        case Products(theme=str(theme)):
            yield from names.theme(theme, (*path, "theme"))


def _check_date(trigger: OnDate, names: Names, path: Path) -> Iterator[Finding]:
    yield from names.look(trigger.date, names.shop.traits, (*path, "date"), "trait")
    trait = names.shop.traits.get(trigger.date)
    if trait and trait.type != "date":
        what = f"the trait {trigger.date} is {trait.type}, not a date"
        dates = sorted(name for name, spec in names.shop.traits.items() if spec.type == "date")
        yield Finding((*path, "date"), what, f"dates are: {', '.join(dates)}" if dates else "")
    if trigger.offset.seconds:
        what = "offset counts whole days from a date"
        yield Finding((*path, "offset"), what, "write days, such as -7d, and the time under at")


def fit_values(value: _Value, names: Names, at: Path = ()) -> tuple[_Value, list[Finding]]:
    """The same value, with what is compared in the types of the shop's traits and properties."""
    found: list[Finding] = []

    def change(path: Path, piece: Written) -> Written:
        if isinstance(piece, TraitTest) and (spec := names.shop.traits.get(piece.trait)):
            asked = Asked(piece.trait, spec.type, spec.values, spans=True)
            return fit(piece, asked, path, found)
        if isinstance(piece, EventFilter):
            new = fit_event(piece, names, path, found)
            return piece.model_copy(update=new) if new else piece
        return piece

    return rebuild(value, change, at), found
