"""Metrics in the form of Prometheus, read from the ledger when they are asked for.

Nothing is counted in a process: whatever number of workers there is, and however they end, each
answer is the ledger's. What is cheap is read each time. Totals, for which every message is read,
are read aside and kept for a while.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.entry import clock
from orchestrator.entry.kept import Kept
from orchestrator.entry.logs import get_logger
from orchestrator.model.shop import Shop
from orchestrator.store import gauges, heartbeats
from orchestrator.store.accounts import breakers
from orchestrator.store.controls import EVERYTHING, Pause, pauses
from orchestrator.store.database import reading
from orchestrator.store.gauges import Totals

TOTALS_KEPT_S = 60.0
"""So long totals are shown again before the ledger is read anew …"""

TOTALS_SHARE = 0.05
"""… and longer where reading takes long, so that it never fills more of the time than this."""

TOTALS_WAIT_S = 2.0
"""Who asks while totals are being read gets the last ones after this."""

BREAKER_STATES = ("closed", "half open", "open")


@dataclass(frozen=True, slots=True)
class Known:
    """What the shop's settings say of its channels: the ledger does not know it."""

    providers: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Channel → the plugins behind it."""
    pace_per_s: Mapping[str, float] = field(default_factory=dict)
    """Channel → messages a second that its provider is given at most."""

    @classmethod
    def of(cls, shop: Shop) -> "Known":
        """From `shop.yaml`."""
        uses = shop.channels.items()
        return cls(
            shop.plugins,
            {
                name: use.pace.count / use.pace.per.total_seconds()
                for name, use in uses
                if use.pace is not None
            },
        )

    def stops(self, paused: Collection[Pause], channel: str) -> bool:
        """Whether these pauses stop the channel as a whole."""
        names = {(one.scope, one.name) for one in paused}
        behind = {("provider", one) for one in self.providers.get(channel, ())}
        return bool(names & {EVERYTHING, ("channel", channel)}) or (
            bool(behind) and behind <= names
        )


class LedgerCollector(Collector):
    """What the ledger tells; one look at a time, however many ask."""

    def __init__(self, engine: Engine, known: Known = Known()) -> None:
        self._engine = engine
        self._known = known
        self._kept = Kept(self._totals, share=TOTALS_SHARE, least_s=TOTALS_KEPT_S)
        self._last: Totals | None = None
        self._lock = Lock()

    def collect(self) -> Iterator[Metric]:
        """Everything. Without a database, that there is none."""
        began_s = time.monotonic()
        try:
            with self._lock, reading(self._engine) as connection:
                found = list(self._look(connection, clock.now()))
        except SQLAlchemyError:
            get_logger(__name__).warning("the database gives no metrics", exc_info=True)
            found = []
        yield _gauge("tactful_database_up", "Whether the database answers.", float(bool(found)))
        took_s = time.monotonic() - began_s
        yield _gauge("tactful_metrics_seconds", "How long reading these metrics took.", took_s)
        yield from found
        totals = self._kept.get(TOTALS_WAIT_S) if found else None
        if totals is not None:
            took_s = self._kept.took_s
            yield _gauge("tactful_totals_seconds", "How long adding up totals took.", took_s)
            yield from _totals(totals)

    def describe(self) -> Iterator[Metric]:
        """Nothing: it would take a look at the ledger."""
        return iter(())

    def _totals(self) -> Totals | None:
        """The last ones where they cannot be read."""
        try:
            with reading(self._engine) as connection:
                self._last = gauges.totals(connection)
        except SQLAlchemyError:
            get_logger(__name__).warning("totals could not be read", exc_info=True)
        return self._last

    def _look(self, connection: Connection, now: datetime) -> Iterator[Metric]:
        stopped = pauses(connection)
        yield from self._queues(connection, now, stopped)
        yield from _hands(connection, now)
        yield from _pauses(stopped)
        yield from _accounts(connection, now)
        yield from _workers(connection, now)

    def _queues(
        self, connection: Connection, now: datetime, stopped: Collection[Pause]
    ) -> Iterator[Metric]:
        waiting = _gauges("tactful_waiting", "Messages that wait to be sent.", "channel")
        due = _gauges("tactful_due", "Messages that are due, paused ones among them.", "channel")
        lag = _gauges(
            "tactful_lag_seconds",
            "How long the oldest due message has waited that nothing has paused or holds back.",
            "channel",
        )
        campaigns = [one.name for one in stopped if one.scope == "campaign"]
        found = {one.channel: one for one in gauges.queues(connection, now, stopped=campaigns)}
        for channel in sorted({*found, *self._known.providers}):
            one = found.get(channel)
            waiting.add_metric([channel], 0 if one is None else one.waiting)
            due.add_metric([channel], 0 if one is None else one.due)
            oldest = None if one is None else one.oldest_due
            late = oldest is not None and not self._known.stops(stopped, channel)
            lag.add_metric([channel], (now - oldest).total_seconds() if late and oldest else 0)
        pace = _gauges(
            "tactful_pace_per_second", "The most messages its provider is given.", "channel"
        )
        for channel, per_s in self._known.pace_per_s.items():
            pace.add_metric([channel], per_s)
        yield from (waiting, due, lag, pace)


def _hands(connection: Connection, now: datetime) -> Iterator[Metric]:
    held = _gauges("tactful_in_hand", "Messages that workers hold.", "channel", "state")
    overdue = _gauges(
        "tactful_overdue_leases", "Of these, held longer than said.", "channel", "state"
    )
    for one in gauges.in_hand(connection, now):
        held.add_metric([one.channel, one.state], one.messages)
        overdue.add_metric([one.channel, one.state], one.overdue)
    trouble = _gauges(
        "tactful_trouble", "Messages that came to an end nobody meant.", "channel", "state"
    )
    for labels, number in sorted(gauges.trouble(connection).items()):
        trouble.add_metric(labels, number)
    yield from (held, overdue, trouble)


def _pauses(stopped: Collection[Pause]) -> Iterator[Metric]:
    paused = _gauges("tactful_paused", "What is paused: 1 for each.", "scope", "name")
    for one in stopped:
        paused.add_metric([one.scope, one.name], 1)
    yield paused


def _accounts(connection: Connection, now: datetime) -> Iterator[Metric]:
    state = _gauges("tactful_breaker", "1 for the state of a provider account.", "account", "state")
    failures = _gauges("tactful_failures_in_a_row", "Of a provider account.", "account")
    for account, breaker in sorted(breakers(connection).items()):
        for one in BREAKER_STATES:
            state.add_metric([str(account), one], float(breaker.state(now) == one))
        failures.add_metric([str(account)], breaker.failures)
    yield from (state, failures)


def _workers(connection: Connection, now: datetime) -> Iterator[Metric]:
    since = _gauges(
        "tactful_worker_progress_seconds", "Since a worker last got on.", "worker", "kind"
    )
    silent = _gauges(
        "tactful_worker_silent", "1 where it should have got on since.", "worker", "kind"
    )
    for one in heartbeats.everyone(connection):
        labels = [one.worker, one.kind]
        since.add_metric(labels, (now - one.progress_at).total_seconds())
        silent.add_metric(labels, float(one.is_silent(now)))
    yield from (since, silent)


def _totals(found: Totals) -> Iterator[Metric]:
    states = _gauges("tactful_messages", "Messages by where they stand.", "state")
    for state, number in sorted(found.states.items()):
        states.add_metric([state], number)
    planned = _counters("tactful_planned", "Messages that were planned.", "campaign")
    for campaign, number in sorted(found.planned.items()):
        planned.add_metric([campaign], number)
    sent = _counters("tactful_sent", "Messages that a provider took.", "campaign", "channel")
    for to, number in sorted(found.sent.items()):
        sent.add_metric(to, number)
    ended = _counters(
        "tactful_ended",
        "Planned messages that ended without being sent.",
        *("campaign", "channel", "state", "reason"),
    )
    for end, number in sorted(found.ended.items()):
        ended.add_metric(end, number)
    skipped = _counters(
        "tactful_skipped", "Customers who were asked about, and not planned.", "campaign", "reason"
    )
    for why, number in sorted(found.skipped.items()):
        skipped.add_metric(why, number)
    twice = _gauges(
        "tactful_maybe_twice", "Messages that may have arrived once more.", "campaign", "channel"
    )
    for to, number in sorted(found.maybe_twice.items()):
        twice.add_metric(to, number)
    yield from (states, planned, sent, ended, skipped, twice)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=value)


def _gauges(name: str, says: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, says, labels=labels)


def _counters(name: str, says: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, says, labels=labels)
