"""What programs are told: the same by `--json` and over HTTP."""

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:  # a command that tells little need not wait for the whole engine
    from orchestrator.flow.explain import ExplainedCustomer
    from orchestrator.flow.forecast import Forecast
    from orchestrator.flow.report import Report


def as_json(value: Any) -> bytes:
    """Any value of ours as JSON: instants in ISO 8601, amounts as texts."""
    return msgspec.json.format(json_line(value), indent=2)


def json_line(value: Any) -> bytes:
    """The same on one line."""
    return msgspec.json.encode(value, enc_hook=_encode)


def _encode(value: Any) -> Any:
    if isinstance(value, datetime):  # a subclass: msgspec takes only datetime itself
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def report_told(found: "Report") -> dict[str, Any]:
    """What every campaign did."""
    return {
        "currency": found.currency,
        "campaigns": [
            {
                "campaign": one.campaign,
                "purpose": one.purpose,
                "cost": one.cost,
                "channels": [
                    {
                        "channel": on.channel,
                        "sent": on.sent,
                        "waiting": on.waiting,
                        "states": on.states,
                        "pieces": on.pieces,
                        "cost": on.cost,
                        "maybe_twice": on.maybe_twice,
                    }
                    for on in one.channels
                ],
                "not_sent": one.not_sent,
                "goal": one.goal,
                "held": one.held,
            }
            for one in found.campaigns
        ],
    }


def plan_told(found: "Forecast") -> dict[str, Any]:
    """What planning would come to."""
    return {
        "looks": found.looks,
        "campaigns": [
            {
                "campaign": one.campaign,
                "purpose": one.purpose,
                "version": one.version,
                "max_audience": one.max_audience,
                "planned": one.planned,
                "began": one.began,
                "halted": one.halted or None,
                "paused": one.paused or None,
                "digest": one.digest,
                "audience": one.audience,
                "approval": one.approval or None,
                "approved": one.approved,
                "canary": one.canary or None,
                "cost": one.cost,
                "channels": [
                    {
                        "channel": on.way.channel,
                        "messages": on.way.messages,
                        "customers": on.way.customers,
                        "first": on.way.first,
                        "last": on.way.last,
                        "estimate": on.estimate,
                    }
                    for on in one.channels
                ],
                "not_sent": [
                    {
                        "reason": no.reason,
                        "customers": no.customers,
                        "says": no.says,
                        "where": [str(spot) for spot in no.spots],
                        "law": no.rules,
                    }
                    for no in one.not_sent
                ],
            }
            for one in found.campaigns
        ],
        "currency": found.currency,
        "who": found.who,
        "digest": found.digest,
    }


def customer_told(found: "ExplainedCustomer") -> dict[str, Any]:
    """All that is on record of a customer, and every campaign's verdict."""
    fields = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {**fields, "customer": found.customer._asdict()}
