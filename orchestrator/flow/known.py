"""Versions of campaigns by their digest, current or not: each is read from the database once."""

import logging
from collections.abc import Iterable

from sqlalchemy import Connection, Engine

from orchestrator.flow.published import Shops, stored
from orchestrator.model.errors import OtherRelease
from orchestrator.model.version import Settings, Version
from orchestrator.store.database import reading

_log = logging.getLogger(__name__)


class Known:
    """The versions that one process has met.

    While the next release is brought in, some may be written for that one. These are left to its
    workers, and told of once.
    """

    def __init__(self, engine: Engine, settings: Settings, versions: Iterable[Version]) -> None:
        self._engine = engine
        self._shops: Shops = {settings.digest: settings}
        self._versions = {version.digest: version for version in versions}
        self._strange: dict[str, str] = {}

    def can_read(self, digest: str) -> bool:
        """Whether this release can read a version."""
        try:
            self.of(digest)
        except OtherRelease:
            return False
        return True

    def of(self, digest: str) -> Version:
        """A version. Raises OtherRelease where only another one can read it."""
        if digest in self._versions:
            return self._versions[digest]
        with reading(self._engine) as connection:
            return self.read(connection, digest)

    def read(self, connection: Connection, digest: str) -> Version:
        """The same, for whoever has a connection at hand."""
        if digest in self._strange:
            raise OtherRelease(self._strange[digest])
        if digest not in self._versions:
            try:
                self._versions[digest] = stored(connection, digest, self._shops)
            except OtherRelease as error:
                self._strange[digest] = str(error)
                _log.error(f"left to newer workers: {error}")
                raise
        return self._versions[digest]
