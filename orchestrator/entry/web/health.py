"""`/health`: the process is alive. `/ready`: it can do its work, so send requests here."""

from threading import Event

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from orchestrator.store.database import reading, why_no_writes
from orchestrator.store.schema import State, schema_state

_SERVES = (State.up_to_date, State.ahead)


def health_routes(engine: Engine, draining: Event) -> list[Route]:
    """Both answers."""

    async def health(_request: Request) -> Response:
        """Of this process alone: starting it anew would mend nothing that lies elsewhere."""
        return PlainTextResponse("alive\n")

    def ready(_request: Request) -> Response:
        missing = why_not_ready(engine, draining)
        said = {"ready": not missing, "because": missing}
        return JSONResponse(said, 503 if missing else 200)

    return [Route("/health", health), Route("/ready", ready)]


def why_not_ready(engine: Engine, draining: Event) -> list[str]:
    """Nothing where it is."""
    if draining.is_set():
        return ["it is about to end"]
    try:
        with reading(engine) as connection:
            if why := why_no_writes(connection):
                return [f"the database takes no writes: {why}"]
        schema = schema_state(engine)
    except SQLAlchemyError as error:
        return [f"the database does not answer: {type(error).__name__}"]
    return [] if schema.state in _SERVES else [str(schema)]
