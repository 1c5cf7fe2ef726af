"""`decisions`: the gates' verdict for everyone who asks, with its reason.

One select, built once for a campaign version. What differs between a scheduled pass, one
customer's event and the last check before sending is only who asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    cast,
    false,
    literal,
    null,
    select,
    true,
)
from sqlalchemy import (
    case as either,
)

from orchestrator.rules.caps import first_full
from orchestrator.rules.case import Case
from orchestrator.rules.clocks import closes
from orchestrator.rules.gates import (
    HELD,
    AnyGate,
    CapGate,
    channel_gates,
    customer_gates,
    last_gates,
)
from orchestrator.tables import customers
from orchestrator.tables.base import Instant
from orchestrator.tables.greatest import greatest

PASSED = 99
"""What stands in place of a gate's number where no gate stopped the message."""

WAITS = PASSED - 1
"""The number of a gate that ends nothing (`HELD`). A channel that only waits may be taken yet: it
has come further than any that says no, lest a pause decide anything."""

BASE = PASSED + 1
"""What stopped a message is one number: its last digit is the gate of the customer, and before it
stands one for each channel, which is looked at only where the customer has passed."""


def decisions(case: Case) -> Select[Any]:
    """customer_id, occasion, event_id, change_id, due_at, expires_at, reason, channel, address,
    address_key, send_after, closes_at; where messages are asked about, message_id, reason, address,
    opens_at, closes_at and expires_at.

    `reason` is the name of the gate that stopped it, null where none did. Of several channels the
    reason is that of the channel that came furthest (see `WAITS`). `channel`, `address`,
    `send_after` and `closes_at`, by when it must have left or waits again, are null where a reason
    stands, but for `holdout`; a message that is asked about has its `closes_at` in any case.
    """
    gates = _Gates.of(case)
    found = _looked(case, gates).cte("looked").prefix_with("MATERIALIZED").c
    stops = {c: _digit(found.stop, place) for place, c in enumerate(case.route.channels, 1)}
    chosen = _chosen(case, found, {channel: stop == PASSED for channel, stop in stops.items()})
    furthest = greatest(*stops.values())
    reason = either(
        (found.stop < PASSED, _named(found.stop, enumerate(gates.customer))),
        (chosen.is_(None), _named(furthest, gates.numbered(), otherwise=literal("no_channel"))),
        (found.stop_last < PASSED, _named(found.stop_last, enumerate(gates.last))),
    )
    if case.sending:
        (channel,) = case.route.channels
        return select(
            found.message_id,
            reason.label("reason"),
            found[f"address_{channel}"].label("address"),
            found[f"send_after_{channel}"].label("opens_at"),
            found[f"closes_at_{channel}"].label("closes_at"),
            found.expires_at,
        )
    about = [found[name] for name in ("customer_id", "occasion", "event_id", "change_id")]
    return select(
        *about,
        found.due_at,
        found.expires_at,
        reason.label("reason"),
        chosen.label("channel"),
        *(
            _of_chosen(case, found, chosen, what).label(what)
            for what in ("address", "address_key", "send_after", "closes_at")
        ),
    )


MAYBE = BASE + PASSED
"""Nothing that is set aside stops the message; what is not must be asked."""


def stop_aside(case: Case) -> ColumnElement[int]:
    """At which gate it stops, as one number: as far as facts that are set aside can tell.

    `MAYBE` where it passes them all. Else `stops_aside` has the reason's name.
    """
    gates = _Gates.of(case)
    sure = list(takewhile(lambda gate: not gate.late, gates.customer))
    ways: ColumnElement[int] = literal(MAYBE)
    if len(sure) == len(gates.customer):
        ways = literal(BASE) + greatest(
            *(_stop(_not_late(gates, channel), literal(PASSED)) for channel in case.route.channels)
        )
    return _stop(enumerate(sure), ways)


def stops_aside(case: Case) -> dict[int, str]:
    """The numbers of `stop_aside` with their reasons."""
    gates = _Gates.of(case)
    names = {n: gate.name for n, gate in enumerate(gates.customer)}
    return names | {BASE + n: gate.name for n, gate in gates.numbered()}


def _not_late(gates: "_Gates", channel: str) -> list[tuple[int, AnyGate]]:
    numbered = gates.on_channel(channel)
    return list(takewhile(lambda pair: not pair[1].late, numbered))


@dataclass(frozen=True)
class _Gates:
    """The gates of a case, made once, with one numbering that fits all channels."""

    customer: tuple[AnyGate, ...]
    channel: dict[str, tuple[AnyGate, ...]]
    last: tuple[AnyGate, ...]
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
        assert len(order) < WAITS, "a gate's number is one digit"
        every = (gate for gates in channel.values() for gate in gates)
        numbers |= {gate.name: WAITS for gate in every if gate.ends_as is HELD}
        return cls(tuple(customer_gates(case)), channel, tuple(last_gates(case)), numbers)

    def on_channel(self, channel: str) -> list[tuple[int, AnyGate]]:
        """The gates of one channel with their numbers."""
        return [(self.numbers[gate.name], gate) for gate in self.channel[channel]]

    def numbered(self) -> list[tuple[int, AnyGate]]:
        """One gate of each number, of whatever channel."""
        by_number = {self.numbers[g.name]: g for gates in self.channel.values() for g in gates}
        return sorted(by_number.items(), key=lambda pair: pair[0])


def _looked(case: Case, gates: _Gates) -> Select[Any]:
    """For everyone who asks, at which gate each way stops; every gate is asked at most once."""
    columns: list[ColumnElement[Any]] = [
        _stop(enumerate(gates.customer), _ways(case, gates)).label("stop"),
        _stop(enumerate(gates.last), literal(PASSED)).label("stop_last"),
        customers.c.preferred_channel,
        case.expires_at.label("expires_at"),
    ]
    for channel in case.route.channels:
        address = case.address[channel]
        columns += [
            address.c.address.label(f"address_{channel}"),
            address.c.address_key.label(f"address_key_{channel}"),
            case.opens_at(channel).label(f"send_after_{channel}"),
            case.clock.c[closes(channel)].label(f"closes_at_{channel}"),
        ]
    return case.looked(*case.asked.c, *columns)


def _ways(case: Case, gates: _Gates) -> ColumnElement[int]:
    """For a customer who has passed, at which gate each channel stops."""
    number: ColumnElement[int] = literal(PASSED, BigInteger())
    for place, channel in enumerate(case.route.channels, 1):
        number += _stop_on_channel(case, channel, gates) * literal(BASE**place, BigInteger())
    return number


def _digit(number: ColumnElement[int], place: int) -> ColumnElement[int]:
    return (number // literal(BASE**place, BigInteger())) % BASE


def _stop(
    numbered: Iterable[tuple[int, AnyGate]], otherwise: ColumnElement[int]
) -> ColumnElement[int]:
    """The number of the first gate that does not let it pass; `otherwise` if all do."""
    whens = [(_fails(gate), literal(n)) for n, gate in numbered]
    return either(*whens, else_=otherwise) if whens else otherwise


def _stop_on_channel(case: Case, channel: str, gates: _Gates) -> ColumnElement[int]:
    """The caps, which come last, are asked all at once."""
    numbered = gates.on_channel(channel)
    others = [(n, gate) for n, gate in numbered if not isinstance(gate, CapGate)]
    asked = [(n, gate.cap, gate.with_planned) for n, gate in numbered if isinstance(gate, CapGate)]
    passed = first_full(case, channel, asked, PASSED) if asked else literal(PASSED)
    return _stop(others, passed)


def _fails(gate: AnyGate) -> ColumnElement[bool]:
    """A gate that does not know does not let pass.

    Asked by a CASE, for there SQLite stops at the first part of a condition that decides it; as a
    plain value it works out all parts.
    """
    return either((gate.passes, false()), else_=true())


def _chosen(case: Case, found: Any, ok: dict[str, ColumnElement[bool]]) -> ColumnElement[Any]:
    """The preferred channel if it may be taken, else the first that may."""
    nothing = cast(null(), String)
    whens: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = [(found.stop < PASSED, nothing)]
    whens += [
        (and_(found.preferred_channel == channel, ok[channel]), literal(channel))
        for channel in (case.route.channels if case.route.prefer else ())
    ]
    whens += [(ok[channel], literal(channel)) for channel in case.route.channels]
    return either(*whens, else_=nothing)


def _of_chosen(case: Case, found: Any, chosen: ColumnElement[Any], what: str) -> ColumnElement[Any]:
    kind = Instant() if what.endswith(("_after", "_at")) else String()
    of_each = {channel: found[f"{what}_{channel}"] for channel in case.route.channels}
    return either(of_each, value=chosen, else_=cast(null(), kind))


def _named(
    stop: ColumnElement[Any],
    gates: Iterable[tuple[int, AnyGate]],
    otherwise: ColumnElement[Any] | None = None,
) -> ColumnElement[Any]:
    whens = [(stop == n, literal(gate.name)) for n, gate in gates]
    default = cast(null(), String) if otherwise is None else otherwise
    return either(*whens, else_=default) if whens else default
