"""When to learn from purchases: habits and what sells once a day, what goes with what once a week.

The moments are noted in the database, so that it does not matter whether one process runs for long
or a new one every minute. Every day adds what was bought since; once a week, and after an import,
which brings purchases of any age, everything is learned anew, so that old habits fade.
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
from orchestrator.store.database import reading, writing
from orchestrator.store.deployment import forget_moments, moment, note_moment

DAILY, WEEKLY = "learned_daily_at", "learned_weekly_at"
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def learn_what_is_due(tactful: Tactful, now: datetime) -> list[str]:
    """Learn what was learned too long ago; the names of what was learned."""
    with reading(tactful.engine) as connection:
        daily_at, weekly_at = moment(connection, DAILY), moment(connection, WEEKLY)
    anew = weekly_at is None or now >= weekly_at + WEEK
    learned: list[str] = []
    if anew or daily_at is None or now >= daily_at + DAY:
        with writing(tactful.engine) as connection:
            learn_habits(connection, now, tactful.shop, None if anew else daily_at)
            learn_popularity(connection, now, tactful.shop)
            note_moment(connection, DAILY, now)
        learned += ["habits", "what sells most"]
    if anew:
        with writing(tactful.engine) as connection:
            learn_pairs(connection, now, tactful.shop)
            learn_better(connection, now, tactful.shop)
            note_moment(connection, WEEKLY, now)
        learned += ["what goes with what", "what is finer"]
    return learned


def learn_anew(engine: Engine) -> None:
    """What was imported changes what there is to learn: do so at the next occasion."""
    with writing(engine) as connection:
        forget_moments(connection, (DAILY, WEEKLY))
