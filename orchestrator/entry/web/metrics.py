"""`/metrics`: for Prometheus, in the form that it asks for."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orchestrator.entry.metrics import Known, LedgerCollector


def metrics_routes(engine: Engine, known: Known) -> list[Route]:
    """The ledger's metrics, and nothing of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(engine, known))

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type)

    return [Route("/metrics", metrics)]
