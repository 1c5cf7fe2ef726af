"""Opens a shop for a command: its campaigns, its database, its channels."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from channels.contract import Channel
from orchestrator.entry import clock
from orchestrator.entry.chance import new_deployment, new_token
from orchestrator.entry.plugins import open_channels, plugin_names, rehearsal_channels
from orchestrator.entry.settings import Settings
from orchestrator.entry.whereabouts import here
from orchestrator.flow.load import Loaded, load
from orchestrator.flow.pace import Pace
from orchestrator.flow.published import published
from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import Broken, ProblemsFound
from orchestrator.model.patience import USUAL, Patience
from orchestrator.model.version import Settings as ShopSettings
from orchestrator.store import whereabouts
from orchestrator.store.database import open_database, writing
from orchestrator.store.deployment import Deployment, this_deployment
from orchestrator.store.schema import State, create_schema, schema_state


def read_folder(settings: Settings) -> Loaded:
    """Everything in `campaigns/` and `templates/`, with what is wrong about it."""
    return load(settings.home, installed=plugin_names())


def read_shop(settings: Settings) -> ShopSettings:
    """`shop.yaml` alone; a wrong campaign does not matter here. Raises ProblemsFound."""
    loaded = read_folder(settings)
    if loaded.settings is None:
        raise ProblemsFound(loaded.problems)
    return loaded.settings


def read_campaigns(settings: Settings) -> Loaded:
    """Everything, with nothing wrong about it. Raises ProblemsFound."""
    loaded = read_folder(settings)
    if loaded.problems:
        raise ProblemsFound(loaded.problems)
    return loaded


def shop_at_work(engine: Engine, settings: Settings) -> ShopSettings | None:
    """The shop as it was put to work last, for those who do not decide: a mistake that somebody is
    making in the folder keeps nobody from unsubscribing. As the folder has it where nothing was put
    to work, or the database is away; None where that is wrong.
    """
    try:
        loaded = published(engine)
    except (SQLAlchemyError, Broken):
        loaded = None
    return loaded.settings if loaded else read_folder(settings).settings


FIXES = {
    State.up_to_date: "",
    State.missing: "`tactful migrate`, `import` or `run` makes them",
    State.behind: "`tactful migrate` brings it there",
    State.ahead: "upgrade this one soon: it need not work after the next change",
    State.unknown: "put that database aside and import again",
}


@contextmanager
def open_store(settings: Settings, *, make: bool = False, older: bool = False) -> Iterator[Engine]:
    """The database, of this Tactful's schema or of a newer one.

    With `make`, it and its tables are made where they are missing, and a SQLite file that an older
    Tactful made is brought up to date. On PostgreSQL that is `tactful migrate`, which somebody
    runs once for all workers. With `older`, an older schema will do.
    """
    engine = open_any_store(settings, make=make)
    try:
        schema = schema_state(engine)
        serves = {State.up_to_date, State.ahead} | ({State.behind} if older else set())
        makes = {State.up_to_date, State.missing} if make else set()
        if make and engine.dialect.name == "sqlite":
            makes |= {State.behind} - serves
        if schema.state in makes:
            create_schema(engine)
        elif schema.state not in serves:
            raise Broken(f"{schema}; {FIXES[schema.state]}")
        yield engine
    finally:
        engine.dispose()


def open_any_store(settings: Settings, *, make: bool = False) -> Engine:
    """The database, whatever its schema. With `make`, a SQLite file is made where it is missing."""
    file = settings.database_file
    if file is not None and not file.exists():
        if not make:
            raise Broken(f"there is no database {file} yet; `tactful import` or `run` makes it")
        file.parent.mkdir(parents=True, exist_ok=True)
    return open_database(settings.database)


def make_tactful(
    engine: Engine,
    loaded: Loaded,
    channels: Mapping[str, Channel[Any]],
    deployment: Deployment,
    *,
    failovers: Mapping[str, Channel[Any]] | None = None,
    pace: Pace | None = None,
    hands: int = 1,
    patience: Patience = USUAL,
) -> Tactful:
    """The engine on a database that is open, with channels that are."""
    assert loaded.settings is not None  # whoever calls has seen to it that nothing is wrong
    return Tactful(
        engine,
        loaded.settings,
        loaded.versions,
        channels=channels,
        deployment=deployment,
        new_token=new_token,
        failovers=failovers,
        pace=pace,
        hands=hands,
        patience=patience,
    )


@contextmanager
def open_tactful(settings: Settings) -> Iterator[Tactful]:
    """The engine in earnest: the database made if need be, the channels open."""
    loaded = read_campaigns(settings)
    with open_store(settings, make=True) as engine, _opened(engine, loaded, settings) as tactful:
        yield tactful


@contextmanager
def open_published(settings: Settings, *, pace: Pace | None = None) -> Iterator[Tactful]:
    """The engine of one hand among many: with what was put to work last, whatever somebody is
    writing in the folder. Where nothing was put to work yet, with what is written there.
    """
    with open_store(settings, make=True) as engine:
        loaded = published(engine) or read_campaigns(settings)
        with _opened(engine, loaded, settings, pace) as tactful:
            yield tactful


@contextmanager
def _opened(
    engine: Engine, loaded: Loaded, settings: Settings, pace: Pace | None = None
) -> Iterator[Tactful]:
    assert loaded.settings is not None  # nothing is wrong, so it is there
    with open_channels(loaded.settings.shop, settings) as opened:
        with writing(engine) as connection:
            deployment = this_deployment(connection, new_deployment())
            place = here(connection, settings)
            if place is not None:
                whereabouts.watch(connection, place, clock.now())
        yield make_tactful(
            engine,
            loaded,
            opened.channels,
            deployment,
            failovers=opened.failovers,
            pace=pace,
            hands=settings.hands,
            patience=settings.patience,
        )


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """An engine that sends nothing.

    The links in what it renders are signed with a secret that is thrown away, so that none of them
    is ever valid. `stand_ins`: the channels that are not set up, and why.
    """

    tactful: Tactful
    stand_ins: Mapping[str, str]


@contextmanager
def rehearse(settings: Settings) -> Iterator[Rehearsal]:
    """The engine for looking ahead: no channel is opened."""
    loaded = read_campaigns(settings)
    assert loaded.settings is not None  # nothing is wrong, so it is there
    with open_store(settings) as engine:
        channels, stand_ins = rehearsal_channels(loaded.settings.shop, settings)
        yield Rehearsal(make_tactful(engine, loaded, channels, new_deployment()), stand_ins)
