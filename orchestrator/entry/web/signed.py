"""Who made a link: this deployment, with its secret. Known once the database has one."""

from sqlalchemy import Engine

from orchestrator.flow.links import Links
from orchestrator.store.database import reading
from orchestrator.store.deployment import stored_deployment


class Signed:
    """Reads the links of messages; `links` are those of the deployment, once there is one."""

    def __init__(self, engine: Engine, base_url: str) -> None:
        self._engine = engine
        self._base_url = base_url
        self._links: Links | None = None

    def links(self) -> Links | None:
        """None as long as nobody has set up the database: then there is no message either."""
        if self._links is None:
            with reading(self._engine) as connection:
                found = stored_deployment(connection)
            if found is not None:
                self._links = Links(self._base_url, found.secret.encode())
        return self._links
