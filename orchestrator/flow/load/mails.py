"""What an e-mail's body must hold. The layout brings it; what goes without the layout may not.

Advertising by e-mail tells where its sender is and how to get no more of it (CAN-SPAM, 15 U.S.C.
7704(a)(5); Directive 2000/31/EC, Art. 5 and 6). An address without a host leads nowhere from there.
"""

import re
from collections.abc import Iterator, Mapping

from orchestrator.flow.load.files import used_files
from orchestrator.flow.load.promised import Promises
from orchestrator.flow.render.checks import STRAIGHT_QUOTES
from orchestrator.model.campaign import Campaign
from orchestrator.model.problem import Problem
from orchestrator.model.shop import Shop
from orchestrator.model.version import INSTEAD_OF

HTML = "email.html.j2"
MAILS = frozenset({HTML, INSTEAD_OF[HTML]})
_ENDINGS = tuple(mail.removeprefix("email") for mail in MAILS)
PLACE = "shop.postal_address"
WAYS_OUT = frozenset({"links.unsubscribe", "links.preferences"})

_ADDRESS = re.compile(
    r"""\b(src|href|background(-url)?)\s*=\s*["']\s*(?P<to>[^"'{]*)""", re.IGNORECASE
)
_BENT = re.compile(r"\b(?:src|href)\s*=\s*(?P<quote>[“”„‟«»‘’‚])", re.IGNORECASE)
"""Quotes of word processors, which no mail program takes for any."""
_LEADS_SOMEWHERE = re.compile(r"([a-z][a-z0-9+.-]*:|#|$)", re.IGNORECASE)


def mails(campaign: Campaign, files: Mapping[str, str]) -> list[str]:
    """The names of the files that are bodies of e-mails."""
    return [name for name, what in used_files(campaign, files).items() if what in MAILS]


def check_mail(
    name: str, text: str, campaign: Campaign, shop: Shop, promises: Promises
) -> Iterator[Problem]:
    """What a body lacks, and where it leads nowhere; the file by its name in the folder."""
    if campaign.purpose != "service":
        used = promises.names(name)
        if PLACE not in used and shop.brand.postal_address not in text:
            yield Problem(name, 1, 1, "does not say where the shop is", _fix(name, PLACE))
        if not used & WAYS_OUT:
            what = "shows no way to get no more of it"
            yield Problem(name, 1, 1, what, _fix(name, "links.unsubscribe"))
    yield from check_addresses(name, text)


def _fix(name: str, variable: str) -> str:
    layout = 'begin with {% extends "layout.html.j2" %}, or ' if name.endswith(HTML) else ""
    return f"{layout}add {{{{ {variable} }}}}"


def is_of_mail(name: str) -> bool:
    """Whether a template is an e-mail's, or what e-mails include: other messages have no HTML."""
    return name.endswith(_ENDINGS)


def check_addresses(name: str, text: str) -> Iterator[Problem]:
    """What in a file of an e-mail, or of many, leads nowhere from there."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _ADDRESS.finditer(line):
            if not _LEADS_SOMEWHERE.match(found["to"]):
                what = f'"{found["to"]}" leads nowhere from an e-mail'
                fix = f"write the whole address: https://…/{found['to'].lstrip('./')}"
                yield Problem(name, number, found.start("to") + 1, what, fix)
        for bent in _BENT.finditer(line):
            what = f"{bent['quote']} is no quote in HTML: the address leads nowhere"
            yield Problem(name, number, bent.start("quote") + 1, what, STRAIGHT_QUOTES)
