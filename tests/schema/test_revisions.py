"""The revisions lead to the tables, and nowhere else."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from hatchling.builders.wheel import WheelBuilder
from sqlalchemy import Engine, inspect, text

from orchestrator.model.errors import WrongUse
from orchestrator.store import migrations
from orchestrator.store.database import open_database
from orchestrator.store.migrations import make_config, revisions
from orchestrator.store.migrations.draft import draft
from orchestrator.store.schema import State, create_schema, schema_sql, schema_state
from orchestrator.tables import metadata
from tests.schema.catalogue import catalogue
from tests.schema.conftest import AddRevision

ROOT = Path(__file__).parents[2]
REDRAFT = (
    "the tables have changed; as long as nothing is released, write the first revision anew:  "
    "python -m orchestrator.store.migrations.draft"
)

# SQLite cannot reflect an index on an expression; `catalogue` compares it.
expressions = pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expr")


def upgrade(engine: Engine, to: str = "head") -> None:
    """By the revisions, one after the other."""
    with engine.connect() as connection:
        command.upgrade(make_config(connection=connection), to)


@expressions
def test_the_revisions_make_the_tables(engine: Engine) -> None:
    upgrade(engine)
    assert schema_state(engine).state is State.up_to_date, REDRAFT
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        if engine.dialect.name == "sqlite":
            options["include_object"] = lambda item, name, *_: name != "messages_waiting_idx"
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == [], REDRAFT


def test_a_new_database_is_as_if_migrated(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        migrated = catalogue(connection)
        connection.rollback()
        command.downgrade(make_config(connection=connection), "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert schema_state(engine).state is State.missing
    create_schema(engine)
    with engine.connect() as connection:
        made = catalogue(connection)
        noted = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    assert len(made) > 200
    assert made == migrated, REDRAFT
    assert noted == [revisions()[-1]]


def test_the_sql_for_a_dba_makes_the_same(engine: Engine) -> None:
    with engine.connect() as connection:
        for statement in schema_sql(engine.dialect.name).split(";"):
            if statement.strip() not in ("", "BEGIN", "COMMIT"):
                connection.execute(text(statement))
        connection.commit()
        written = catalogue(connection)
        connection.rollback()
        assert schema_state(engine).state is State.up_to_date
        command.downgrade(make_config(connection=connection), "base")
    upgrade(engine)
    with engine.connect() as connection:
        assert catalogue(connection) == written


def test_they_are_one_line_and_numbered() -> None:
    script = ScriptDirectory.from_config(make_config())
    line = list(script.walk_revisions())[::-1]
    assert [one.revision for one in line] == list(revisions())
    assert [one.down_revision for one in line] == [None, *revisions()[:-1]]
    assert all(Path(one.path).name.startswith(f"{one.revision}_") for one in line)


def test_the_first_is_what_the_tables_give(versions: Path) -> None:
    before = {path: path.read_text(encoding="utf-8") for path in versions.glob("*.py")}
    draft()
    after = {path: path.read_text(encoding="utf-8") for path in versions.glob("*.py")}
    assert after == before, REDRAFT


@expressions
def test_a_later_draft_holds_what_is_new_alone(add_revision: AddRevision) -> None:
    add_revision('op.drop_column("controls", "reason")')
    file = draft("Give the reason back")
    assert file.name == "0003_give_the_reason_back.py"
    text = file.read_text(encoding="utf-8")
    added = [line for line in text.splitlines() if "add_column" in line or "create" in line]
    assert len(added) == 1
    assert 'sa.Column("reason", sa.String(), nullable=False)' in added[0]
    with pytest.raises(WrongUse, match="has followers"):
        draft()
    engine = open_database(":memory:")
    upgrade(engine)
    assert schema_state(engine).revision == "0003"


def test_what_is_installed_has_them() -> None:
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    folder = Path(migrations.__file__).parent
    wanted = {"env.py", "script.py.mako", "versions/__init__.py"}
    wanted |= {f"versions/{path.name}" for path in migrations.VERSIONS.glob("*.py")}
    assert {str((folder / name).relative_to(ROOT)) for name in wanted} <= packed
