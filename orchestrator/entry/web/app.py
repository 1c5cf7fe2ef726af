"""All that is answered over HTTP, put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from channels.contract import Channel
from orchestrator.entry.metrics import Known
from orchestrator.entry.web.collector import KEY_LENGTH_MIN, collector_routes
from orchestrator.entry.web.console.desk import Desk
from orchestrator.entry.web.console.routes import console_routes
from orchestrator.entry.web.gathering import Decide, Gathering
from orchestrator.entry.web.health import health_routes
from orchestrator.entry.web.hooks import Ears, check_guarded, hook_routes
from orchestrator.entry.web.inbox import inbox_routes
from orchestrator.entry.web.metrics import metrics_routes
from orchestrator.entry.web.pages import Pages, page_routes
from orchestrator.entry.web.signed import Signed
from orchestrator.entry.web.tracking import tracking_routes
from orchestrator.flow.answering import Answering
from orchestrator.flow.load.folder import own_templates
from orchestrator.model.errors import Broken
from orchestrator.model.shop import Shop


@dataclass(frozen=True)
class Front:
    """What customers and providers reach. `plugins`: those that take callbacks, by name.

    `public_url`: where providers reach us; links in messages lead to the shop's `base_url`.
    `write_key`: with which the shop's site tells of events, and opens inboxes; `decide` is told of
    whose the events are. `answering`: in which words STOP is confirmed. `console`: what those ask
    who have its key.
    """

    shop: Shop
    plugins: Mapping[str, Channel[Any]] = field(default_factory=dict)
    public_url: str | None = None
    templates: Path | None = None
    write_key: str | None = None
    answering: Answering | None = None
    decide: Decide | None = None
    console: tuple[Desk, str] | None = None

    def routes(self, engine: Engine) -> Sequence[BaseRoute]:
        """All of it. Raises Broken for a plugin that would believe whoever calls."""
        base_url = str(self.shop.base_url).rstrip("/")
        public_url = (self.public_url or base_url).rstrip("/")
        check_guarded(self.plugins, public_url)
        signed = Signed(engine, base_url)
        folders = [path for path in (self.templates, own_templates() / "pages") if path]
        pages = Pages(engine, self.shop, signed, folders)
        return [
            *hook_routes(engine, self.shop, Ears(self.plugins), public_url, self.answering),
            *page_routes(pages),
            *tracking_routes(engine, self.shop, signed, pages.nowhere),
            *self._of_site(engine),
            *self._of_console(),
        ]

    def _of_site(self, engine: Engine) -> Sequence[BaseRoute]:
        if self.write_key is None:
            return []
        if len(self.write_key) < KEY_LENGTH_MIN:
            raise Broken(f"the write key is shorter than {KEY_LENGTH_MIN}; set TACTFUL_WRITE_KEY")
        gathering = Gathering(engine, self.shop, self.decide)
        return [
            *inbox_routes(engine, self.shop, self.write_key),
            *collector_routes(gathering, self.write_key),
        ]

    def _of_console(self) -> Sequence[BaseRoute]:
        if self.console is None:
            return []
        desk, key = self.console
        return console_routes(desk, self.shop, key, [own_templates() / "console"])


@dataclass(frozen=True)
class Site:
    """What the answers need. `draining` is set once the process is about to end.

    Without a `front`, only those who watch over Tactful are answered.
    """

    engine: Engine
    known: Known = field(default_factory=Known)
    draining: Event = field(default_factory=Event)
    front: Front | None = None


def make_app(site: Site) -> Starlette:
    """The application. Raises Broken where it would not be safe to start it."""
    return Starlette(
        routes=[
            *health_routes(site.engine, site.draining),
            *metrics_routes(site.engine, site.known),
            *(site.front.routes(site.engine) if site.front is not None else ()),
        ]
    )
