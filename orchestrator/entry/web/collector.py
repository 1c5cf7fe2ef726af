"""`POST /v1/batch`, `/v1/track`, `/v1/identify`, `/v1/page`, `/v1/screen`, `/v1/consent`: what the
shop's site tells, as Segment's libraries send it. A 200 means that it is durable.

The key is Basic authentication's name, with no password. It may change customers' addresses: keep
it on servers, and out of web pages.
"""

import base64
import binascii
import hmac

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.body import TooLarge, Unreadable, read_body
from orchestrator.entry.web.gathering import Gathering, is_poison
from orchestrator.flow.collect import read_calls

BYTES_MAX = 512 * 1024
KEY_LENGTH_MIN = 16
ALONE = ("track", "identify", "page", "screen", "consent")


def collector_routes(gathering: Gathering, write_key: str) -> list[Route]:
    """The way in for the shop's site."""
    wanted = write_key.encode()

    async def take(request: Request) -> Response:
        if not hmac.compare_digest(_key_of(request), wanted):
            return _said(401, "the write key is wrong", {"www-authenticate": "Basic"})
        what = request.path_params["what"]
        if what != "batch" and what not in ALONE:
            return _said(404, f"there is no /v1/{what[:40]}")
        try:
            raw = await read_body(request, BYTES_MAX, packed=True)
            calls = read_calls(raw, clock.now(), None if what == "batch" else what)
        except TooLarge:
            return _said(413, f"more than {BYTES_MAX} bytes", {"connection": "close"})
        except Unreadable:
            return _said(400, "cut off, or packed in a way that is not known")
        except ValueError as error:
            return _said(400, str(error))
        try:
            refused = await gathering.write(calls)
        except Exception as error:
            get_logger(__name__).error("a request was not kept", exc_info=True)
            if is_poison(error):
                return _said(400, "it cannot be kept")
            return _said(503, "try again", {"retry-after": "10"})
        told = [{"index": one.line - 1, "reason": one.reason} for one in refused]
        return JSONResponse({"success": True, **({"refused": told} if told else {})})

    return [Route("/v1/{what}", take, methods=["POST"])]


def _said(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"success": False, "message": why}, status, headers)


def _key_of(request: Request) -> bytes:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(given.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return b""
