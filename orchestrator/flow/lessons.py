"""When to learn from purchases: every day what was bought since, every month all anew.

The moments are noted in the database, so that it does not matter whether one process runs for long
or a new one every minute. An import brings purchases of any age: after it, too, everything is
learned anew, by the import itself where no workers are. So old habits fade, and seasons change
what goes with what.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from orchestrator.flow.learn import (
    learn_better,
    learn_habits,
    learn_pairs,
    learn_popularity,
)
from orchestrator.flow.tactful import Tactful
from orchestrator.model.shop import Shop
from orchestrator.store.database import reading, writing
from orchestrator.store.deployment import forget_moments, moment, note_moment

DAILY, ANEW = "learned_daily_at", "learned_anew_at"
TEACHING = ("events", "products", "prices")
"""Kinds of records that change what there is to learn."""

DAY, MONTH = timedelta(days=1), timedelta(days=30)


def learn_what_is_due(tactful: Tactful, now: datetime) -> list[str]:
    """Learn what was learned too long ago; the names of what was learned."""
    return _learn_what_is_due(tactful.engine, tactful.shop, now)


def _learn_what_is_due(engine: Engine, shop: Shop, now: datetime) -> list[str]:
    with reading(engine) as connection:
        daily_at, anew_at = moment(connection, DAILY), moment(connection, ANEW)
    anew = anew_at is None or now >= anew_at + MONTH
    learned: list[str] = []
    if anew or daily_at is None or now >= daily_at + DAY:
        with writing(engine) as connection:
            learn_habits(connection, now, shop, None if anew else daily_at)
            note_moment(connection, DAILY, now)
        learned.append("habits")
    if anew:
        with writing(engine) as connection:
            learn_pairs(connection, now, shop)
            learn_better(connection, now, shop)
            learn_popularity(connection, now, shop)
            note_moment(connection, ANEW, now)
        learned += ["what goes with what", "what is finer", "what sells most"]
    return learned


def learn_anew(engine: Engine) -> None:
    """What was imported changes what there is to learn: do so at the next occasion."""
    with writing(engine) as connection:
        forget_moments(connection, (DAILY, ANEW))


def learn_from_import(
    engine: Engine, shop: Shop, kind: str, now: datetime, *, at_once: bool
) -> None:
    """What files of a kind change of what there is to learn.

    `at_once`: where no workers do it soon. Who imports then looks at a plan, and nothing is run
    before that: a plan of what sells most would be empty, and say that there is nothing in stock.
    """
    if kind in ("events", "products"):
        learn_anew(engine)
        if at_once:
            _learn_what_is_due(engine, shop, now)
    elif kind == "prices" and at_once:
        with writing(engine) as connection:
            learn_better(connection, now, shop)
