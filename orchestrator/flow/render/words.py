"""The few words that the price macros and the layout print by themselves, by language.

A language that is not here gets English. What a campaign says is the campaign's own. `stop` stands
in texts: short, and in letters of GSM-7 (no á, no ê), or the text takes twice the segments.
"""

from typing import Final

from orchestrator.model.language import language_of

_EN: Final = {
    "each": "{price} each",
    "one": "{n} ct",
    "count": "{n} ct",
    "tax_included": "incl. tax",
    "tax_added": "incl. {amount} tax",
    "fee": "incl. {amount} {name}",
    "was": "was {amount}",
    "was_note": "lowest price of the last 30 days",
    "until": "until {day}",
    "valid_until": "Price valid until {day}",
    "order": "Order",
    "hello": "Hello",
    "stop": "Reply STOP to end",
    "why": "You receive this because you asked for messages about {topic} from {brand}.",
    "why_service": "This message is about your own dealings with {brand}.",
    "unsubscribe": "Unsubscribe",
    "preferences": "Choose what you receive, and how often",
}
_DE: Final = {
    "each": "{price}/Stück",
    "one": "{n} Stück",
    "count": "{n} Stück",
    "tax_included": "inkl. MwSt.",
    "tax_added": "inkl. {amount} Steuer",
    "fee": "inkl. {amount} {name}",
    "was": "statt {amount}",
    "was_note": "niedrigster Preis der letzten 30 Tage",
    "until": "bis {day}",
    "valid_until": "Preis gültig bis {day}",
    "order": "Bestellen",
    "hello": "Guten Tag",
    "stop": "Mit STOP abbestellen",
    "why": "Sie erhalten dies, weil Sie Nachrichten über {topic} von {brand} gewünscht haben.",
    "why_service": "Diese Nachricht betrifft Ihre eigenen Vorgänge bei {brand}.",
    "unsubscribe": "Abmelden",
    "preferences": "Wählen, was Sie erhalten und wie oft",
}
_FR: Final = {
    "each": "{price} la pièce",
    "one": "{n} pièce",
    "count": "{n} pièces",
    "tax_included": "TTC",
    "tax_added": "dont {amount} de taxe",
    "fee": "dont {amount} {name}",
    "was": "au lieu de {amount}",
    "was_note": "prix le plus bas des 30 derniers jours",
    "until": "jusqu’au {day}",
    "valid_until": "Prix valable jusqu’au {day}",
    "order": "Commander",
    "hello": "Bonjour",
    "stop": "Répondez STOP pour cesser",
    "why": "Vous recevez ceci parce que vous avez demandé à {brand} des messages sur {topic}.",
    "why_service": "Ce message concerne vos propres affaires avec {brand}.",
    "unsubscribe": "Se désabonner",
    "preferences": "Choisir ce que vous recevez, et quand",
}
_ES: Final = {
    "each": "{price} la unidad",
    "one": "{n} unidad",
    "count": "{n} unidades",
    "tax_included": "IVA incl.",
    "tax_added": "incl. {amount} de impuestos",
    "fee": "incl. {amount} {name}",
    "was": "antes {amount}",
    "was_note": "precio más bajo de los últimos 30 días",
    "until": "hasta el {day}",
    "valid_until": "Precio válido hasta el {day}",
    "order": "Pedir",
    "hello": "Hola",
    "stop": "Responda STOP para salir",
    "why": "Recibe esto porque pidió a {brand} mensajes sobre {topic}.",
    "why_service": "Este mensaje trata de sus propios asuntos con {brand}.",
    "unsubscribe": "Darse de baja",
    "preferences": "Elegir qué recibe y con qué frecuencia",
}
_JA: Final = {
    "each": "1個{price}",
    "one": "{n}個",
    "count": "{n}個",
    "tax_included": "税込",
    "tax_added": "うち税{amount}",
    "fee": "うち{name}{amount}",
    "was": "以前{amount}",
    "was_note": "過去30日間の最低価格",
    "until": "{day}まで",
    "valid_until": "{day}まで有効な価格",
    "order": "注文する",
    "hello": "こんにちは",
    "stop": "配信停止はSTOPと返信",
    "why": "{brand}の「{topic}」のお知らせをご希望いただいた方にお送りしています。",
    "why_service": "{brand}でのお客様ご自身のお取引に関するお知らせです。",
    "unsubscribe": "配信停止",
    "preferences": "受け取る内容と頻度を選ぶ",
}

LANGUAGES: Final[dict[str, dict[str, str]]] = {
    "en": _EN,
    "de": _DE,
    "fr": _FR,
    "es": _ES,
    "ja": _JA,
}


def words_of(locale: str) -> dict[str, str]:
    """The words of a locale's language (`de` of de_AT), English if it is not here."""
    return LANGUAGES.get(language_of(locale), _EN)
