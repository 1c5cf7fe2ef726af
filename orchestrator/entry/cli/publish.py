"""`tactful publish`: the campaigns as they are written now are put to work."""

from orchestrator.entry.cli.options import Json, ShopFolder


def publish(shop: ShopFolder = None, json: Json = False) -> None:
    """Put the campaigns to work as they are written now. Sends nothing by itself.

    \b
    tactful publish

    Where workers do the work, run it once for each change, after `tactful migrate` and before they
    are started anew. `tactful run` does it by itself.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.chance import new_deployment
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import make_tactful, open_store, read_campaigns
    from orchestrator.entry.settings import settings
    from orchestrator.store.database import writing
    from orchestrator.store.deployment import this_deployment

    where = settings(shop)
    loaded = read_campaigns(where)
    with open_store(where, make=True) as engine:
        with writing(engine) as connection:
            deployment = this_deployment(connection, new_deployment())
        make_tactful(engine, loaded, {}, deployment).publish(clock.now())
    names = sorted(version.name for version in loaded.versions)
    if json:
        as_json({"published": names})
    else:
        out().print(f"{len(names)} campaigns at work: {', '.join(names)}", soft_wrap=True)
