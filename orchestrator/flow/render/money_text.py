"""The only way to print money. The macros of `templates/prices.j2` stand on these functions.

Each writes what it shows to the quote of the render under way (`state`). Rules: the total first;
"was" and "-n %" only against the lowest price of 30 days; the unit price beside the price.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from markupsafe import escape

from orchestrator.flow.render import formats
from orchestrator.flow.render.price_view import PriceView, price_in, written_in
from orchestrator.flow.render.state import RenderRefused, RenderState, current
from orchestrator.flow.render.words import words_of
from orchestrator.model.money import Money, Price, Quote, QuoteLine


def price_parts(product: Mapping[str, Any]) -> dict[str, str]:
    """Everything of a product's price, in the customer's locale; quoted as shown.

    Keys: now, tax, fees, size, per_unit, was, was_note, percent, until (a sentence), until_day;
    empty where there is nothing to say. Raises RenderRefused (price_missing) for a product
    without a price.
    """
    state = current()
    view = _price_of(product)
    _quote(state, product, view)
    written, key = written_in(view), ("parts", state.locale, state.zone)
    if key not in written:
        written[key] = _parts(price_in(view), state.locale, state.zone)
    parts: dict[str, str] = written[key]
    return parts


def price_line(product: Mapping[str, Any]) -> str:
    """A price on one line: $7.99 incl. tax ($0.26/oz), was $9.99 -20%, until Nov 28."""
    state = current()
    view = _price_of(product)
    _quote(state, product, view)
    written, key = written_in(view), ("line", state.locale, state.zone)
    if key not in written:
        written[key] = _line(price_in(view), state.locale, state.zone)
    line: str = written[key]
    return line


def _parts(price: Price, locale: str, zone: tzinfo) -> dict[str, str]:
    words = words_of(locale)
    was, percent = _reduction(price, locale)
    until = until_day = ""
    if price.valid_until:
        day = formats.until_text(price.valid_until, zone, locale)
        until, until_day = words["valid_until"].format(day=day), words["until"].format(day=day)
    fees = (
        words["fee"].format(amount=formats.money(fee.amount, locale), name=fee.name)
        for fee in price.fees
    )
    return {
        "now": formats.money(price.total, locale),
        "tax": _tax(price, locale),
        "fees": ", ".join(fees),
        "size": formats.measure_text(price.unit, locale) if price.unit else "",
        "per_unit": formats.unit_price_text(price.unit_price, locale) if price.unit_price else "",
        "was": was,
        "was_note": words["was_note"] if was else "",
        "percent": percent,
        "until": until,
        "until_day": until_day,
    }


def _line(price: Price, locale: str, zone: tzinfo) -> str:
    line = f"{formats.money(price.total, locale)} {_tax(price, locale)}"
    if price.unit_price:
        line += f" ({formats.unit_price_text(price.unit_price, locale)})"
    was, percent = _reduction(price, locale)
    if was:
        line += f", {was} {percent}"
    if price.valid_until:
        day = formats.until_text(price.valid_until, zone, locale)
        line += f", {words_of(locale)['until'].format(day=day)}"
    return line


def order_url(product: Mapping[str, Any]) -> str:
    """The link to order a product by; quoted as shown.

    Raises RenderRefused (order_link_missing) for a product without one.
    """
    link = product.get("order_link")
    if not isinstance(link, str):
        raise RenderRefused("order_link_missing", f"{_name(product)} has no order link")
    current().order_links[_name(product)] = link
    return link


def amount(value: object, currency: object) -> str:
    """Money that is no product's price, such as the total of a bill, from an event or a trait."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
            raise ValueError(f"{type(value).__name__} is no amount")
        money = Money.of(value, str(currency))
    except (ValueError, InvalidOperation) as wrong:
        raise RenderRefused("data_error", str(wrong)) from wrong
    return formats.money(money, current().locale)


def word(name: str, /, **names: str) -> str:
    """One of the words of `words.py`, in the customer's language."""
    return words_of(current().locale)[name].format_map(names)


def greeting(customer: Mapping[str, Any], hello: str = "", unknown: str = "") -> str:
    """`Hello Ann`, or politely without a name: `Hello`, or `Hello there` with unknown="there"."""
    words = hello or words_of(current().locale)["hello"]
    name = customer.get("first_name")
    name = name if isinstance(name, str) else unknown
    return f"{words} {name}" if name else words


def _price_of(product: Mapping[str, Any]) -> PriceView:
    if not isinstance(product, dict):
        raise RenderRefused("data_error", f"a {type(product).__name__} is no product")
    view = product.get("price")
    if not isinstance(view, PriceView):
        raise RenderRefused("price_missing", f"{_name(product)} has no price")
    return view


def _name(product: Mapping[str, Any]) -> str:
    return str(product.get("id", "a product without id"))


def _quote(state: RenderState, product: Mapping[str, Any], view: PriceView) -> None:
    name = _name(product)
    if name in state.lines:
        return
    written = written_in(view)
    line = written.get(("quote", name))
    if line is None:
        price = price_in(view)
        reduction = price.reduction
        line = written["quote", name] = QuoteLine(
            product_id=name,
            price_id=price.price_id,
            total=price.total,
            unit_price=price.unit_price,
            was=reduction.was if reduction else None,
            percent=reduction.percent if reduction else None,
            valid_until=price.valid_until,
        )
    state.lines[name] = line


def _reduction(price: Price, locale: str) -> tuple[str, str]:
    reduction = price.reduction
    if reduction is None:
        return "", ""
    was = words_of(locale)["was"].format(amount=formats.money(reduction.was, locale))
    return was, formats.percent_text(reduction.percent, locale)


def _tax(price: Price, locale: str) -> str:
    words = words_of(locale)
    if price.tax.kind == "included" or price.tax.amount is None:
        return words["tax_included"]
    return words["tax_added"].format(amount=formats.money(price.tax.amount, locale))


def quote_of(state: RenderState, shown: str) -> Quote:
    """The prices and order links that stand in what a render made (`shown`, text or HTML).

    A template may ask for a price and then not print it, or print a part of it; what the customer
    does not read is no quote.
    """
    lines = (_as_shown(line, state, shown) for line in state.lines.values())
    return Quote(tuple(line for line in lines if line is not None))


def _as_shown(line: QuoteLine, state: RenderState, shown: str) -> QuoteLine | None:
    locale, unit, end = state.locale, line.unit_price, line.valid_until
    if not _stands(formats.money(line.total, locale), shown):
        return None
    was = line.was is not None and _stands(formats.money(line.was, locale), shown)
    percent = line.percent is not None and _stands(
        formats.percent_text(line.percent, locale), shown
    )
    per_unit = unit is not None and _stands(formats.unit_price_text(unit, locale), shown)
    until = end is not None and _stands(formats.until_text(end, state.zone, locale), shown)
    link = state.order_links.get(line.product_id)
    ordered = link is not None and (link in shown or escape(link) in shown)
    return replace(
        line,
        was=line.was if was else None,
        percent=line.percent if percent else None,
        unit_price=unit if per_unit else None,
        valid_until=end if until else None,
        order_link=link if ordered else None,
    )


def _stands(what: str, shown: str) -> bool:
    """Whether it stands there, and not as a part of a longer number: 2,49 € in 12,49 €."""
    for written in {what, str(escape(what))}:
        at = shown.find(written)
        while at >= 0:
            before, after = shown[max(at - 2, 0) : at], shown[at + len(written) :][:2]
            longer = what[0].isdigit() and _GOES_ON_TO(before)
            if not longer and not (what[-1].isdigit() and _GOES_ON(after)):
                return True
            at = shown.find(written, at + 1)
    return False


_GOES_ON_TO = re.compile(r"\d[.,’\u00a0\u202f]?$").search
_GOES_ON = re.compile(r"[.,]?\d").match


FUNCTIONS = (price_parts, price_line, order_url, amount, word, greeting)
