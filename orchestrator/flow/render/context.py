"""The data that templates see: plain records, texts, numbers, dates and price views.

What is unknown is absent, so that `{{ customer.first_name | default("there") }}` reads well and
nothing prints "None". Addresses on the web that are not http or https are absent too.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, tzinfo
from decimal import Decimal
from typing import Any, Final

from orchestrator.flow.render.price_view import PriceView
from orchestrator.model.language import direction_of, language_of
from orchestrator.model.money import Price

VARIABLES: Final[dict[str, frozenset[str] | None]] = {
    "customer": None,
    "shop": frozenset({"brand", "postal_address", "contact", "url"}),
    "campaign": frozenset({"name", "topic", "purpose"}),
    "event": frozenset({"name", "at", "properties"}),
    "products": None,
    "product": frozenset(
        {"id", "title", "brand", "size", "category", "url", "order_link", "image_url", "price"}
    ),
    "links": frozenset({"unsubscribe", "preferences"}),
    "today": None,
    "locale": None,
    "language": None,
    "direction": None,
}
"""The variables of a template, each with its known entries; None where any name may be right."""

MEANINGS: Final[dict[str, str]] = {
    "customer": "every trait by its name, and `first_name`, `last_name`; `traits` holds them all",
    "shop": "who writes; `url` is `base_url`",
    "campaign": "which one it is",
    "event": "what the trigger brought; absent where it brought none",
    "products": "what the offer proposes, the best first: a list of records like `product`",
    "product": "the first of them, if there is one; `price` is printed by a macro",
    "links": "the customer's own pages",
    "today": "the customer's local date",
    "locale": "such as `en_US`",
    "language": "its first part, `en`",
    "direction": "which way it is written: `ltr` or `rtl`",
}
"""What each of them holds."""

_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f<>\"'`\\]+", re.IGNORECASE).fullmatch
# What forms and exports write where there is no first name.
_NO_NAMES = frozenset({"", "none", "null", "nan", "n/a", "unknown", "-", ".", "?"})
_LINKS = ("url", "order_link", "image_url")
_PLAIN = frozenset({str, int, bool, Decimal})


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The values of one message, and the locale and zone that they are written in."""

    values: dict[str, Any]
    locale: str
    zone: tzinfo


def plain(value: Any) -> Any:
    """A copy in plain types; unknown entries (None, empty texts) are left out of records.

    Floats become decimals by their shortest writing. Raises TypeError for anything else than
    data (a bug of the caller: no database rows, no objects).
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return Decimal(repr(value)) if value - value == 0 else None
    if isinstance(value, Mapping):
        record = {}
        for key, entry in value.items():
            if type(entry) not in _PLAIN:
                entry = plain(entry)
            if entry is not None and entry != "":
                record[str(key)] = entry
        return record
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, (date, time, PriceView)):
        return value
    if isinstance(value, (str, int, Decimal)):  # enums and other children of plain types
        return str(value) if isinstance(value, str) else value
    raise TypeError(f"{kind.__name__} is no plain data for a template")


def web_address(text: object) -> str | None:
    """An http or https address without spaces, quotes or control characters; else None."""
    return text if isinstance(text, str) and _WEB(text) else None


def product_context(
    product: Mapping[str, Any], price: Price | None, order_link: str | None = None
) -> dict[str, Any]:
    """A product's record; one record may serve many messages. `order_link` defaults to its url."""
    record: dict[str, Any] = plain(product)
    record["order_link"] = order_link or record.get("order_link") or record.get("url")
    for name in _LINKS:
        address = web_address(record.get(name))
        if address is None:
            record.pop(name, None)
    if price is not None:
        record["price"] = PriceView(price)
    else:
        record.pop("price", None)
    return record


def campaign_context(*, shop: Mapping[str, Any], campaign: Mapping[str, Any]) -> dict[str, Any]:
    """What all messages of a campaign share; made once and handed to `message_context`."""
    return {"shop": plain(shop), "campaign": plain(campaign)}


def message_context(
    shared: Mapping[str, Any],
    *,
    customer: Mapping[str, Any],
    today: date,
    zone: tzinfo,
    locale: str = "en_US",
    links: Mapping[str, str | None],
    products: Sequence[dict[str, Any]] = (),
    event: Mapping[str, Any] | None = None,
) -> MessageContext:
    """The data of one message. `products` come from `product_context`, `shared` from
    `campaign_context`; `customer` is a flat record of traits."""
    traits: dict[str, Any] = plain(customer)
    values: dict[str, Any] = {
        **shared,
        "customer": {**traits, "traits": traits},
        "links": {name: link for name, link in links.items() if web_address(link)},
        "products": list(products),
        "today": today,
        "locale": locale,
        "language": language_of(locale),
        "direction": direction_of(locale),
    }
    first = traits.get("first_name")
    if not isinstance(first, str) or first.strip().lower() in _NO_NAMES:
        values["customer"].pop("first_name", None)
    if products:
        values["product"] = products[0]
    if event is not None:
        values["event"] = plain(event)
    return MessageContext(values, locale, zone)
