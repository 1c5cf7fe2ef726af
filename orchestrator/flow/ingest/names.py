"""The names that records may have: ours, and the other ones that exports use for them."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from orchestrator.flow.ingest.columns import COLUMNS
from orchestrator.flow.ingest.records import Kind

NAMES: Mapping[Kind, tuple[str, ...]] = {kind: tuple(of) for kind, of in COLUMNS.items()}

_ALIASES: Mapping[Kind, Mapping[str, str]] = {
    "customers": {
        "customer": "id", "customer_id": "id", "customerid": "id", "external_id": "id",
        "user_id": "id", "userid": "id",
        "e_mail": "email", "mail": "email", "email_address": "email", "emailaddress": "email",
        "telephone": "phone", "phone_number": "phone", "phonenumber": "phone", "mobile": "phone",
        "mobile_phone": "phone", "tel": "phone",
        "timezone": "zone", "time_zone": "zone", "tz": "zone",
        "country_code": "country", "state": "region", "province": "region",
        "language": "locale", "lang": "locale",
    },
    "products": {
        "product": "id", "product_id": "id", "productid": "id", "sku": "id",
        "product_name": "title", "name": "title", "product_category": "category",
        "link": "url", "image": "image_url", "image_link": "image_url",
        "package_size": "size", "inventory": "stock",
    },
    "prices": {
        "product_id": "product", "productid": "product", "sku": "product", "id": "product",
        "price": "amount", "currency_code": "currency",
        "valid_from": "at", "from": "at", "since": "at", "date": "at",
        "valid_until": "until", "to": "until", "valid_to": "until",
        "list_price": "list_amount", "regular_price": "list_amount",
    },
    "stock": {
        "product_id": "product", "productid": "product", "sku": "product", "id": "product",
        "quantity": "stock", "inventory": "stock", "date": "at", "timestamp": "at",
    },
    "consents": {
        "customer_id": "customer", "customerid": "customer", "user_id": "customer",
        "consent": "given", "granted": "given", "opt_in": "given",
        "timestamp": "at", "date": "at", "time": "at", "expires": "until",
        "source": "touchpoint", "text": "wording",
    },
    "events": {
        "event_id": "id", "message_id": "id", "messageid": "id", "event": "name",
        "event_name": "name", "customer_id": "customer", "customerid": "customer",
        "user_id": "customer", "userid": "customer",
        "timestamp": "at", "time": "at", "occurred_at": "at", "date": "at",
    },
}  # fmt: skip

_PLANS_MAX = 500
_BETWEEN = re.compile(r"[\s._-]+")

Rename = Mapping[str, str]


def _folded(name: str) -> str:
    return "_".join(_BETWEEN.split(name.strip().lower()))


def other_names(kind: Kind, name: str) -> list[str]:
    """By what else one of our names is known."""
    return [other for other, ours in _ALIASES[kind].items() if ours == name]


def rename_plan(kind: Kind, names: tuple[str, ...], declared: Collection[str] = ()) -> Rename:
    """Which of the names mean one of ours: written otherwise, as `E-mail` for `email`.

    Our own name, where it is there as well, is the one that counts; of several others, the first.
    What the shop has `declared` under a name is meant by it: a trait `state` is no region.
    """
    known, aliases = NAMES[kind], _ALIASES[kind]
    taken = {name for name in names if name in known}
    plan: dict[str, str] = {}
    for name in names:
        if name in declared:
            continue
        folded = _folded(name)
        ours = folded if folded in known else aliases.get(folded)
        if ours is not None and ours not in taken:
            plan[name] = ours
            taken.add(ours)
    return plan


class Names:
    """Renames records; the plan is made once for each set of names. `on_plan` hears of new ones."""

    def __init__(
        self, kind: Kind, on_plan: Callable[[Rename], None], declared: Collection[str] = ()
    ) -> None:
        self._kind = kind
        self._declared = declared
        self._on_plan = on_plan
        self._plans: dict[tuple[str, ...], Rename] = {}

    def ours(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record under our names."""
        names = tuple(raw)
        plan = self._plans.get(names)
        if plan is None:
            plan = rename_plan(self._kind, names, self._declared)
            if len(self._plans) >= _PLANS_MAX:
                self._plans.clear()
            self._plans[names] = plan
            self._on_plan(plan)
        return {plan.get(name, name): raw[name] for name in names} if plan else raw
