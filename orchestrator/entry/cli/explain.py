"""`tactful explain`: why a customer gets what, and why not."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.entry.cli.options import At, Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.flow.explain import (
        Explained,
        ExplainedCustomer,
        ExplainedMessage,
        GateVerdict,
    )


def explain(
    customer: Annotated[
        str | None, typer.Argument(help="The customer's key.", show_default=False)
    ] = None,
    campaign: Annotated[
        str | None, typer.Option(help="Only this campaign.", show_default=False)
    ] = None,
    message: Annotated[
        int | None, typer.Option(help="A message, by its number, instead.", show_default=False)
    ] = None,
    at: At = None,
    short: Annotated[bool, typer.Option("--short", help="Only what stops a message.")] = False,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Show every rule's verdict about one customer.

    \b
    tactful explain c-1042
    tactful explain c-1042 --campaign winback
    tactful explain --message 71

    Each with the value that it looked at, the line where it stands, and when it would pass. Where
    no trigger asks, the rules are asked as if it did at this moment. --at takes another
    moment, with the customer's data as they are today.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json
    from orchestrator.entry.cli.when import read_moment
    from orchestrator.entry.opening import rehearse
    from orchestrator.entry.settings import settings
    from orchestrator.entry.told import customer_told
    from orchestrator.flow.explain import explain_customer, explain_message
    from orchestrator.model.errors import NotFound, WrongUse
    from orchestrator.model.problem import or_near

    if (customer is None) == (message is None):
        raise WrongUse("name either a customer or --message NUMBER")
    with rehearse(settings(shop)) as rehearsal:
        tactful = rehearsal.tactful
        zone = tactful.shop.zone
        names = [version.name for version in tactful.versions]
        if campaign is not None and campaign not in names:
            raise NotFound(or_near(f"there is no campaign {campaign!r}", campaign, names))
        if message is not None:
            one = explain_message(tactful, message)
            as_json(one) if json else _show_message(one, zone)
            return
        now = clock.now() if at is None else read_moment(at, zone)
        only = () if campaign is None else (campaign,)
        found = explain_customer(tactful, str(customer), now, only)
    if json:
        as_json(customer_told(found))
    else:
        show_customer(found, zone, short=short)


def show_customer(found: "ExplainedCustomer", zone: str, *, short: bool) -> None:
    """A customer on the screen; `short` leaves out what lets messages pass."""
    _Printed(found, zone, short=short).show()


class _Printed:
    """A customer on the screen."""

    def __init__(self, found: "ExplainedCustomer", zone: str, *, short: bool) -> None:
        from orchestrator.entry.cli.screen import out

        self._found = found
        self._zone = zone
        self._short = short
        self._console = out()

    def show(self) -> None:
        """Who it is, what is on record, and what every campaign would do."""
        self._who()
        self._consents()
        self._messages()
        for one in self._found.campaigns:
            self._campaign(one)
        for said in self._found.strange:
            self._console.print(said, style="yellow")

    def _who(self) -> None:
        from orchestrator.model.clock import Clock

        customer, found = self._found.customer, self._found
        clock = Clock.parse(customer.clock)
        self._console.rule(f"customer {customer.key}", align="left", style="dim")
        lines = [
            ("reached at", ", ".join(f"{kind} {to}" for kind, to in found.addresses.items())),
            ("clock", ", ".join(clock.zones) or "unknown"),
            ("place", customer.place or ""),
            ("own quiet hours", str(clock.wish or "")),
            ("prefers", customer.preferred_channel or ""),
            ("at most a week", "" if customer.max_per_week is None else str(customer.max_per_week)),
            ("traits", ", ".join(f"{name}: {value}" for name, value in customer.traits.items())),
        ]
        for name, value in lines:
            if value:
                self._console.print(f"{name}: {value}")
        for one in found.suppressions:
            said = f"must not be used for {one.scope}: {one.reason}, since {self._when(one.at)}"
            self._console.print(f"an address {said}", style="yellow")

    def _consents(self) -> None:
        from orchestrator.entry.cli.screen import table

        if not self._found.consents:
            self._console.print("consents: none")
            return
        shown = table("consent", "topic", "", "since", "where", "in which words")
        for one in self._found.consents:
            state = "given" if one.given else "withdrawn"
            until = f" until {self._when(one.until)}" if one.until else ""
            shown.add_row(
                one.channel,
                one.topic,
                state + until,
                self._when(one.at),
                one.touchpoint or "",
                one.wording or "",
            )
        self._console.print(shown)

    def _messages(self) -> None:
        from orchestrator.entry.cli.screen import table

        if not self._found.messages:
            self._console.print("messages: none yet")
            return
        shown = table("message", "campaign", "by", "planned", "state", "reason", numbers=(0,))
        for one in self._found.messages:
            shown.add_row(
                str(one.id),
                one.campaign,
                one.channel,
                self._when(one.planned_at),
                one.state,
                one.reason or "",
            )
        self._console.print(shown)

    def _campaign(self, one: "Explained") -> None:
        self._console.print()
        self._console.rule(f"{one.campaign} ({one.purpose})", align="left", style="dim")
        self._verdict(one)
        self._trigger(one)
        self._gates(one.customer, "")
        for channel, gates in one.channels.items():
            self._gates(gates, f"by {channel}")
        self._gates(one.last, "")

    def _verdict(self, one: "Explained") -> None:
        asked = one.occasion.asks == "now"
        if one.reason is None and one.send_after is not None:
            would = "would get it" if asked else "would get it if the trigger asked"
            when = self._when(one.send_after)
            self._console.print(f"{would} by {one.channel}, {when}", style="bold green")
        else:
            # What the gates say of an asking that there is not, is not why nothing is sent.
            why = one.says if asked else one.occasion.says
            self._console.print(f"would not get it: {why}", style="bold red")

    def _trigger(self, one: "Explained") -> None:
        mark = "passed" if one.occasion.asks == "now" else "STOPS "
        said = one.occasion.says
        if one.occasion.asks != "not":
            said += f" ({self._when(one.occasion.due_at)})"
        if one.journey is not None:
            began = self._when(one.journey.began_at)
            said += f", step {one.journey.step}, since {began}"
        if not (self._short and one.occasion.asks == "now"):
            self._line(mark, said, where=str(one.trigger or ""))

    def _gates(self, gates: "tuple[GateVerdict, ...]", title: str) -> None:
        if title:
            self._console.print(f" {title}", style="bold")
        for gate in gates:
            if not (self._short and gate.passes):
                self._gate(gate)

    def _gate(self, gate: "GateVerdict") -> None:
        mark = "passed" if gate.passes else "STOPS "
        if gate.passes and gate.until is not None:
            mark = "waits "
        said = [f"would stop: {gate.says}" if gate.passes else gate.says]
        if gate.value is not None:
            said.append(f"is {self._value(gate.value)}")
        if gate.by:
            said.append(gate.by)
        if gate.until is not None:
            said.append(f"opens {self._when(gate.until)}")
        self._line(mark, "; ".join(said), where=str(gate.spot or ""), name=gate.name)
        for leaf in gate.leaves:
            self._leaf(leaf)
        for row in gate.law:
            self._more(f"law {row.id}: {row.source} ({row.dated})")
        for one in gate.fillers:
            said_one = f"message {one.message}: {one.campaign} by {one.channel}"
            self._more(f"{said_one}, {one.state}, {self._when(one.at)}")

    def _leaf(self, leaf: Any) -> None:
        if self._short and leaf.passes:
            return
        mark = "✓" if leaf.passes else "✗"
        not_ = "" if leaf.wanted else "none: "
        value = "" if leaf.value is None else f" — is {self._value(leaf.value)}"
        if leaf.value is None and leaf.says.startswith(("trait", "last", "first")):
            value = " — is unknown"
        until = f", opens {self._when(leaf.until)}" if leaf.until else ""
        where = f"  {leaf.spot}" if leaf.spot else ""
        indent = "  " * leaf.depth
        self._more(f"{indent}{mark} {not_}{leaf.says}{value}{until}{where}")

    def _line(self, mark: str, said: str, *, where: str, name: str = "trigger") -> None:
        style = {"STOPS ": "red", "waits ": "yellow"}.get(mark, "green")
        from rich.text import Text

        line = Text.assemble("  ", (mark, style), "  ", (f"{name}: ", "bold"), said)
        if where:
            line.append(f"  {where}", "dim")
        self._console.print(line, soft_wrap=True)

    def _more(self, said: str) -> None:
        self._console.print(f"            {said}", style="dim", soft_wrap=True)

    def _value(self, value: Any) -> str:
        return self._when(value) if isinstance(value, datetime) else str(value)

    def _when(self, at: datetime) -> str:
        from orchestrator.entry.cli.when import show_moment

        return show_moment(at, self._zone)


def _show_message(found: "ExplainedMessage", zone: str) -> None:
    from orchestrator.entry.cli.screen import out
    from orchestrator.entry.cli.when import show_moment

    console, one = out(), found.message
    console.rule(f"message {one.id}", align="left", style="dim")
    console.print(f"{one.campaign}, step {one.step}, to {one.customer} by {one.channel}")
    console.print(f"state: {one.state}" + (f" ({one.reason})" if one.reason else ""), style="bold")
    if found.why is not None:
        console.print(f"why: the customer or the message {found.why.sentence}")
        for place in found.why.spots:
            console.print(f"  {place}", style="dim", soft_wrap=True)
    happened = [
        (one.due_at, f"asked by {one.occasion}"),
        (one.planned_at, "planned"),
        *((a.at, f"attempt {a.id}: {a.outcome or 'no answer yet'}" + _and(a.detail))
          for a in found.attempts),
        *((line.at, line.what + _and(line.detail)) for line in found.log),
    ]  # fmt: skip
    if one.ended_at is not None:
        happened.append((one.ended_at, f"ended as {one.state}"))
    for at, what in sorted(happened, key=lambda pair: pair[0]):
        console.print(f"  {show_moment(at, zone)}  {what}", soft_wrap=True)
    console.print(f"version {one.version}", style="dim", soft_wrap=True)
    if found.content is not None:
        console.print()
        if found.content.subject:
            console.print(f"Subject: {found.content.subject}", style="bold")
        console.print(found.content.text)
        for line in found.content.quote:
            said = ", ".join(f"{name}: {value}" for name, value in line.items() if value)
            console.print(f"quoted: {said}", style="dim", soft_wrap=True)


def _and(detail: str | None) -> str:
    return f": {detail}" if detail else ""
