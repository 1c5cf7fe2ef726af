"""What a customer means by a reply in words: an end, a new beginning, help, or something else.

The words are those of the CTIA's messaging principles and of the FCC's rules of 2024. In doubt the
quieter reading counts: a text that asks to stop ends it, in whatever words.
"""

import re
from enum import StrEnum


class Meaning(StrEnum):
    """What a reply asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    OTHER = "other"


_STOP = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
    | {"arret", "arrêt", "abmelden", "baja", "停止"}
)
_START = frozenset({"start", "unstop"})
_HELP = frozenset({"help", "info"})
_PLAIN = re.compile(r"[^\w\s]+|_+")
_APOSTROPHES = re.compile("['’`´]")
# Said of the messages themselves; "stop by the shop" or "do not stop" is something else.
_ASKS = re.compile(
    r"\b(?:"
    r"(?:please |pls |just )*stop(?: (?:this|it|that|these|them|now|please|pls|messaging|texting|"
    r"sending|writing|contacting|spamming|bothering)\b.*| all\b.*)?$"
    r"|unsubscribe(?: me)?\b|opt(?:ing)? ?(?:me )?out\b|(?:take|remove) me (?:off|from)\b"
    r"|leave me alone\b|no more (?:texts?|messages?|mails?|sms)\b"
    r"|(?:do not|dont) (?:text|message|contact|write|send)\b"
    r")"
)
_NOT = re.compile(r"\b(?:do not|dont|never|cannot|cant|wont|will not) (?:stop|unsubscribe|opt)\b")


def meaning(text: str) -> Meaning:
    """What the reply asks for.

    >>> meaning(" Stop. "), meaning("please stop this"), meaning("I could not stop laughing")
    (<Meaning.STOP: 'stop'>, <Meaning.STOP: 'stop'>, <Meaning.OTHER: 'other'>)
    """
    plain = _PLAIN.sub(" ", _APOSTROPHES.sub("", text[:500].casefold()))
    words = plain.split()
    together = "".join(words)
    if together in _STOP:
        return Meaning.STOP
    if together in _START:
        return Meaning.START
    if together in _HELP:
        return Meaning.HELP
    said = " ".join(words)
    if _ASKS.search(said) and not _NOT.search(said):
        return Meaning.STOP
    return Meaning.OTHER
