"""What the provider tells later: signed, tampered with, repeated, out of order."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from channels.contract import Accepted, Feedback, FeedbackKind, Refused
from channels.contract_suite import DEADLINE_S, NOW
from tests.provider.callbacks import SIGNATURE, WORDS, About, Callback, Callbacks, callback, sign
from tests.provider.channel import RecordingChannel, RecordingSettings
from tests.provider.fixtures import StartProvider
from tests.provider.running import RunningProvider
from tests.provider.test_channel import text

ABOUT = About("rec1", "+1", "m1", "a1", "http://127.0.0.1:9/hook")
AT = NOW.isoformat()
CHANNEL = RecordingChannel(RecordingSettings(url="http://127.0.0.1:9"))
CHANNEL_SECRET = CHANNEL.settings.secret.get_secret_value()


class Ear:
    """Takes callbacks, and lets the channel read them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.heard: list[list[Feedback] | Refused] = []
        self.refusing = 0
        self.changed = threading.Condition()

    def hear(self, raw: bytes, headers: dict[str, str]) -> int:
        with self.changed:
            if self.refusing:
                self.refusing -= 1
                return 503
            self.heard.append(CHANNEL.parse_feedback(raw, headers))
            self.changed.notify_all()
            return 204

    def wait(self, count: int) -> list[Feedback]:
        """Until so many calls were taken; all of their events."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.heard) >= count, 5), len(self.heard)
            return [event for events in self.heard if isinstance(events, list) for event in events]


@contextmanager
def listening() -> Iterator[Ear]:
    ear: Ear

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            lowered = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(ear.hear(raw, lowered))
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: a test speaks by its outcome."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        ear = Ear(f"http://127.0.0.1:{server.server_port}/hook?shop=1")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield ear
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def ear() -> Iterator[Ear]:
    with listening() as one:
        yield one


def parsed(one: Callback) -> list[Feedback] | Refused:
    return CHANNEL.parse_feedback(one.body, dict(one.headers))


def test_every_word_has_its_kind() -> None:
    kinds = []
    for word in WORDS:
        answer = parsed(callback(ABOUT, word, AT, detail="30007"))
        assert isinstance(answer, list)
        (event,) = answer
        assert (event.at, event.message_id, event.attempt_id) == (NOW, "m1", "a1")
        assert (event.provider_ref, event.address, event.detail) == ("rec1", "+1", "30007")
        kinds.append(event.kind)
    assert sorted(kinds) == sorted(FeedbackKind)


def test_a_repetition_is_known_by_its_name() -> None:
    one, again = (parsed(callback(ABOUT, "reply", AT)) for _ in range(2))
    other = parsed(callback(ABOUT, "reply", AT, number=2))
    assert one == again != other


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: replace(one, body=one.body.replace(b"+1", b"+2")),
        lambda one: replace(one, body=one.body + b" "),
        lambda one: replace(one, headers=()),
        lambda one: replace(one, headers=((SIGNATURE, "0" * 64),)),
        lambda one: replace(one, headers=((SIGNATURE, "\xff"),)),
        lambda one: replace(one, headers=((SIGNATURE, sign(one.body, "another secret")),)),
        *(
            lambda one, raw=raw: replace(
                one, body=raw, headers=((SIGNATURE, sign(raw, CHANNEL_SECRET)),)
            )
            for raw in (b"{", b"[]", b'{"events": 7}', b'{"events": [{"event": "open"}]}')
        ),
    ],
)
def test_what_was_tampered_with_or_makes_no_sense_is_refused(
    spoil: Callable[[Callback], Callback],
) -> None:
    one = callback(ABOUT, "delivered", AT)
    assert isinstance(parsed(one), list)
    assert isinstance(parsed(spoil(one)), Refused)


def test_a_genuine_word_that_we_do_not_count_is_an_empty_list() -> None:
    assert parsed(callback(ABOUT, "queued", AT)) == []


def test_calls_are_made_in_the_order_that_a_test_wants(provider: RunningProvider, ear: Ear) -> None:
    about = replace(ABOUT, url=ear.url)
    words = ["open", "delivered", "delivered", "click"]
    provider.call([callback(about, word, AT) for word in words])
    assert [str(event.kind) for event in ear.wait(4)] == [
        "opened", "delivered", "delivered", "clicked",
    ]  # fmt: skip


def test_a_call_that_nobody_takes_is_made_again(provider: RunningProvider, ear: Ear) -> None:
    ear.refusing = 2
    provider.call([callback(replace(ABOUT, url=ear.url), "delivered", AT)])
    assert len(ear.wait(1)) == 1


def test_chance_reports_repeats_and_shuffles(start_provider: StartProvider, ear: Ear) -> None:
    wanted = Callbacks.parse("delivered, undelivered~0.2, repeat~0.3, shuffle~8", seed=5)
    provider = start_provider(callbacks=wanted)
    settings = RecordingSettings(url=provider.http_url, callback=ear.url, per_request=5)
    with RecordingChannel(settings) as channel:
        outcomes = channel.send([text(n) for n in range(40)], DEADLINE_S, NOW)
    events = ear.wait(50)
    refs = [one.provider_ref for one in outcomes if isinstance(one, Accepted)]
    delivered = [one for one in events if one.kind is FeedbackKind.delivered]
    order = list(dict.fromkeys(str(one.provider_ref) for one in delivered))
    assert set(order) <= set(refs)
    assert order != sorted(order, key=refs.index)
    assert len(delivered) > len({one.event_id for one in delivered})


@pytest.mark.parametrize("spec", ["deliverd", "repeat~1", "delivered~x"])
def test_a_wrong_wish_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=r"deliverd|repeat|x"):
        Callbacks.parse(spec)
