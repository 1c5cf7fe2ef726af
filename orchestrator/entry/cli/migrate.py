"""`tactful migrate`: the tables as this Tactful needs them."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

if TYPE_CHECKING:
    from orchestrator.store.schema import Schema


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only look; end with 1 where there is something to do.")
    ] = False,
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Only print the SQL, without asking the database anything."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="REVISION",
            help="With --sql: where the database is. [at its beginning]",
            show_default=False,
        ),
    ] = None,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Make the tables, or bring them up to date. Workers may run all the while.

    \b
    tactful migrate
    tactful migrate --check
    tactful migrate --sql --since 0001

    Run it before the workers of a new version start; any number of processes may do so at once.
    Where others do not let go of a table, it gives up after a few short tries, and says so.
    """
    from orchestrator.entry.opening import FIXES, open_any_store
    from orchestrator.entry.settings import settings
    from orchestrator.model.errors import Broken, WrongUse
    from orchestrator.store.schema import State, create_schema, schema_state

    where = settings(shop)
    if sql:
        _print_sql(where.database, since)
        return
    if since is not None:
        raise WrongUse("--since goes with --sql; the database itself knows where it is")
    engine = open_any_store(where, make=not check)
    try:
        found = schema_state(engine)
        if found.state is State.unknown or (found.state is State.ahead and not check):
            raise Broken(f"{found}; {FIXES[found.state]}")
        if not check:
            found = create_schema(engine)
    finally:
        engine.dispose()
    _tell(found, check=check, json=json)
    if check and found.state in (State.behind, State.missing):
        raise typer.Exit(PROBLEMS)


def _print_sql(url: str, since: str | None) -> None:
    from orchestrator.model.errors import WrongUse
    from orchestrator.store.database import parse_url
    from orchestrator.store.schema import schema_sql

    try:
        written = schema_sql(parse_url(url).get_backend_name(), since)
    except KeyError:
        raise WrongUse(f"there is no revision {since}") from None
    typer.echo(written.rstrip())


def _tell(found: "Schema", *, check: bool, json: bool) -> None:
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import FIXES
    from orchestrator.store.schema import State

    done = not check and found.state is not State.up_to_date
    if json:
        now = found.head if done else found.revision
        as_json({"state": found.state, "was": found.revision, "revision": now, "head": found.head})
    elif done:
        was = "new" if found.revision is None else f"was at {found.revision}"
        out().print(f"the schema is at revision {found.head} now ({was})", style="bold")
    else:
        fix = FIXES[found.state]
        out().print(f"{found}; {fix}" if fix else str(found))
