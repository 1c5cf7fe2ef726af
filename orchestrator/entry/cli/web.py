"""`tactful web`: all that is answered over HTTP, to providers, customers and watchers."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.ending import stopping
from orchestrator.entry.cli.options import ShopFolder

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from orchestrator.entry.settings import Settings
    from orchestrator.entry.web.app import Site
    from orchestrator.entry.web.console.desk import Desk
    from orchestrator.model.shop import Shop


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
    """Answer providers, customers and watchers over HTTP.

    \b
    tactful web --port 8000
    curl http://127.0.0.1:8000/ready

    /hooks/… is for providers; /u/…, /p/…, /c/… and /o/… are for customers, with links that only
    Tactful can make; /v1/… is for the shop's own site, with a key. Let the world reach those alone:
    /health, /ready and /metrics ask for no password. /console is for yourselves, once
    TACTFUL_CONSOLE_KEY is set. It waits for a PostgreSQL that is away.
    """
    from orchestrator.entry.cli.waiting import when_there
    from orchestrator.entry.logs import get_logger, start_logs
    from orchestrator.entry.opening import open_any_store
    from orchestrator.entry.settings import settings
    from orchestrator.entry.web.app import make_app
    from orchestrator.entry.web.serve import serve
    from orchestrator.model.errors import WrongUse
    from orchestrator.model.span import parse_span

    try:
        drain_s = parse_span(drain).total_seconds()
    except ValueError as error:
        raise WrongUse(f"--drain: {error}") from None
    where = settings(shop)
    start_logs(secrets=[where.database_url, where])
    with stopping() as stop:
        engine = when_there(lambda: open_any_store(where, make=True), stop)
    if engine is None:
        return
    try:
        site = _site(engine, where)
        get_logger("tactful.web").info("answering", host=host, port=port)
        serve(make_app(site), site.draining, host=host, port=port, drain_s=drain_s)
    finally:
        engine.dispose()


def _site(engine: "Engine", where: "Settings") -> "Site":
    """Everything, or where no shop can be read the answers for watchers alone."""
    from orchestrator.entry.logs import get_logger
    from orchestrator.entry.metrics import Known
    from orchestrator.entry.opening import shop_at_work
    from orchestrator.entry.plugins import listening_plugins
    from orchestrator.entry.web.app import Front, Site
    from orchestrator.flow.answering import Answering

    found = shop_at_work(engine, where)
    if found is None:
        get_logger("tactful.web").error("shop.yaml is wrong: only watchers are answered")
        return Site(engine, Known(), front=None)
    front = Front(
        found.shop,
        listening_plugins(found.shop, where),
        where.public_url,
        where.home / "templates" / "pages",
        None if where.write_key is None else where.write_key.get_secret_value(),
        Answering(found),
        _decide(where),
        _console(engine, where, found.shop),
    )
    return Site(engine, Known.of(found.shop), front=front)


def _console(engine: "Engine", where: "Settings", shop: "Shop") -> "tuple[Desk, str] | None":
    """What people and programs ask who have the console's key; nothing where there is none."""
    from orchestrator.entry.web.console.desk import Desk

    if where.console_key is None:
        return None
    return Desk(engine, where, shop), where.console_key.get_secret_value()


def _decide(where: "Settings") -> Callable[[Sequence[int]], object] | None:
    """Whom to tell of customers with news: the workers, where there are any."""
    if not where.redis_url:
        return None
    from orchestrator.entry.queue.app import make_app
    from orchestrator.entry.queue.hints import Hints
    from orchestrator.entry.settings import redis_at

    return Hints(make_app(redis_at(where.redis_url))).decide
