"""A copied or restored database starts paused; one whose place was only moved goes on."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from orchestrator.entry.settings import Settings
from orchestrator.entry.whereabouts import finding, here
from orchestrator.store import whereabouts
from orchestrator.store.controls import pauses
from orchestrator.store.database import open_database, reading, writing
from orchestrator.store.deployment import Deployment, this_deployment
from tests.cli.shop import NOW, ShopFolder

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ONE_OR_OTHER = Deployment("d1", "secret")


def at_work(shop: ShopFolder) -> ShopFolder:
    """Ann's message has left; Bob's is due."""
    shop.sell_tea()
    shop.add_customer()
    shop.put_to_work(NOW)
    shop.happen("ann", at=NOW + MINUTE)
    shop.ok("run", "--once", at=NOW + 2 * MINUTE)
    assert len(shop.sent()) == 1
    shop.add_customer("bob")
    shop.happen("bob", at=NOW + 3 * MINUTE)
    return shop


def elsewhere(shop: ShopFolder, folder: Path) -> ShopFolder:
    """The campaigns in another place, and no database."""
    other = ShopFolder(folder, like=shop)
    shutil.rmtree(other.home / "var")
    (other.home / "var").mkdir()
    return other


def look(shop: ShopFolder, minutes: int) -> str:
    return shop.ok("run", "--once", at=NOW + minutes * MINUTE)


def paused(shop: ShopFolder) -> list[str]:
    for connection in shop.database():
        return [pause.reason for pause in pauses(connection)]
    raise AssertionError("there is a database")


def test_a_copied_file_starts_paused(shop: ShopFolder, tmp_path: Path) -> None:
    copy = elsewhere(at_work(shop), tmp_path / "copy")
    shutil.copy(shop.home / "var" / "tactful.db", copy.home / "var" / "tactful.db")
    look(copy, 4)
    assert copy.sent() == []
    assert "was copied or restored" in " ".join(copy.ok("status", at=NOW + 5 * MINUTE).split())
    assert copy("deployment", at=NOW).exit_code == 1
    look(shop, 4)
    assert len(shop.sent()) == 2, "the original goes on"

    copy.ok("resume", "everything", at=NOW + 6 * MINUTE)
    look(copy, 7)
    assert copy.sent() == [], "resumed, but not adopted: it is paused again"
    before = copy.json("deployment", code=1)["deployment"]
    assert copy.json("deployment", "adopt") == {
        "deployment": before,
        "belongs_here": True,
        "put_to_work": True,
    }
    look(copy, 8)
    assert copy.sent() == [], "adopted, but not resumed"
    copy.ok("resume", "everything", at=NOW + 9 * MINUTE)
    look(copy, 10)
    assert len(copy.sent()) == 1


def test_a_copy_of_the_whole_folder_starts_paused(shop: ShopFolder, tmp_path: Path) -> None:
    at_work(shop)
    shutil.copytree(shop.home / "var", tmp_path / "kept")
    copy = elsewhere(shop, tmp_path / "copy")
    shutil.copytree(tmp_path / "kept", copy.home / "var", dirs_exist_ok=True)
    assert (copy.home / "var" / "tactful.db.deployment").exists()
    look(copy, 4)
    assert len(copy.sent()) == 1, "no more than what the original had sent"


def test_a_copy_beside_the_original_starts_paused(
    shop: ShopFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work(shop)
    shutil.copy(shop.home / "var" / "tactful.db", shop.home / "var" / "other.db")
    monkeypatch.setenv("TACTFUL_DATABASE_URL", "sqlite:///var/other.db")
    look(shop, 4)
    assert len(shop.sent()) == 1


def test_a_folder_that_was_moved_goes_on(shop: ShopFolder, tmp_path: Path) -> None:
    at_work(shop)
    moved = tmp_path / "mounted" / "elsewhere"
    moved.mkdir(parents=True)
    for name in ("campaigns", "var"):
        (shop.home / name).rename(moved / name)
    other = ShopFolder.__new__(ShopFolder)
    other.__dict__.update(shop.__dict__, home=moved)
    look(other, 4)
    assert len(other.sent()) == 2
    assert "is where it belongs" in other.ok("deployment")


def test_adopted_beside_the_original_it_is_another_one(shop: ShopFolder, tmp_path: Path) -> None:
    copy = elsewhere(at_work(shop), tmp_path / "copy")
    shutil.copy(shop.home / "var" / "tactful.db", copy.home / "var" / "tactful.db")
    look(copy, 4)
    old = shop.json("deployment")["deployment"]
    assert copy.json("deployment", "adopt", "--new")["deployment"] != old
    assert shop.json("deployment")["deployment"] == old


def test_the_operators_word_is_believed(
    shop: ShopFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TACTFUL_DEPLOYMENT", "production")
    copy = elsewhere(at_work(shop), tmp_path / "copy")
    shutil.copy(shop.home / "var" / "tactful.db", copy.home / "var" / "tactful.db")
    look(copy, 4)
    assert len(copy.sent()) == 1, "a volume that was restored in the same place"
    monkeypatch.setenv("TACTFUL_DEPLOYMENT", "staging")
    look(shop, 5)
    assert len(shop.sent()) == 1
    assert len(paused(shop)) == 1


def test_what_was_never_at_work_belongs_nowhere(shop: ShopFolder) -> None:
    shop.add_customer()
    assert shop.json("deployment")["put_to_work"] is False
    assert shop("deployment", "adapt", at=NOW).exit_code == 2
    assert shop("deployment", "--new", at=NOW).exit_code == 2


def test_doctor_says_so(shop: ShopFolder, tmp_path: Path) -> None:
    copy = elsewhere(at_work(shop), tmp_path / "copy")
    shutil.copy(shop.home / "var" / "tactful.db", copy.home / "var" / "tactful.db")
    (said,) = (one for one in copy.json("doctor", code=3) if one["about"] == "deployment")
    id = shop.json("deployment")["deployment"]
    assert said["what"] == f"{id} was copied or restored from another place"
    assert "`tactful deployment adopt`" in said["fix"]
    (fine,) = (one["what"] for one in shop.json("doctor") if one["about"] == "deployment")
    assert fine == f"{id} is where it was put to work"


def test_a_clone_on_the_same_server_starts_paused(postgres_url: str, tmp_path: Path) -> None:
    url = make_url(postgres_url)
    mine = Settings(home=tmp_path, database_url=postgres_url)
    engine = open_database(postgres_url)
    for _ in range(2):
        with writing(engine) as connection:
            this_deployment(connection, ONE_OR_OTHER)
            place = here(connection, mine)
            assert place is not None
            assert whereabouts.watch(connection, place, NOW)
            assert pauses(connection) == []
    assert len(place.split()) == 3, "the cluster's number is part of it"
    engine.dispose()
    copy = f"{url.database}_copy"
    server = open_database(url.set(database="postgres").render_as_string(hide_password=False))
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'CREATE DATABASE "{copy}" TEMPLATE "{url.database}"'))
    clone = open_database(url.set(database=copy).render_as_string(hide_password=False))
    with writing(clone) as connection:
        elsewhere = here(connection, mine)
        assert elsewhere is not None
        assert not whereabouts.watch(connection, elsewhere, NOW)
        assert [pause.scope for pause in pauses(connection)] == ["everything"]
        whereabouts.adopt(connection, elsewhere)
        assert whereabouts.watch(connection, elsewhere, NOW)
    with reading(clone) as connection:
        assert finding(connection, mine).what == "is where it was put to work"
    clone.dispose()
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f'DROP DATABASE "{copy}"'))
    server.dispose()


def test_without_the_right_to_ask_the_server_the_database_alone_tells(postgres_url: str) -> None:
    engine = open_database(postgres_url)
    with writing(engine) as connection:
        whole = whereabouts.of_server(connection)
        connection.execute(text("CREATE ROLE humble"))
        connection.execute(text("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC"))
        connection.execute(text("SET LOCAL ROLE humble"))
        alone = whereabouts.of_server(connection)
        connection.rollback()
    assert alone.split() == [whole.split()[0], whole.split()[2]]
    engine.dispose()


def test_a_database_in_memory_is_nowhere_else(tmp_path: Path) -> None:
    engine = open_database(":memory:")
    with reading(engine) as connection:
        assert here(connection, Settings(home=tmp_path, database_url=":memory:")) is None
    engine.dispose()
