"""JSON Schemas of `campaign.yaml` and `shop.yaml`: completion in editors, and errors while typing.

They say what a file may look like; whether a trait or an event exists, only the check knows.
"""

from typing import Any

from orchestrator.flow.load.shape import fields, models
from orchestrator.flow.load.written import default_text
from orchestrator.model.base import Written
from orchestrator.model.campaign import Campaign
from orchestrator.model.shop import Shop

_DIALECT = "http://json-schema.org/draft-07/schema#"
"""What the YAML language server reads best."""

_NULL = {"type": "null"}
_SCALAR = {"type": ["string", "number", "boolean"]}


def campaign_schema() -> dict[str, Any]:
    """The schema of `campaign.yaml`. The name is the folder's, so that it need not be written."""
    schema = _schema(Campaign, "A campaign")
    schema["required"].remove("name")
    return schema


def shop_schema() -> dict[str, Any]:
    """The schema of `shop.yaml`."""
    return _schema(Shop, "The shop")


def _schema(model: type[Written], title: str) -> dict[str, Any]:
    raw = model.model_json_schema()
    _tell_defaults(raw["properties"], model)
    for kind in models(model):
        if kind.__name__ in raw["$defs"]:
            _tell_defaults(raw["$defs"][kind.__name__]["properties"], kind)
    return {"$schema": _DIALECT, "title": title, **_plain(raw)}


def _tell_defaults(properties: dict[str, Any], kind: type[Written]) -> None:
    for key, (_, field) in fields(kind).items():
        if text := default_text(field):
            said = properties[key].get("description", "")
            properties[key]["description"] = f"{said} Without it: {text}."


def _plain(part: Any) -> Any:
    """The schema as it is for a file: nothing is null, and a number will do for a text."""
    if isinstance(part, list):
        return [_plain(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "anyOf" in part:
        part = _choice(part)
    if part.get("type") == "string":
        if part.keys().isdisjoint(("pattern", "enum", "const")):
            part = {**part, "type": ["string", "number"]}
    elif isinstance(part.get("type"), str):
        part = {key: value for key, value in part.items() if key != "examples"}
    return {
        key: {name: _plain(inner) for name, inner in value.items()}
        if key in ("properties", "$defs")
        else _plain(value)
        for key, value in part.items()
        if key not in ("title", "default", "format")
    }


def _choice(part: dict[str, Any]) -> dict[str, Any]:
    branches = [branch for branch in part["anyOf"] if branch != _NULL]
    if {"type": "boolean"} in branches and {"type": "string"} in branches:
        branches = [_SCALAR, *(b for b in branches if "$ref" in b or b["type"] == "array")]
    others = {key: value for key, value in part.items() if key != "anyOf"}
    if len(branches) == 1:
        return {**branches[0], **others}
    return {**others, "anyOf": branches}
