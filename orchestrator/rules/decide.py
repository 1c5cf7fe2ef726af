"""`decisions`: the gates' verdict for everyone who asks, with its reason.

One select, built once for a campaign version. What differs between a scheduled pass, one
customer's event and the last check before sending is only who asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    and_,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    select,
)
from sqlalchemy import (
    case as either,
)

from orchestrator.model.message import State
from orchestrator.rules.caps import quiet_lately
from orchestrator.rules.case import Case
from orchestrator.rules.gates import Gate, channel_gates, customer_gates, last_gates
from orchestrator.tables import customers
from orchestrator.tables.base import Instant

PASSED = 1_000
"""What `stop_…` says when no gate stopped the message."""


def decisions(case: Case) -> Select[Any]:
    """customer_id, occasion, event_id, change_id, due_at, expires_at, reason, channel, address,
    address_key, send_after; where messages are asked about, also message_id and opens_at.

    `reason` is the name of the gate that stopped it, null where none did. Of several channels the
    reason is that of the channel that came furthest. `channel`, `address` and `send_after` are null
    where a reason stands, but for `holdout`.
    """
    gates = _Gates.of(case)
    found = _looked(case, gates).cte("looked").prefix_with("MATERIALIZED").c
    ok = {channel: found[f"stop_{channel}"] == PASSED for channel in case.route.channels}
    chosen = _chosen(case, found, ok)
    furthest = _greatest([found[f"stop_{channel}"] for channel in case.route.channels])
    reason = either(
        (found.stop_customer < PASSED, _named(found.stop_customer, enumerate(gates.customer))),
        (chosen.is_(None), _named(furthest, gates.numbered(), otherwise=literal("no_channel"))),
        (found.stop_last < PASSED, _named(found.stop_last, enumerate(gates.last))),
    )
    about = [found[name] for name in ("customer_id", "occasion", "event_id", "change_id")]
    if case.sending:
        about += [found.message_id, found[f"send_after_{case.route.channels[0]}"].label("opens_at")]
    return select(
        *about,
        found.due_at,
        found.expires_at,
        reason.label("reason"),
        chosen.label("channel"),
        *(
            _of_chosen(case, found, chosen, what).label(what)
            for what in ("address", "address_key", "send_after")
        ),
    )


@dataclass(frozen=True)
class _Gates:
    """The gates of a case, made once, with one numbering that fits all channels."""

    customer: tuple[Gate, ...]
    channel: dict[str, tuple[Gate, ...]]
    last: tuple[Gate, ...]
    numbers: dict[str, int]

    @classmethod
    def of(cls, case: Case) -> "_Gates":
        channel = {name: tuple(channel_gates(case, name)) for name in case.route.channels}
        order: list[str] = []
        for gates in channel.values():
            after = 0
            for gate in gates:
                if gate.name not in order:
                    order.insert(after, gate.name)
                after = order.index(gate.name) + 1
        numbers = {name: n for n, name in enumerate(order)}
        return cls(tuple(customer_gates(case)), channel, tuple(last_gates(case)), numbers)

    def numbered(self) -> list[tuple[int, Gate]]:
        """One gate of each number, of whatever channel."""
        by_number = {self.numbers[g.name]: g for gates in self.channel.values() for g in gates}
        return sorted(by_number.items(), key=lambda pair: pair[0])


def _looked(case: Case, gates: _Gates) -> Select[Any]:
    """For everyone who asks, at which gate each way stops; every gate is asked at most once."""
    columns: list[ColumnElement[Any]] = [
        _stop(enumerate(gates.customer)).label("stop_customer"),
        _stop(enumerate(gates.last)).label("stop_last"),
        customers.c.preferred_channel,
        case.expires_at.label("expires_at"),
    ]
    for channel in case.route.channels:
        address = case.address[channel]
        columns += [
            _stop_on_channel(case, channel, gates).label(f"stop_{channel}"),
            address.c.address.label(f"address_{channel}"),
            address.c.address_key.label(f"address_key_{channel}"),
            case.opens_at(channel).label(f"send_after_{channel}"),
        ]
    return case.looked(*case.asked.c, *columns)


def _stop(numbered: Iterable[tuple[int, Gate]]) -> ColumnElement[int]:
    """The number of the first gate that does not let it pass, or PASSED."""
    whens = [(_fails(gate), literal(n)) for n, gate in numbered]
    return either(*whens, else_=literal(PASSED)) if whens else literal(PASSED)


def _stop_on_channel(case: Case, channel: str, gates: _Gates) -> ColumnElement[int]:
    """The caps, which come last, are not looked at for those who cannot have filled any."""
    numbered = [(gates.numbers[gate.name], gate) for gate in gates.channel[channel]]
    caps = [(n, gate) for n, gate in numbered if gate.ends_as is State.CAPPED]
    if not caps:
        return _stop(numbered)
    first = [(_fails(g), literal(n)) for n, g in numbered if g.ends_as is not State.CAPPED]
    return either(*first, (quiet_lately(case, channel), literal(PASSED)), else_=_stop(caps))


def _fails(gate: Gate) -> ColumnElement[bool]:
    """A gate that does not know does not let pass."""
    return not_(func.coalesce(gate.passes, false()))


def _chosen(case: Case, found: Any, ok: dict[str, ColumnElement[bool]]) -> ColumnElement[Any]:
    """The preferred channel if it may be taken, else the first that may."""
    whens = [
        (and_(found.preferred_channel == channel, ok[channel]), literal(channel))
        for channel in (case.route.channels if case.route.prefer else ())
    ]
    whens += [(ok[channel], literal(channel)) for channel in case.route.channels]
    return either(*whens, else_=cast(null(), String))


def _of_chosen(case: Case, found: Any, chosen: ColumnElement[Any], what: str) -> ColumnElement[Any]:
    kind = Instant() if what == "send_after" else String()
    whens = [(chosen == channel, found[f"{what}_{channel}"]) for channel in case.route.channels]
    return either(*whens, else_=cast(null(), kind))


def _named(
    stop: ColumnElement[Any],
    gates: Iterable[tuple[int, Gate]],
    otherwise: ColumnElement[Any] | None = None,
) -> ColumnElement[Any]:
    whens = [(stop == n, literal(gate.name)) for n, gate in gates]
    default = cast(null(), String) if otherwise is None else otherwise
    return either(*whens, else_=default) if whens else default


def _greatest(stops: list[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The largest, on every database."""
    largest = stops[0]
    for stop in stops[1:]:
        largest = either((stop > largest, stop), else_=largest)
    return cast(largest, Integer)
