"""What a template may call, in words for those who write templates."""

from typing import Final

MACROS: Final[dict[str, str]] = {
    "price(product)": "all of it: amount, tax, size, unit price, reduction, how long it holds",
    "price_short(product)": "the same on one line, for texts and preheaders",
    "price_tight(product)": "that without the former price, where there is no room for more",
    "price_total(product)": "the amount alone, for subjects; the rest must stand elsewhere",
    "order_button(product)": 'a button to order by; in a text, the link. `label="Buy"` names it',
    "order_link(product)": "the bare link",
    "product_card(product)": "picture, title, price and button, in HTML",
    "product_list(products)": "a card for each",
    "short_title(product)": "for texts: without the size, and no longer than `chars=26`",
    "text_footer()": 'how to end it all, by telephone and Messenger: "Reply STOP to end"',
}
"""The macros of `templates/`, which every template has without importing them."""

FUNCTIONS: Final[dict[str, str]] = {
    "amount(value, currency)": "money that is no product's price, such as a bill's total",
    "greeting(customer)": "`Hello Ann`, or politely without a name; `hello=`, `unknown=` change it",
    "word(name)": "one of Tactful's own words in the customer's language: `order`, `stop`, …",
}

OWN_FILTERS: Final[dict[str, str]] = {
    "date": "a date in the customer's language; `day`, `short`, `medium`, `long` or `full`",
    "number": "a number as the customer writes it, `1,234.5`; `number(2)` has two digits",
}
"""Filters that Jinja does not have. Of its own there are those whose cost is bounded."""
