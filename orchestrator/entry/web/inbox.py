"""`GET /v1/inbox?customer=…`, `POST /v1/inbox/seen` and `/clicked`: the inbox in the shop's site.

Whoever holds the write key signs for a customer who has signed in (`inbox_token`), and gives the
token to that customer's page, which may then read that one inbox and no other. From a browser only
the shop's own pages may ask.
"""

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
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
_Mark = Callable[[Engine, Shop, str, list[str], datetime], int]
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def inbox_token(write_key: str, customer: str) -> str:
    """Opens one customer's inbox: HMAC-SHA256 of `inbox:` and the customer's key, in hex."""
    return hmac.digest(write_key.encode(), f"inbox:{customer}".encode(), "sha256").hex()


def inbox_routes(engine: Engine, shop: Shop, write_key: str) -> list[Route]:
    """The feed, and what was seen and clicked of it."""

    def owner(request: Request) -> str | None:
        """The customer whose token the request carries, if it does."""
        customer = request.query_params.get("customer", "")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = inbox_token(write_key, customer)
        fits = hmac.compare_digest(given.encode(), wanted.encode())
        return customer if scheme.lower() == "bearer" and fits else None

    async def feed(request: Request) -> Response:
        customer = owner(request)
        if customer is None:
            return _nobody()
        after, most = request.query_params.get("after", ""), request.query_params.get("most", "")
        size = int(most) if most.isascii() and most.isdigit() and len(most) < 6 else inbox.PAGE_SIZE
        return await _answer(
            lambda: inbox.feed(engine, customer, clock.now(), after=after, most=size)
        )

    def marking(mark: _Mark) -> Callable[[Request], Awaitable[Response]]:
        async def take(request: Request) -> Response:
            customer = owner(request)
            if customer is None:
                return _nobody()
            try:
                ids = _ids(await read_body(request, BYTES_MAX))
            except TooLarge:
                return _said(413, f"more than {BYTES_MAX} bytes", {"connection": "close"})
            except (Unreadable, ValueError):
                return _said(400, 'say which: {"ids": ["1", "2"]}')
            return await _answer(lambda: {"marked": mark(engine, shop, customer, ids, clock.now())})

        return take

    from_site = Middleware(
        CORSMiddleware,
        allow_origins=_origins(shop),
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
    )
    ways = (
        ("", feed, "GET"),
        ("/seen", marking(inbox.seen), "POST"),
        ("/clicked", marking(inbox.clicked), "POST"),
    )
    return [
        Route(f"/v1/inbox{path}", way, methods=[method, "OPTIONS"], middleware=[from_site])
        for path, way, method in ways
    ]


def _origins(shop: Shop) -> list[str]:
    """Where the shop's pages are. `base_url` may be a host for Tactful's pages alone; customers
    have signed in where they order."""
    urls = (urlsplit(url.lower()) for url in (str(shop.base_url), shop.order_url))
    return sorted({f"{url.scheme}://{url.netloc}" for url in urls})


async def _answer(work: Callable[[], dict[str, Any] | None]) -> Response:
    try:
        found = await run_in_threadpool(work)
    except SQLAlchemyError:
        get_logger(__name__).error("an inbox was not read", exc_info=True)
        return _said(503, "try again", {"retry-after": "10"})
    if found is None:
        return _said(400, "`after` is the `next` of another page")
    return JSONResponse(found, headers=_HEADERS)


def _nobody() -> Response:
    return _said(401, "the token is not this customer's", {"www-authenticate": "Bearer"})


def _ids(raw: bytes) -> list[str]:
    found = json.loads(raw)
    ids = found.get("ids") if isinstance(found, dict) else None
    if not isinstance(ids, list) or len(ids) > inbox.MARKED_MAX:
        raise ValueError("no ids")
    return [one for one in ids if isinstance(one, str)]


def _said(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"message": why}, status, {**_HEADERS, **(headers or {})})
