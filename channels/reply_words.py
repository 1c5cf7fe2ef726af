"""What a customer means who answers a text message.

STOP and its relatives end it, as CTIA and the FCC's rule of 2024 want, and so does free text that
cannot mean anything else. What is ambiguous is a reply, for a person to read. The words of other
languages are those by which senders of those countries are asked to stop.
"""

import re
import unicodedata

from channels.contract import FeedbackKind

_BETWEEN = re.compile(r"[\W_]+")


def _folded(text: str) -> str:
    """In lower case, and without the accents of Latin letters: ARRÊT is typed as ARRET."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(char for char in apart if not "\u0300" <= char <= "\u036f")
    return unicodedata.normalize("NFC", plain)


def _words(text: str) -> str:
    return " ".join(_BETWEEN.sub(" ", text).split())


def _known(lines: str) -> frozenset[str]:
    return frozenset(_words(_folded(one)) for one in lines.split(",") if one.strip())


_STOP = _known(
    """
    stop, stop all, stopall, stopp, unsubscribe, unsub, cancel, end, quit, revoke, opt out, optout,
    remove, arrêt, arrêter, désabonner, désinscription, se désabonner, fin, abmelden, abbestellen,
    austragen, alto, baja, dar baja, darme de baja, parar, cancelar, salir, sair, remover, ferma,
    basta, cancella, cancellami, annulla, afmelden, uitschrijven, stoppen, avsluta, avregistrera,
    frameld, afmeld, avmeld, lopeta, wypisz, rezygnuję, odhlásit, leiratkozás, iptal, dezabonare,
    стоп, отписаться, отписка, σταμάτα, διαγραφή, 停止, 配信停止, 解除, 退订, 退訂, 取消, 중지,
    수신거부, توقف, إيقاف, ايقاف, עצור, הסר, रोकें, हटाएं, หยุด, ยกเลิก
    """
)
_START = _known("start, unstop, opt in, optin, resubscribe")
_HELP = _known("help, info, aide, hilfe, ayuda, aiuto, ajuda, hulp, pomoc, помощь")

_NO_MORE = re.compile(
    r"\bunsubscribe\b"
    r"|\bopt(?:ing)? (?:me )?out\b"
    r"|\b(?:take|remove) me (?:off|from)\b"
    r"|\bremove me$"
    r"|\bleave me alone\b"
    r"|\bno more (?:texts?|messages?|sms)\b"
    r"|\b(?:do not|don't|dont|never) (?:text|message|contact|sms|write to|write) me\b"
    r"|\b(?:please|pls|just) stop(?: (?:this|it|that|now|these.*|those.*))?$"
    r"|\bstop (?:it|this|that|now|please)(?: please| now)?$"
    r"|\bstop (?:texting|messaging|sending|contacting|spamming)\b"
    r"|\bstop (?:the|these|those|your|all) (?:\w+ )?(?:texts?|messages?|sms|spam)\b"
    r"|^(?:please |pls )?stop (?:(?:my|text|sms) )?(?:texts?|messages?|sms|spam)(?: please| now)?$"
)
_NEGATED = re.compile(
    r"\b(?:not|don't|dont|never|can't|cant|cannot|won't|wont) (?:stop|unsubscribe|opt)\b"
)


def meaning(text: str) -> FeedbackKind:
    """`unsubscribed`, `resubscribed`, `asked_help` or `replied`."""
    folded = _folded(text)
    words = _words(folded)
    # "S.T.O.P" too: what is left when all that is no letter goes.
    if words in _STOP or words.replace(" ", "") in _STOP or _said_again(words):
        return FeedbackKind.unsubscribed
    if words in _START:
        return FeedbackKind.resubscribed
    if words in _HELP:
        return FeedbackKind.asked_help
    sentence = " ".join(re.sub(r"[^\w']+", " ", folded.replace("’", "'")).split())
    if _NO_MORE.search(sentence) and not _NEGATED.search(sentence):
        return FeedbackKind.unsubscribed
    return FeedbackKind.replied


def _said_again(words: str) -> bool:
    """One of them, over and over: STOP STOP."""
    each = set(words.split())
    return len(each) == 1 and each <= _STOP
