"""All that is answered over HTTP, put together."""

from dataclasses import dataclass, field
from threading import Event

from sqlalchemy import Engine
from starlette.applications import Starlette

from orchestrator.entry.metrics import Known
from orchestrator.entry.web.health import health_routes
from orchestrator.entry.web.metrics import metrics_routes


@dataclass(frozen=True)
class Site:
    """What the answers need. `draining` is set once the process is about to end."""

    engine: Engine
    known: Known = field(default_factory=Known)
    draining: Event = field(default_factory=Event)


def make_app(site: Site) -> Starlette:
    """The application."""
    return Starlette(
        routes=[
            *health_routes(site.engine, site.draining),
            *metrics_routes(site.engine, site.known),
        ]
    )
