"""The tests that every channel passes. A plugin's author inherits them:

    class TestPigeon(ChannelContract):
        @pytest.fixture
        def channel(self, loft): ...      # open, against a provider of the author's own

        @pytest.fixture
        def taken(self, loft): ...        # how many messages that provider has taken, ever

Only the provider may be made up. This module does not import pytest, so that a channel can be
installed and listed without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import SecretBytes, SecretStr

from channels.contract import (
    KINDS,
    Accepted,
    Attempt,
    Channel,
    ChannelSettings,
    Deferred,
    FeedbackKind,
    Finding,
    Item,
    NotFound,
    Prepared,
    Reason,
    Refused,
    Rejected,
    Sender,
    Unknown,
    Unsupported,
    fault_of,
)

NOW = datetime(2017, 11, 23, 17, 0, tzinfo=UTC)
DEADLINE_S = 30.0
HOSTILE = (
    "Grüße, 東京, \U0001f600",
    "\r\n.\r\nQUIT\r\n",
    ".\n..\n.",
    "a\rb\nc\r\n",
    "x" * 5_000,
    "\x00\x07\x1b[31m",
    "</pre><script>alert(1)</script> {{ 7*7 }} %s %(a)s",
    "\u202egnol yrev\u202c \u2028 \u00a0",
    "--=_message-0\r\nContent-Type: text/html\r\n\r\n=?utf-8?q?hi?=",
    "half \ud83d",
)
_SAMPLE_ADDRESSES = {
    "email": "anna@example.com",
    "phone": "+12125550100",
    "messenger": "4242424242424242",
    "social": "@anna",
    "webpush": '{"endpoint": "https://push.example.com/1"}',
    "url": "https://example.com/hook",
    "customer": "customer-1",
}
_UNSIGNED = frozenset({"content-type", "x-tactful-url", "x-tactful-received-at"})


class ChannelContract:
    """Inherit, supply `channel` and `taken`, and set `addresses` where a kind needs its own."""

    addresses: ClassVar[Mapping[str, str]] = {}
    """By kind, where the sample address does not suit the provider."""

    def item(self, channel: Channel[Any], number: int = 0, kind: str = "") -> Item:
        """A plain item that this channel must take."""
        kind = kind or min(channel.capabilities.kinds)
        parts = channel.capabilities.parts[kind]
        address = self.addresses.get(kind, _SAMPLE_ADDRESSES[KINDS[kind].address_kind])
        return Item(
            message_id=f"message-{number}",
            attempt_id=f"attempt-{number}",
            kind=kind,
            address=address,
            text=f"Milk is $2.49 today, number {number}.",
            subject=f"Milk {number}" if "subject" in parts else None,
            html=f"<p>Milk is $2.49 today, number {number}.</p>" if "html" in parts else None,
            sender=Sender("The Shop", "shop@example.com" if kind == "email" else "+12125550199"),
            headers=(),
            stable_id=f"message-{number}",
            not_after=None,
            language="en",
        )

    def genuine(self, channel: Channel[Any]) -> tuple[bytes, Mapping[str, str]] | None:
        """A callback that this channel must believe: body and headers, with the provider's
        signature, and with the two headers that a listener adds. Write it where `callback` is."""
        return None

    def test_it_names_itself_and_its_capabilities_agree(self, channel: Channel[Any]) -> None:
        able = channel.capabilities
        name = channel.name
        assert name.isidentifier(), f"{name!r} is no plain name"
        assert name == name.lower(), f"{name!r} is not in lower case"
        assert able.kinds, f"{name} carries nothing"
        assert able.kinds <= KINDS.keys(), f"{name} carries {able.kinds - KINDS.keys()}"
        assert able.parts.keys() == able.kinds, "parts must be told for each kind, and no other"
        for kind, parts in able.parts.items():
            known = frozenset(KINDS[kind].parts)
            assert KINDS[kind].required <= parts <= known, f"{kind} has the parts {known}"
        assert able.batch_size_max >= 1, "a batch holds one item at least"
        assert able.rate_per_s is None or able.rate_per_s > 0, "a rate of zero sends nothing"
        overrides = type(channel).find is not Channel.find
        assert able.search == overrides, "search is true exactly where find is written"
        hears = type(channel).parse_feedback is not Channel.parse_feedback
        assert able.callback == hears, "callback is true exactly where parse_feedback is written"
        assert able.callback or not able.receipts, "receipts come by callback, and there is none"

    def test_one_outcome_for_each_item_in_order(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        for kind in sorted(channel.capabilities.kinds):
            before = taken()
            count = min(3, channel.capabilities.batch_size_max)
            items = [self.item(channel, number, kind) for number in range(count)]
            outcomes = channel.send(items, DEADLINE_S, NOW)
            assert isinstance(outcomes, list), f"send gave {type(outcomes).__name__}, no list"
            assert len(outcomes) == count, f"{count} items, {len(outcomes)} outcomes"
            for outcome in outcomes:
                assert isinstance(outcome, Accepted), f"a plain {kind} came back as {outcome}"
                ref = outcome.provider_ref
                assert ref, "an accepted message has the provider's name for it"
                assert isinstance(ref, str), f"provider_ref is {type(ref).__name__}: write str(…)"
            assert taken() - before == count, "accepted means that the provider has it"

    def test_what_comes_back_belongs_to_its_item(self, channel: Channel[Any]) -> None:
        count = min(3, channel.capabilities.batch_size_max)
        alone = [self.item(channel, number) for number in range(count)]
        # The same place in another batch: a bad item moves with its outcome.
        for place in range(count):
            items = [
                replace(one, kind="smoke_signal") if n == place else one
                for n, one in enumerate(alone)
            ]
            outcomes = channel.send(items, DEADLINE_S, NOW)
            wrong = [n for n, one in enumerate(outcomes) if isinstance(one, Rejected)]
            assert wrong == [place], f"the item at {place} is bad, rejected were {wrong}"
            reason = getattr(outcomes[place], "reason", None)
            assert isinstance(reason, Reason), f"{reason!r} is no Reason"

    def test_a_bad_item_fails_alone_and_in_its_place(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        if channel.capabilities.batch_size_max < 3:
            return
        good = [self.item(channel, number) for number in range(3)]
        strange = replace(good[1], kind="smoke_signal")
        before = taken()
        outcomes = channel.send([good[0], strange, good[2]], DEADLINE_S, NOW)
        assert isinstance(outcomes[1], Rejected), f"an unknown kind came back as {outcomes[1]}"
        assert isinstance(outcomes[0], Accepted), f"its neighbour came back as {outcomes[0]}"
        assert isinstance(outcomes[2], Accepted), f"its neighbour came back as {outcomes[2]}"
        assert taken() - before == 2, "the bad item was written"

    def test_an_empty_batch_is_an_empty_list(self, channel: Channel[Any]) -> None:
        assert channel.send([], DEADLINE_S, NOW) == []

    def test_an_oversize_batch_is_refused_loudly(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        before = taken()
        items = [self.item(channel)] * (channel.capabilities.batch_size_max + 1)
        try:
            channel.send(items, DEADLINE_S, NOW)
        except ValueError:
            assert taken() == before, "nothing of an oversize batch may be written"
        else:
            raise AssertionError("a batch over batch_size_max was taken without a word")

    def test_nothing_is_written_past_the_deadline(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        before = taken()
        for deadline_s in (0.0, -1.0):
            outcomes = channel.send([self.item(channel)], deadline_s, NOW)
            assert len(outcomes) == 1, f"one item, {len(outcomes)} outcomes"
            assert isinstance(outcomes[0], Deferred), f"past the deadline: {outcomes[0]}"
        assert taken() == before, "a message was written past its deadline"

    def test_prepare_is_pure(self, channel: Channel[Any], taken: Callable[[], int]) -> None:
        before = taken()
        for kind in sorted(channel.capabilities.kinds):
            item = self.item(channel, 0, kind)
            ready = channel.prepare(item)
            assert isinstance(ready, Prepared), f"a plain {kind} cannot be prepared: {ready}"
            assert channel.prepare(item) == ready, "prepare gave two answers"
            assert channel.prepare(ready.item) == ready, "a prepared item changes once more"
            assert ready.size > 0, "a message has a size"
            assert ready.segments > 0, "a message has a segment"
            assert (ready.cost is None) or ready.currency, "a cost has a currency"
        assert taken() == before, "prepare wrote something"

    def test_what_cannot_be_expressed_is_said(self, channel: Channel[Any]) -> None:
        for kind in sorted(channel.capabilities.kinds):
            item = self.item(channel, 0, kind)
            for wrong in (replace(item, kind="smoke_signal"), replace(item, text="")):
                answer = channel.prepare(wrong)
                assert isinstance(answer, Unsupported), f"{wrong} was prepared as {answer}"
                assert answer.what, "an Unsupported says what"

    def test_hostile_text_is_carried_or_refused_and_never_raises(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        for kind in sorted(channel.capabilities.kinds):
            plain = self.item(channel, 0, kind)
            for text in HOSTILE:
                items = [replace(plain, text=text), replace(plain, address=text)]
                if plain.subject is not None:
                    items.append(replace(plain, subject=text))
                if plain.html is not None:
                    items.append(replace(plain, html=text))
                for item in items:
                    before = taken()
                    answer = channel.prepare(item)
                    (outcome,) = channel.send([item], DEADLINE_S, NOW)
                    new = taken() - before
                    assert not isinstance(outcome, Unknown), f"{item}: {outcome}"
                    assert new == isinstance(outcome, Accepted), f"{outcome}, {new} taken: {item}"
                    if isinstance(answer, Unsupported):
                        assert isinstance(outcome, Rejected), f"unsupported, yet {outcome}: {item}"

    def test_what_was_accepted_can_be_found(self, channel: Channel[Any]) -> None:
        if not channel.capabilities.search:
            return
        item = self.item(channel)
        (outcome,) = channel.send([item], DEADLINE_S, NOW)
        attempt = _attempt(item)
        assert channel.find(attempt) == outcome, "an accepted attempt is found as it was accepted"
        never = replace(attempt, message_id="never", attempt_id="never", stable_id="never")
        found = channel.find(never)
        assert isinstance(found, NotFound | Unknown), f"an attempt never made was found: {found}"

    def test_without_search_nothing_is_claimed(self, channel: Channel[Any]) -> None:
        if channel.capabilities.search:
            return
        found = channel.find(_attempt(self.item(channel)))
        assert isinstance(found, Unknown), f"a channel without search answered {found}"

    def test_a_forged_callback_is_refused(self, channel: Channel[Any]) -> None:
        for raw in (b"", b"{}", b"[]", b"\x00\xff", b"message=1&status=delivered", b"[" * 10_000):
            answer = channel.parse_feedback(raw, {"content-type": "application/json"})
            assert isinstance(answer, Refused), f"{raw[:40]!r} was believed: {answer}"

    def test_a_callback_is_believed_for_its_signature(self, channel: Channel[Any]) -> None:
        if not channel.capabilities.callback:
            return
        call = self.genuine(channel)
        assert call is not None, "callback is true: let `genuine` give one as the provider signs it"
        raw, headers = call
        told = channel.parse_feedback(raw, headers)
        assert isinstance(told, list), f"a genuine callback came to {told}"
        assert told, "a genuine callback says nothing: give one that does"
        plain = {name: headers[name] for name in headers if name in _UNSIGNED}
        stranger = type(channel)(_with_other_secrets(channel.settings))
        answers = [channel.parse_feedback(raw, plain), stranger.parse_feedback(raw, headers)]
        refused = [isinstance(answer, Refused) for answer in answers]
        assert any(refused), "it is believed without a signature, and with another secret"

    def test_a_callback_that_comes_twice_is_the_same_event(self, channel: Channel[Any]) -> None:
        call = self.genuine(channel) if channel.capabilities.callback else None
        if call is None:
            return
        told, again = (channel.parse_feedback(*call) for _ in range(2))
        assert isinstance(told, list), f"a genuine callback came to {told}"
        assert (fault := fault_of(told)) is None, fault
        for one in told:
            assert isinstance(one.kind, FeedbackKind), f"{one.kind!r} is no FeedbackKind"
            assert one.event_id, "an event has a name, by which a repetition is known"
        names = {one.event_id for one in told}
        assert len(names) == len(told), "events of one call by one name: all but the first are lost"
        assert again == told, f"the same callback came to {told}, and then to {again}"

    def test_settings_do_not_print_secrets(self, channel: Channel[Any]) -> None:
        settings = channel.settings
        shown = f"{settings!r} {settings} {settings.model_dump_json()} {channel!r}"
        for field in type(settings).model_fields:
            value = getattr(settings, field)
            if isinstance(value, SecretStr | SecretBytes):
                secret = value.get_secret_value()
                plain = secret if isinstance(secret, str) else secret.decode(errors="replace")
                assert plain not in shown, f"the secret {field} is printed"

    def test_check_gives_findings(self, channel: Channel[Any], taken: Callable[[], int]) -> None:
        before = taken()
        for finding in channel.check():
            assert isinstance(finding, Finding), f"check gave {finding!r}"
            assert finding.what, "a finding says what"
        assert taken() == before, "check sent a message"

    def test_close_is_idempotent_and_open_may_follow(
        self, channel: Channel[Any], taken: Callable[[], int]
    ) -> None:
        channel.close()
        channel.close()
        channel.open()
        before = taken()
        (outcome,) = channel.send([self.item(channel)], DEADLINE_S, NOW)
        assert isinstance(outcome, Accepted), f"after close and open: {outcome}"
        assert taken() - before == 1, "accepted means that the provider has it"


def _attempt(item: Item) -> Attempt:
    return Attempt(
        message_id=item.message_id,
        attempt_id=item.attempt_id,
        kind=item.kind,
        address=item.address,
        text=item.text,
        stable_id=item.stable_id,
        written_at=NOW,
    )


def _with_other_secrets(settings: ChannelSettings) -> ChannelSettings:
    other: dict[str, SecretStr | SecretBytes] = {}
    for field in type(settings).model_fields:
        value = getattr(settings, field)
        if isinstance(value, SecretStr):
            other[field] = SecretStr(f"another {value.get_secret_value()}")
        elif isinstance(value, SecretBytes):
            other[field] = SecretBytes(b"another " + value.get_secret_value())
    return settings.model_copy(update=other)
