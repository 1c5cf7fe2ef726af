"""The product's own answers to STOP, START and HELP, by language.

Each fits one segment with a short name and contact: in letters of GSM-7 (no á, no ê), but for those
of Japanese. Whoever reads another language gets English.
"""

from collections.abc import Mapping
from typing import Final

from orchestrator.model.answer import Answers, Wish

ANSWERS: Final[Mapping[Wish, Mapping[str, str]]] = {
    "stop": {
        "en": "{brand}: You are unsubscribed and will get no more marketing messages. "
        "Reply START to subscribe again.",
        "de": "{brand}: Sie sind abgemeldet und erhalten keine Werbung mehr. "
        "Mit START melden Sie sich wieder an.",
        "fr": "{brand} : c'est noté, vous ne recevrez plus de messages publicitaires. "
        "Répondez START pour reprendre.",
        "es": "{brand}: Baja confirmada. Ya no le enviaremos publicidad. "
        "Responda START para volver a recibirla.",
        "ja": "{brand}: 配信を停止しました。今後、広告は届きません。再開はSTARTと返信。",
    },
    "start": {
        "en": "{brand}: Welcome back. You will get the messages that you had chosen. "
        "Reply HELP for help, STOP to end.",
        "de": "{brand}: Willkommen zurück. Sie erhalten wieder, was Sie gewählt hatten. "
        "HILFE hilft, STOP beendet.",
        "fr": "{brand} : vous recevrez de nouveau les messages choisis. "
        "Répondez AIDE pour de l'aide, STOP pour cesser.",
        "es": "{brand}: Recibe de nuevo los mensajes elegidos. "
        "Responda AYUDA para ayuda, STOP para terminar.",
        "ja": "{brand}: 配信を再開しました。ヘルプはHELP、停止はSTOPと返信。",
    },
    "help": {
        "en": "{brand}: For help, {contact}. "
        "Reply STOP to end marketing messages. Message and data rates may apply.",
        "de": "{brand}: Hilfe erhalten Sie unter {contact}. Mit STOP beenden Sie Werbung.",
        "fr": "{brand} : pour de l'aide, {contact}. Répondez STOP pour ne plus recevoir "
        "de publicité.",
        "es": "{brand}: Para ayuda, {contact}. Responda STOP para no recibir publicidad.",
        "ja": "{brand}: お問い合わせは{contact}まで。広告の停止はSTOPと返信。",
    },
}


def words(answers: Answers, wish: Wish) -> dict[str, str]:
    """Language → text: the shop's own words before the product's. English is always there."""
    own: Mapping[str, str] = getattr(answers, wish)
    return {**ANSWERS[wish], **own}
