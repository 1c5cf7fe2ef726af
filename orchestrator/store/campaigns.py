"""Campaign versions: kept for ever, so that every message can be explained."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from orchestrator.model.version import Settings, Version
from orchestrator.store.dialect import insert_ignore, upsert
from orchestrator.tables import campaigns, shops, versions


def save_versions(connection: Connection, loaded: Iterable[Version], now: datetime) -> None:
    """Keep these versions and make them the current ones; campaigns that are gone stop asking."""
    current = list(loaded)
    keep_versions(connection, current, now)
    for version in current:
        named = {"name": version.name, "version": version.digest, "since": now}
        connection.execute(upsert(connection, campaigns, ["name"], ["version"]), named)
    names = [version.name for version in current]
    connection.execute(delete(campaigns).where(campaigns.c.name.not_in(names)))


def keep_versions(connection: Connection, some: Collection[Version], now: datetime) -> None:
    """Keep these versions, whether they are put to work or not."""
    for settings in {version.settings.digest: version.settings for version in some}.values():
        _save_settings(connection, settings, now)
    for version in some:
        row = {
            "digest": version.digest,
            "name": version.name,
            "shop_digest": version.settings.digest,
            "files": dict(version.files),
            "created_at": now,
        }
        connection.execute(insert_ignore(connection, versions), row)


def _save_settings(connection: Connection, settings: Settings, now: datetime) -> None:
    row = {"digest": settings.digest, "files": dict(settings.files), "created_at": now}
    connection.execute(insert_ignore(connection, shops), row)


def stored_version(
    connection: Connection, digest: str
) -> tuple[str, dict[str, str], dict[str, str]] | None:
    """A version's name, its files and its shop's files."""
    statement = (
        select(versions.c.name, versions.c.files, shops.c.files.label("shop_files"))
        .join(shops, shops.c.digest == versions.c.shop_digest)
        .where(versions.c.digest == digest)
    )
    row: Any = connection.execute(statement).one_or_none()
    return None if row is None else (row.name, row.files, row.shop_files)


def all_since(connection: Connection) -> dict[str, datetime]:
    """When each campaign was first put to work."""
    found = connection.execute(select(campaigns.c.name, campaigns.c.since))
    return {row.name: row.since for row in found}


def current_versions(connection: Connection) -> dict[str, str]:
    """The digest of each campaign's version that is at work, by the campaign's name."""
    found = connection.execute(select(campaigns.c.name, campaigns.c.version))
    return {row.name: row.version for row in found}


def current_version(connection: Connection, name: str) -> str | None:
    """The digest of the version that is at work; None where the campaign is not."""
    return connection.scalar(select(campaigns.c.version).where(campaigns.c.name == name))


def set_since(connection: Connection, name: str, since: datetime) -> None:
    """As if a campaign had been put to work at another time."""
    connection.execute(update(campaigns).where(campaigns.c.name == name).values(since=since))
