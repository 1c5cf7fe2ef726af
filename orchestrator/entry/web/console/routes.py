"""The console's addresses: who has not come in is led to the door, and errors become sentences."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.entry import clock
from orchestrator.entry.web.body import TooLarge, Unreadable, read_body
from orchestrator.entry.web.console.api import BY, Answer, Api, check_names, fields_of, key_of, told
from orchestrator.entry.web.console.desk import Desk
from orchestrator.entry.web.console.faults import meaning
from orchestrator.entry.web.console.guard import SESSION, Guard, Session
from orchestrator.entry.web.console.pages import COOKIE, HOME, Asked, ConsolePages, safe
from orchestrator.model.errors import TactfulError, WrongUse
from orchestrator.model.shop import Shop

BYTES_MAX = 64 * 1024
FIELDS_MAX = 50

LOOKS_MAX = 4
"""So many pages are made at a time, and as many answers for programs. The others wait for their
turn, so that threads and connections stay for customers, providers, and whoever stops something."""

_ALL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Page = Callable[[Asked], Response]


def console_routes(desk: Desk, shop: Shop, key: str, folders: list[Path]) -> list[Route]:
    """All of it. Raises Broken for a key that could be guessed."""
    guard = Guard(key)
    pages = ConsolePages(desk, shop, folders)
    shown = _Shown(guard, pages)
    api, answered = Api(desk), _Answered(guard)
    return [
        Route(f"{HOME}/door", shown.door, methods=["GET", "POST"]),
        Route(f"{HOME}/leave", shown.leave, methods=["POST"]),
        *(
            Route(HOME + path, shown.page(page))
            for path, page in (
                ("", pages.overview),
                ("/campaigns", pages.campaigns),
                ("/campaigns/{name}", pages.campaign),
                ("/campaigns/{name}/plan", pages.plan),
                ("/campaigns/{name}/preview", pages.preview),
                ("/campaigns/{name}/preview/letter", pages.preview_letter),
                ("/customers", pages.customer),
                ("/messages/{id}", pages.message),
                ("/messages/{id}/letter", pages.letter),
                ("/replies", pages.replies),
            )
        ),
        *(
            Route(HOME + path, shown.button(press), methods=["POST"])
            for path, press in (
                ("/pause", pages.pause),
                ("/resume", pages.resume),
                ("/approve", pages.approve),
                ("/release", pages.release),
                ("/replies", pages.settle),
            )
        ),
        *(
            Route(f"{HOME}/api/{path}", answered.question(ask, *named), methods=_ALL)
            for path, ask, *named in (
                ("status", api.status),
                ("report", api.report),
                ("plan", api.plan, "campaign"),
                ("customers/{key:path}", api.customer),
                ("messages/{id}", api.message),
                ("replies", api.replies),
            )
        ),
        *(
            Route(f"{HOME}/api/{path}", answered.call(ask), methods=_ALL)
            for path, ask in (("pause", api.pause), ("resume", api.resume))
        ),
        Route(f"{HOME}/api", answered.nothing, methods=_ALL),
        Route(f"{HOME}/api/{{rest:path}}", answered.nothing, methods=_ALL),
        Route(f"{HOME}/{{rest:path}}", shown.page(pages.nothing)),
    ]


class _Shown:
    """What browsers ask for."""

    def __init__(self, guard: Guard, pages: ConsolePages) -> None:
        self._guard = guard
        self._pages = pages
        self._turns = asyncio.Semaphore(LOOKS_MAX)

    async def door(self, request: Request) -> Response:
        """The key and a name are given here."""
        back = safe(request.query_params.get("back", HOME))
        if request.method != "POST":
            return self._pages.door(back)
        form = await _form_of(request)
        if isinstance(form, Response):
            return form
        name = " ".join(form.get("name", "").split())
        if not name.isprintable() or not name or not self._guard.is_key(form.get("key", "")):
            return self._pages.door(back, wrong=True)
        inside = self._pages.lead(safe(form.get("back", HOME)))
        inside.set_cookie(
            COOKIE,
            self._guard.begin(name, clock.now()),
            max_age=int(SESSION.total_seconds()),
            path=HOME,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return inside

    async def leave(self, request: Request) -> Response:
        """The cookie is taken back, unless somebody else's page asks for it."""
        outside = self._pages.lead(f"{HOME}/door")
        session = self._session(request, clock.now())
        form = await _form_of(request)
        if isinstance(form, Response):
            return form
        if session is not None and self._guard.is_form_of(session, form.get("form", "")):
            outside.delete_cookie(COOKIE, path=HOME)
        return outside

    def page(self, page: Page) -> Callable[[Request], Any]:
        """A page, for whoever has come in."""

        async def answer(request: Request) -> Response:
            now = clock.now()
            session = self._session(request, now)
            if session is None:
                back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return self._pages.lead(f"{HOME}/door?back={quote(back)}")
            asked = Asked(session, request.path_params, request.query_params, {}, now)
            return await self._answered(page, asked, self._turns)

        return answer

    def button(self, press: Page) -> Callable[[Request], Any]:
        """A button on one of our pages, pressed by whoever has come in."""

        async def answer(request: Request) -> Response:
            now = clock.now()
            session = self._session(request, now)
            form = await _form_of(request)
            if isinstance(form, Response):
                return form
            if session is None or not self._guard.is_form_of(session, form.get("form", "")):
                title, why = "Come in again", "Nothing was changed: this page was of another day."
                return self._pages.sorry(session, 403, title, why)
            # Keyboards write spaces of several kinds, and texts that are copied bring more.
            said = {name: " ".join(value.split()) for name, value in form.items()}
            asked = Asked(session, request.path_params, request.query_params, said, now)
            return await self._answered(press, asked, nullcontext())

        return answer

    def _session(self, request: Request, now: datetime) -> Session | None:
        return self._guard.session(request.cookies.get(COOKIE, ""), now)

    async def _answered(
        self, page: Page, asked: Asked, turn: AbstractAsyncContextManager[None]
    ) -> Response:
        try:
            asked.check()
            async with turn:
                return await run_in_threadpool(page, asked)
        except (TactfulError, SQLAlchemyError) as error:
            status, title, why = meaning(error)
            return self._pages.sorry(asked.session, status, title, why)


class _Answered:
    """What programs ask for."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._turns = asyncio.Semaphore(LOOKS_MAX)

    def question(self, ask: Answer, *named: str) -> Callable[[Request], Any]:
        """Changes nothing. What else may be said of it in the address is `named`."""

        async def answer(request: Request) -> Response:
            return await self._answered(ask, request, "GET", named)

        return answer

    def call(self, ask: Answer) -> Callable[[Request], Any]:
        """Changes what the body says."""

        async def answer(request: Request) -> Response:
            return await self._answered(ask, request, "POST")

        return answer

    async def nothing(self, request: Request) -> Response:
        """What there is not, for whoever has the key."""
        refused = self._refused(request, request.method)
        return refused or told({"error": f"there is no {request.url.path}"}, 404)

    async def _answered(
        self, ask: Answer, request: Request, method: str, named: Sequence[str] = ()
    ) -> Response:
        refused = self._refused(request, method)
        if refused is not None:
            return refused
        calls = method == "POST"
        try:
            form = fields_of(await read_body(request, BYTES_MAX)) if calls else {}
            check_names(request.query_params, named)
        except (TooLarge, Unreadable):
            return told({"error": "the body is cut off, or too large"}, 400)
        except WrongUse as error:
            return told({"error": str(error)}, 400)
        asked = Asked(Session(BY, ""), request.path_params, request.query_params, form, clock.now())
        try:
            asked.check()
            async with nullcontext() if calls else self._turns:
                return told(await run_in_threadpool(ask, asked))
        except (TactfulError, SQLAlchemyError) as error:
            status, _, why = meaning(error)
            return told({"error": why}, status)

    def _refused(self, request: Request, method: str) -> Response | None:
        """Without the key nobody learns what there is."""
        if not self._guard.is_key(key_of(request)):
            answer = told({"error": "the console's key is wrong"}, 401)
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        if request.method != method and (request.method, method) != ("HEAD", "GET"):
            answer = told({"error": f"{request.url.path} is asked with {method}"}, 405)
            answer.headers["allow"] = "GET, HEAD" if method == "GET" else method
            return answer
        return None


async def _form_of(request: Request) -> dict[str, str] | Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return Response(status_code=415)
    try:
        raw = (await read_body(request, BYTES_MAX)).decode()
        return dict(parse_qsl(raw, keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except TooLarge:
        return Response(status_code=413, headers={"connection": "close"})
    except (Unreadable, ValueError):
        return Response(status_code=400)
