"""Events and what is asked of them: names, properties, products."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.values import Asked, fit
from orchestrator.model.campaign import Campaign, Goal
from orchestrator.model.condition import Did, EventFilter, First, Last, Path, PropertyTests
from orchestrator.model.problem import did_you_mean
from orchestrator.model.shop import TraitType
from orchestrator.model.trigger import Match, OnEvent, OnInactive

EVENT_KEYS: Mapping[type[EventFilter], str] = {
    OnEvent: "event",
    OnInactive: "inactive",
    Match: "event",
    Goal: "event",
    Did: "did",
    Last: "last",
    First: "first",
}
"""The key under which each sort of filter names its event."""

PRODUCT_FIELDS = ("key", "title", "category", "theme", "brand", "size")
"""What every product has; all else is looked up among the attributes it was imported with."""


def event_of(filter: EventFilter) -> str:
    """The name of the event that a filter is about."""
    return str(getattr(filter, EVENT_KEYS[type(filter)]))


def check_event(filter: EventFilter, names: Names, path: Path) -> Iterator[Finding]:
    """Whether the event and the properties that are named beside `where` exist."""
    name = event_of(filter)
    yield from names.event(name, (*path, EVENT_KEYS[type(filter)]))
    match filter:
        case Did(sum=str(of)):
            yield from property_of(name, of, names, (*path, "sum"), number=True)
        case Did(distinct=str(of)):
            yield from property_of(name, of, names, (*path, "distinct"))
        case Goal(value=str(of)):
            yield from property_of(name, of, names, (*path, "value"), number=True)
        case Match(same=str(of)):
            yield from property_of(name, of, names, (*path, "same"))


def property_of(
    event: str, name: str, names: Names, path: Path, *, number: bool = False
) -> Iterator[Finding]:
    """Whether an event has a property, and one that can be added up if it must be a `number`."""
    properties = names.shop.events.get(event)
    if properties is None:
        return
    if name not in properties:
        yield _no_property(event, name, properties, path)
    elif number and properties[name] != "number":
        what = f'the property "{name}" of {event} is {properties[name]}, not a number'
        yield Finding(path, what, "name a property that is a number")


def check_same(campaign: Campaign, names: Names, path: Path, match: Match) -> Iterator[Finding]:
    """`same` ties an event to the trigger's, which must be one, and have the property too."""
    if match.same is None:
        return
    if isinstance(campaign.trigger, OnEvent | OnInactive):
        yield from property_of(event_of(campaign.trigger), match.same, names, (*path, "same"))
    else:
        what = "same ties this event to the trigger's, and the trigger is no event"
        yield Finding((*path, "same"), what, "take it out", key=True)


def fit_event(
    filter: EventFilter, names: Names, path: Path, found: list[Finding]
) -> dict[str, Any]:
    """The filters that changed, with the values that the properties' types ask for."""
    new: dict[str, Any] = {}
    where, product = dict(filter.where), dict(filter.product)
    event = event_of(filter)
    properties = names.shop.events.get(event)
    for name, tests in filter.where.items():
        at = (*path, "where", name)
        if properties is None:
            continue
        if name not in properties:
            found.append(_no_property(event, name, properties, at, key=True))
        else:
            asked = Asked(f"{name} of {event}", properties[name])
            where[name] = fit(tests, asked, at, found)
    for name, tests in filter.product.items():
        product[name] = _fit_product(name, tests, names, (*path, "product", name), found)
    if any(where[key] is not filter.where[key] for key in where):
        new["where"] = where
    if any(product[key] is not filter.product[key] for key in product):
        new["product"] = product
    return new


def _fit_product(
    name: str, tests: PropertyTests, names: Names, path: Path, found: list[Finding]
) -> PropertyTests:
    if name == "id":
        what = "the id that a shop knows its products by is called key"
        found.append(Finding(path, what, 'did you mean "key"?', key=True))
        return tests
    if name not in PRODUCT_FIELDS:
        near = did_you_mean(name, PRODUCT_FIELDS)
        if near.startswith("did"):
            what = f"{name} is no field that every product has; taken for an attribute"
            found.append(Finding(path, what, near, warning=True, key=True))
        return tests
    fitted = fit(tests, Asked(f"a product's {name}", "text"), path, found)
    if name == "theme":
        for op, value in fitted.tests():
            for theme in value if isinstance(value, tuple) else (value,):
                if isinstance(theme, str):
                    found.extend(names.theme(theme, (*path, op)))
    return fitted


def _no_property(
    event: str, name: str, properties: Mapping[str, TraitType], path: Path, *, key: bool = False
) -> Finding:
    what = f'{event} has no property "{name}"'
    if name in ("product", "products"):
        return Finding(path, what, "ask about its products under product:, beside where:", key=key)
    return Finding(path, what, did_you_mean(name, properties) or "shop.yaml names none", key=key)
