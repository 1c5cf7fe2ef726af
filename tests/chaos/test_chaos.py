"""A trial by fire of two minutes: every kind of disaster once, and then as chance has it."""

from threading import Event

from tests.chaos.judge import story
from tests.chaos.table import figures, table
from tests.chaos.trial import FEW_WORKERS, Wanted, trial

SCRIPT = (
    "kill child",
    "empty redis",
    "stop child",
    "kill worker",
    "kill postgres",
    "kill ticker",
    "kill child",
    "kill redis",
    "kill provider",
    "restart postgres",
    "kill redis long",
    "kill child",
)


def test_nothing_is_doubled_lost_or_sent_where_it_must_not() -> None:
    wanted = Wanted(
        seconds=95,
        seed=3,
        rate_per_s=6.0,
        people=60,
        workers=FEW_WORKERS,
        script=SCRIPT,
        long_pauses=False,
        expires="45s",
        wait="3s",
        drain_s=240.0,
        every_s=(0.4, 1.2),
    )
    done = trial(wanted, Event())
    said = "\n".join(
        [*table(done.verdict, done.diary), *story(done.verdict, done.ledger, done.log)]
    )
    assert done.verdict.good, said
    found = figures(done.verdict, done.diary)
    assert found["disasters"] >= len(SCRIPT), said
    assert found["kills"] >= 9, said
    assert found["accepted"] > 20, said
