"""What an import takes: every column of every kind of record, and how it is written.

`docs/importing.md` and `tactful columns` are made from here, and the reader knows no other names.
"""

from collections.abc import Mapping
from typing import NamedTuple

from orchestrator.flow.ingest.records import Kind

MUST = "**must be there**"


class Column(NamedTuple):
    """One value of a record. `without`: what holds where it is missing or empty."""

    meaning: str
    form: str
    without: str = ""


_INSTANT = "ISO 8601: `2026-11-03T17:05:00Z`; without a zone it is the shop's"
_KEY = "text of up to 200 characters"
_AMOUNT = "a number such as `7.99`, to four places"

COLUMNS: Mapping[Kind, Mapping[str, Column]] = {
    "customers": {
        "id": Column("Your key for the customer.", _KEY, MUST),
        "email": Column("Where e-mail goes.", "`c-1042@example.com`", "as before"),
        "phone": Column(
            "Where texts and WhatsApp go.",
            "international, `+12125550123`; or as in `country`, else in the shop's",
            "as before",
        ),
        "addresses": Column(
            "Addresses of other kinds, such as `webpush`.", "an object: `{webpush: …}`", "as before"
        ),
        "zone": Column(
            "The time zone, by which nights are kept.",
            "`America/New_York`",
            "found by `region`, `country` and telephone; several may be possible",
        ),
        "country": Column(
            "Whose law holds.", "`US`", "the zone's or the telephone's; else what holds anywhere"
        ),
        "region": Column("A state or province, where law or time differ.", "`FL`", "unknown"),
        "locale": Column("Language and formats.", "`en_US`, `de-AT`", "the shop's"),
        "preferred_channel": Column("What `preferred` stands for.", "`sms`", "none"),
        "quiet_from": Column("The customer's own quiet hours: from …", "`22:00`", "none"),
        "quiet_until": Column("… until.", "`08:30`", "none"),
        "max_per_week": Column("At most so many messages in seven days.", "`2`", "no own limit"),
        "traits": Column(
            "Traits of `shop.yaml`, all in one. Each may have a column of its own instead.",
            "an object: `{kids_count: 2}`",
            "as before",
        ),
        "told_at": Column(
            "When it was told: what was told later stays, whatever arrives later.",
            _INSTANT,
            "it replaces what is known",
        ),
    },
    "products": {
        "id": Column("Your key for the product.", _KEY, MUST),
        "title": Column("What it is called in messages.", "text", "**must be there**, once"),
        "category": Column("Its place in the catalogue; themes go by it.", "text", "as before"),
        "brand": Column("Who makes it.", "text", "as before"),
        "size": Column("How much it is; the unit price comes from it.", "`12 OZ`, `500 g`", "none"),
        "url": Column("Its page.", "an http address", "none"),
        "image_url": Column("Its picture.", "an http address", "none"),
        "stock": Column("Pieces there are. What has none is not offered.", "`14`", "not counted"),
        "attributes": Column(
            "Anything else; other columns are kept so, too.", "an object", "as before"
        ),
    },
    "prices": {
        "product": Column("The product's key.", _KEY, MUST),
        "amount": Column("What it costs.", _AMOUNT, MUST),
        "currency": Column(
            "Of which money; customers see the shop's alone.", "`USD`", "the shop's"
        ),
        "at": Column(
            "From when on. It holds until the product's next price begins.", _INSTANT, MUST
        ),
        "until": Column(
            "Until when, where that is known: messages tell it. Afterwards the price before it "
            "holds again, if that one has not ended: so a promotion needs no second row. Where "
            "none is left there is **no** price, and no offer, until another begins.",
            _INSTANT,
            "no end is known",
        ),
        "list_amount": Column(
            'What the maker recommends. No "was" is made of it.', _AMOUNT, "none"
        ),
        "tax": Column(
            "Whether tax is in it.", "`included`, or the rate to add: `0.08`", "the shop's"
        ),
    },
    "stock": {
        "product": Column("The product's key.", _KEY, MUST),
        "stock": Column("Pieces there are.", "`0`", MUST),
        "at": Column("When they were counted. An older count changes nothing.", _INSTANT, MUST),
    },
    "consents": {
        "customer": Column("The customer's key.", _KEY, MUST),
        "channel": Column("For which channel.", "`email`", MUST),
        "topic": Column("For which topic; `*` for all.", "`offers`", "`*`"),
        "given": Column("Agreed to, or withdrawn.", "`yes`, `no`", MUST),
        "at": Column("When. The latest word counts.", _INSTANT, MUST),
        "until": Column("Where it was given for a time.", _INSTANT, "for good"),
        "touchpoint": Column(
            "Where it was given: what proves it.", "`checkout`", "must be there for a yes"
        ),
        "wording": Column("What was agreed to, word for word.", "text", "must be there for a yes"),
    },
    "events": {
        "id": Column("Your key for the event: told twice, it counts once.", _KEY, MUST),
        "name": Column("What was done, as `shop.yaml` calls it.", "`Order Completed`", MUST),
        "customer": Column("The customer's key.", _KEY, MUST),
        "at": Column("When.", _INSTANT, MUST),
        "properties": Column(
            "What else is known. Each may have a column of its own instead. `products` is a list: "
            "`[{product_id: p-7, quantity: 2, price: 7.99}]`, the price for one.",
            "an object",
            "nothing more is known",
        ),
    },
}
"""Kind → column → what it is; a kind's columns in the order in which people would write them."""
