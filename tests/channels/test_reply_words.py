"""What customers answer, as they really write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.contract import FeedbackKind
from channels.reply_words import meaning

STOPS = (
    *("STOP", "stop", "Stop.", "stop!!!", " STOP \n", "S.T.O.P", "s t o p", "“Stop”", "STOP 🛑"),
    *("ＳＴＯＰ", "stopp", "Stopall", "STOP ALL", "unsubscribe", "UNSUB", "Cancel", "end", "Quit"),
    *("revoke", "OPTOUT", "opt out", "Opt-Out", "remove"),
    *("please stop this", "Please STOP", "pls stop", "stop it", "Stop texting me!", "just stop"),
    *("stop sending me these", "Stop these messages", "I want to unsubscribe", "remove me"),
    *("Take me off your list", "don't text me again", "Don’t message me", "no more texts please"),
    *("leave me alone", "I'd like to opt out", "How do I unsubscribe?"),
    *("STOP STOP", "stop stop stop!", "Stop texts", "stop messages", "STOP SMS", "stop it please"),
    *("please stop text messages", "Stop my messages now", "parar parar"),
    *("ARRET", "arrêt", "désabonner", "Abmelden", "ABBESTELLEN", "BAJA", "Alto", "parar", "sair"),
    *("basta", "AFMELDEN", "avsluta", "lopeta", "WYPISZ", "İPTAL", "iptal", "СТОП", "отписаться"),
    *("σταμάτα", "ΣΤΑΜΑΤΑ", "停止", "配信停止", "退订", "수신거부", "إيقاف", "توقف", "עצור"),
    *("रोकें", "หยุด", "ยกเลิก", "ストップ", "停止してください", "配信停止お願いします", "拒收"),
    *(
        "STOP 36180",
        "stop au 36180",
        "STOP svp",
        "Stop, s'il vous plaît",
        "Stop bitte",
        "Bitte stopp",
    ),
    *("stop thanks", "OK stop, thank you!", "stop por favor", "BAJA gracias", "stop it now please"),
    *("Arrêtez svp", "me désabonner", "stoppa tack", "please, please stop!", "Unsubcribe"),
    *("Bitte keine SMS mehr", "Plus de SMS merci", "No más mensajes", "ne m'envoyez plus rien"),
    *("quit texting me", "I said STOP", "remove my number", "Don't send me any more"),
    *("Stop promotions", "STOP PROMOS", "stop marketing messages", "Please stop the ads now"),
    *("もう送らないでください", "配信をやめて", "やめてください"),
    *("Unsubscirbe", "Stop WhatsApp", "stop msgs", "STOP notifications", "Stop pub", "Arrête !"),
    *("stop publicité", "Désabonnement", "Rimuovimi", "Hör auf", "Hören Sie bitte auf!", "No more"),
    *("no quiero recibir más mensajes", "lose my number"),
)
NOT_STOPS = (
    *("Don't stop!", "do not stop sending these", "I can't stop eating your bread", "never stop"),
    *("I will stop by the shop", "Where is the bus stop?", "Is the offer at an end?", "the end?"),
    *(
        "Can I cancel order 17?",
        "I quit smoking",
        "Do not unsubscribe me!",
        "non-stop",
        "stopwatch",
    ),
    *("stop by, texts are fine", "Does the bus stop text you?", "stop start", "stop sms tomorrow"),
    *("please", "thanks", "ok thanks", "cancel order 17 please", "stop 5", "stop 2nd street"),
    *("I stop promotions at work", "When do the promotions stop?"),
    *("Wann hört das auf?", "Hör auf mich", "no more milk?", "Stop emails", "no quiero mas azucar"),
    *("Plus de cafe", "keine Ahnung", "no mas azucar", "Please don't stop", "kein Problem, danke"),
    *("", "?", "🙂", "yes", "ok", "continue", "thanks"),
)


@pytest.mark.parametrize("text", STOPS)
def test_an_end_is_an_end(text: str) -> None:
    assert meaning(text) is FeedbackKind.unsubscribed


@pytest.mark.parametrize("text", NOT_STOPS)
def test_what_is_ambiguous_goes_to_a_person(text: str) -> None:
    assert meaning(text) is FeedbackKind.replied


@pytest.mark.parametrize("text", ["START", "start", "Unstop", "opt in", "Opt-in!", "start please"])
def test_a_new_beginning(text: str) -> None:
    assert meaning(text) is FeedbackKind.resubscribed


@pytest.mark.parametrize(
    "text", ["HELP", "please help", "help?", "Info", "AIDE", "hilfe", "Помощь"]
)
def test_help(text: str) -> None:
    assert meaning(text) is FeedbackKind.asked_help


@given(st.text(max_size=300))
def test_whatever_is_written_means_one_of_them(text: str) -> None:
    said = (FeedbackKind.unsubscribed, FeedbackKind.resubscribed, FeedbackKind.asked_help)
    assert meaning(text) in (*said, FeedbackKind.replied)


@given(
    st.sampled_from(["stop", "unsubscribe", "abmelden", "停止"]), st.text(" .!?\n-–*", max_size=9)
)
def test_what_stands_around_a_word_changes_nothing(word: str, around: str) -> None:
    assert meaning(f"{around}{word}{around}") is FeedbackKind.unsubscribed
