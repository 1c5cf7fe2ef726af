"""Campaigns as the database keeps them: what was put to work last, and what is under way."""

from sqlalchemy import Connection, Engine

from orchestrator.flow.load import Loaded, revive, revive_settings
from orchestrator.flow.load.digest import digest as digest_of
from orchestrator.model.errors import Broken, OtherRelease, ProblemsFound
from orchestrator.model.version import Settings, Version
from orchestrator.store.campaigns import current_versions, stored_version
from orchestrator.store.database import reading

Shops = dict[str, Settings]
"""Settings by their digest: many campaigns share a shop, which is read once."""


def stored(connection: Connection, digest: str, shops: Shops) -> Version:
    """A version by its digest. Raises OtherRelease where only another one can read it."""
    found = stored_version(connection, digest)
    if found is None:
        raise Broken(f"the database holds a message of a campaign version {digest} it lacks")
    name, files, shop_files = found
    shop = digest_of(shop_files)
    try:
        if shop not in shops:
            shops[shop] = revive_settings(shop_files)
        return revive(name, files, shops[shop])
    except (ValueError, ProblemsFound) as error:
        raise OtherRelease(
            f"campaign {name} is written for another release of Tactful than this one: it was "
            f"published as {digest[:12]}, and cannot be read here"
        ) from error


def published(engine: Engine) -> Loaded | None:
    """The campaigns that are at work, with their shop; None where there are none."""
    shops: Shops = {}
    with reading(engine) as connection:
        digests = current_versions(connection).values()
        versions = tuple(stored(connection, digest, shops) for digest in digests)
    # They were put to work together: so they have one shop.
    return Loaded(versions[0].settings, versions, ()) if versions else None
