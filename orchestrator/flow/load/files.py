"""Which template files a campaign needs, and which of those it has nobody asks for."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from orchestrator.flow.load.finding import Finding
from orchestrator.model.campaign import Campaign
from orchestrator.model.problem import Problem, did_you_mean
from orchestrator.model.shop import Shop
from orchestrator.model.version import INSTEAD_OF, PREFERRED, TEMPLATE_FILES, missing_files

OPTIONAL_FILES = ("email.txt.j2",)
"""Taken where they are there; else made from another."""

_ALL = (
    *(name for names in TEMPLATE_FILES.values() for name in names),
    *INSTEAD_OF.values(),
    *OPTIONAL_FILES,
)


def check_needed(campaign: Campaign, shop: Shop, files: Mapping[str, str]) -> Iterator[Finding]:
    """Each send needs templates: of every channel that it names, and of one at least."""
    for step, send in campaign.sends.items():
        path = campaign.program[step].path
        at = (*path, "channels") if send.channels else ("channels",)
        written = campaign.channels_of(step)
        prefix = f"{send.template}." if send.template else ""
        named = [(n, channel) for n, channel in enumerate(written) if channel in shop.channels]
        for index, channel in named:
            if missing := missing_files(channel, prefix, files):
                what = f"{channel} has no template {missing[0]}"
                near = did_you_mean(missing[0], _strays(campaign, files))
                fix = near if near.startswith("did") else "write the file, or take the channel out"
                yield Finding((*at, index), what, fix)
        if written == (PREFERRED,):
            what = "preferred alone reaches nobody who has not told a preference"
            yield Finding((*at, 0), what, "name a channel after it: [preferred, email]")
        elif not named:
            usable = [name for name in shop.channels if not missing_files(name, prefix, files)]
            if not usable:
                what = (
                    f"there is no template to send: {prefix}*.j2"
                    if prefix
                    else "there is no template to send"
                )
                wanted = ", ".join(prefix + name for name in _first_set(shop))
                yield Finding((*path, "template"), what, f"write {wanted} in the folder")


def _first_set(shop: Shop) -> tuple[str, ...]:
    return next((TEMPLATE_FILES[name] for name in shop.channels if name in TEMPLATE_FILES), ())


def prefixes(campaign: Campaign) -> set[str]:
    """What the names of the template files that are used begin with."""
    return {f"{send.template}." if send.template else "" for send in campaign.sends.values()}


def used_files(campaign: Campaign, files: Mapping[str, str]) -> dict[str, str]:
    """The campaign's files that are some step's template: name → what follows the prefix."""
    return {
        prefix + name: name
        for prefix in prefixes(campaign)
        for name in _ALL
        if prefix + name in files
    }


def _strays(campaign: Campaign, files: Mapping[str, str]) -> list[str]:
    used = used_files(campaign, files)
    return [
        name
        for name in files
        if name.endswith(".j2") and name not in used and not name.startswith("_")
    ]


def check_strays(
    campaign: Campaign,
    files: Mapping[str, str],
    others: Sequence[str],
    folder: str,
    told: Sequence[Finding] = (),
) -> Iterator[Problem]:
    """Files that look like templates and are none. What begins with `_` is there to be included.

    `others`: the names of files in the folder that do not end in `.j2`. `told`: what was found to
    be missing; a file that was proposed there is not told of again.
    """
    for prefix, (name, instead) in product(sorted(prefixes(campaign)), INSTEAD_OF.items()):
        if prefix + name in files and prefix + instead in files:
            what = f"stands beside {prefix}{name}, which is the one that is sent"
            yield Problem(f"{folder}/{prefix}{instead}", 0, 0, what, "take one of them out")
    known = [prefix + name for prefix in prefixes(campaign) for name in _ALL]
    proposed = {finding.fix for finding in told}
    for name in _strays(campaign, files):
        if f'did you mean "{name}"?' in proposed:
            continue
        what = "is no step's template"
        if name in _ALL:
            what = "is not used: every step names another template"
        near = did_you_mean(name, known)
        fix = near if near.startswith("did") else "begin its name with _ if others include it"
        yield Problem(f"{folder}/{name}", 0, 0, what, fix)
    for name in others:
        if f"{name}.j2" in known:
            what = "is not read as a template"
            yield Problem(f"{folder}/{name}", 0, 0, what, f'did you mean "{name}.j2"?')
