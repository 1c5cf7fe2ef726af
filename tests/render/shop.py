"""A small shop to render for: templates as shipped, a few products with prices."""

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.flow.render import (
    MessageContext,
    TemplateSet,
    campaign_context,
    message_context,
    product_context,
)
from orchestrator.model.measure import parse_measure
from orchestrator.model.money import Money, price_of

TEMPLATES = Path(__file__).parents[2] / "templates"
SHARED = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.j2")}
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
START = dt.datetime(2017, 11, 20, tzinfo=dt.UTC)
# Midnight in New York: good through the 28th.
END = dt.datetime(2017, 11, 29, 5, tzinfo=dt.UTC)
LINKS = {
    "unsubscribe": "https://shop.example/u/t0k3n",
    "preferences": "https://shop.example/w/t0k3n",
    "order": "https://shop.example/o",
}
SHOP = {"brand": "Corner Market", "postal_address": "1 Main Street, Dayton OH 45402"}
CAMPAIGN = {"name": "coffee", "topic": "offers", "purpose": "offer"}

EMAIL = {
    "email.subject.j2": "{{ greeting(customer) }}, your {{ product.title }} is running low\n",
    "email.html.j2": (
        '{% extends "layout.html.j2" %}\n'
        "{% block preheader %}{{ product.title }}, {{ price_short(product) }}{% endblock %}\n"
        "{% block content %}\n"
        "<h1>{{ greeting(customer) }}, time for more?</h1>\n"
        "{{ product_list(products) }}\n"
        "{% endblock %}\n"
    ),
}
TEXT = {
    "sms.txt.j2": (
        "{{ shop.brand }}: {{ greeting(customer, 'Hi') }}, {{ product.title }} "
        "{{ price_short(product) }}. {{ order_button(product) }} {{ text_footer() }}\n"
    )
}


def product(
    number: int = 1,
    title: str = "Classic roast coffee",
    size: str = "30.5 OZ",
    amount: str = "7.99",
    currency: str = "USD",
    lowest: str | None = None,
    until: dt.datetime | None = END,
    **more: Any,
) -> dict[str, Any]:
    """A product's record for a template, with its price."""
    price = price_of(
        Money.of(amount, currency),
        price_id=100 + number,
        valid_from=START,
        valid_until=until,
        unit=parse_measure(size),
        lowest_30d=Money.of(lowest, currency) if lowest else None,
    )
    record = {"id": str(number), "title": title, "url": f"https://shop.example/p/{number}", **more}
    return product_context(record, price, f"https://shop.example/o/{number}")


def templates(**files: str) -> TemplateSet:
    """The shared templates with `files`: `email_html="…"` is `email.html.j2`."""
    own = {f"{name.replace('_', '.')}.j2": source for name, source in files.items()}
    return TemplateSet({**SHARED, **own})


def message(
    customer: Mapping[str, Any] | None = None,
    *,
    products: list[dict[str, Any]] | None = None,
    locale: str = "en_US",
    event: Mapping[str, Any] | None = None,
    campaign: Mapping[str, Any] = CAMPAIGN,
    shop: Mapping[str, Any] = SHOP,
) -> MessageContext:
    """The data of a message to Ann, or to another customer."""
    return message_context(
        campaign_context(shop=shop, campaign=campaign),
        customer={"first_name": "Ann"} if customer is None else customer,
        today=dt.date(2017, 11, 22),
        zone=NEW_YORK,
        locale=locale,
        links=LINKS,
        products=[product()] if products is None else products,
        event=event,
    )
