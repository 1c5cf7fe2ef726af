"""What is going on: as `tactful top`, `tactful status` and the console tell it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.entry.metrics import Known
from orchestrator.flow.canary import tell
from orchestrator.model.message import State
from orchestrator.store import controls, gauges, heartbeats
from orchestrator.store.accounts import breakers
from orchestrator.store.canaries import held_back
from orchestrator.store.controls import Pause
from orchestrator.store.gauges import Trouble
from orchestrator.store.heartbeats import Beat

TROUBLE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class OnChannel:
    """How one channel does. `breakers`: state by plugin."""

    channel: str
    waiting: int
    due: int
    in_hand: int
    overdue: int
    unknown: int
    per_minute: float
    lag_s: float
    pace_per_s: float | None
    breakers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one instant."""

    at: datetime
    channels: list[OnChannel]
    workers: list[Beat]
    paused: list[Pause]
    trouble: list[Trouble]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What waits behind a campaign's first messages (`canary`), and for what."""

    campaign: str
    step: int
    messages: int
    why: str


def look(connection: Connection, known: Known, now: datetime) -> Look:
    """What a frame shows."""
    paused = controls.pauses(connection)
    campaigns = [one.name for one in paused if one.scope == "campaign"]
    queues = {one.channel: one for one in gauges.queues(connection, now, stopped=campaigns)}
    held = gauges.in_hand(connection, now)
    speed = gauges.sent_per_minute(connection, now)
    states = {name: one.state(now) for name, one in breakers(connection).items()}
    channels = []
    for channel in sorted({*queues, *known.providers, *(one.channel for one in held)}):
        queue = queues.get(channel)
        mine = [one for one in held if one.channel == channel]
        oldest = None if queue is None or known.stops(paused, channel) else queue.oldest_due
        hands = [one for one in mine if one.state != State.UNKNOWN]
        channels.append(
            OnChannel(
                channel=channel,
                waiting=0 if queue is None else queue.waiting,
                due=0 if queue is None else queue.due,
                in_hand=sum(one.messages for one in hands),
                overdue=sum(one.overdue for one in hands),
                unknown=sum(one.messages for one in mine if one.state == State.UNKNOWN),
                per_minute=round(speed.get(channel, 0.0), 1),
                lag_s=0.0 if oldest is None else round((now - oldest).total_seconds(), 1),
                pace_per_s=known.pace_per_s.get(channel),
                breakers={
                    name.plugin: one for name, one in states.items() if name.channel == channel
                },
            )
        )
    trouble = gauges.newest_trouble(connection, TROUBLE_SHOWN)
    return Look(now, channels, heartbeats.everyone(connection), paused, trouble)


def held(connection: Connection) -> list[HeldBack]:
    """All that waits behind first messages."""
    return [
        HeldBack(one.campaign, one.step, number, tell(one)) for one, number in held_back(connection)
    ]
