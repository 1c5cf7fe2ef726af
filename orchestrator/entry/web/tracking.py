"""Opens and clicks: /o/… is a picture of nothing, /c/… leads to the address that we keep.

What was tampered with answers 404. Whoever is no person is led on, too, and not counted.
"""

import base64
from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.signed import Signed
from orchestrator.flow import tracking
from orchestrator.model.shop import Shop

_NOTHING = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HEADERS = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


def tracking_routes(
    engine: Engine, shop: Shop, signed: Signed, nowhere: Callable[[], Response]
) -> list[Route]:
    """Both. They go on answering after tracking was switched off: the links are out there."""

    def opened(token: str, *, counts: bool) -> Response:
        links = signed.links()
        message_id = None if links is None else links.read(token)
        if message_id is None:
            return Response(status_code=404)
        if counts:
            _count(lambda: tracking.opened(engine, shop, message_id, clock.now()))
        return Response(_NOTHING, headers=_HEADERS, media_type="image/gif")

    def clicked(token: str, *, counts: bool) -> Response:
        links = signed.links()
        found = None if links is None else links.read_click(token)
        url = None if found is None else tracking.where_to(engine, found[1])
        if found is None or url is None:
            return nowhere()
        if counts:
            _count(lambda: tracking.clicked(engine, shop, *found, clock.now()))
        return RedirectResponse(url, 302, headers=_HEADERS)

    async def open_route(request: Request) -> Response:
        return await _answered(request, opened)

    async def click_route(request: Request) -> Response:
        return await _answered(request, clicked)

    return [Route("/o/{token}", open_route), Route("/c/{token}", click_route)]


async def _answered(request: Request, say: Callable[..., Response]) -> Response:
    counts = not tracking.is_machine(request.method, lambda name: request.headers.get(name, ""))
    token = request.path_params["token"]
    try:
        return await run_in_threadpool(lambda: say(token, counts=counts))
    except SQLAlchemyError:
        get_logger(__name__).error("a link cannot be answered", exc_info=True)
        return Response(status_code=503, headers={"retry-after": "10"})


def _count(note: Callable[[], None]) -> None:
    """Nobody is kept from where they want to go because it cannot be counted."""
    try:
        note()
    except SQLAlchemyError:
        get_logger(__name__).warning("an open or a click was not counted", exc_info=True)
