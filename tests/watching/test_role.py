"""PostgreSQL as a DBA has set it up: settings of a role or a database, and rights."""

from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from orchestrator.entry.doctor.database import examine_database
from orchestrator.entry.settings import Settings
from orchestrator.entry.web.health import why_not_ready
from orchestrator.model.errors import Broken
from orchestrator.store.database import open_database, reading
from tests.servers.postgres import Postgres
from tests.servers.shared import execute, let_go
from tests.support.shop import NOW, Small, consent, customer, event

ROLE = "pg_monitor"
"""A role that every server has and that may do nothing with our tables."""


@pytest.fixture
def own(postgres_url: str) -> str:
    """The name of the test's own database."""
    return postgres_url.rpartition("/")[2]


def told(url: str, level: str) -> list[tuple[str, str]]:
    """What doctor finds of this level, and how to mend it."""
    found = examine_database(Settings(database_url=url), NOW)
    return [(f.what, f.fix) for _, f in found if f.level == level and "fsync" not in f.what]


def from_now_on(server: Postgres, database: str, **settings: str) -> None:
    """What every later session in the database begins with."""
    for name, value in settings.items():
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        named = sql.Identifier(database), sql.Identifier(name), sql.Literal(value)
        execute(server, statement.format(*named))


def test_how_somebody_likes_dates_written_is_nothing_to_us(
    postgres_server: Postgres, postgres_url: str, own: str, tmp_path: Path
) -> None:
    from_now_on(
        postgres_server,
        own,
        DateStyle="German, DMY",
        IntervalStyle="iso_8601",
        client_encoding="LATIN1",
        bytea_output="escape",
        standard_conforming_strings="off",
        backslash_quote="off",
        default_transaction_isolation="serializable",
    )
    shop = Small(tmp_path, {"hello": {}}, database=postgres_url)
    name = "Zo\u00eb\\' \u2602"
    shop.add(customer("z", who=name), consent("z"), event("z", "Signed Up", NOW))
    shop.tick()
    assert shop.told() == [f"hello for {name}"]
    shop.engine.dispose()
    assert told(postgres_url, "error") == []


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_an_encoding_that_cannot_keep_every_name_is_refused(
    postgres_server: Postgres, own: str, encoding: str
) -> None:
    name = f"{own}_{encoding.lower()}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C' ENCODING {}")
    execute(postgres_server, statement.format(sql.Identifier(name), sql.Literal(encoding)))
    with pytest.raises(Broken, match=f"is encoded in {encoding}, .* with ENCODING 'UTF8'"):
        open_database(postgres_server.url(name))
    let_go(postgres_server, name)


def test_a_server_that_was_made_read_only(
    postgres_server: Postgres, postgres_url: str, own: str
) -> None:
    from_now_on(postgres_server, own, default_transaction_read_only="on")
    ((what, fix),) = told(postgres_url, "error")
    assert what.endswith("nothing is decided or sent: default_transaction_read_only is on")
    assert "room" in fix
    engine = open_database(postgres_url)
    (why,) = why_not_ready(engine, Event())
    assert why == "the database takes no writes: default_transaction_read_only is on"
    engine.dispose()


def test_limits_that_cut_off_what_takes_its_time(
    postgres_server: Postgres, postgres_url: str, own: str
) -> None:
    assert told(postgres_url, "warning") == []
    from_now_on(
        postgres_server,
        own,
        statement_timeout="30s",
        transaction_timeout="10min",
        lock_timeout="500ms",
        idle_in_transaction_session_timeout="5min",
    )
    assert told(postgres_url, "warning") == [
        (
            "statement_timeout is 30 s: what takes longer fails, and is begun again",
            "`ALTER ROLE … SET statement_timeout = 0`, or 600 s at least",
        ),
        (
            "lock_timeout is 500 ms: what takes longer fails, and is begun again",
            "`ALTER ROLE … SET lock_timeout = 0`, or 60 s at least",
        ),
    ]


def test_what_a_role_needs_to_be_given(
    postgres_server: Postgres, postgres_url: str, own: str, tmp_path: Path
) -> None:
    """Nothing but what doctor says; then it can do all of its work."""
    database = sql.Identifier(own)
    execute(postgres_server, sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    from_now_on(postgres_server, own, role=ROLE)
    first, second = told(postgres_url, "error")
    assert first == (
        f"{ROLE} may make no temporary tables: nothing can be planned or imported",
        f"GRANT TEMPORARY ON DATABASE {own} TO {ROLE}",
    )
    lacks, grant = second
    assert lacks.startswith(f"{ROLE} lacks rights (DELETE, INSERT, SELECT, UPDATE, USAGE) to acc")
    *_, schema = grant.partition("IN SCHEMA ")
    assert schema == f"public TO {ROLE}"
    with psycopg.connect(postgres_url, options="-c role=tactful") as owner:
        owner.execute(first[1])
        for kind in ("SELECT, INSERT, UPDATE, DELETE ON ALL TABLES", "USAGE ON ALL SEQUENCES"):
            assert kind in grant
            owner.execute(f"GRANT {kind} IN SCHEMA {schema}")
    assert told(postgres_url, "error") == []
    shop = Small(tmp_path, {"hello": {}}, database=postgres_url)
    with reading(shop.engine) as connection:
        assert connection.scalar(text("SELECT current_user")) == ROLE
    shop.add(customer("ann"), consent("ann"), event("ann", "Signed Up", NOW))
    shop.tick()
    assert shop.told() == ["hello for ann"]
    shop.engine.dispose()


def test_a_search_path_that_leads_nowhere(
    postgres_server: Postgres, postgres_url: str, own: str
) -> None:
    from_now_on(postgres_server, own, search_path="nowhere")
    ((what, fix),) = told(postgres_url, "error")
    assert what == "none of the schemas where tactful looks for tables is there"
    assert fix == "make one, or `ALTER ROLE tactful SET search_path = …`"
