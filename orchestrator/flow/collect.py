"""What the shop's own site tells as it happens, in the form that Segment's libraries send.

    identify  what is known of a customer      track  an event      page, screen  a page was viewed
    consent   what a customer has agreed to, or withdrawn: a word of ours, in the form of `track`

Whatever names no customer is left out: nobody can be written to about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from orchestrator.flow.ingest import Ingested, Kind, Reader, Refused, ingest_raw
from orchestrator.model.shop import Shop
from orchestrator.store.collected import keep_new

CALLS_MAX = 2_000
"""So many calls in one request."""

CALL_BYTES_MAX = 32 * 1024

_VIEWED = {"page": "Page Viewed", "screen": "Screen Viewed"}
_SKEW_MAX = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a record of ours; `refused` says why it is none. `key` is the sender's own."""

    key: str
    kind: Kind = "events"
    record: Mapping[str, Any] | None = None
    refused: str = ""


def read_calls(raw: bytes, now: datetime, only: str | None = None) -> list[Call]:
    """The calls of a request: a batch, or a single one of the type `only`.

    ValueError where it cannot be read as a whole; a single wrong call is refused alone.
    """
    try:
        said = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError("the request must be an object")
    calls = [{**said, "type": only}] if only is not None else said.get("batch")
    if not isinstance(calls, list):
        raise ValueError('the request must have a list called "batch"')
    if len(calls) > CALLS_MAX:
        raise ValueError(f"more than {CALLS_MAX} calls")
    ahead = _ahead(said.get("sentAt"), now)
    return [_call(one, now, ahead) for one in calls]


def _call(said: Any, now: datetime, ahead: timedelta) -> Call:
    if not isinstance(said, dict):
        return Call("", refused="a call must be an object")
    key = said.get("messageId")
    if not isinstance(key, str) or not 0 < len(key) <= 100 or not key.isprintable():
        return Call("", refused="messageId is missing, or is no short text")
    try:
        if len(msgspec.json.encode(said)) > CALL_BYTES_MAX:
            return Call(key, refused=f"longer than {CALL_BYTES_MAX} bytes")
    except (ValueError, OverflowError, RecursionError) as error:
        return Call(key, refused=f"cannot be kept: {error}")
    customer, what = said.get("userId"), str(said.get("type"))
    if not isinstance(customer, str) or not customer:
        return Call(key, refused="userId is missing: it is about nobody whom we know")
    if what == "identify":
        traits = said.get("traits")
        if not isinstance(traits, dict):
            return Call(key, refused="traits must be an object")
        at = _when(said.get("timestamp"), now, ahead)
        return Call(key, "customers", {**traits, "id": customer, "told_at": at})
    if what == "consent":
        agreed = said.get("properties")
        if not isinstance(agreed, dict):
            return Call(key, refused="properties must be an object")
        at = _when(said.get("timestamp"), now, ahead)
        return Call(key, "consents", {**agreed, "customer": customer, "at": at})
    name = _VIEWED.get(what, said.get("event") if what == "track" else None)
    if name is None:
        return Call(key, refused=f"no type that is kept, or no event: {what[:40]!r}")
    at = _when(said.get("timestamp"), now, ahead)
    properties = said.get("properties") or {}
    record = {"id": key, "name": name, "customer": customer, "at": at, "properties": properties}
    return Call(key, "events", record)


def _instant(said: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def _ahead(sent: Any, now: datetime) -> timedelta:
    """By how much the sender's clock is ahead, as far as can be told."""
    at = _instant(sent)
    try:
        ahead = timedelta() if at is None else at - now
    except OverflowError:
        return timedelta()
    return ahead if abs(ahead) <= _SKEW_MAX else timedelta()


def _when(said: Any, now: datetime, ahead: timedelta) -> datetime:
    """When it happened, by our clock; now, where nobody says so."""
    at = _instant(said)
    try:
        return now if at is None else min(at - ahead, now)
    except OverflowError:
        return now


def collect(
    connection: Connection,
    calls: Sequence[Call],
    now: datetime,
    shop: Shop,
    reader: Reader | None = None,
) -> Ingested:
    """Write what the calls tell; what came before changes nothing. `line` counts calls from 1."""
    told = [one.key for one in calls if one.record is not None and one.kind != "events"]
    left = keep_new(connection, told, now)
    places: list[int] = []
    records: list[tuple[Kind, Mapping[str, Any]]] = []
    for place, one in enumerate(calls, 1):
        if one.record is None:
            continue
        if one.kind != "events":  # which their own keys tell apart
            if one.key not in left:
                continue
            left.discard(one.key)  # twice in one request counts once, too
        places.append(place)
        records.append((one.kind, one.record))
    done = ingest_raw(connection, records, now, shop, reader)
    done.refused = [one._replace(line=places[one.line - 1]) for one in done.refused]
    done.refused += [
        Refused(one.kind, place, one.refused) for place, one in enumerate(calls, 1) if one.refused
    ]
    return done
