"""`GET /v1/inbox?customer=…`, `POST /v1/inbox/seen` and `/clicked`: the inbox in the shop's site.

Whoever holds the write key signs for a customer who has signed in (`inbox_token`), and gives the
token to that customer's page, which may then read that one inbox and no other. Pages of the shop's
own address alone may ask from a browser.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.body import TooLarge, Unreadable, read_body
from orchestrator.flow import inbox
from orchestrator.model.shop import Shop

BYTES_MAX = 64 * 1024
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def inbox_token(write_key: str, customer: str) -> str:
    """Opens one customer's inbox: HMAC-SHA256 of `inbox:` and the customer's key, in hex."""
    return hmac.digest(write_key.encode(), f"inbox:{customer}".encode(), "sha256").hex()


def inbox_routes(engine: Engine, shop: Shop, write_key: str) -> list[Route]:
    """The feed, and what was seen and clicked of it."""

    def may(request: Request, customer: str) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = inbox_token(write_key, customer)
        return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), wanted.encode())

    async def answer(request: Request, work: Callable[[str], dict[str, Any] | None]) -> Response:
        customer = request.query_params.get("customer", "")
        if not may(request, customer):
            return _said(401, "the token is not this customer's", {"www-authenticate": "Bearer"})
        try:
            found = await run_in_threadpool(work, customer)
        except SQLAlchemyError:
            get_logger(__name__).error("an inbox was not read", exc_info=True)
            return _said(503, "try again", {"retry-after": "10"})
        if found is None:
            return _said(400, "`after` is the `next` of another page")
        return JSONResponse(found, headers=_HEADERS)

    async def feed(request: Request) -> Response:
        after, most = request.query_params.get("after", ""), request.query_params.get("most", "")
        size = int(most) if most.isascii() and most.isdigit() and len(most) < 6 else inbox.PAGE_SIZE
        return await answer(
            request, lambda who: inbox.feed(engine, who, clock.now(), after=after, most=size)
        )

    async def mark(request: Request) -> Response:
        try:
            ids = _ids(await read_body(request, BYTES_MAX))
        except TooLarge:
            return _said(413, f"more than {BYTES_MAX} bytes", {"connection": "close"})
        except (Unreadable, ValueError):
            return _said(400, 'say which: {"ids": ["1", "2"]}')

        def work(customer: str) -> dict[str, Any]:
            now = clock.now()
            if request.url.path.endswith("/seen"):
                return {"marked": inbox.seen(engine, shop, customer, ids, now)}
            return {"marked": sum(inbox.clicked(engine, shop, customer, id, now) for id in ids)}

        return await answer(request, work)

    site = urlsplit(str(shop.base_url))
    from_site = Middleware(
        CORSMiddleware,
        allow_origins=[f"{site.scheme}://{site.netloc}"],
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )
    ways = (("", feed, "GET"), ("/seen", mark, "POST"), ("/clicked", mark, "POST"))
    return [
        Route(f"/v1/inbox{path}", way, methods=[method, "OPTIONS"], middleware=[from_site])
        for path, way, method in ways
    ]


def _ids(raw: bytes) -> list[str]:
    found = json.loads(raw)
    ids = found.get("ids") if isinstance(found, dict) else None
    if not isinstance(ids, list) or len(ids) > inbox.MARKED_MAX:
        raise ValueError("no ids")
    return [one for one in ids if isinstance(one, str)]


def _said(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": why}, status, {**_HEADERS, **(headers or {})})
