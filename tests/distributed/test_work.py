"""What a worker does with hints: nothing twice, whoever comes, and however often."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic

import pytest
from sqlalchemy import insert, select, update

from orchestrator.entry import clock
from orchestrator.entry.opening import open_published, open_tactful
from orchestrator.entry.queue import ticker
from orchestrator.entry.queue.ticker import TIDY_EVERY_S
from orchestrator.entry.queue.work import WAIT_MAX_S, Work
from orchestrator.entry.settings import settings
from orchestrator.flow.dispatch import BATCH_SIZE_MAX
from orchestrator.flow.tactful import Tactful
from orchestrator.model.account import AccountName
from orchestrator.model.breaker import Breaker
from orchestrator.store import controls
from orchestrator.store.accounts import change_breaker
from orchestrator.store.database import reading, writing
from orchestrator.store.turns import turn
from orchestrator.tables import campaigns, messages, versions
from tests.distributed.world import World


def length(world: World, queue: str) -> int:
    """Hints in a queue."""
    return int(world.broker.llen(queue))


def test_a_hint_that_comes_twice_doubles_nothing(world: World) -> None:
    world.sign_up(30)
    work = world.work()
    assert work.plan()
    assert work.plan()
    assert length(world, "dispatch.email") == 2
    assert work.dispatch("email") == {"accepted": 30}
    assert work.dispatch("email") == {}
    work.decide([1, 2, 3])
    work.look_for_lost()
    world.recorded(30)


def test_many_hands_at_once(world: World) -> None:
    world.sign_up(60)
    world.work().plan()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: world.work().dispatch("email"), range(4)))
    assert sum(one["accepted"] for one in done) == 60
    world.recorded(60)


def test_customers_with_news_are_decided_about_at_once(world: World) -> None:
    world.sign_up(3)
    world.work().decide([1, 3])
    assert length(world, "dispatch.email") == 1
    world.work().dispatch("email")
    world.recorded(2)


def test_who_finds_another_at_it_leaves_planning_to_that_one(world: World) -> None:
    world.sign_up(1)
    with turn(world.engine, "plan") as mine:
        assert mine
        assert not world.work().plan()
    assert world.states() == {}
    assert world.work().plan()


def test_who_does_all_of_it_leaves_planning_to_another_too_and_sends(world: World) -> None:
    """`tactful run`, twice on one database."""
    world.sign_up(2)
    with turn(world.engine, "plan"):
        assert world.tactful.look(clock.WATCH).verdicts == ()
    assert world.states() == {}
    world.tactful.plan(clock.now())
    world.sign_up(1, first=2)
    with turn(world.engine, "plan"):
        assert world.tactful.look(clock.WATCH).sent == {"accepted": 2}
    assert sum(one.planned for one in world.tactful.look(clock.WATCH).verdicts) == 1


def test_a_channel_that_the_shop_has_not_got(world: World) -> None:
    assert world.work().dispatch("whatsapp") == {}


def test_when_time_is_up_another_hint_goes_on(world: World) -> None:
    world.sign_up(2)
    world.work().plan()
    before = length(world, "dispatch.email")
    assert world.work(dispatch_s=0).dispatch("email") == {}
    assert length(world, "dispatch.email") == before + 1


def test_no_hand_waits_for_a_breaker_that_stays_open(world: World) -> None:
    world.sign_up(2)
    world.work().plan()
    opened = Breaker(trips=1, open_until=clock.now() + timedelta(seconds=15))
    with writing(world.engine) as connection:
        change_breaker(connection, AccountName("email", "recording"), lambda _: opened, clock.now())
    before_s = monotonic()
    assert world.work().dispatch("email") == {}
    assert monotonic() < before_s + WAIT_MAX_S


def test_who_is_about_to_end_begins_nothing_and_passes_it_on(world: World) -> None:
    world.sign_up(2)
    world.work().plan()
    before = length(world, "dispatch.email")
    assert world.work(ends=lambda: True).dispatch("email") == {}
    assert length(world, "dispatch.email") == before + 1


def test_what_was_left_behind_is_free_again(world: World) -> None:
    world.sign_up(5)
    work = world.work()
    work.plan()
    gone = {"state": "claimed", "token": "gone", "lease_until": clock.now() - timedelta(minutes=1)}
    with writing(world.engine) as connection:
        connection.execute(update(messages).values(gone))
    work.look_for_lost()
    work.dispatch("email")
    world.recorded(5)


def test_a_look_for_lost_answers_ends_in_time_and_the_next_goes_on(world: World) -> None:
    world.provider.script("accept_then_drop")
    world.sign_up(2)
    world.work().plan()
    assert world.work().dispatch("email") == {"unknown": 2}
    due = {"lease_until": clock.now() - timedelta(seconds=1)}
    with writing(world.engine) as connection:
        connection.execute(update(messages).values(due))
    world.work(look_s=0).look_for_lost()
    assert world.states() == {"unknown": 2}
    world.work().look_for_lost()
    world.recorded(2)


def test_a_tick_calls_as_many_hands_as_have_enough_to_do(world: World) -> None:
    world.sign_up(BATCH_SIZE_MAX + 1)
    world.work().plan()
    world.broker.flushdb()
    sent = world.ticker().tick(clock.now(), 0.0)
    assert sent == {"plan": 2, "feedback": 1, "dispatch.email": 2}
    assert length(world, "dispatch.email") == 2


def test_any_number_of_tickers(world: World) -> None:
    world.sign_up(3)
    world.work().plan()
    world.broker.flushdb()
    for at_s in range(4):
        world.ticker().tick(clock.now(), float(at_s))
    lengths = {queue: length(world, queue) for queue in ("plan", "feedback", "dispatch.email")}
    assert lengths == {"plan": 2, "feedback": 1, "dispatch.email": 1}


def test_what_is_paused_calls_nobody(world: World) -> None:
    world.sign_up(3)
    world.work().plan()
    world.broker.flushdb()
    with writing(world.engine) as connection:
        controls.pause(connection, "channel", "email", "", clock.now())
    world.ticker().tick(clock.now(), 0.0)
    assert length(world, "dispatch.email") == 0


def test_a_slow_look_at_what_is_due_comes_seldomer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sign_up(3)
    world.work().plan()
    world.broker.flushdb()
    monkeypatch.setattr(ticker, "QUICK_S", 0.0)
    one = world.ticker()
    assert one.tick(clock.now(), 0.0)["dispatch.email"] == 1
    world.broker.flushdb()
    assert one.tick(clock.now(), 0.0)["dispatch.email"] == 0
    assert one.tick(clock.now(), ticker.SELDOM_MAX_S)["dispatch.email"] == 1


def test_a_tick_frees_what_was_left_behind_whoever_else_is_away(world: World) -> None:
    world.sign_up(3)
    world.work().plan()
    world.broker.flushdb()
    gone = {"state": "claimed", "token": "gone", "lease_until": clock.now() - timedelta(minutes=1)}
    with writing(world.engine) as connection:
        connection.execute(update(messages).values(gone))
    looks = world.ticker()
    with writing(world.engine) as connection:
        connection.execute(select(messages.c.id).limit(1).with_for_update())
        assert looks.tick(clock.now(), 0.0)["dispatch.email"] == 0, "it waits for nobody"
    assert looks.tick(clock.now(), TIDY_EVERY_S)["dispatch.email"] == 1
    assert world.states() == {"planned": 3}


def test_one_tick_plans_and_learns_in_its_own_time(world: World) -> None:
    looks = world.ticker()
    assert looks.tick(clock.now(), 0.0)["plan"] == 2
    world.broker.flushdb()
    assert looks.tick(clock.now(), 4.9) == {}
    assert looks.tick(clock.now(), 5.0) == {"plan": 1, "feedback": 1}


def test_a_hand_plans_what_was_published_last(world: World) -> None:
    """Not what was at work when it began, nor what somebody is writing in the folder."""
    begun = world.work()
    campaign = world.home / "campaigns" / "hello" / "campaign.yaml"
    campaign.write_text(campaign.read_text() + "priority: 66\n")
    with open_tactful(settings()) as other:
        other.publish(clock.now())
    world.sign_up(2)
    assert begun.plan()
    begun.decide([1, 2])
    with reading(world.engine) as connection:
        found = list(connection.execute(select(messages.c.priority)).scalars())
    assert found == [66, 66]


def test_passes_wait_while_too_much_is_due(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(world.tactful, world.hints, due_max=2)
    world.sign_up(3)
    assert work.plan()
    with monkeypatch.context() as only_urgent:
        only_urgent.delattr(Tactful, "plan")
        world.sign_up(1, first=3)
        assert work.plan()
    assert world.states() == {"planned": 4}
    work.dispatch("email")
    monkeypatch.delattr(Tactful, "plan_urgent")
    assert work.plan()


def test_a_draft_in_the_folder_is_nobodys_but_the_writers(world: World) -> None:
    campaign = world.home / "campaigns" / "hello" / "campaign.yaml"
    campaign.write_text(campaign.read_text() + "priority: 66\n")
    (world.home / "campaigns" / "shop.yaml").write_text("half: writ")
    world.sign_up(2)
    with open_published(settings()) as late:
        assert Work(late, world.hints, due_max=100_000).plan()
    assert world.states() == {"planned": 2}


def test_what_only_a_newer_release_can_read_is_left_to_it(world: World) -> None:
    world.sign_up(2)
    work = world.work()
    newer = {"campaign.yaml": "purpose: inform\nholograms: yes\n"}
    with writing(world.engine) as connection:
        shop = connection.scalar(select(versions.c.shop_digest))
        row = {"digest": "newer", "name": "hello", "shop_digest": shop, "files": newer}
        connection.execute(insert(versions), {**row, "created_at": clock.now()})
        connection.execute(update(campaigns).values(version="newer"))
    assert not work.plan()
    work.decide([1, 2])
    assert world.states() == {}
