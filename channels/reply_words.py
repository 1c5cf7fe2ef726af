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
    remove, unsuscribe, unsubcribe, unsubscirbe, arrêt, arrête, arrêter, arrêtez, désabonner,
    désabonnement, désinscription, se désabonner, me désabonner, désinscrire, me désinscrire, fin,
    abmelden, abbestellen, austragen, alto, baja, dar baja, darme de baja, parar, cancelar, salir,
    sair, remover, ferma, basta, cancella, cancellami, rimuovimi, annulla, afmelden, uitschrijven,
    stoppen, stoppa, avsluta,
    avregistrera, frameld, afmeld, avmeld, lopeta, wypisz, rezygnuję, odhlásit, leiratkozás, iptal,
    dezabonare, стоп, отписаться, отписка, σταμάτα, διαγραφή, ストップ, 停止, 配信停止, 解除,
    拒收, 退订, 退訂, 取消, 중지, 수신거부, توقف, إيقاف, ايقاف, עצור, הסר, रोकें, हटाएं, หยุด, ยกเลิก
    """
)
_START = _known("start, unstop, opt in, optin, resubscribe")
_HELP = _known("help, info, aide, hilfe, ayuda, aiuto, ajuda, hulp, pomoc, помощь")

# What is said around it changes nothing; "cancel order 17" is another matter.
_POLITE = "|".join(
    (
        *("please", "pls", "plz", "thanks", "thank you", "thx", "now", "ok", "okay"),
        *("bitte", "danke", "sofort", "svp", "stp", "merci", "s'il vous plait", "s'il te plait"),
        *("por favor", "porfa", "gracias", "ya", "per favore", "grazie", "obrigado", "obrigada"),
        *("alstublieft", "aub", "dank u", "tack", "prosim", "prosze", "пожалуйста"),
        *("お願いします", "お願い致します", "してください", "して下さい"),
    )
)
_BEFORE = re.compile(rf"^(?:(?:{_POLITE})\b ?)+")
_BEHIND = re.compile(rf"(?:(?: |(?<=[\u3040-\u9fff]))(?:{_POLITE}))+$")
# As the text itself says it in France: "STOP au 36180".
_TO_A_NUMBER = re.compile(r"stop (?:(?:au|to|an|al|a) )?\d{4,6}")

# The button under WhatsApp's own marketing templates reads "Stop promotions".
_SENT = (
    r"(?:texts?|messages?|msgs?|sms|spam|promotions?|promos?|ads|adverts?|marketing|newsletters?"
    r"|notifications?|alerts?|whatsapps?|pubs?|publicites?|werbung|nachrichten|publicidad)"
)
_NO_MORE = re.compile(
    r"\bunsubscribe\b"
    r"|\bopt(?:ing)? (?:me )?out\b"
    r"|\b(?:take|remove) me (?:off|from)\b"
    r"|\bremove me$"
    r"|\b(?:remove|delete) my (?:phone |mobile )?number\b"
    r"|\bi said stop\b"
    r"|\bquit (?:texting|messaging|sending|contacting|spamming)\b"
    r"|\b(?:do not|don't|dont) send (?:me )?(?:any ?more|more|these|those|this)\b"
    r"|\bkeine? (?:sms|nachrichten?|werbung|texte|mails?) mehr\b|^keine werbung$"
    r"|\bplus (?:de|aucune?) (?:sms|messages?|pub|publicites?|textos?)\b"
    r"|\bne (?:m'|me |plus m')?(?:envoyez|ecrivez|contactez) plus\b"
    r"|\bno (?:mas|envien mas|manden mas) (?:mensajes|sms|textos|publicidad)\b"
    r"|\bno me (?:envien|escriban|manden|contacten) mas\b"
    r"|\bno quiero (?:recibir )?mas (?:mensajes|sms|textos|publicidad)\b"
    r"|^hor(?:t|en sie)? (?:bitte )?auf(?: (?:damit|mit .*|zu .*))?$"
    r"|^(?:もう)?やめて(?:ください|下さい)?$"
    r"|(?:送|配信)(?:ら|し)ないで|配信(?:を)?(?:停止|やめて)"
    r"|\bleave me alone\b"
    r"|\bno more (?:texts?|messages?|sms)\b|^no more$"
    r"|\blose my number\b"
    r"|\b(?:do not|don't|dont|never) (?:text|message|contact|sms|write to|write) me\b"
    r"|\b(?:please|pls|just) stop(?: (?:this|it|that|now|these.*|those.*))?$"
    r"|\bstop (?:it|this|that|now|please)(?: please| now)?$"
    r"|\bstop (?:texting|messaging|sending|contacting|spamming)\b"
    rf"|\bstop (?:the|these|those|your|all) (?:\w+ )?{_SENT}\b"
    rf"|^stop (?:(?:my|text|sms|marketing|promotional) )?{_SENT}$"
)
_NEGATED = re.compile(
    r"\b(?:not|don't|dont|never|can't|cant|cannot|won't|wont) (?:stop|unsubscribe|opt)\b"
)


def meaning(text: str) -> FeedbackKind:
    """`unsubscribed`, `resubscribed`, `asked_help` or `replied`."""
    folded = _folded(text)
    sentence = " ".join(re.sub(r"[^\w']+", " ", folded.replace("’", "'")).split())
    asked = _BEHIND.sub("", _BEFORE.sub("", sentence))
    for words in (_words(folded), _words(asked)):
        # "S.T.O.P" too: what is left when all that is no letter goes.
        if words in _STOP or words.replace(" ", "") in _STOP or _said_again(words):
            return FeedbackKind.unsubscribed
        if words in _START:
            return FeedbackKind.resubscribed
        if words in _HELP:
            return FeedbackKind.asked_help
    if _TO_A_NUMBER.fullmatch(asked):
        return FeedbackKind.unsubscribed
    ends = _NO_MORE.search(sentence) or _NO_MORE.search(asked)
    if ends and not _NEGATED.search(sentence):
        return FeedbackKind.unsubscribed
    return FeedbackKind.replied


def _said_again(words: str) -> bool:
    """One of them, over and over: STOP STOP."""
    each = set(words.split())
    return len(each) == 1 and each <= _STOP
