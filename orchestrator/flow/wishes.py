"""What customers say on their own pages: an end to it all, or what they want and how often."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from orchestrator.flow.consenting import Evidence, state, withdrawal
from orchestrator.flow.render.words import LANGUAGES
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.clock import Clock, parse_time
from orchestrator.model.language import language_of
from orchestrator.model.shop import Shop
from orchestrator.store import wishes as store
from orchestrator.store.consents import LogRow
from orchestrator.store.customers import clock_ids
from orchestrator.store.database import reading, writing
from orchestrator.store.feedback import holders
from orchestrator.store.messages import lock_customers
from orchestrator.store.wishes import Held, Whose, Wish
from orchestrator.tables.instant import to_micros

PAUSE = timedelta(days=30)
PER_WEEK = (1, 2, 3, 5)
"""The numbers that may be chosen as the most messages a week."""

TOUCHPOINT = "preference page"
LINK_TOUCHPOINT = "unsubscribe link"
ONE_CLICK_TOUCHPOINT = "unsubscribe button of the mail program"

_LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES", "ja": "ja_JP"}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the form brought. `shown`: the boxes that it had, as channel and topic; `ticked`: which
    of them were on. Texts are as they were written."""

    shown: Collection[tuple[str, str]]
    ticked: Collection[tuple[str, str]]
    quiet_from: str = ""
    quiet_until: str = ""
    max_per_week: str = ""
    preferred_channel: str = ""
    locale: str = ""
    pause: str = ""  # "begin", "end", or nothing


@dataclass(frozen=True, slots=True)
class Wrong:
    """What cannot be taken: the name of the sentence that says why (`page_words`)."""

    why: str


@dataclass(frozen=True, slots=True)
class Person:
    """Whose page it is: whom the message was for, and what holds for them."""

    whose: Whose
    held: Held

    def channels(self, shop: Shop) -> list[str]:
        """The shop's channels on which there is an address of theirs that may be used."""
        return [
            name
            for name in shop.channels
            if ADDRESS_KINDS[name] in self.held.addresses
            and ADDRESS_KINDS[name] not in self.held.blocked
        ]

    def locales(self, shop: Shop) -> dict[str, str]:
        """Language → the locale to choose; the one that holds stays as it is."""
        mine = self.held.locale or shop.locale
        found = {language: _LOCALES.get(language, language) for language in LANGUAGES}
        return {**found, language_of(shop.locale): shop.locale, language_of(mine): mine}


def person_of(engine: Engine, message_id: int, now: datetime) -> Person | None:
    """Whose page a message leads to."""
    with reading(engine) as connection:
        return _person(connection, message_id, now)


def _person(connection: Connection, message_id: int, now: datetime) -> Person | None:
    whose = store.whose(connection, message_id)
    if whose is None:
        return None
    return Person(whose, store.held(connection, whose.customer_id, now))


def unsubscribe(
    engine: Engine, message_id: int, touchpoint: str, wording: str, now: datetime
) -> Whose | None:
    """No more marketing on the message's channel; the second time changes nothing.

    The button was pressed in one mailbox: it counts for all who have that address, as STOP does.
    """
    with writing(engine) as connection:
        whose = store.whose(connection, message_id)
        if whose is None:
            return None
        concerned = {whose.customer_id}
        if whose.address_key is not None:
            found = holders(connection, [whose.address_key])
            concerned = concerned.union(*(one.customers for one in found.values()))
        lock_customers(connection, concerned)
        evidence = Evidence(now, touchpoint, wording)
        said = [
            withdrawal(customer_id, whose.channel, evidence)
            for customer_id in sorted(concerned)
            if _agrees(store.held(connection, customer_id, now), whose.channel)
        ]
        state(connection, said, now)
        return whose


def _agrees(held: Held, channel: str) -> bool:
    """Whether anything is agreed to, or might be without another word."""
    told = {topic: given for (name, topic), given in held.agreed.items() if name == channel}
    return any(told.values()) or told.get("*") is not False


def save(
    engine: Engine,
    shop: Shop,
    message_id: int,
    answers: Answers,
    words: Mapping[str, str],
    now: datetime,
) -> Person | Wrong | None:
    """Write what the form says, each change with its evidence; what holds afterwards."""
    with writing(engine) as connection:
        before = _person(connection, message_id, now)
        if before is None:
            return None
        customer_id = before.whose.customer_id
        lock_customers(connection, [customer_id])
        before = Person(before.whose, store.held(connection, customer_id, now))
        changed = _changed(shop, before, answers, words, now)
        if isinstance(changed, Wrong):
            return changed
        values, wishes = changed
        if "clock" in values:
            key = values.pop("clock")
            values["clock_id"] = clock_ids(connection, [key])[key]
        state(connection, _consents(shop, before, answers, words, now), now)
        if wishes:
            store.write(connection, customer_id, values, wishes, TOUCHPOINT, now)
        return Person(before.whose, store.held(connection, customer_id, now))


def _consents(
    shop: Shop, before: Person, answers: Answers, words: Mapping[str, str], now: datetime
) -> list[LogRow]:
    boxes = {(c, t) for c in before.channels(shop) for t in shop.topics} & set(answers.shown)
    return [
        LogRow(
            before.whose.customer_id,
            channel,
            topic,
            (channel, topic) in answers.ticked,
            to_micros(now),
            None,
            TOUCHPOINT,
            f"{words['about']} {shop.topics[topic]} – {words.get(channel, channel)}: "
            f"{words['yes' if (channel, topic) in answers.ticked else 'no']}",
        )
        for channel, topic in sorted(boxes)
        if before.held.allows(channel, topic) != ((channel, topic) in answers.ticked)
    ]


def _changed(
    shop: Shop, before: Person, answers: Answers, words: Mapping[str, str], now: datetime
) -> tuple[dict[str, Any], list[Wish]] | Wrong:
    """Columns with their new values, and each change in words."""
    held, values, found = before.held, dict[str, Any](), list[Wish]()
    clock = Clock.parse(held.clock)
    try:
        quiet = _quiet(clock, answers)
    except ValueError:
        return Wrong("wrong_quiet")
    if quiet.key != held.clock:
        values["clock"] = quiet.key
        found.append(_wish("quiet", clock.wish, quiet.wish, words))
    if answers.max_per_week not in ("", *map(str, PER_WEEK), str(held.max_per_week)):
        return Wrong("wrong_choice")
    most = int(answers.max_per_week) if answers.max_per_week else None
    if most != held.max_per_week:
        values["max_per_week"] = most
        found.append(_wish("often", held.max_per_week, most, words))
    if answers.preferred_channel not in ("", *before.channels(shop), held.preferred_channel):
        return Wrong("wrong_choice")
    preferred = answers.preferred_channel or None
    if preferred != held.preferred_channel:
        values["preferred_channel"] = preferred
        found.append(_wish("way", held.preferred_channel, preferred, words))
    if answers.locale not in ("", *before.locales(shop).values()):
        return Wrong("wrong_choice")
    if answers.locale and answers.locale != (held.locale or shop.locale):
        values["locale"] = answers.locale
        found.append(_wish("language", held.locale, answers.locale, words))
    paused = held.paused_until is not None and held.paused_until > now
    if answers.pause not in ("", "begin", "end"):
        return Wrong("wrong_choice")
    if answers.pause and paused != (answers.pause == "begin"):
        until = now + PAUSE if answers.pause == "begin" else None
        values["paused_until"] = until
        found.append(_wish("pause" if until else "go_on", held.paused_until, until, words))
    return values, found


def _quiet(clock: Clock, answers: Answers) -> Clock:
    """The clock with the wish as written; ValueError where that is none."""
    ends = (answers.quiet_from.strip(), answers.quiet_until.strip())
    wished = [parse_time(end) if end else None for end in ends]
    return Clock(clock.zones, clock.country, clock.region, wished[0], wished[1])


def _wish(what: str, before: object, after: object, words: Mapping[str, str]) -> Wish:
    said = [None if one is None else str(one) for one in (before, after)]
    wording = f"{words[what]}: {words['none'] if said[1] is None else said[1]}"
    return Wish(what, said[0], said[1], wording)


def boxes(texts: Sequence[str]) -> set[tuple[str, str]]:
    """Channel and topic of each `email/offers`."""
    parted = (text.partition("/") for text in texts)
    return {(channel, topic) for channel, slash, topic in parted if slash}
