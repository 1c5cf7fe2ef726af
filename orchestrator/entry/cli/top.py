"""`tactful top`: what leaves and what does not, as it happens."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.entry.cli.options import Json, ShopFolder, span_of

if TYPE_CHECKING:
    from rich.console import Group
    from sqlalchemy import Connection

    from orchestrator.entry.metrics import Known
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
    channels: "list[OnChannel]"
    workers: "list[Beat]"
    paused: "list[Pause]"
    trouble: "list[Trouble]"


def top(
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    every: Annotated[str, typer.Option(metavar="SPAN", help="How often to look.")] = "2s",
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Watch what leaves, what waits, and what went wrong.

    \b
    tactful top
    tactful top --once --json

    Ctrl-C ends it. What is late is what is due and not paused.
    """
    from rich.live import Live

    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.metrics import Known
    from orchestrator.entry.opening import open_store, read_folder
    from orchestrator.entry.settings import settings
    from orchestrator.store.database import reading

    pause_s = span_of("--every", every).total_seconds()
    where = settings(shop)
    found = read_folder(where).settings
    known = Known() if found is None else Known.of(found.shop)
    zone = "UTC" if found is None else found.shop.zone
    console = out()
    with open_store(where) as engine:

        def look_now() -> Look:
            with reading(engine) as connection:
                return look(connection, known, clock.now())

        if json:
            as_json(look_now())
        elif once or not console.is_terminal:
            console.print(_shown(look_now(), zone))
        else:
            try:
                with Live(console=console, screen=True, auto_refresh=False) as live:
                    while True:
                        live.update(_shown(look_now(), zone), refresh=True)
                        time.sleep(pause_s)
            except KeyboardInterrupt:  # the way to end it
                return


def look(connection: "Connection", known: "Known", now: datetime) -> Look:
    """What a frame shows."""
    from orchestrator.model.message import State
    from orchestrator.store import gauges, heartbeats
    from orchestrator.store.accounts import breakers
    from orchestrator.store.controls import pauses

    paused = pauses(connection)
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


def _shown(seen: Look, zone: str) -> "Group":
    from rich.console import Group
    from rich.text import Text

    from orchestrator.entry.cli.when import show_moment

    parts: list[Any] = [Text(f"{show_moment(seen.at, zone)} ({zone})", "bold")]
    for one in seen.paused:
        name = "" if one.name == "*" else f" {one.name}"
        said = f"paused: {one.scope}{name} since {show_moment(one.at, zone)}: {one.reason}"
        parts.append(Text(said, "yellow"))
    parts += [Text(), _channels(seen)]
    parts += [Text(), _workers(seen) if seen.workers else Text("nobody is at work", "yellow")]
    if seen.trouble:
        parts += [Text(), _trouble(seen, zone)]
    return Group(*parts)


def _channels(seen: Look) -> Any:
    from rich.text import Text

    from orchestrator.entry.cli.screen import table

    columns = ("channel", "waiting", "due", "in hand", "unknown", "sent/min", "lag", "pace", "")
    shown = table(*columns, numbers=range(1, 8))
    for one in seen.channels:
        bad = [f"{plugin} {s}" for plugin, s in one.breakers.items() if s != "closed"]
        bad += [f"{one.overdue:,} held too long"] if one.overdue else []
        shown.add_row(
            one.channel,
            f"{one.waiting:,}",
            f"{one.due:,}",
            f"{one.in_hand:,}",
            Text(f"{one.unknown:,}", "yellow" if one.unknown else ""),
            f"{one.per_minute:,.0f}",
            _span(one.lag_s),
            "" if one.pace_per_s is None else f"{one.pace_per_s:g}/s",
            Text(", ".join(bad), "red"),
        )
    return shown


def _workers(seen: Look) -> Any:
    from rich.text import Text

    from orchestrator.entry.cli.screen import table

    shown = table("worker", "doing", "got on", "done", "")
    for one in seen.workers:
        silent = Text("silent: stuck, or dead", "red") if one.is_silent(seen.at) else Text()
        done = ", ".join(f"{n:,} {what}" for what, n in sorted(one.done.items()) if n)
        since = f"{_span((seen.at - one.progress_at).total_seconds())} ago"
        shown.add_row(one.worker, one.doing, since, done, silent)
    return shown


def _trouble(seen: Look, zone: str) -> Any:
    from orchestrator.entry.cli.screen import table
    from orchestrator.entry.cli.when import show_moment

    shown = table("newest trouble", "campaign", "channel", "message", "")
    for one in seen.trouble:
        why = one.state if one.reason is None else f"{one.state}: {one.reason}"
        at = show_moment(one.at, zone)
        shown.add_row(at, one.campaign, one.channel, str(one.message_id), why)
    return shown


def _span(seconds: float) -> str:
    """`12s`, `3m 20s`, `5h 2m`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"
