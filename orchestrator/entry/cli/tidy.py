"""`tactful tidy`: what is older than it has to be kept is taken away."""

from orchestrator.entry.cli.options import Json, ShopFolder


def tidy(shop: ShopFolder = None, json: Json = False) -> None:
    """Take away what is older than `keep` in shop.yaml.

    \b
    tactful tidy

    Once a night is often enough. It works in short transactions, so that everything else goes on,
    and may be stopped at any moment. Messages, quotes, consents and wishes stay for ever.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import open_store, read_shop
    from orchestrator.entry.settings import settings
    from orchestrator.flow import tidying

    where = settings(shop)
    keep = read_shop(where).shop.keep
    with open_store(where) as engine:
        done = tidying.tidy(engine, keep, clock.now())
    if json:
        as_json(done)
        return
    out().print(
        f"taken away: {done.feedback:,} events, {done.calls:,} names of calls, "
        f"{done.links:,} links, the words of {done.texts:,} messages"
    )
