"""`tactful report`: what came of the campaigns."""

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.flow.report import CampaignReport, Reached, Report

REASONS_MAX = 8


def report(shop: ShopFolder = None, json: Json = False) -> None:
    """Show what was sent, what not and why, the cost and the gain.

    \b
    tactful report
    tactful report --json

    The gain is the share of customers who reached the goal, against that of the customers who were
    left out to compare, with its 95 % interval.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json
    from orchestrator.entry.opening import rehearse
    from orchestrator.entry.settings import settings
    from orchestrator.entry.told import report_told
    from orchestrator.flow.report import report as made

    with rehearse(settings(shop)) as rehearsal:
        found = made(rehearsal.tactful, clock.now())
    if json:
        as_json(report_told(found))
    else:
        show_report(found)


def show_report(found: "Report") -> None:
    """The report on the screen."""
    from orchestrator.entry.cli.screen import out

    console = out()
    _sent(console, found)
    for one in found.campaigns:
        for why in one.held:
            console.print(f"{one.campaign}: {why}", style="yellow", soft_wrap=True)
        _not_sent(console, one)
    _goals(console, found)


def _sent(console: "Console", found: "Report") -> None:
    from orchestrator.entry.cli.screen import table

    shown = table(
        "campaign", "by", "sent", "accepted", "unknown", "waiting", "cost", numbers=range(2, 7)
    )
    total, cost = 0, Decimal(0)
    for one in found.campaigns:
        for on in one.channels:
            if not (on.sent or on.waiting):
                continue
            accepted = sum(on.states.get(s, 0) for s in ("accepted", "delivered"))
            unknown = sum(on.states.get(s, 0) for s in ("unknown", "unknown_final"))
            numbers = (on.sent, accepted, unknown, on.waiting)
            shown.add_row(one.campaign, on.channel, *(f"{n:,}" for n in numbers), f"{on.cost:,.2f}")
            total, cost = total + on.sent, cost + on.cost
    if not shown.row_count:
        console.print("Nothing was planned yet.")
        return
    console.print(shown)
    console.print(f"{total:,} sent, {cost:,.2f} {found.currency}", style="bold")
    for one in found.campaigns:
        if twice := sum(on.maybe_twice for on in one.channels):
            said = f"{one.campaign}: {twice:,} may have arrived once more"
            console.print(said, style="yellow", soft_wrap=True)


def _not_sent(console: "Console", one: "CampaignReport") -> None:
    from orchestrator.entry.cli.screen import reasons_table

    if not one.not_sent:
        return
    console.print()
    console.print(f"{one.campaign} did not write, because the customer …", style="bold")
    console.print(reasons_table((no.number, no) for no in one.not_sent[:REASONS_MAX]))
    rest = sum(no.number for no in one.not_sent[REASONS_MAX:])
    if rest:
        console.print(f"  {rest:,} for other reasons; --json has all", style="dim")


def _goals(console: "Console", found: "Report") -> None:
    from orchestrator.entry.cli.screen import table

    shown = table("goal", "written to", "reached", "left out", "reached", numbers=range(1, 5))
    notes = []
    for one in found.campaigns:
        goal = one.goal
        if goal is None or not goal.written_to.customers:
            continue
        shown.add_row(
            f"{one.campaign}: {goal.event}",
            f"{goal.written_to.customers:,}",
            f"{goal.written_to.reached:,} ({goal.written_to.share:.1%})",
            f"{goal.left_out.customers:,}",
            f"{goal.left_out.reached:,} ({goal.left_out.share:.1%})",
        )
        notes.append(f"{one.campaign}: {_gain(goal, found.currency)}")
    if shown.row_count:
        console.print()
        console.print(shown)
        for note in notes:
            console.print(note)


def _gain(goal: "Reached", currency: str) -> str:
    found = goal.lift
    if found is None:
        return "nobody was left out, so its effect cannot be told"
    said = f"{found.points:+.1f} points (95 %: {found.low:+.1f} to {found.high:+.1f})"
    if not found.enough:
        said += "; too few customers to tell"
    elif not found.certain:
        said += "; may be chance"
    elif goal.cost_per_extra is not None:
        said += f"; {goal.cost_per_extra:,.2f} {currency} for each one more"
    still_open = goal.written_to.still_open + goal.left_out.still_open
    return said + (f"; {still_open:,} still have time" if still_open else "")
