"""`tactful tick`: looks what is due and calls workers to it, until it is stopped."""

from collections import Counter
from contextlib import ExitStack
from typing import Annotated

import typer

from orchestrator.entry.cli.ending import stopping
from orchestrator.entry.cli.options import ShopFolder, span_of


def tick(
    every: Annotated[
        str, typer.Option(metavar="SPAN", envvar="TACTFUL_TICK_EVERY", help="How often to look.")
    ] = "2s",
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    shop: ShopFolder = None,
) -> None:
    """Call workers to whatever is due, until it is stopped. Any number may run at once.

    \b
    tactful tick
    tactful tick --every 5s

    Decides and sends nothing by itself: that is what the workers do, see Procfile. It waits for a
    PostgreSQL that is away, except with --once.
    """
    import time

    import redis
    from sqlalchemy import Engine
    from sqlalchemy.exc import SQLAlchemyError

    from orchestrator.entry import clock
    from orchestrator.entry.cli.waiting import when_there
    from orchestrator.entry.logs import get_logger, start_logs
    from orchestrator.entry.opening import open_store, read_shop, shop_at_work
    from orchestrator.entry.queue.app import app
    from orchestrator.entry.queue.hints import Hints
    from orchestrator.entry.queue.ticker import Ticker
    from orchestrator.entry.same_time import SameTime
    from orchestrator.entry.settings import redis_at, settings
    from orchestrator.entry.signs import Signs

    every_s = span_of("--every", every).total_seconds()
    where = settings(shop)
    url = redis_at(app.conf.broker_url)
    start_logs(secrets=[where.database_url, url])
    log = get_logger("tactful.tick")
    broker = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    with broker, ExitStack() as stack:
        stop = stack.enter_context(stopping())

        def opens() -> Engine:
            return stack.enter_context(open_store(where))

        engine = opens() if once else when_there(opens, stop)
        if engine is None:
            return
        channels = (shop_at_work(engine, where) or read_shop(where)).shop.plugins
        ticker = Ticker(engine, Hints(app), broker, channels)
        same_time = SameTime(engine)
        sent: Counter[str] = Counter()
        with Signs(engine, "tick", timeout_s=max(where.stuck_after_s, 2 * every_s)) as signs:
            log.info("looking", every_s=every_s, channels=tuple(channels))
            while not stop.is_set():
                doing = "looking"
                try:
                    if same_time.is_off():
                        doing = "waiting for its clock to be set"
                    else:
                        sent += ticker.tick(clock.now(), time.monotonic())
                except SQLAlchemyError:
                    log.warning("the database is away", exc_info=True)
                signs.report(doing, sent)
                if once:
                    break
                stop.wait(every_s)
            log.info("ended", hints=dict(sent))
