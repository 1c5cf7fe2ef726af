"""Two who admit at once, and a pause or an opt-out between them, on PostgreSQL.

Each race is held still at the place where it matters: whoever must not go on is seen to wait. The
same races with a lock taken out break the promise, so that it is known that they would be seen.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orchestrator.flow.dispatch import Dispatcher
from orchestrator.flow.watch import Watch
from orchestrator.model.errors import Broken
from orchestrator.store import attempts as tried
from orchestrator.store import controls
from orchestrator.store import messages as ledger
from orchestrator.store.database import writing
from orchestrator.tables import attempts
from tests.servers.patience import until
from tests.support.shop import NOW, Small, consent, customer, event

ROUNDS = 5
CAMPAIGNS: dict[str, Any] = {
    "letter": {},
    "text": {"channels": ["sms"], "trigger": {"event": "Cart Updated"}},
}
LATER = NOW + timedelta(hours=2)
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
STILL = Watch.still(LATER)


@pytest.fixture
def shop(tmp_path: Path, postgres_url: str) -> Iterator[Small]:
    """Each of some customers is due a letter and a text message, and may have one an hour.

    The letter was planned two hours ago, so that it keeps no slot from the text message.
    """
    caps = {"caps": {"overall": ["1 per 1h"]}}
    shop = Small(tmp_path, CAMPAIGNS, shop=caps, database=postgres_url)
    for n in range(ROUNDS):
        key = f"c{n}"
        shop.add(customer(key), consent(key), consent(key, "sms"), event(key, "Signed Up", NOW))
    shop.plan(NOW)
    shop.add(*(event(f"c{n}", "Cart Updated", LATER) for n in range(ROUNDS)))
    assert shop.plan(LATER)["text"]["planned"] == ROUNDS
    yield shop
    shop.engine.dispose()


def blocked(shop: Small) -> bool:
    """Whether somebody waits for a lock."""
    with shop.engine.connect() as watcher:
        return bool(watcher.scalar(WAITING))


def together(*works: Callable[[], object]) -> None:
    """All of them at once, to their ends."""
    failed: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    assert until(lambda: not any(thread.is_alive() for thread in threads))
    assert failed == []


def senders(shop: Small) -> list[Callable[[], object]]:
    """A worker for each channel."""
    send = shop.tactful.dispatcher.dispatch_channel
    return [lambda: send("email", STILL), lambda: send("sms", STILL)]


def per_customer(shop: Small) -> list[int]:
    """How many messages the provider has for each."""
    who = [line.rpartition(" for ")[2] for line in shop.told()]
    return [who.count(f"c{n}") for n in range(ROUNDS)]


# --- caps ---------------------------------------------------------------------------------------


def at_once(shop: Small, monkeypatch: pytest.MonkeyPatch, *, waits: bool) -> None:
    """Whoever has counted first stays where it is until the other one has counted, or waits."""
    stopped = Dispatcher._checked
    counted = threading.Event()
    first = threading.Lock()

    def check(self: Dispatcher, *asked: Any) -> Any:
        moves = stopped(self, *asked)
        if first.acquire(blocking=False):
            assert until(lambda: counted.is_set() or blocked(shop))
            assert counted.is_set() is not waits
        counted.set()
        return moves

    monkeypatch.setattr(Dispatcher, "_checked", check)


def test_who_counts_second_waits_for_the_first(
    shop: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once(shop, monkeypatch, waits=True)
    together(*senders(shop))
    assert per_customer(shop) == [1] * ROUNDS


def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for anybody."""
    monkeypatch.setattr(ledger, "lock_customers", lambda connection, ids: None)


def counted_before_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one statement locks and counts: it counts what it saw before it had to wait."""
    lock, stopped = ledger.lock_customers, Dispatcher._checked

    def check(self: Dispatcher, connection: Any, made: Any, *asked: Any) -> Any:
        moves = stopped(self, connection, made, *asked)
        lock(connection, {one.claimed.customer_id for one in made})
        return moves

    monkeypatch.setattr(ledger, "lock_customers", lambda connection, ids: None)
    monkeypatch.setattr(Dispatcher, "_checked", check)


@pytest.mark.parametrize("mutant", [no_lock, counted_before_the_wait])
def test_a_cap_is_exceeded_where_the_lock_does_not_come_first(
    shop: Small, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    if mutant is no_lock:
        mutant(monkeypatch)
        at_once(shop, monkeypatch, waits=False)
    else:
        at_once(shop, monkeypatch, waits=False)
        mutant(monkeypatch)
    together(*senders(shop))
    assert per_customer(shop) == [2] * ROUNDS


# --- pausing and opting out ---------------------------------------------------------------------


def pauses(shop: Small) -> None:
    with writing(shop.engine) as connection:
        controls.pause(connection, "everything", "*", "test", LATER)


def pauses_in_plain_sql(shop: Small) -> None:
    with writing(shop.engine) as connection:
        connection.execute(text("INSERT INTO controls VALUES ('everything', '*', 'test', now())"))


def opts_out(shop: Small) -> None:
    shop.add(*(consent(f"c{n}", given=False, at=LATER) for n in range(ROUNDS)), now=LATER)


def meanwhile(
    shop: Small, monkeypatch: pytest.MonkeyPatch, changes: Callable[[Small], None]
) -> list[bool]:
    """Admit, and between the check and the commit let somebody change their mind.

    The answer: whether the change was committed before the admission was.
    """
    stopped, begin = Dispatcher._checked, tried.begin
    changed, earlier, threads = threading.Event(), [], []

    def change() -> None:
        changes(shop)
        changed.set()

    def check(self: Dispatcher, *asked: Any) -> Any:
        moves = stopped(self, *asked)
        if not threads:
            threads.append(threading.Thread(target=change, daemon=True))
            threads[0].start()
            assert until(lambda: changed.is_set() or blocked(shop))
        return moves

    def began(*asked: Any) -> Any:
        earlier.append(changed.is_set())
        return begin(*asked)

    monkeypatch.setattr(Dispatcher, "_checked", check)
    monkeypatch.setattr(tried, "begin", began)
    shop.tactful.dispatcher.dispatch_channel("email", STILL)
    assert until(changed.is_set)
    return earlier


@pytest.mark.parametrize("changes", [pauses, pauses_in_plain_sql, opts_out])
def test_a_change_of_mind_waits_for_what_is_being_admitted(
    shop: Small, monkeypatch: pytest.MonkeyPatch, changes: Callable[[Small], None]
) -> None:
    assert meanwhile(shop, monkeypatch, changes)[0] is False
    before = len(shop.rows(attempts))
    shop.dispatch(LATER)
    assert before == ROUNDS
    after = [row for row in shop.told() if row.startswith("letter")]
    assert len(after) == ROUNDS, "nothing more of the letters after that"


def test_a_person_is_told_that_somebody_elses_change_does_not_end(shop: Small) -> None:
    """Whoever has typed BEGIN before the runbook's words, and went for a coffee."""
    told = pytest.raises(Broken, match="nothing was changed: somebody's transaction")
    stopped = (*controls.EVERYTHING, "", LATER)
    with shop.engine.connect() as theirs:
        controls.pause(theirs, *stopped)
        with told, controls.switching(shop.engine, wait_max_ms=50) as ours:
            controls.pause(ours, *stopped)
        theirs.commit()
        controls.resume(theirs, *controls.EVERYTHING)
        with told, controls.switching(shop.engine, wait_max_ms=50) as ours:
            controls.resume(ours, *controls.EVERYTHING)


def test_a_sender_that_stands_still_holds_back_a_pause_for_a_moment_only(
    shop: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine sleeps, say, in the middle of admitting. What it was about to do is undone."""
    monkeypatch.setattr(controls, "STILL_MAX_MS", 100)
    paused = threading.Event()
    ours = threading.Thread(target=lambda: (pauses(shop), paused.set()), daemon=True)
    with shop.engine.connect() as connection:
        controls.hold(connection)
        ours.start()
        assert until(paused.is_set, 10)
        with pytest.raises(DBAPIError, match="idle-in-transaction"):
            connection.execute(text("SELECT 1"))


@pytest.mark.parametrize(
    ("changes", "module", "lock"),
    [(pauses, controls, "hold"), (opts_out, ledger, "lock_customers")],
)
def test_without_its_lock_something_is_admitted_after_it(
    shop: Small,
    monkeypatch: pytest.MonkeyPatch,
    changes: Callable[[Small], None],
    module: Any,
    lock: str,
) -> None:
    monkeypatch.setattr(module, lock, lambda *asked: None)
    assert meanwhile(shop, monkeypatch, changes)[0] is True
    assert shop.rows(attempts)
