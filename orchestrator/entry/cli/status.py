"""`tactful status`: what is due, what waits, what is in hand, what is paused."""

from typing import Any

from orchestrator.entry.cli.options import Json, ShopFolder


def status(shop: ShopFolder = None, json: Json = False) -> None:
    """Show what is due, waiting, in hand, lost and paused.

    \b
    tactful status
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json
    from orchestrator.entry.looking import held
    from orchestrator.entry.opening import open_store, read_folder
    from orchestrator.entry.settings import settings
    from orchestrator.store import controls, reports
    from orchestrator.store.database import reading

    where = settings(shop)
    found = read_folder(where).settings
    zone = "UTC" if found is None else found.shop.zone
    now = clock.now()
    with open_store(where) as engine, reading(engine) as connection:
        waiting = reports.waiting(connection, now)
        said: dict[str, Any] = {
            "at": now,
            "due_now": sum(one.due_now for one in waiting),
            "next_due": min((one.next for one in waiting), default=None),
            "waiting": waiting,
            "in_hand": reports.in_hand(connection),
            "on_the_way": reports.under_way(connection),
            "paused": controls.pauses(connection),
            "held_back": held(connection),
            "last_activity": reports.last_activity(connection),
        }
    if json:
        as_json(said)
    else:
        _show(said, zone)


def _show(said: dict[str, Any], zone: str) -> None:
    from orchestrator.entry.cli.screen import out, table
    from orchestrator.entry.cli.when import show_moment

    console = out()
    console.print(f"{show_moment(said['at'], zone)} ({zone})", style="bold")
    for one in said["paused"]:
        name = "" if one.name == "*" else f" {one.name}"
        since = show_moment(one.at, zone)
        console.print(f"paused: {one.scope}{name} since {since}: {one.reason}", style="yellow")
    if said["waiting"]:
        shown = table("channel", "waiting", "due now", "next", numbers=(1, 2))
        for one in said["waiting"]:
            next_at = show_moment(one.next, zone)
            shown.add_row(one.channel, f"{one.messages:,}", f"{one.due_now:,}", next_at)
        console.print(shown)
    else:
        console.print("nothing waits to be sent")
    for one in said["held_back"]:
        console.print(f"{one.campaign}: {one.messages:,} wait: {one.why}", style="yellow")
    for state, number in said["in_hand"].items():
        if number:
            console.print(f"{state}: {number:,}", style="yellow" if state == "unknown" else "")
    for campaign, number in said["on_the_way"].items():
        console.print(f"on the way through {campaign}: {number:,}")
    if said["last_activity"] is not None:
        console.print(f"last activity: {show_moment(said['last_activity'], zone)}", style="dim")
