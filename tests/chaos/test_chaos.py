"""A short trial by fire: every kind of disaster that leaves time for it, once."""

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
    "kill child",
)


def test_nothing_is_doubled_lost_or_sent_where_it_must_not() -> None:
    wanted = Wanted(
        seconds=0,
        seed=3,
        rate_per_s=6.0,
        people=60,
        workers=FEW_WORKERS,
        script=SCRIPT,
        long_pauses=False,
        expires="45s",
        wait="3s",
        drain_s=150.0,
        every_s=(0.4, 1.2),
    )
    done = trial(wanted, Event())
    said = "\n".join(
        [*table(done.verdict, done.diary), *story(done.verdict, done.ledger, done.log)]
    )
    assert done.verdict.good, said
    found = figures(done.verdict, done.diary)
    assert found["disasters"] == len(SCRIPT), said
    assert found["kills"] == 7, said
    assert found["accepted"] > 20, said
