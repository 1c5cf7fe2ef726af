"""`tactful web`: whether Tactful is well, and its metrics, over HTTP."""

from typing import Annotated

import typer

from orchestrator.entry.cli.options import ShopFolder


def web(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8000,
    host: Annotated[
        str, typer.Option(help="On which address; 0.0.0.0 for all that this machine has.")
    ] = "127.0.0.1",
    drain: Annotated[
        str,
        typer.Option(metavar="SPAN", help="Asked to end, how long to go on, not ready any more."),
    ] = "5s",
    shop: ShopFolder = None,
) -> None:
    """Answer at /health, /ready and /metrics, until it is stopped.

    \b
    tactful web --port 8000
    curl http://127.0.0.1:8000/ready

    It asks for no password: let only those reach it who watch over Tactful.
    """
    from orchestrator.entry.logs import get_logger, start_logs
    from orchestrator.entry.metrics import Known
    from orchestrator.entry.opening import open_any_store, read_folder
    from orchestrator.entry.settings import settings
    from orchestrator.entry.web.app import Site, make_app
    from orchestrator.entry.web.serve import serve
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.span import parse_span

    try:
        drain_s = parse_span(drain).total_seconds()
    except ValueError as error:
        raise WrongUse(f"--drain: {error}") from None
    where = settings(shop)
    start_logs(secrets=[where.database_url])
    found = read_folder(where).settings
    known = Known() if found is None else Known.of(found.shop)
    engine = open_any_store(where, make=True)
    try:
        site = Site(engine, known)
        get_logger("tactful.web").info("answering", host=host, port=port)
        serve(make_app(site), site.draining, host=host, port=port, drain_s=drain_s)
    finally:
        engine.dispose()
