"""When to learn anew from purchases: habits and what sells once a day, pairs once a week.

The moments are noted in the database, so that it does not matter whether one process runs for long
or a new one every minute. Each time everything is learned anew: imports bring purchases of any age.
"""

from datetime import datetime, timedelta

from sqlalchemy import Engine

from orchestrator.flow.learn import learn_habits, learn_pairs, learn_popularity
from orchestrator.flow.tactful import Tactful
from orchestrator.store.database import reading, writing
from orchestrator.store.deployment import forget_moments, moment, note_moment

HABITS, PAIRS = "habits_learned_at", "pairs_learned_at"
HABITS_EVERY, PAIRS_EVERY = timedelta(days=1), timedelta(days=7)


def learn_what_is_due(tactful: Tactful, now: datetime) -> list[str]:
    """Learn what was learned too long ago; the names of what was learned."""
    with reading(tactful.engine) as connection:
        habits_at, pairs_at = moment(connection, HABITS), moment(connection, PAIRS)
    learned = []
    if habits_at is None or now >= habits_at + HABITS_EVERY:
        with writing(tactful.engine) as connection:
            learn_habits(connection, now, tactful.shop)
            learn_popularity(connection, now, tactful.shop)
            note_moment(connection, HABITS, now)
        learned += ["habits", "what sells most"]
    if pairs_at is None or now >= pairs_at + PAIRS_EVERY:
        with writing(tactful.engine) as connection:
            learn_pairs(connection, now, tactful.shop)
            note_moment(connection, PAIRS, now)
        learned.append("what goes with what")
    return learned


def learn_anew(engine: Engine) -> None:
    """What was imported changes what there is to learn: do so at the next occasion."""
    with writing(engine) as connection:
        forget_moments(connection, (HABITS, PAIRS))
