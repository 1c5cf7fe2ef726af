"""The contract suite has teeth: each broken channel fails the test that is about its fault."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any

import pytest
from pydantic import SecretStr

from channels.contract import (
    Accepted,
    Attempt,
    Capabilities,
    Channel,
    ChannelSettings,
    Deferred,
    Feedback,
    FeedbackKind,
    Finding,
    Found,
    Item,
    Level,
    NotFound,
    Outcome,
    Prepared,
    Reason,
    Refused,
    Rejected,
    Unknown,
    Unsupported,
    size_of,
)
from channels.contract_suite import ChannelContract


class LoftSettings(ChannelSettings):
    grain: SecretStr = SecretStr("sunflower")


class Pigeon(Channel[LoftSettings]):
    """A channel without fault; its provider is a list."""

    name = "pigeon"
    Settings = LoftSettings
    capabilities = Capabilities(
        kinds=frozenset({"sms"}),
        parts={"sms": frozenset({"text"})},
        batch_size_max=4,
        rate_per_s=None,
        idempotency=None,
        search=True,
        callback=False,
        receipts=False,
        text_chars_max=1_000,
        body_bytes_max=None,
    )

    def __init__(self, settings: LoftSettings) -> None:
        super().__init__(settings)
        self.loft: list[str] = []
        self.closed = 0

    def prepare(self, item: Item) -> Prepared | Unsupported:
        return self.cannot_carry(item) or Prepared(item, size_of(item), 1, None, None)

    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        self.refuse_oversize(items)
        end = monotonic() + deadline_s
        return [self.fly(item, end) for item in items]

    def fly(self, item: Item, end: float) -> Outcome:
        if monotonic() >= end:
            return Deferred(0.0, "late")
        if isinstance(self.prepare(item), Unsupported):
            return Rejected(Reason.unsupported, "no")
        self.loft.append(item.attempt_id)
        return Accepted(f"ring-{item.attempt_id}")

    def find(self, attempt: Attempt) -> Found:
        home = attempt.attempt_id in self.loft
        return Accepted(f"ring-{attempt.attempt_id}") if home else NotFound()


class Shuffles(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        return super().send(items, deadline_s, now)[::-1]


class Forgets(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        return super().send(items, deadline_s, now)[:2]


class SaysNone(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> Any:
        return super().send(items, deadline_s, now) or None


class Truncates(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        return super().send(items[:4], deadline_s, now)


class ComplainsLate(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        outcomes = [self.fly(item, monotonic() + deadline_s) for item in items]
        self.refuse_oversize(items)
        return outcomes


class Boasts(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        outcome = super().fly(item, end)
        if isinstance(outcome, Accepted):
            self.loft.pop()
        return outcome


class Nameless(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        outcome = super().fly(item, end)
        return Accepted("") if isinstance(outcome, Accepted) else outcome


class Numbers(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        outcome = super().fly(item, end)
        return Accepted(4711) if isinstance(outcome, Accepted) else outcome  # type: ignore[arg-type]


class Streams(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> Any:
        return (outcome for outcome in super().send(items, deadline_s, now))


class OwnWords(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        outcome = super().fly(item, end)
        return Rejected("no", "no") if isinstance(outcome, Rejected) else outcome  # type: ignore[arg-type]


class PromisesReceipts(Pigeon):
    capabilities = replace(Pigeon.capabilities, receipts=True)


class Tardy(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        return super().fly(item, monotonic() + 9)


class LateAndVague(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        return Unknown("late") if monotonic() >= end else super().fly(item, end)


class Panics(Pigeon):
    def send(self, items: Sequence[Item], deadline_s: float, now: datetime) -> list[Outcome]:
        if any(item.kind not in self.capabilities.kinds for item in items):
            return [Rejected(Reason.unsupported, "no")] * len(items)
        return super().send(items, deadline_s, now)


class Raises(Pigeon):
    def fly(self, item: Item, end: float) -> Outcome:
        (item.text + item.address).encode()
        return super().fly(item, end)


class Fickle(Pigeon):
    def prepare(self, item: Item) -> Prepared | Unsupported:
        self.closed += 1
        return self.cannot_carry(item) or Prepared(item, self.closed, 1, None, None)


class Grows(Pigeon):
    def prepare(self, item: Item) -> Prepared | Unsupported:
        item = replace(item, text=item.text + "!")
        return self.cannot_carry(item) or Prepared(item, size_of(item), 1, None, None)


class SendsEarly(Pigeon):
    def prepare(self, item: Item) -> Prepared | Unsupported:
        self.loft.append("early")
        return super().prepare(item)


class Swallows(Pigeon):
    def prepare(self, item: Item) -> Prepared | Unsupported:
        return Prepared(item, 1, 1, None, None)


class Blind(Pigeon):
    def find(self, attempt: Attempt) -> Found:
        return NotFound()


class SeesGhosts(Pigeon):
    def find(self, attempt: Attempt) -> Found:
        return Accepted(f"ring-{attempt.attempt_id}")


class ClaimsToSearch(Pigeon):
    find = Channel.find


class ClaimsToKnow(Pigeon):
    capabilities = replace(Pigeon.capabilities, search=False)


class Gullible(Pigeon):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        return []


class Hears(Pigeon):
    """Its callbacks are not signed, and all of them are believed."""

    capabilities = replace(Pigeon.capabilities, callback=True)

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        if not raw.startswith(b"home "):
            return Refused("no word of ours")
        return [Feedback(FeedbackKind.delivered, raw.decode(), None)]


class HearsSigned(Hears):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        if headers.get("x-sign") != self.settings.grain.get_secret_value():
            return Refused("no signature")
        return super().parse_feedback(raw, headers)


class HearsNothing(Hears):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        return Refused("always")


class HearsAnew(HearsSigned):
    heard = 0

    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> list[Feedback] | Refused:
        told = super().parse_feedback(raw, headers)
        if isinstance(told, Refused):
            return told
        self.heard += 1
        return [replace(one, event_id=f"event-{self.heard}") for one in told]


class HearsWords(HearsSigned):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> Any:
        told = super().parse_feedback(raw, headers)
        return told if isinstance(told, Refused) else ["delivered"]


class HearsNumbers(HearsSigned):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> Any:
        told = super().parse_feedback(raw, headers)
        return told if isinstance(told, Refused) else [replace(told[0], detail=7)]  # type: ignore[arg-type]


class HearsAllAsOne(HearsSigned):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> Any:
        told = super().parse_feedback(raw, headers)
        if isinstance(told, Refused):
            return told
        return [*told, replace(told[0], kind=FeedbackKind.opened)]


class HearsNoName(HearsSigned):
    def parse_feedback(self, raw: bytes, headers: Mapping[str, str]) -> Any:
        told = super().parse_feedback(raw, headers)
        return told if isinstance(told, Refused) else [replace(told[0], event_id="")]


class Tells(Pigeon):
    def __repr__(self) -> str:
        return f"Tells({self.settings.grain.get_secret_value()})"


class ClosesOnce(Pigeon):
    def close(self) -> None:
        self.closed += 1
        if self.closed > 1:
            raise RuntimeError("closed already")


class StaysClosed(Pigeon):
    def close(self) -> None:
        self.closed = 1

    def fly(self, item: Item, end: float) -> Outcome:
        return Deferred(1.0, "closed") if self.closed else super().fly(item, end)


class ChecksBySending(Pigeon):
    def check(self) -> list[Finding]:
        self.loft.append("test")
        return [Finding(Level.good, "it flew")]


class Strange(Pigeon):
    capabilities = replace(Pigeon.capabilities, parts={"sms": frozenset({"html"})})


TESTS = [name for name in dir(ChannelContract) if name.startswith("test_")]


class Contract(ChannelContract):
    def genuine(self, channel: Channel[Any]) -> tuple[bytes, Mapping[str, str]]:
        return b"home ring-1", {"x-sign": "sunflower", "content-type": "text/plain"}


def failures(cls: type[Pigeon], suite: type[ChannelContract] = Contract) -> set[str]:
    """The names of the suite's tests that a fresh channel of this class fails."""
    failed = set()
    for name in TESTS:
        channel = cls(LoftSettings())
        given: dict[str, object] = {"channel": channel, "taken": lambda: len(channel.loft)}  # noqa: B023
        test: Callable[..., None] = getattr(suite(), name)
        try:
            test(**{wanted: given[wanted] for wanted in inspect.signature(test).parameters})
        except Exception:
            failed.add(name)
    return failed


def test_a_channel_without_fault_passes() -> None:
    assert failures(Pigeon) == failures(HearsSigned) == set()


def test_who_hears_has_to_show_a_callback() -> None:
    assert failures(HearsSigned, ChannelContract) == {
        "test_a_callback_is_believed_for_its_signature"
    }


@pytest.mark.parametrize(
    ("cls", "test"),
    [
        (Shuffles, "test_what_comes_back_belongs_to_its_item"),
        (Forgets, "test_one_outcome_for_each_item_in_order"),
        (Boasts, "test_one_outcome_for_each_item_in_order"),
        (Nameless, "test_one_outcome_for_each_item_in_order"),
        (Numbers, "test_one_outcome_for_each_item_in_order"),
        (Streams, "test_one_outcome_for_each_item_in_order"),
        (OwnWords, "test_what_comes_back_belongs_to_its_item"),
        (PromisesReceipts, "test_it_names_itself_and_its_capabilities_agree"),
        (SaysNone, "test_an_empty_batch_is_an_empty_list"),
        (Truncates, "test_an_oversize_batch_is_refused_loudly"),
        (ComplainsLate, "test_an_oversize_batch_is_refused_loudly"),
        (Tardy, "test_nothing_is_written_past_the_deadline"),
        (LateAndVague, "test_nothing_is_written_past_the_deadline"),
        (Panics, "test_a_bad_item_fails_alone_and_in_its_place"),
        (Raises, "test_hostile_text_is_carried_or_refused_and_never_raises"),
        (Fickle, "test_prepare_is_pure"),
        (Grows, "test_prepare_is_pure"),
        (SendsEarly, "test_prepare_is_pure"),
        (Swallows, "test_what_cannot_be_expressed_is_said"),
        (Blind, "test_what_was_accepted_can_be_found"),
        (SeesGhosts, "test_what_was_accepted_can_be_found"),
        (ClaimsToSearch, "test_it_names_itself_and_its_capabilities_agree"),
        (ClaimsToKnow, "test_without_search_nothing_is_claimed"),
        (Gullible, "test_a_forged_callback_is_refused"),
        (Hears, "test_a_callback_is_believed_for_its_signature"),
        (HearsNothing, "test_a_callback_is_believed_for_its_signature"),
        (HearsAnew, "test_a_callback_that_comes_twice_is_the_same_event"),
        (HearsWords, "test_a_callback_that_comes_twice_is_the_same_event"),
        (HearsNumbers, "test_a_callback_that_comes_twice_is_the_same_event"),
        (HearsAllAsOne, "test_a_callback_that_comes_twice_is_the_same_event"),
        (HearsNoName, "test_a_callback_that_comes_twice_is_the_same_event"),
        (Tells, "test_settings_do_not_print_secrets"),
        (ClosesOnce, "test_close_is_idempotent_and_open_may_follow"),
        (StaysClosed, "test_close_is_idempotent_and_open_may_follow"),
        (ChecksBySending, "test_check_gives_findings"),
        (Strange, "test_it_names_itself_and_its_capabilities_agree"),
    ],
)
def test_a_broken_channel_fails_where_its_fault_is(cls: type[Pigeon], test: str) -> None:
    assert test in failures(cls)
