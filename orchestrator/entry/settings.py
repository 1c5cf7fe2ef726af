"""Where Tactful works: from the environment, and from what was written on the command line.

Settings of a channel's plugin come from the environment as well, by its name: see
`channels.settings`. The folder of the `outbox` is `var/outbox` where nothing else is said.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from orchestrator.model.errors import WrongUse
from orchestrator.model.patience import USUAL, Patience

DATABASE = "sqlite:///var/tactful.db"
_PREFIX = "TACTFUL_"
_YEAR_S = 365 * 86_400
_REDIS_SCHEMES = ("redis", "rediss")


class Settings(BaseSettings):
    """`TACTFUL_HOME`, `TACTFUL_DATABASE_URL`, `TACTFUL_REDIS_URL` and the others below."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore")

    home: Path = Field(Path(), description="The shop's folder: campaigns/ and templates/.")
    database_url: str = DATABASE
    redis_url: str | None = Field(
        None, description="Broker and pace-keeper of many workers; none where one process does it."
    )
    deployment: str | None = Field(
        None, description="A name for where this is, that no copy of the database shares."
    )
    stuck_after_s: float = Field(
        600, gt=0, le=_YEAR_S, description="A process that has not got on for so long is ended."
    )
    hands: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="So many connections plan a pass over very many customers at once.",
    )
    workers_max: int = Field(
        10,
        ge=1,
        description="While Redis is away, each worker sends at this part of its provider's pace.",
    )
    due_max: int = Field(
        200_000,
        ge=0,
        le=10**9,
        description="With more messages due on one channel than that, scheduled passes wait.",
    )

    public_url: str | None = Field(
        None, description="Where providers reach `tactful web`; else the shop's base_url."
    )
    write_key: SecretStr | None = Field(
        None, description="What the shop's site signs in with to tell of events; none: it cannot."
    )
    console_key: SecretStr | None = Field(
        None,
        description="What people and programs come into the console with; none: there is none.",
    )

    lease_s: float = Field(
        USUAL.lease.total_seconds(),
        gt=0,
        le=_YEAR_S,
        description="How long a worker may hold a message.",
    )
    look_after_s: float = Field(
        USUAL.look_after.total_seconds(),
        gt=0,
        le=_YEAR_S,
        description="When a lost answer is looked for at the provider.",
    )

    @property
    def patience(self) -> Patience:
        """How long others are waited for; the spans that have no setting follow `look_after_s`."""
        look_after = timedelta(seconds=self.look_after_s)
        share = look_after / USUAL.look_after
        return Patience(
            timedelta(seconds=self.lease_s),
            look_after,
            USUAL.look_again * share,
            USUAL.look_for * share,
            USUAL.retry_after * share,
            USUAL.retry_after_max * share,
        )

    @property
    def var(self) -> Path:
        """Where Tactful keeps what it makes."""
        return self.home / "var"

    @property
    def database(self) -> str:
        """The URL of the database; the path of a SQLite file counts from the shop's folder."""
        try:
            url = _url_of(self.database_url.strip())
        except (ArgumentError, ValueError):
            return self.database_url  # `open_database` says what is wrong with it
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return self.database_url
        return url.set(database=str(self.home / str(url.database))).render_as_string(False)

    @property
    def database_file(self) -> Path | None:
        """The file of a SQLite database."""
        try:
            url = make_url(self.database)
        except (ArgumentError, ValueError):
            return None
        if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
            return None
        return Path(str(url.database))


def settings(home: Path | None = None) -> Settings:
    """The settings of this process; `home` as written on the command line wins."""
    try:
        found = Settings() if home is None else Settings(home=home)
    except ValidationError as error:
        raise WrongUse("; ".join(map(_told, error.errors()))) from None
    if not found.home.is_dir():
        raise WrongUse(
            f"there is no folder {found.home}; name the shop's folder with --shop or TACTFUL_HOME"
        )
    return found


def redis_at(url: str) -> str:
    """The URL, if it is that of a Redis. Raises WrongUse, which does not repeat it: it may hold a
    password."""
    try:
        parts = urlsplit(url)
        if parts.scheme in _REDIS_SCHEMES and parts.port != 0:
            return url
    except ValueError:
        pass
    raise WrongUse(
        "TACTFUL_REDIS_URL: not the URL of a Redis; write redis://name:password@host:6379/0"
    )


def _url_of(text: str) -> URL:
    """A path alone is that of a SQLite file. Raises ArgumentError or ValueError."""
    is_path = text and text != ":memory:" and "://" not in text and "@" not in text
    return URL.create("sqlite", database=text) if is_path else make_url(text)


def _told(wrong: Any) -> str:
    """Which variable, and what is wrong about it; never the value, which may be a secret."""
    name = "".join(map(str, wrong["loc"])).upper()
    what = wrong["msg"]
    return f"{_PREFIX}{name}: {what[:1].lower()}{what[1:]}"
