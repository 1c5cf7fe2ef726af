"""`tactful plan`: who would get what, when and at what cost; who not, and why."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.options import At, Json, ShopFolder
from orchestrator.entry.written import money

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.flow.forecast import CampaignForecast, Forecast, Sample

SAMPLE_LINES_MAX = 8


def plan(
    campaign: Annotated[
        str | None, typer.Argument(help="Only this campaign.", show_default=False)
    ] = None,
    at: At = None,
    who: Annotated[bool, typer.Option("--who", help="List the customers.")] = False,
    samples: Annotated[
        int, typer.Option(min=0, max=20, help="Messages shown of each campaign and channel.")
    ] = 3,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Show what would leave, before anything leaves. Nothing is written, nothing is sent.

    \b
    tactful plan
    tactful plan winback --who
    tactful plan --at '2017-11-20 10:00'

    It is the planning itself, undone at the end. Without --at it looks now, for what events ask,
    and at the next slot of every schedule. A campaign that was never put to work is taken as if it
    had been for long; one that waits for approval, as if it alone were approved of besides the
    others. The digest changes when the campaigns or the messages would be others.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, warn
    from orchestrator.entry.cli.when import read_moment
    from orchestrator.entry.opening import rehearse
    from orchestrator.entry.settings import settings
    from orchestrator.entry.told import plan_told
    from orchestrator.flow.forecast import forecast
    from orchestrator.model.errors import NotFound
    from orchestrator.model.problem import or_near

    with rehearse(settings(shop)) as rehearsal:
        tactful = rehearsal.tactful
        names = [version.name for version in tactful.versions]
        if campaign is not None and campaign not in names:
            raise NotFound(or_near(f"there is no campaign {campaign!r}", campaign, names))
        zone = tactful.shop.zone
        found = forecast(
            tactful,
            clock.now(),
            at=None if at is None else read_moment(at, zone),
            only=() if campaign is None else (campaign,),
            samples_max=samples,
            with_who=who,
        )
        for why in rehearsal.stand_ins.values():
            warn(f"{why}; shown as the outbox would write it")
    if json:
        as_json(plan_told(found))
    else:
        _Printed(found, zone).show()


class _Printed:
    """A forecast on the screen."""

    def __init__(self, found: "Forecast", zone: str) -> None:
        from orchestrator.entry.cli.screen import out

        self._found = found
        self._zone = zone
        self._console: Console = out()

    def show(self) -> None:
        """Everything, the sum at the end."""
        self._looks()
        for one in self._found.campaigns:
            self._campaign(one)
        if self._found.who:
            self._who()
        self._sum()

    def _looks(self) -> None:
        from orchestrator.entry.cli.screen import table
        from orchestrator.entry.cli.when import show_span

        moments: dict[str, list[datetime]] = {}
        for look in self._found.looks:
            for name in look.campaigns:
                moments.setdefault(name, []).append(look.at)
        spans: dict[tuple[datetime, datetime], list[str]] = {}
        for name, times in moments.items():
            spans.setdefault((min(times), max(times)), []).append(name)
        shown = table(f"looked at (clock of {self._zone})", "for")
        for (first, last), names in sorted(spans.items()):
            shown.add_row(show_span(first, last, self._zone), ", ".join(sorted(names)))
        self._console.print(shown)

    def _campaign(self, one: "CampaignForecast") -> None:
        self._console.print()
        self._console.rule(f"{one.campaign} ({one.purpose})", align="left", style="dim")
        if one.paused:
            self._console.print(f"paused: {one.paused}", style="bold yellow")
        if one.halted:
            self._console.print(f"would be halted: it {one.halted}", style="bold red")
        self._approval(one)
        if one.canary:
            self._console.print(one.canary)
        if one.began:
            self._console.print(f"{one.began:,} would set out on its steps")
        self._channels(one)
        self._not_sent(one)
        for on in one.channels:
            for sample in on.estimate.samples:
                self._sample(sample)

    def _approval(self, one: "CampaignForecast") -> None:
        if one.approval and one.approved:
            self._console.print(one.approval)
        elif one.approval:
            said = f"{one.approval}; shown as if it alone were approved of besides the others"
            self._console.print(said, style="bold yellow", soft_wrap=True)
        if one.approval and (one.halted or not one.approved):
            number = "" if one.by_schedule and not one.halted else " --audience NUMBER"
            said = f"`tactful approve {one.campaign} --digest {one.digest}{number}`"
            self._console.print(said, soft_wrap=True)

    def _channels(self, one: "CampaignForecast") -> None:
        from orchestrator.entry.cli.screen import table
        from orchestrator.entry.cli.when import show_span

        if not one.channels:
            self._console.print(f"nobody would get it (max_audience {one.max_audience:,})")
            return
        shown = table("would get it by", "", "when", "pieces", "cost", numbers=(1, 3, 4))
        for on in one.channels:
            about = "" if on.estimate.exact else "~"
            shown.add_row(
                on.way.channel,
                f"{on.way.messages:,}",
                show_span(on.way.first, on.way.last, self._zone),
                f"{about}{on.estimate.pieces:,}",
                f"{about}{money(on.estimate.cost)}",
            )
        self._console.print(shown)
        share = 100 * one.planned / one.max_audience
        self._console.print(
            f"{one.planned:,} of at most {one.max_audience:,} a day ({share:.0f} % of max_audience)"
        )
        for on in one.channels:
            for reason, number in on.estimate.failed.items():
                said = f"{number:,} of {on.estimate.rendered:,} tried by {on.way.channel}"
                detail = on.estimate.details[reason]
                self._console.print(f"{said} would not leave: {reason}: {detail}", style="red")

    def _not_sent(self, one: "CampaignForecast") -> None:
        from orchestrator.entry.cli.screen import reasons_table

        if one.not_sent:
            self._console.print("would not get it, because the customer …", style="dim")
            self._console.print(reasons_table((no.customers, no) for no in one.not_sent))

    def _sample(self, sample: "Sample") -> None:
        lines = list(_lines(sample))
        self._console.print(f"  ┌ {sample.channel} to {sample.address}", style="dim")
        for line in lines:
            self._console.print(f"  │ {line}")

    def _who(self) -> None:
        from orchestrator.entry.cli.screen import table
        from orchestrator.entry.cli.when import show_moment

        shown = table("customer", "campaign", "step", "channel", "not before", numbers=(2,))
        for one in self._found.who:
            when = show_moment(one.send_after, self._zone)
            shown.add_row(one.customer, one.campaign, str(one.step), one.channel, when)
        self._console.print()
        self._console.print(shown)

    def _sum(self) -> None:
        waiting = [one for one in self._found.campaigns if one.approval and not one.approved]
        leaving = [one for one in self._found.campaigns if one not in waiting]
        planned = sum(one.planned for one in leaving)
        cost = sum((one.cost for one in leaving), Decimal(0))
        self._console.print()
        if waiting:
            names = ", ".join(f"{one.campaign} ({one.planned:,})" for one in waiting)
            self._console.print(f"Not counted, for nobody has approved of it: {names}.")
        self._console.print(
            f"{planned:,} messages, {money(cost)} {self._found.currency}. Nothing was written.",
            style="bold",
        )
        self._console.print(f"digest {self._found.digest}", style="dim", soft_wrap=True)


def _lines(sample: "Sample") -> Iterator[str]:
    if sample.subject:
        yield f"Subject: {sample.subject}"
    text = [line for line in sample.text.splitlines() if line.strip()]
    yield from text[:SAMPLE_LINES_MAX]
    if len(text) > SAMPLE_LINES_MAX:
        yield f"… {len(text) - SAMPLE_LINES_MAX} more lines"
