"""The customers' own pages, which every message links to: to unsubscribe, and to choose.

`GET` and `HEAD` change nothing: scanners follow links. A `POST` to /u/… ends marketing on the
message's channel with no login, cookie or further page (RFC 8058).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from babel.dates import format_date
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.body import TooLarge, Unreadable, read_body
from orchestrator.entry.web.signed import Signed
from orchestrator.entry.web.styled import Styled
from orchestrator.flow import wishes
from orchestrator.flow.page_words import NAMES, PAGE_LANGUAGES, page_words
from orchestrator.flow.wishes import Answers, Person, Wrong
from orchestrator.model.clock import Clock
from orchestrator.model.language import language_of
from orchestrator.model.shop import Shop

FORM_BYTES_MAX = 64 * 1024
FIELDS_MAX = 2_000
_ONE_CLICK = "List-Unsubscribe"
_TEXTS = ("quiet_from", "quiet_until", "max_per_week", "preferred_channel", "locale", "pause")


class Pages:
    """Answers of the pages: plain functions of a token, the form, and the time."""

    def __init__(self, engine: Engine, shop: Shop, signed: Signed, folders: list[Path]) -> None:
        self._engine = engine
        self._shop = shop
        self._signed = signed
        self._styled = Styled(folders)

    def ask(self, token: str, now: datetime) -> Response:
        """The page with one button."""
        found = self._find(token, now)
        if found is None:
            return self.nowhere()
        message_id, person = found
        return self._page("end.html", person, **self._of(message_id, person))

    def end(self, token: str, one_click: bool, now: datetime) -> Response:
        """The button was pressed: here, or in the mail program."""
        found = self._find(token, now)
        if found is None:
            return self.nowhere()
        message_id, person = found
        words = self._words(person)
        touchpoint = wishes.ONE_CLICK_TOUCHPOINT if one_click else wishes.LINK_TOUCHPOINT
        channel = words.get(person.whose.channel, person.whose.channel)
        said = words["end_ask"].format(channel=channel, brand=self._shop.brand.name)
        wording = f"{said} {words['end_button']}"
        wishes.unsubscribe(self._engine, message_id, touchpoint, wording, now)
        return self._page("ended.html", person, **self._of(message_id, person))

    def show(self, token: str, saved: bool, now: datetime) -> Response:
        """What holds, in a form."""
        found = self._find(token, now)
        return self.nowhere() if found is None else self._form(found[1], now, saved=saved)

    def save(self, token: str, form: Mapping[str, list[str]], now: datetime) -> Response:
        """Write what the form says. Afterwards the page is asked for anew, so that going back or
        loading it again writes nothing."""
        found = self._find(token, now)
        if found is None:
            return self.nowhere()
        message_id, person = found
        answers = Answers(
            shown=wishes.boxes(form.get("shown", [])),
            ticked=wishes.boxes(form.get("on", [])),
            **{name: form.get(name, [""])[-1] for name in _TEXTS},
        )
        words = self._words(person)
        done = wishes.save(self._engine, self._shop, message_id, answers, words, now)
        if isinstance(done, Wrong):
            return self._form(person, now, wrong=done.why, answers=answers)
        return RedirectResponse("?saved=1", 303, headers=self._styled.headers)

    def nowhere(self) -> Response:
        """For links that we have not made, or that lost a part on their way."""
        return self._plain("lost", 404)

    def busy(self) -> Response:
        """While the database does not answer."""
        return self._plain("busy", 503)

    def _plain(self, what: str, status: int) -> Response:
        words = page_words(self._shop.locale)
        said = {"title": words[f"{what}_title"], "text": words[what]}
        return self._page("plain.html", None, status=status, **said)

    def _find(self, token: str, now: datetime) -> tuple[int, Person] | None:
        links = self._signed.links()
        message_id = None if links is None else links.read(token)
        if message_id is None:
            return None
        person = wishes.person_of(self._engine, message_id, now)
        return None if person is None else (message_id, person)

    def _of(self, message_id: int, person: Person) -> dict[str, Any]:
        links = self._signed.links()
        assert links is not None  # it has just been read with them
        token = links.token(message_id)
        return {"channel": person.whose.channel, "preferences": f"../p/{token}"}

    def _form(
        self,
        person: Person,
        now: datetime,
        *,
        saved: bool = False,
        wrong: str | None = None,
        answers: Answers | None = None,
    ) -> Response:
        """With what holds; or with what was written, where something about it is wrong."""
        held, shop = person.held, self._shop
        channels = person.channels(shop)
        boxes = [(c, t) for c in channels for t in shop.topics]
        wish = Clock.parse(held.clock).wish
        if answers is None:
            answers = Answers(
                shown=boxes,
                ticked=[(c, t) for c, t in boxes if held.allows(c, t)],
                quiet_from=f"{wish.start:%H:%M}" if wish else "",
                quiet_until=f"{wish.end:%H:%M}" if wish else "",
                max_per_week=str(held.max_per_week or ""),
                preferred_channel=held.preferred_channel or "",
                locale=held.locale or shop.locale,
            )
        paused = held.paused_until is not None and held.paused_until > now
        return self._page(
            "preferences.html",
            person,
            status=422 if wrong else 200,
            saved=saved,
            wrong=wrong,
            channels=channels,
            ticked={f"{channel}/{topic}" for channel, topic in answers.ticked},
            quiet_from=answers.quiet_from,
            quiet_until=answers.quiet_until,
            numbers=sorted({*wishes.PER_WEEK, held.max_per_week or 1}),
            often=answers.max_per_week,
            way=answers.preferred_channel,
            locales=person.locales(shop),
            names=NAMES,
            chosen=answers.locale,
            paused_until=self._day(person, held.paused_until) if paused else None,
        )

    def _day(self, person: Person, at: datetime | None) -> str:
        assert at is not None  # only asked of whoever is on a pause
        zones = Clock.parse(person.held.clock).zones
        zone = ZoneInfo(zones[0] if len(zones) == 1 else self._shop.zone)
        language = self._language(person)
        return format_date(at.astimezone(zone).date(), "long", locale=language)

    def _words(self, person: Person | None) -> dict[str, str]:
        return page_words(self._language(person))

    def _language(self, person: Person | None) -> str:
        locale = (person.held.locale if person else None) or self._shop.locale
        short = language_of(locale)
        return short if short in PAGE_LANGUAGES else "en"

    def _page(
        self, template: str, person: Person | None, *, status: int = 200, **values: Any
    ) -> Response:
        said = {"w": self._words(person), "language": self._language(person), **values}
        return self._styled.page(template, status, shop=self._shop, **said)


def page_routes(pages: Pages) -> list[Route]:
    """/u/… and /p/…."""

    async def answered(say: Callable[[], Response]) -> Response:
        try:
            return await run_in_threadpool(say)
        except SQLAlchemyError:
            get_logger(__name__).error("a page cannot be answered", exc_info=True)
            return pages.busy()

    async def unsubscribe(request: Request) -> Response:
        token, now = request.path_params["token"], clock.now()
        if request.method != "POST":
            return await answered(lambda: pages.ask(token, now))
        form = await _form_of(request)
        if isinstance(form, Response):
            return form
        # Mail programs may pack the form in another way; whoever posts here has pressed a button.
        one_click = _ONE_CLICK in form or not _is_form(request)
        return await answered(lambda: pages.end(token, one_click, now))

    async def preferences(request: Request) -> Response:
        token, now = request.path_params["token"], clock.now()
        if request.method != "POST":
            saved = request.query_params.get("saved") == "1"
            return await answered(lambda: pages.show(token, saved, now))
        form = await _form_of(request)
        if isinstance(form, Response):
            return form
        if not _is_form(request):
            return Response(status_code=415)
        return await answered(lambda: pages.save(token, form, now))

    return [
        Route("/u/{token}", unsubscribe, methods=["GET", "POST"]),
        Route("/p/{token}", preferences, methods=["GET", "POST"]),
    ]


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in ("", "application/x-www-form-urlencoded")


async def _form_of(request: Request) -> dict[str, list[str]] | Response:
    """The fields; nothing of a form that is packed in another way."""
    try:
        raw = await read_body(request, FORM_BYTES_MAX)
        if not _is_form(request):
            return {}
        return parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except TooLarge:
        return Response(status_code=413, headers={"connection": "close"})
    except (Unreadable, ValueError):
        return Response(status_code=400)
