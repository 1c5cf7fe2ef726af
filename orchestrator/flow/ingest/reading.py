"""Raw records (dicts from any format) → checked ones.

    reader = Reader(shop, now)
    reader.read("events", line, raw)      # an EventRecord, or ValueError with the reason

What was left out or assumed is counted in `reader.notes()`, once for each thing.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError

from orchestrator.flow.ingest import values
from orchestrator.flow.ingest.addresses import normal_email, normal_phone
from orchestrator.flow.ingest.happenings import Happenings
from orchestrator.flow.ingest.names import NAMES, Names, Rename
from orchestrator.flow.ingest.records import (
    KINDS,
    LOCAL_PHONE,
    ConsentRecord,
    CustomerRecord,
    Kind,
    PriceRecord,
    ProductRecord,
    StockRecord,
)
from orchestrator.model.clock import parse_time
from orchestrator.model.problem import or_near
from orchestrator.model.shop import Shop
from orchestrator.model.version import TEMPLATE_FILES
from orchestrator.tables.instant import to_micros

SKEW = timedelta(days=1)
"""How far ahead a sender's clock may be; what happens later than that has not happened."""

_CUSTOMER = frozenset(NAMES["customers"])
_PRODUCT = frozenset(NAMES["products"])
_PRODUCT_TEXTS = ("title", "category", "brand", "size", "url", "image_url")
ANY_TOPIC = "*"


class Reader:
    """Reads the records of one import, or of one stream."""

    def __init__(self, shop: Shop, now: datetime) -> None:
        self._shop = shop
        self._instants = values.Instants(ZoneInfo(shop.zone))
        self._notes: Counter[str] = Counter()
        self._happenings = Happenings(shop, self._instants, self._note)
        declared: Mapping[Kind, Collection[str]] = {"customers": shop.traits}
        self._names = {kind: Names(kind, self._renamed, declared.get(kind, ())) for kind in KINDS}
        self._channels = sorted({*shop.channels, *TEMPLATE_FILES})
        self._themes = {
            category.casefold(): theme
            for theme, members in shop.themes.items()
            for category in members.categories
        }
        self._read: dict[Kind, Callable[[int, Mapping[str, Any]], Any]] = {
            "customers": self._customer,
            "products": self._product,
            "prices": self._price,
            "stock": self._stock,
            "consents": self._consent,
            "events": self._happenings.event,
        }
        self.set_now(now)

    def set_now(self, now: datetime) -> None:
        """What lies more than SKEW ahead of `now` is refused: it cannot have happened."""
        self._latest = self._happenings.latest = to_micros(now + SKEW)

    def read(self, kind: Kind, line: int, raw: Any) -> Any:
        """The checked record; a ValueError gives the reason why there is none."""
        if not isinstance(raw, Mapping):
            raise ValueError(f"a record must be an object with names, not {values.shown(raw)}")
        return self._read[kind](line, self._names[kind].ours(raw))

    def notes(self) -> list[str]:
        """What was left out or assumed, each with how often."""
        told = dict(self._notes)
        if self._instants.naive:
            told[f"times without a zone are taken in the shop's, {self._shop.zone}"] = (
                self._instants.naive
            )
        return [f"{note} ({times}×)" for note, times in told.items()]

    def _note(self, note: str) -> None:
        if note in self._notes or len(self._notes) < 100:
            self._notes[note] += 1

    def _renamed(self, plan: Rename) -> None:
        for name, ours in plan.items():
            self._note(f"{name!r} is read as {ours!r}")

    def _customer(self, line: int, raw: Mapping[str, Any]) -> CustomerRecord:
        key = values.key(raw.get("id"), "id")
        given: dict[str, Any] = {}
        for name, read in _CUSTOMER_WORDS.items():
            if name in raw:
                value = _present(raw[name])
                given[name] = None if value is None else read(value, name)
        preferred = given.get("preferred_channel")
        if preferred is not None and preferred not in self._channels:
            none = f"preferred_channel {preferred!r} is no channel"
            raise ValueError(or_near(none, preferred, self._channels))
        addresses = self._addresses(raw, given)
        if "phone" in addresses:
            given[LOCAL_PHONE] = None if given.get("country") else _present(raw.get("phone"))
        told_at = _present(raw.get("told_at"))
        at = None if told_at is None else self._instants.micros(told_at, "told_at")
        if at is not None and at > self._latest:
            raise ValueError("told_at lies in the future")
        return CustomerRecord(line, key, given, addresses, self._traits(raw), at)

    def _addresses(self, raw: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str | None]:
        found: dict[str, str | None] = {}
        others = raw.get("addresses") or {}
        if not isinstance(others, Mapping):
            raise ValueError('addresses must be an object: {"webpush": "…"}')
        for kind, written in {
            **others,
            **{k: raw[k] for k in ("email", "phone") if k in raw},
        }.items():
            value = _present(written)
            if value is None:
                found[kind] = None
            elif kind == "email":
                found[kind] = normal_email(values.text(value, kind))
            elif kind == "phone":
                country = given.get("country") or self._shop.country
                found[kind] = normal_phone(values.text(value, kind), country)
            else:
                found[values.key(kind, "kind of address")] = values.text(value, kind)
        return found

    def _traits(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        said = {name: value for name, value in raw.items() if name not in _CUSTOMER}
        nested = raw.get("traits")
        if isinstance(nested, Mapping):
            said.update(nested)
        elif nested is not None:
            raise ValueError(f"traits must be an object, not {values.shown(nested)}")
        found: dict[str, Any] = {}
        for name, value in said.items():
            spec = self._shop.traits.get(name)
            if spec is None:
                known = {*self._shop.traits, *_CUSTOMER}
                none = f"trait {values.shown(name)} is not in shop.yaml and is left out"
                self._note(or_near(none, str(name), known))
                continue
            value = _present(value)
            found[name] = None if value is None else values.trait(value, spec, name)
        return found

    def _product(self, line: int, raw: Mapping[str, Any]) -> ProductRecord:
        key = values.key(raw.get("id"), "id")
        given: dict[str, Any] = {}
        for name in _PRODUCT_TEXTS:
            if name in raw:
                value = _present(raw[name])
                given[name] = None if value is None else values.text(value, name)
        if not given.get("title", "-"):
            raise ValueError("title is missing")
        if "title" in given and given["title"] is None:
            raise ValueError("title is missing")
        if "category" in given:
            given["theme"] = self._themes.get((given["category"] or "").casefold())
        stock = _present(raw.get("stock"))
        if stock is not None:
            given["stock"] = values.whole(stock, "stock")
        attributes = {
            name: plain(value, name) for name, value in raw.items() if name not in _PRODUCT
        }
        nested = raw.get("attributes")
        if isinstance(nested, Mapping):
            attributes.update({name: plain(value, name) for name, value in nested.items()})
        return ProductRecord(line, key, given, attributes)

    def _price(self, line: int, raw: Mapping[str, Any]) -> PriceRecord:
        until, listed, tax = (_present(raw.get(name)) for name in ("until", "list_amount", "tax"))
        at = self._instants.micros(_present(raw.get("at")), "at")
        end = None if until is None else self._instants.micros(until, "until")
        if end is not None and end <= at:
            raise ValueError("until must be later than at")
        currency = str(_present(raw.get("currency")) or self._shop.currency).strip().upper()
        if len(currency) != 3 or not currency.isascii() or not currency.isalpha():
            raise ValueError(f"currency must be three letters such as USD, not {currency[:20]!r}")
        if currency != self._shop.currency:
            told = f"the shop's is {self._shop.currency}: no customer sees these"
            self._note(f"prices in {currency}, and {told}")
        if raw.get("amount") is None or raw["amount"] == "":
            raise ValueError("amount is missing")
        return PriceRecord(
            line,
            values.key(raw.get("product"), "product"),
            currency,
            at,
            values.amount(raw["amount"], "amount"),
            None if listed is None else values.amount(listed, "list_amount"),
            None if tax is None else _tax(tax),
            end,
        )

    def _stock(self, line: int, raw: Mapping[str, Any]) -> StockRecord:
        product = values.key(raw.get("product"), "product")
        at = self._instants.micros(_present(raw.get("at")), "at")
        # Else every true count until then would be older than what is known.
        if at > self._latest:
            raise ValueError("at lies in the future")
        if raw.get("stock") is None or raw["stock"] == "":
            raise ValueError("stock is missing")
        return StockRecord(line, product, at, values.whole(raw["stock"], "stock"))

    def _consent(self, line: int, raw: Mapping[str, Any]) -> ConsentRecord:
        given = values.flag(raw.get("given"), "given")
        at = self._instants.micros(_present(raw.get("at")), "at")
        if at > self._latest:
            raise ValueError("at lies in the future")
        until = _present(raw.get("until"))
        touchpoint, wording = (
            "" if _present(raw.get(name)) is None else values.text(raw[name], name)
            for name in ("touchpoint", "wording")
        )
        # Without evidence it is no consent (GDPR Art. 7); a withdrawal needs none.
        if given and not touchpoint:
            raise ValueError("touchpoint is missing: where was it agreed to?")
        if given and not wording:
            raise ValueError("wording is missing: what was agreed to?")
        channel = _known(values.key(raw.get("channel"), "channel"), self._channels)
        topic = _known(
            values.key(_present(raw.get("topic")) or ANY_TOPIC, "topic"), self._shop.topics
        )
        if channel not in self._channels:
            self._note(or_near(f"channel {channel!r} is unknown", channel, self._channels))
        if topic != ANY_TOPIC and topic not in self._shop.topics:
            self._note(or_near(f"topic {topic!r} is unknown", topic, self._shop.topics))
        return ConsentRecord(
            line,
            values.key(raw.get("customer"), "customer"),
            channel,
            topic,
            given,
            at,
            None if until is None else self._instants.micros(until, "until"),
            touchpoint,
            wording,
        )


def _known(name: str, known: Iterable[str]) -> str:
    """The name as the shop writes it: who ends SMS has ended sms."""
    folded = name.casefold()
    alike = [one for one in known if one.casefold() == folded]
    return alike[0] if len(alike) == 1 else name


def _present(value: Any) -> Any:
    """None for an empty cell: CSV has no other way to say that there is nothing."""
    return None if isinstance(value, str) and not value.strip() else value


def plain(value: Any, what: str) -> Any:
    """A value of any type that JSON can hold in both databases."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return values.text(value, what)
    if isinstance(value, int | float):
        return values.number(value, what)
    if isinstance(value, Mapping):
        return {str(name): plain(item, what) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, what) for item in value]
    return values.text(str(value), what)


def _time_of_day(value: Any, what: str) -> str:
    try:
        return f"{parse_time(value):%H:%M}"
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _locale(value: Any, what: str) -> str:
    return _parse_locale(values.text(value, what))


@lru_cache(maxsize=500)
def _parse_locale(written: str) -> str:
    try:
        return str(Locale.parse(written.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(f"locale {written[:40]!r} is unknown; write it as en_US") from None


def _tax(value: Any) -> str:
    written = values.text(value, "tax")
    if written == "included":
        return written
    rate = values.number(written, "tax")
    if not 0 <= rate < 1:
        raise ValueError(f"tax must be included or a rate such as 0.08, not {written[:20]!r}")
    return written


_CUSTOMER_WORDS: dict[str, Callable[[Any, str], Any]] = {
    "zone": values.text,
    "country": values.text,
    "region": values.text,
    "locale": _locale,
    "preferred_channel": values.key,
    "quiet_from": _time_of_day,
    "quiet_until": _time_of_day,
    "max_per_week": values.whole,
}
