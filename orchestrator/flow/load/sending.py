"""What a campaign sends: channels, caps, limits, and an offer that its trigger can fill."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from orchestrator.flow.load.events import check_same
from orchestrator.flow.load.finding import Finding
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.shape import pieces
from orchestrator.model.campaign import Campaign
from orchestrator.model.condition import Path
from orchestrator.model.span import Rate, show_span
from orchestrator.model.step import BranchStep, ExitStep, Send, SendStep, Step, Still, WaitStep
from orchestrator.model.trigger import Match, OnCron, OnDate, OnDay, OnEntering
from orchestrator.model.version import PREFERRED

AUDIENCE_SENSIBLE = 10_000_000
"""A limit above this stops nothing that could go wrong."""

_NO_PRODUCTS = (OnCron, OnDay, OnEntering, OnDate)


def check_sending(campaign: Campaign, names: Names) -> Iterator[Finding]:
    """All that is wrong with the campaign's own settings."""
    for key in ("topic", "channels", "caps", "steps"):
        yield from check_part((key,), getattr(campaign, key), names)
    for path, piece in pieces(campaign):
        match piece:
            case Match():
                yield from check_same(campaign, names, path, piece)
            case Still() if campaign.audience is None:
                what = "the campaign has no audience that could still hold"
                yield Finding((*path, "still"), what, "add an audience, or take this out", key=True)
    yield from _after_an_exit(campaign.steps, ("steps",))
    yield from _no_room(campaign)
    yield from _limits(campaign)
    yield from _offer(campaign)


def check_part(at: Path, part: Any, names: Names) -> Iterator[Finding]:
    """What can be said of one key of a campaign without knowing the others."""
    match at:
        case ("topic",):
            yield from names.topic(part, at)
        case ("channels",):
            yield from check_channels(part, names, at)
        case ("caps",):
            yield from check_caps(part, at)
    for path, piece in pieces(part, at):
        if isinstance(piece, Send) and piece.channels:
            yield from check_channels(piece.channels, names, (*path, "channels"))


def check_channels(channels: Sequence[str], names: Names, path: Path) -> Iterator[Finding]:
    """Channels that exist, each once."""
    for index, channel in enumerate(channels):
        at = (*path, index)
        if channel in channels[:index]:
            yield Finding(at, f"{channel} is in the list twice", "take one out")
        elif channel != PREFERRED:
            yield from names.channel(channel, at)


def check_caps(caps: Sequence[Rate], path: Path) -> Iterator[Finding]:
    """A cap of nothing means none at all, which is seldom what was meant."""
    for index, cap in enumerate(caps):
        if cap.count == 0:
            what = "a cap of 0 lets no message out at all"
            yield Finding((*path, index), what, "for no limit, take the cap out", warning=True)


def _after_an_exit(steps: Sequence[object], path: Path) -> Iterator[Finding]:
    for index, step in enumerate(steps):
        if isinstance(step, ExitStep) and index + 1 < len(steps):
            what = "this step is never reached, since the one before it leaves the campaign"
            yield Finding((*path, index + 1), what, "take it out", warning=True)
        if isinstance(step, BranchStep):
            for word in ("then", "otherwise"):
                inner = getattr(step.branch, word)
                yield from _after_an_exit(inner, (*path, index, "branch", word))


def _no_room(campaign: Campaign) -> Iterator[Finding]:
    """A cap of the campaign's own that its own messages fill, so that a later one never leaves."""
    if campaign.when_full == "defer" or not campaign.marketing:
        return
    for index, cap in enumerate(campaign.caps):
        if not cap.count or cap.calendar is not None:
            continue
        for send, at, before in _in_turn(campaign.steps, timedelta(0), ()):
            latest = at + (send.expires or campaign.expires)
            if len(before) >= cap.count and latest - before[-cap.count] < cap.per:
                span = show_span(at - before[-cap.count])
                what = f"{cap} leaves no room for a later message, no more than {span} after"
                yield Finding(("caps", index), what, "allow more, or wait longer", warning=True)
                break


def _in_turn(
    steps: Sequence[Step], at: timedelta, before: tuple[timedelta, ...]
) -> Iterator[tuple[Send, timedelta, tuple[timedelta, ...]]]:
    """Each send, how long after the beginning it comes at most, and those surely before it."""
    for step in steps:
        match step:
            case SendStep(send=send):
                yield send, at, before
                before += (at,) if send.when is None else ()
            case WaitStep(wait=wait):
                at += wait.for_
            case BranchStep(branch=branch):
                ways = branch.then, branch.otherwise
                for way in ways:
                    yield from _in_turn(way, at, before)
                at += max(map(_waits, ways))
            case ExitStep():
                return


def _waits(steps: Sequence[Step]) -> timedelta:
    """How long the steps wait at most."""
    spans = [timedelta(0)]
    for step in steps:
        match step:
            case WaitStep(wait=wait):
                spans.append(wait.for_)
            case BranchStep(branch=branch):
                spans.append(max(_waits(branch.then), _waits(branch.otherwise)))
    return sum(spans, timedelta(0))


def _limits(campaign: Campaign) -> Iterator[Finding]:
    if campaign.max_audience > AUDIENCE_SENSIBLE:
        what = f"{campaign.max_audience} stops nothing that could go wrong"
        yield Finding(("max_audience",), what, "write how many you expect at most", warning=True)
    shortest = min(map(campaign.expires_of, campaign.sends))
    if campaign.canary is not None and campaign.canary_for >= shortest:
        what = f"after so long a watch the rest has expired, for expires is {show_span(shortest)}"
        yield Finding(("canary_for",), what, "watch shorter, or let it expire later")
    if campaign.canary is None and "canary_for" in campaign.model_fields_set:
        what = "there is no canary that could be watched"
        yield Finding(("canary_for",), what, "add canary: 200, or take this out", key=True)
    if campaign.holdout and not campaign.marketing:
        what = "holdout would keep a service message from those it is owed to"
        yield Finding(("holdout",), what, "take it out", key=True)
    if campaign.purpose == "service" and campaign.caps:
        what = "caps do not hold for service messages"
        yield Finding(("caps",), what, "take them out", warning=True, key=True)


def _offer(campaign: Campaign) -> Iterator[Finding]:
    if campaign.offer is None or not isinstance(campaign.trigger, _NO_PRODUCTS):
        return
    source = campaign.offer.products.from_
    if source in ("trigger", "goes_with", "better"):
        what = f"{source} begins from the trigger's products, and this trigger has none"
        fix = "take them from regulars, bestsellers or listed"
        yield Finding(("offer", "products", "from"), what, fix)
