"""`tactful run`: decides and sends whatever is due, until it is stopped."""

import sys
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.ending import stopping
from orchestrator.entry.cli.faults import BROKEN, is_fault
from orchestrator.entry.cli.options import Json, ShopFolder, span_of

if TYPE_CHECKING:
    from orchestrator.entry.signs import Signs
    from orchestrator.flow.tactful import Tactful, Tick
    from orchestrator.flow.watch import Watch


def run(
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for cron.")] = False,
    every: Annotated[str, typer.Option(metavar="SPAN", help="How often to look.")] = "15s",
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Decide and send whatever is due, until it is stopped.

    \b
    tactful run
    tactful run --once       # a line for cron
    tactful run --every 1m

    The campaigns as they are written now are put to work. Ctrl-C ends it once the messages in hand
    are recorded; a second one ends it at once.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.logs import get_logger, start_logs
    from orchestrator.entry.opening import open_tactful
    from orchestrator.entry.settings import settings
    from orchestrator.entry.signs import Signs
    from orchestrator.model.errors import TactfulError

    pause_s = span_of("--every", every).total_seconds()
    where = settings(shop)
    # Somebody, or something, reads what it prints: then the log holds only what is wrong.
    is_read = once or json or sys.stderr.isatty()
    start_logs(level="warning" if is_read else "info", secrets=[where.database_url])
    try:
        with (
            open_tactful(where) as tactful,
            Signs(tactful.engine, "run", timeout_s=where.stuck_after_s) as signs,
            stopping(second_interrupts=True) as stop,
        ):
            tactful.publish(clock.now())
            screen = _Screen(tactful.shop.zone, json=json, loud=once)
            screen.begin(len(tactful.versions), every)
            _look_on(tactful, signs, stop, screen, None if once else pause_s)
    except Exception as error:
        if is_read or isinstance(error, TactfulError) or not is_fault(error):
            raise
        get_logger("tactful.run").exception("stopped by a failure")
        raise typer.Exit(BROKEN) from None


def _look_on(
    tactful: "Tactful", signs: "Signs", stop: Event, screen: "_Screen", pause_s: float | None
) -> None:
    """Look again and again until asked to stop; without a pause, once.

    While the database is away, it waits for it.
    """
    from sqlalchemy.exc import InterfaceError, OperationalError

    from orchestrator.entry import clock
    from orchestrator.entry.logs import get_logger
    from orchestrator.entry.memory import settle
    from orchestrator.flow.lessons import learn_what_is_due
    from orchestrator.store.database import is_away

    done: Counter[str] = Counter()
    settled = False
    while not stop.is_set():
        now = clock.now()
        signs.report("looking", done)
        try:
            screen.learned(learn_what_is_due(tactful, now))
            tick = _look(tactful, clock.WATCH, signs, stop)
        except (OperationalError, InterfaceError) as error:
            if pause_s is None or not is_away(error):
                raise
            # Locked by somebody, or restarted: what was in hand is leased, and looked for later.
            why = str(error.orig).strip()
            get_logger("tactful.run").warning("the database is away: looking again", why=why)
            stop.wait(pause_s)
            continue
        done["planned"] += sum(verdicts.planned for verdicts in tick.verdicts)
        done.update(_ended(tick))
        screen.show(now, tick)
        if pause_s is None:
            return
        if not settled:
            settle()  # every campaign has been asked once: its statements are built
            settled = True
        wait_s = pause_s if tick.wait_s is None else min(pause_s, tick.wait_s)
        signs.report("waiting", done, within_s=wait_s + signs.timeout_s)
        with screen.waiting(done):
            stop.wait(wait_s)
    screen.end(done)


class _StoppedBetween(Exception):
    """Asked to stop, and nothing is in hand."""


def _look(tactful: "Tactful", watch: "Watch", signs: "Signs", stop: Event) -> "Tick":
    """One tick, cut short between two batches where somebody wants it to end."""
    from orchestrator.flow.tactful import Tick

    sent: Counter[str] = Counter()

    def between_batches(number: int) -> None:
        sent["done"] += number
        signs.report("sending")
        if stop.is_set():
            raise _StoppedBetween

    try:
        return tactful.look(watch, between_batches)
    except _StoppedBetween:
        return Tick((), sent, Counter())


class _Screen:
    """Tells what was done: a line for each look that came to something."""

    def __init__(self, zone: str, *, json: bool, loud: bool) -> None:
        from orchestrator.entry.cli.screen import out

        self._zone = zone
        self._json = json
        self._loud = loud
        self._console = out()

    def begin(self, campaigns: int, every: str) -> None:
        """What is about to happen."""
        if not self._json and not self._loud:
            said = f"{campaigns} campaigns at work; looks every {every}, until Ctrl-C"
            self._console.print(said, style="dim")

    def waiting(self, done: Counter[str]) -> AbstractContextManager[object]:
        """On a screen, a line that lives until the next look."""
        if self._json or not self._console.is_terminal:
            return nullcontext()
        said = _said(done) or "nothing was due yet"
        return self._console.status(f"waiting for the next look; so far: {said}")

    def learned(self, what: list[str]) -> None:
        """What was learned anew."""
        if what and not self._json:
            self._console.print(f"learned from purchases: {', '.join(what)}", style="dim")

    def show(self, now: datetime, tick: "Tick") -> None:
        """What one look came to."""
        from orchestrator.entry.cli.screen import json_line, warn
        from orchestrator.entry.cli.when import show_moment
        from orchestrator.entry.logs import get_logger

        planned = {v.campaign: v.planned for v in tick.verdicts if v.planned}
        halted = {v.campaign: v.halted for v in tick.verdicts if v.halted}
        counted = {"planned": planned, "sent": tick.sent, "found": tick.found, "halted": halted}
        if planned or tick.sent or tick.found or halted:
            get_logger("tactful.run").info("looked", **counted)
        if self._json:
            json_line({"at": now, **counted})
            return
        for campaign, why in halted.items():
            warn(f"{campaign} is paused: it {why}; `tactful resume campaign {campaign}`")
        parts = _parts(planned, tick)
        if parts or self._loud:
            said_parts = "; ".join(parts) or "nothing was due"
            line = f"{show_moment(now, self._zone)}  {said_parts}"
            self._console.print(line, soft_wrap=True)

    def end(self, done: Counter[str]) -> None:
        """What all looks came to."""
        if not self._json:
            self._console.print(f"Stopped. {_said(done) or 'Nothing was due'}.")


def _said(done: Counter[str]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in sorted(done.items()) if number)


def _ended(tick: "Tick") -> dict[str, int]:
    """What sending came to, but for messages that were put back for a moment."""
    return {state: number for state, number in tick.sent.items() if number and state != "planned"}


def _parts(planned: dict[str, int], tick: "Tick") -> list[str]:
    parts = []
    if planned:
        parts.append("planned " + ", ".join(f"{n:,} {name}" for name, n in planned.items()))
    ended = sorted(_ended(tick).items())
    if ended:
        parts.append(", ".join(f"{number:,} {state}" for state, number in ended))
    if tick.found.total():
        found = ", ".join(f"{n:,} {state}" for state, n in sorted(tick.found.items()))
        parts.append(f"looked for lost answers: {found}")
    return parts
