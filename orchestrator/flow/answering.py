"""Answers STOP, START and HELP, where the provider has not done it by itself.

An answer is a message of service in the ledger, of a campaign that nobody has to write. It leaves
at any hour, for the customer has just written, and within five minutes or never.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Connection

from channels.contract import FeedbackKind
from orchestrator.flow.answer_words import words
from orchestrator.flow.load import revive
from orchestrator.flow.load.folder import CAMPAIGN_FILE
from orchestrator.model.answer import (
    ANSWER_WITHIN,
    ONCE_WITHIN,
    WISHES,
    Wish,
    campaign_of,
)
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.version import TEMPLATE_FILES, Settings, Version
from orchestrator.store.answers import Reply, holder, last_answer, put
from orchestrator.store.campaigns import keep_versions
from orchestrator.store.feedback import Heard

_ASKED: Mapping[str, Wish] = {
    FeedbackKind.unsubscribed: "stop",
    FeedbackKind.resubscribed: "start",
    FeedbackKind.asked_help: "help",
}
_OF_TEXTS = tuple(files[0] for files in TEMPLATE_FILES.values() if len(files) == 1)
"""Who writes STOP writes it by a way of plain texts."""

TOPIC = "service"


class Answering:
    """The answers of one shop, in its own words or the product's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def versions(self) -> dict[Wish, Version]:
        """The answers as campaigns: their words are kept with them, like everybody's."""
        return {wish: self._version(wish) for wish in WISHES}

    def _version(self, wish: Wish) -> Version:
        campaign = {
            "purpose": "service",
            "topic": TOPIC,
            "priority": 100,
            # Nothing asks for it but a customer, and it is written at once.
            "trigger": {"once": "2000-01-01 00:00", "zone": "shop"},
            "expires": f"{ANSWER_WITHIN // timedelta(minutes=1)}m",
            "max_audience": 1_000_000,
            "segments_max": 4,
        }
        text = _template(words(self._settings.shop.answers, wish))
        files = {CAMPAIGN_FILE: json.dumps(campaign), **dict.fromkeys(_OF_TEXTS, text)}
        return revive(campaign_of(wish), files, self._settings)

    def answer(
        self,
        connection: Connection,
        asked: Sequence[tuple[Heard, str]],
        begun: Collection[Heard],
        now: datetime,
    ) -> None:
        """Put the answers to what was said into the ledger. Whoever calls holds the customers.

        `asked` has each event with the key of the address that it came from; `begun` are the events
        by which something began again: another START is not answered.
        """
        kept = False
        for heard, address_key in asked:
            reply = self._reply(connection, heard, address_key, now)
            begins = heard.kind != FeedbackKind.resubscribed or heard in begun
            if reply is not None and begins:
                if not kept:
                    keep_versions(connection, list(self.versions.values()), now)
                    kept = True
                put(connection, reply, now)

    def _reply(
        self, connection: Connection, heard: Heard, address_key: str, now: datetime
    ) -> Reply | None:
        wish, channel = _ASKED[heard.kind], heard.answer_by
        use = self._settings.shop.channels.get(channel or "")
        if channel is None or use is None or use.through != heard.source:
            return None
        ends = heard.at + ANSWER_WITHIN
        who = holder(connection, address_key, ADDRESS_KINDS[channel])
        if ends <= now or who is None:
            return None
        version = self.versions[wish]
        # STOP and START answer one another: what was said last counts, and is answered once.
        rivals: tuple[Wish, ...] = (wish,) if wish == "help" else ("stop", "start")
        names = [campaign_of(one) for one in rivals]
        since = now - ONCE_WITHIN[wish]
        if last_answer(connection, address_key, names, since) == version.name:
            return None
        return Reply(
            version.name,
            version.digest,
            who[0],
            who[1],
            address_key,
            f"{heard.source}:{heard.event_key}",
            channel,
            TOPIC,
            heard.at,
            ends,
        )


def can_be_answered(heard: Heard) -> bool:
    """Whether somebody awaits an answer of ours."""
    return heard.answer_by is not None and heard.kind in _ASKED


def _template(said: Mapping[str, str]) -> str:
    """One template for all languages; English for whoever reads none of them."""
    lines, word = [], "if"
    for language, text in sorted(said.items()):
        if language != "en":
            lines += [f'{{% {word} language == "{language}" %}}', _filled(text)]
            word = "elif"
    return "\n".join([*lines, "{% else %}", _filled(said["en"]), "{% endif %}", ""])


def _filled(text: str) -> str:
    """As a template; a shop's own words hold no other braces (`model/answer.py`)."""
    return text.replace("{brand}", "{{ shop.brand }}").replace("{contact}", "{{ shop.contact }}")
