"""What is wrong with `shop.yaml` beyond its form."""

from collections.abc import Iterator
from string import Formatter
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers

from orchestrator.flow.load.conditions import check_names
from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.segments import check_cycles
from orchestrator.flow.load.sending import check_caps
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.currency import CODES
from orchestrator.model.place import locate
from orchestrator.model.problem import did_you_mean
from orchestrator.model.shop import PriceDisplay, Shop
from orchestrator.model.version import PREFERRED


def check_shop(names: Names) -> Iterator[Finding]:
    """Every finding about the shop's settings, in no particular order."""
    shop = names.shop
    yield from _place(shop)
    yield from _channels(names)
    yield from _caps(names)
    yield from _words(shop)
    yield from check_names(shop.segments, names, ("segments",))
    yield from check_cycles(shop.segments)
    for key in ("bought", "viewed"):
        if key in shop.model_fields_set:
            yield from names.event(getattr(shop, key), (key,))
    yield from _tax(shop.prices)


def _tax(prices: PriceDisplay) -> Iterator[Finding]:
    if prices.tax == "included" and prices.tax_rate:
        what = "tax_rate counts only where tax is added"
        yield Finding(("prices", "tax_rate"), what, "write tax: added, or take it out", key=True)
    if prices.tax == "added" and "tax_rate" not in prices.model_fields_set:
        what = "the tax is added, and nothing says how much"
        yield Finding(("prices", "tax"), what, "add tax_rate: 0.08, or 0 where there is none")


def _place(shop: Shop) -> Iterator[Finding]:
    zones = available_timezones()
    if shop.zone not in zones:
        near = did_you_mean(shop.zone, zones)
        fix = near if near.startswith("did") else "write one as America/Chicago"
        yield Finding(("zone",), f'there is no time zone "{shop.zone}"', fix)
    if shop.country and locate(zone=None, country=shop.country, region=None, phone=None).problems:
        yield Finding(("country",), f'there is no country "{shop.country}"', "write it as US")
    if shop.currency not in CODES:
        what = f'there is no currency "{shop.currency}"'
        yield Finding(("currency",), what, did_you_mean(shop.currency, CODES))
    if not _is_locale(shop.locale):
        yield Finding(("locale",), f'there is no locale "{shop.locale}"', "write it as en_US")
    yield from _order_url(shop)


def _is_locale(name: str) -> bool:
    try:
        return str(Locale.parse(name)) in locale_identifiers()
    except (UnknownLocaleError, ValueError):
        return False


def _order_url(shop: Shop) -> Iterator[Finding]:
    at = ("order_url",)
    try:
        names = {name for _, name, _, _ in Formatter().parse(shop.order_url) if name is not None}
    except ValueError:
        yield Finding(at, "has a brace without its partner", "write {product} where the id goes")
        return
    if not shop.order_url.startswith(("https://", "http://")):
        what = "is no web address"
        yield Finding(at, what, "write it as https://shop.example.com/order/{product}")
    if "product" not in names:
        yield Finding(at, "leads to the same page for all", "write {product} where the id goes")
    for name in sorted(names - {"product"}):
        yield Finding(at, f"nothing is known as {{{name}}}", "only {product} is filled in")


def _channels(names: Names) -> Iterator[Finding]:
    for name, use in names.shop.channels.items():
        at = ("channels", name)
        if name == PREFERRED:
            what = "preferred is the customer's own choice, and no channel's name"
            yield Finding(at, what, "take it out", key=True)
        elif name not in ADDRESS_KINDS:
            yield Finding(
                at, f'there is no channel "{name}"', did_you_mean(name, ADDRESS_KINDS), key=True
            )
        plugins = {"through": use.through, "failover": use.failover}
        for word, plugin in plugins.items():
            if plugin and names.installed is not None and plugin not in names.installed:
                what = f'no plugin "{plugin}" is installed'
                yield Finding((*at, word), what, did_you_mean(plugin, names.installed))


def _caps(names: Names) -> Iterator[Finding]:
    caps = names.shop.caps
    yield from check_caps(caps.overall, ("caps", "overall"))
    for channel, rates in caps.channel.items():
        for finding in names.channel(channel, ("caps", "channel", channel)):
            yield Finding(finding.path, finding.what, finding.fix, key=True)
        yield from check_caps(rates, ("caps", "channel", channel))
    for topic, rates in caps.topic.items():
        for finding in names.topic(topic, ("caps", "topic", topic)):
            yield Finding(finding.path, finding.what, finding.fix, key=True)
        yield from check_caps(rates, ("caps", "topic", topic))


def _words(shop: Shop) -> Iterator[Finding]:
    """Names that mean something else already."""
    if "*" in shop.topics:
        what = "* means every topic, and cannot be one"
        yield Finding(("topics", "*"), what, "name it", key=True)
    for key in ("name", "postal_address", "contact"):
        if not getattr(shop.brand, key).strip():
            yield Finding(
                ("brand", key), f"{key} is blank, and every message shows it", "fill it in"
            )
