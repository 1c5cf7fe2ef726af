"""A small shop's folder with nothing wrong in it, for the tests to break."""

from collections.abc import Mapping
from pathlib import Path

SHOP = """\
brand: {name: Corner Shop, postal_address: "1 Main St, Springfield", contact: care@example.com}
zone: America/New_York
country: US
base_url: https://shop.example.com
order_url: https://shop.example.com/order/{product}
quiet_hours: 21:00-09:00
caps: {overall: [2 per 7d], channel: {sms: [1 per day]}}
channels:
  email: {through: outbox, cost: 0.0010}
  sms: {through: outbox, cost: 0.0079, sender: +13125550123}
topics: {favourites: What you often buy, offers: Offers}
traits:
  lifecycle: {type: text, values: [new, active, lapsing]}
  country_code: text
  kids: number
  member: yes/no
  birthday: date
  hobbies: list
events:
  Cart Updated: {cart_id: text, items_count: number}
  Order Completed: {order_id: text, cart_id: text, total: number}
  Product Viewed: {theme: text}
segments:
  loyal: {did: Order Completed, at_least: 5 times, within: 90d}
themes:
  running: {categories: [SHOES]}
"""

CAMPAIGN = """\
purpose: help
topic: favourites
trigger:
  event: Cart Updated
  where: {items_count: {at_least: 1}}
  wait: 4h
  unless: {event: Order Completed, same: cart_id}
audience:
  all:
    - {trait: lifecycle, in: [new, active]}
    - {did: Product Viewed, where: {theme: running}, at_least: 3 times, within: 14d}
offer:
  products: {from: trigger, at_most: 3}
steps:
  - send: {channels: [preferred, email, sms], expires: 24h}
  - wait: {for: 2d, until: {event: Order Completed, same: cart_id}}
  - send: {channels: [sms], template: last-call, when: {still: audience}}
caps: [2 per 7d, 4 per 30d]
max_audience: 20_000
goal: {event: Order Completed, within: 3d, value: total}
holdout: 10%
"""

TEXT = "{{ product.title }} {{ price_short(product) }} {{ order_link(product) }}\n"

GOOD: Mapping[str, str] = {
    "campaigns/shop.yaml": SHOP,
    "campaigns/cart/campaign.yaml": CAMPAIGN,
    "campaigns/cart/sms.txt.j2": TEXT,
    "campaigns/cart/last-call.sms.txt.j2": TEXT,
    "campaigns/cart/email.subject.j2": "Still in your cart\n",
    "campaigns/cart/email.html.j2": (
        '{% extends "layout.html.j2" %}\n'
        "{% block content %}\n"
        "{{ product_list(products) }}\n"
        "{% endblock %}\n"
    ),
}


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes the files below `root`, and returns it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root
