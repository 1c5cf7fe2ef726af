"""`tactful top`: what leaves and what does not, as it happens."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.entry.cli.options import Json, ShopFolder, span_of
from orchestrator.entry.written import seconds

if TYPE_CHECKING:
    from rich.console import Group

    from orchestrator.entry.looking import Look


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
    from orchestrator.entry.looking import look
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

        def look_now() -> "Look":
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


def _shown(seen: "Look", zone: str) -> "Group":
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


def _channels(seen: "Look") -> Any:
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
            seconds(one.lag_s),
            "" if one.pace_per_s is None else f"{one.pace_per_s:g}/s",
            Text(", ".join(bad), "red"),
        )
    return shown


def _workers(seen: "Look") -> Any:
    from rich.text import Text

    from orchestrator.entry.cli.screen import table

    shown = table("worker", "doing", "got on", "done", "")
    for one in seen.workers:
        silent = Text("silent: stuck, or dead", "red") if one.is_silent(seen.at) else Text()
        done = ", ".join(f"{n:,} {what}" for what, n in sorted(one.done.items()) if n)
        since = f"{seconds((seen.at - one.progress_at).total_seconds())} ago"
        shown.add_row(one.worker, one.doing, since, done, silent)
    return shown


def _trouble(seen: "Look", zone: str) -> Any:
    from orchestrator.entry.cli.screen import table
    from orchestrator.entry.cli.when import show_moment

    shown = table("newest trouble", "campaign", "channel", "message", "")
    for one in seen.trouble:
        why = one.state if one.reason is None else f"{one.state}: {one.reason}"
        at = show_moment(one.at, zone)
        shown.add_row(at, one.campaign, one.channel, str(one.message_id), why)
    return shown
