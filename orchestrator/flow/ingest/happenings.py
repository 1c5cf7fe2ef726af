"""Raw events → checked ones: their properties, the theme of the page, the products they carry.

This is the hot path of every import, so it looks at each value once and copies little.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from orchestrator.flow.ingest import values
from orchestrator.flow.ingest.names import NAMES
from orchestrator.flow.ingest.records import EventLine, EventRecord
from orchestrator.model.problem import or_near
from orchestrator.model.shop import Shop, TraitType

PROPERTIES_BYTES_MAX = 64 * 1024
LINES_MAX = 1_000
QUANTITY_MAX = 1_000_000

_OURS = frozenset(NAMES["events"])
_KEPT_IN_LINES = frozenset({"product_id", "quantity", "price"})
_PRODUCT_KEYS = ("product_id", "product", "sku")
_PAGE_KEYS = ("path", "url", "page")
_TYPES: dict[TraitType, tuple[type, ...]] = {
    "number": (int, float),
    "yes/no": (bool,),
    "text": (str,),
}
_encode = msgspec.json.Encoder().encode


class Happenings:
    """Reads events as `shop.yaml` declares them."""

    def __init__(
        self,
        shop: Shop,
        instants: values.Instants,
        note: Callable[[str], None],
    ) -> None:
        self._events = shop.events
        self._micros = instants.micros
        self.latest = 0
        self._note = note
        starts = [(page, theme) for theme, of in shop.themes.items() for page in of.pages]
        self._pages = sorted(starts, key=lambda start: -len(start[0]))

    def event(self, line: int, raw: Mapping[str, Any]) -> EventRecord:
        """The checked event.

        A line's `product_id`, `quantity` and `price` are kept with the event's products; the list
        itself stays in the properties only where it says more than that.
        """
        key = values.key(raw.get("id"), "id")
        customer = values.key(raw.get("customer"), "customer")
        name = values.key(raw.get("name"), "name")
        at = self._micros(raw.get("at"), "at")
        if at > self.latest:
            raise ValueError("at lies in the future")
        properties = _properties(raw)
        lines = _lines(properties)
        declared = self._events.get(name)
        if declared is None:
            if self._events:
                self._note(or_near(f"event {name!r} is not in shop.yaml", name, self._events))
        else:
            _type(properties, declared)
        if self._pages and "theme" not in properties:
            theme = self._theme(properties)
            if theme is not None:
                properties["theme"] = theme
        try:
            written = _encode(properties)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"properties cannot be kept: {error}") from None
        if len(written) > PROPERTIES_BYTES_MAX:
            raise ValueError(f"properties are longer than {PROPERTIES_BYTES_MAX} bytes")
        if b"\\u0000" in written:
            raise ValueError("properties have a NUL character")
        return EventRecord(line, key, customer, name, at, written.decode(), lines)

    def _theme(self, properties: Mapping[str, Any]) -> str | None:
        for name in _PAGE_KEYS:
            page = properties.get(name)
            if isinstance(page, Mapping):
                page = page.get("path") or page.get("url")
            if isinstance(page, str) and page:
                path = _path(page)
                return next((theme for start, theme in self._pages if path.startswith(start)), None)
        return None


def _path(page: str) -> str:
    if "://" not in page:
        return page.partition("?")[0]
    try:
        return urlsplit(page).path
    except ValueError:
        return ""


def _properties(raw: Mapping[str, Any]) -> dict[str, Any]:
    said = raw.get("properties")
    if isinstance(said, str):
        if said.strip():
            try:
                said = msgspec.json.decode(said)
            except msgspec.DecodeError as error:
                raise ValueError(f"properties are not JSON: {error}") from None
        else:
            said = None
    if said is not None and not isinstance(said, Mapping):
        raise ValueError(f"properties must be an object, not {values.shown(said)}")
    found = dict(said) if said else {}
    if len(raw) > len(_OURS) or not raw.keys() <= _OURS:
        for name, value in raw.items():
            if name not in _OURS and name not in found and value is not None and value != "":
                found[name] = value
    return found


def _type(properties: dict[str, Any], declared: Mapping[str, TraitType]) -> None:
    for name, type_ in declared.items():
        value = properties.get(name)
        if value is None or type(value) in _TYPES.get(type_, ()):
            continue
        if value == "":
            del properties[name]
        else:
            properties[name] = values.typed(value, type_, f"properties.{name}")


def _lines(properties: dict[str, Any]) -> list[EventLine]:
    products = properties.get("products")
    if isinstance(products, str) and products.lstrip().startswith("["):
        try:
            products = msgspec.json.decode(products)
        except msgspec.DecodeError as error:
            raise ValueError(f"products are not JSON: {error}") from None
    if products is None:
        alone = properties.get("product_id")
        return [] if alone is None or alone == "" else [_line(properties)]
    if not isinstance(products, list):
        raise ValueError(f"products must be a list, not {values.shown(products)}")
    if len(products) > LINES_MAX:
        raise ValueError(f"more than {LINES_MAX} products")
    says_more = False
    found: list[EventLine] = []
    for item in products:
        if not isinstance(item, dict):
            raise ValueError(f"a product must be an object, not {values.shown(item)}")
        if len(item) != 3 or item.keys() != _KEPT_IN_LINES:
            says_more = says_more or not item.keys() <= _KEPT_IN_LINES
            line = _line(item)
        else:
            # Nearly every line of a large import is of this form, and takes the short way.
            key, quantity, price = item["product_id"], item["quantity"], item["price"]
            if (
                type(key) is str
                and 0 < len(key) <= values.KEY_LENGTH_MAX
                and key.isalnum()
                and type(quantity) is int
                and 0 <= quantity <= QUANTITY_MAX
                and type(price) is float
                and 0 <= price < values.PLAIN_PRICE_MAX
            ):
                amount = int(price * values.AMOUNT_SCALE + 0.5)
                line = (key, quantity, amount, None, None)
            else:
                line = _line(item)
        if line[1]:
            found.append(line)
    if says_more:
        properties["products"] = products
    else:
        del properties["products"]
    return found


def _line(item: Mapping[str, Any]) -> EventLine:
    key = item.get("product_id")
    if type(key) is not str or not key or not key.isprintable() or len(key) > values.KEY_LENGTH_MAX:
        key = values.key(next((item[k] for k in _PRODUCT_KEYS if item.get(k)), None), "product_id")
    quantity, price = item.get("quantity"), item.get("price")
    amount = None if price is None or price == "" else values.rounded_amount(price, "price")
    if type(quantity) is not int:
        quantity, amount = _pieces(quantity, amount)
    if not 0 <= quantity <= QUANTITY_MAX:
        raise ValueError(f"quantity must be from 0 to {QUANTITY_MAX}, not {quantity}")
    title, category = item.get("name"), item.get("category")
    return (
        key,
        quantity,
        amount,
        title if isinstance(title, str) else None,
        category if isinstance(category, str) else None,
    )


def _pieces(quantity: Any, amount: int | None) -> tuple[int, int | None]:
    """Measured goods (1.5 kg) are one piece, at what all of it cost."""
    if quantity is None or quantity == "":
        return 1, amount
    measured = values.number(quantity, "quantity")
    if measured == int(measured):
        return int(measured), amount
    if measured < 0:
        raise ValueError(f"quantity must not be negative: {values.shown(quantity)}")
    return 1, None if amount is None else round(amount * measured)
