"""Consent: recorded permission for a channel and a topic, not withdrawn and not run out."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, true

from orchestrator.rules.facts import CONSENTS, Fact, Facts, any_of
from orchestrator.rules.now import NOW
from orchestrator.tables import consents

ANY_TOPIC = "*"


def consented(
    customer_id: ColumnElement[Any], channel: str, topic: str | None, facts: Facts | None = None
) -> ColumnElement[bool]:
    """Given for the topic, or for all topics and not withdrawn for this one.

    Without a topic: given for anything at all on this channel. A withdrawal holds as soon as it is
    known, although the clock of whoever took it down may be ahead; a consent from its instant on.
    """

    def stands(given: bool, *topics: str) -> ColumnElement[bool]:
        begun = (consents.c.at <= NOW,) if given else ()
        tests = (
            *begun,
            consents.c.channel == channel,
            or_(*(consents.c.topic == topic for topic in topics)) if topics else true(),
            consents.c.given.is_(given),
            or_(consents.c.until.is_(None), consents.c.until > NOW),
        )
        key = repr((channel, topics, given))
        return any_of(Fact(key, CONSENTS, tests=tests), customer_id, facts)

    if topic is None:
        return stands(True)
    return and_(stands(True, topic, ANY_TOPIC), ~stands(False, topic))
