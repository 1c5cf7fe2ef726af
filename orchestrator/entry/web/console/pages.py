"""What people see of the console: plain functions of the desk, and of what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from orchestrator.entry.web.console.desk import REPLIES_MAX, Desk
from orchestrator.entry.web.console.faults import meaning
from orchestrator.entry.web.console.guard import NAME_CHARS_MAX, Session
from orchestrator.entry.web.console.words import filters
from orchestrator.entry.web.styled import Styled
from orchestrator.model.clock import Clock
from orchestrator.model.errors import NotFound, WrongUse
from orchestrator.model.shop import Shop

HOME = "/console"
COOKIE = "tactful_console"

ID_MAX = 2**63 - 1
_DIGITS_MAX = len(str(ID_MAX))

LETTER_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; font-src https:; "
        "sandbox; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "cache-control": "no-store",
}
"""For an e-mail within a page: no script, no form, and no way out of its frame."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of somebody who has come in."""

    session: Session
    path: Mapping[str, Any]
    query: Mapping[str, str]
    form: Mapping[str, str]
    now: datetime

    def check(self) -> None:
        """Raises WrongUse for what no key or reason holds, and no database keeps."""
        given = (*self.path.items(), *self.query.items(), *self.form.items())
        for name, one in given:
            if not str(one).isprintable():
                why = "a line break, or another character that cannot be shown, is in it"
                raise WrongUse(f"{name}: {why}" if name.isprintable() else why)

    def message(self) -> int:
        """The message that its address names. Raises NotFound."""
        id = whole(self.path["id"])
        if id is None:
            raise NotFound(f"there is no message {self.path['id']}")
        return id


def whole(text: str) -> int | None:
    """The whole number that a text is; None for one that no database keeps, and for any other
    text. Python itself refuses to read very long ones."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        return None
    number = int(text)
    return number if number <= ID_MAX else None


class ConsolePages:
    """A method for each page, and for each button."""

    def __init__(self, desk: Desk, shop: Shop, folders: list[Path]) -> None:
        self._desk = desk
        self._shop = shop
        self._styled = Styled(folders, filters=filters(shop.zone), frames=True)

    # who comes in

    def door(self, back: str, *, wrong: bool = False) -> Response:
        """The page that asks for the key."""
        status = 403 if wrong else 200
        return self._page("door.html", None, status, wrong=wrong, back=back, chars=NAME_CHARS_MAX)

    # what is going on

    def overview(self, asked: Asked) -> Response:
        """Queues, workers, trouble, and the kill switch."""
        seen, held = self._desk.look(asked.now)
        watch = asked.query.get("watch") == "1"
        trouble = self._desk.trouble()
        shop = self._desk.shop()
        return self._page(
            "overview.html",
            asked,
            seen=seen,
            held=held,
            watch=watch,
            trouble="" if trouble is None else meaning(trouble)[2],
            channels=list(shop.channels),
            plugins=sorted({plugin for some in shop.plugins.values() for plugin in some}),
            campaigns=self._desk.names(),
        )

    def campaigns(self, asked: Asked) -> Response:
        """What every campaign did."""
        told = self._desk.told()
        names = sorted(version.name for version in self._desk.tactful().versions)
        return self._page("campaigns.html", asked, told=told, names=names, paused=self._paused())

    def campaign(self, asked: Asked) -> Response:
        """One campaign: what it did, what it says, and what can be done about it."""
        name = asked.path["name"]
        told = self._desk.told(name)
        versions = self._desk.tactful().versions
        return self._page(
            "campaign.html",
            asked,
            name=name,
            told=told,
            one=None if told is None else next(iter(told.report.campaigns), None),
            currency=self._shop.currency,
            version=next((version for version in versions if version.name == name), None),
            paused=name in self._paused(),
        )

    def plan(self, asked: Asked) -> Response:
        """Who would get it, before anything leaves."""
        found = self._desk.plan(asked.now, asked.path["name"])
        (one,) = found.campaigns
        looks = [look.at for look in found.looks]
        return self._page("plan.html", asked, one=one, found=found, looks=looks)

    # one person

    def customer(self, asked: Asked) -> Response:
        """All about one customer; without a key, the question for one."""
        key = asked.query.get("key", "").strip()
        if not key:
            return self._page("customers.html", asked, key="", wrong="")
        try:
            found = self._desk.customer(key, asked.now)
        except NotFound as error:
            return self._page("customers.html", asked, 404, key=key, wrong=str(error))
        clock = Clock.parse(found.customer.clock)
        return self._page("customer.html", asked, found=found, clock=clock)

    def message(self, asked: Asked) -> Response:
        """All about one message."""
        found = self._desk.message(asked.message())
        return self._page("message.html", asked, found=found)

    def letter(self, asked: Asked) -> Response:
        """What a message showed, as it left."""
        content = self._desk.message(asked.message()).content
        if content is None or content.html is None:
            raise NotFound("there is no page of it")
        return Response(content.html, headers=LETTER_HEADERS, media_type="text/html")

    def preview(self, asked: Asked) -> Response:
        """A message as one customer would see it now."""
        name, key = asked.path["name"], asked.query.get("customer", "").strip()
        version = next((v for v in self._desk.tactful().versions if v.name == name), None)
        if version is None:
            raise NotFound(f"there is no campaign {name!r} at work")
        found, wrong = None, ""
        if key:
            try:
                found = self._preview(asked)
            except WrongUse as error:
                wrong = str(error)
        asked_for = {what: asked.query.get(what, "") for what in ("customer", "channel", "step")}
        query = "&".join(f"{what}={quote(one)}" for what, one in asked_for.items() if one)
        return self._page(
            "preview.html",
            asked,
            404 if wrong else 200,
            name=name,
            channels=list(dict.fromkeys(c for r in version.routes.values() for c in r.channels)),
            steps=sorted(version.campaign.sends),
            found=found,
            wrong=wrong,
            query=query,
            **asked_for,
        )

    def preview_letter(self, asked: Asked) -> Response:
        """The e-mail alone."""
        found = self._preview(asked)
        if not found.html:
            raise NotFound("there is no page of it")
        return Response(found.html, headers=LETTER_HEADERS, media_type="text/html")

    def replies(self, asked: Asked) -> Response:
        """What waits for a person."""
        found = self._desk.replies(REPLIES_MAX + 1)
        more = len(found) > REPLIES_MAX
        return self._page("replies.html", asked, found=found[:REPLIES_MAX], more=more)

    # buttons

    def pause(self, asked: Asked) -> Response:
        """Stop something."""
        what, _, name = asked.form.get("what", "").partition(" ")
        reason = asked.form.get("reason", "")
        by = f"by {asked.session.name}"
        self._desk.pause(what, name or None, f"{reason}, {by}" if reason else by, asked.now)
        return self._back(asked)

    def resume(self, asked: Asked) -> Response:
        """Let something go on."""
        what, _, name = asked.form.get("what", "").partition(" ")
        self._desk.resume(what, name or None)
        return self._back(asked)

    def approve(self, asked: Asked) -> Response:
        """Stand for a plan."""
        given = asked.form.get("audience", "").strip()
        audience = whole(given)
        if given and audience is None:
            raise WrongUse("the audience is a whole number of customers in a day")
        name, digest = asked.form.get("campaign", ""), asked.form.get("digest", "")
        self._desk.approve(name, digest, audience, asked.session.name, asked.now)
        return self._back(asked)

    def release(self, asked: Asked) -> Response:
        """Let the rest follow the first messages."""
        self._desk.release(asked.form.get("campaign", ""), asked.now)
        return self._back(asked)

    def settle(self, asked: Asked) -> Response:
        """A reply was read. Of two people who read it, the second learns that there was a first."""
        id, said = whole(asked.form.get("id", "")), asked.form.get("means", "")
        if id is None or said not in ("stop", "fine"):
            raise WrongUse("this is no reply")
        if self._desk.settle(id, is_end=said == "stop", now=asked.now).unknown:
            raise WrongUse(f"reply {id} waits no more: it was settled before, and stays as it was")
        return self._back(asked)

    # what all share

    def nothing(self, asked: Asked) -> Response:
        """For an address that leads nowhere; with a stroke too many it leads home."""
        if not asked.path["rest"]:
            return self.lead(HOME)
        raise NotFound("there is no such page")

    def lead(self, to: str) -> Response:
        """To another of our pages; kept nowhere, for an address may name a customer."""
        return RedirectResponse(to, 303, headers=self._styled.headers)

    def sorry(self, session: Session | None, status: int, title: str, why: str) -> Response:
        """What went wrong, in a sentence."""
        return self._page_of("sorry.html", session, status, title=title, why=why)

    def _preview(self, asked: Asked) -> Any:
        given = asked.query.get("step", "")
        step = whole(given)
        if given and step is None:
            raise NotFound(f"there is no step {given}")
        return self._desk.preview(
            asked.path["name"],
            asked.query.get("customer", "").strip(),
            asked.now,
            asked.query.get("channel") or None,
            step,
        )

    def _paused(self) -> set[str]:
        return {one.name for one in self._desk.paused() if one.scope == "campaign"}

    def _back(self, asked: Asked) -> Response:
        """The page is asked for anew, so that loading it again presses no button."""
        return self.lead(safe(asked.form.get("back", HOME)))

    def _page(
        self, template: str, asked: Asked | None, status: int = 200, **values: Any
    ) -> Response:
        return self._page_of(template, None if asked is None else asked.session, status, **values)

    def _page_of(
        self, template: str, session: Session | None, status: int, **values: Any
    ) -> Response:
        return self._styled.page(
            template, status, shop=self._shop, session=session, home=HOME, **values
        )


def safe(back: str) -> str:
    """A way back within the console; nowhere else leads any link or button."""
    inside = back == HOME or back.startswith((f"{HOME}/", f"{HOME}?"))
    return back if inside and back.isprintable() and "\\" not in back else HOME
