"""`POST /hooks/{plugin}`: what a provider tells. Its signature is looked at before anything else.

A 2xx means that all of it is durable. 204: it is about messages of ours; 202: about none that we
know, or it is worked in later. What is hostile is refused with a 4xx, whatever it is.
"""

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any

from pydantic import SecretBytes, SecretStr
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from channels.contract import Channel, Feedback, Refused, fault_of
from orchestrator.entry import clock
from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.body import TooLarge, Unreadable, read_body
from orchestrator.flow.answering import Answering
from orchestrator.flow.feedback import hear
from orchestrator.model.errors import Broken
from orchestrator.model.shop import Shop

OURS = "x-tactful-"
"""Headers that only we set."""

_KEY = re.compile("key|secret|token|password")
_PROBES = (b"", b"{}", b"[]", b"MessageStatus=delivered")


class Ears:
    """The plugins that take callbacks. One thread at a time uses a plugin."""

    def __init__(self, plugins: Mapping[str, Channel[Any]]) -> None:
        self._plugins = plugins
        self._turns = {name: Lock() for name in plugins}

    def __contains__(self, name: str) -> bool:
        return name in self._plugins

    def bytes_max(self, name: str) -> int:
        """Of a body."""
        return self._plugins[name].capabilities.callback_bytes_max

    def parse(self, name: str, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        """What it tells. A plugin that breaks down over it has not verified it."""
        try:
            with self._turns[name]:
                told = self._plugins[name].parse_feedback(raw, headers)
        except Exception as error:
            get_logger(__name__).error("a callback broke its channel", channel=name, exc_info=True)
            return Refused(f"broke the channel: {type(error).__name__}")
        fault = fault_of(told)
        if fault is not None:
            get_logger(__name__).error("a channel makes no sense", channel=name, why=fault)
            return Refused(fault)
        return told


def check_guarded(plugins: Mapping[str, Channel[Any]], public_url: str) -> None:
    """Raises Broken for a plugin with an empty secret, or one that believes whoever calls."""
    for name, plugin in plugins.items():
        for field, value in plugin.settings:
            if _is_empty(field, value):
                variable = f"TACTFUL_{name}_{field}".upper()
                raise Broken(f"the channel plugin {name} has an empty {field}; set {variable}")
        headers = _added(f"{public_url}/hooks/{name}")
        for probe in _PROBES:
            if not isinstance(Ears({name: plugin}).parse(name, probe, headers), Refused):
                raise Broken(f"the channel plugin {name} takes callbacks that nobody has signed")


def _is_empty(field: str, value: object) -> bool:
    """What was set to nothing, and is a secret: by its type, or a public key by its name."""
    if isinstance(value, SecretStr | SecretBytes):
        return not value.get_secret_value()
    return value in ("", b"") and _KEY.search(field) is not None


def hook_routes(
    engine: Engine, shop: Shop, ears: Ears, public_url: str, answering: Answering | None = None
) -> list[Route]:
    """The way in for providers."""

    async def hook(request: Request) -> Response:
        name = request.path_params["plugin"]
        if name not in ears:
            return Response(status_code=404)
        try:
            raw = await read_body(request, ears.bytes_max(name))
        except TooLarge:
            return Response(status_code=413, headers={"connection": "close"})
        except Unreadable:
            return Response(status_code=400)
        return await run_in_threadpool(_take, name, raw, _headers(request, public_url))

    def _take(name: str, raw: bytes, headers: Mapping[str, str]) -> Response:
        told = ears.parse(name, raw, headers)
        if isinstance(told, Refused):
            get_logger(__name__).warning("a callback was refused", channel=name, why=told.detail)
            return Response(status_code=403)
        try:
            found = hear(engine, shop, name, told, clock.now(), answering)
        except SQLAlchemyError:
            get_logger(__name__).error("feedback cannot be kept", channel=name, exc_info=True)
            return Response(status_code=503, headers={"retry-after": "10"})
        return Response(status_code=204 if found.known or not told else 202)

    return [Route("/hooks/{plugin}", hook, methods=["POST"])]


def _headers(request: Request, public_url: str) -> dict[str, str]:
    """As they came, in lower case, without those that are ours; several of a name in one line."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        if not name.startswith(OURS):
            found[name] = f"{found[name]}, {value}" if name in found else value
    scope = request.scope
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return {**found, **_added(f"{public_url}{path}{'?' if query else ''}{query}")}


def _added(url: str) -> dict[str, str]:
    return {f"{OURS}url": url, f"{OURS}received-at": clock.now().isoformat()}
