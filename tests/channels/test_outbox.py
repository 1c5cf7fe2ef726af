"""The outbox: files to look at, and a log that is the truth."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from channels.contract import Accepted, Attempt, Deferred, Item, Level, NotFound, Sender
from channels.contract_suite import DEADLINE_S, NOW, ChannelContract
from channels.outbox import LOG, OutboxChannel, OutboxSettings, read_log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def channel(folder: Path) -> Iterator[OutboxChannel]:
    with OutboxChannel(OutboxSettings(folder=folder)) as opened:
        yield opened


class TestContract(ChannelContract):
    @pytest.fixture
    def taken(self, folder: Path) -> Callable[[], int]:
        return lambda: sum(1 for _ in read_log(folder))


class TestContractOfTheLogAlone(TestContract):
    @pytest.fixture
    def channel(self, folder: Path) -> Iterator[OutboxChannel]:
        with OutboxChannel(OutboxSettings(folder=folder, files=False)) as opened:
            yield opened


def email(number: int = 0) -> Item:
    return Item(
        message_id=f"m{number}",
        attempt_id=f"a{number}",
        kind="email",
        address="anna@example.com",
        text="Milk is $2.49.",
        subject="Müsli für dich",
        html="<p>Milk is <b>$2.49</b>.</p>",
        sender=Sender("The Shop", "shop@example.com"),
        headers=(("List-Unsubscribe", "<https://example.com/u/1>"),),
        stable_id=f"m{number}",
        not_after=None,
        language="en",
    )


def sms(number: int = 0) -> Item:
    item = replace(email(number), kind="sms", subject=None, html=None, headers=())
    return replace(item, address="+12125550100")


def attempt(item: Item) -> Attempt:
    return Attempt(
        item.message_id, item.attempt_id, item.kind, item.address, item.text, item.stable_id, NOW
    )


def test_an_email_can_be_opened_in_a_mail_program(channel: OutboxChannel, folder: Path) -> None:
    channel.send([email()], DEADLINE_S, NOW)
    (record,) = read_log(folder)
    stem = f"{folder}/{record.file}"
    parsed = message_from_bytes(Path(stem + ".eml").read_bytes(), policy=policy.default)
    assert parsed["subject"] == "Müsli für dich"
    assert parsed["list-unsubscribe"] == "<https://example.com/u/1>"
    assert Path(stem + ".html").read_text(encoding="utf-8") == "<p>Milk is <b>$2.49</b>.</p>"
    assert "Subject: Müsli für dich" in Path(stem + ".txt").read_text(encoding="utf-8")


def test_files_are_named_by_day_time_kind_and_address(channel: OutboxChannel, folder: Path) -> None:
    channel.send([email(), sms(1)], DEADLINE_S, NOW)
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "2017-11-23/17-00-00_email_anna@example.com_a0.eml",
        "2017-11-23/17-00-00_email_anna@example.com_a0.html",
        "2017-11-23/17-00-00_email_anna@example.com_a0.txt",
        "2017-11-23/17-00-00_sms_+12125550100_a1.txt",
        LOG,
    ]


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "a/b\\c", "x" * 500, "é\x00\n", "CON", ""])
def test_hostile_names_stay_inside_and_apart(folder: Path, hostile: str) -> None:
    printable = "".join(filter(str.isprintable, hostile))
    item = replace(sms(), attempt_id=hostile, address=f"..{printable}/.")
    other = replace(item, attempt_id=hostile + "/")
    with OutboxChannel(OutboxSettings(folder=folder)) as channel:
        outcomes = channel.send([item, other], DEADLINE_S, NOW)
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {folder, folder / "2017-11-23"}
    assert len(files) == 3


def test_the_log_keeps_what_was_accepted_in_order(channel: OutboxChannel, folder: Path) -> None:
    channel.send([email(0), sms(1)], DEADLINE_S, NOW)
    channel.send([sms(1)], DEADLINE_S, NOW)  # a duplicate is recorded, not hidden
    records = list(read_log(folder))
    assert [record.attempt_id for record in records] == ["a0", "a1", "a1"]
    assert records[0].at == NOW
    assert (records[1].address, records[1].text) == ("+12125550100", "Milk is $2.49.")


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_line_torn_by_a_crash_was_never_accepted(folder: Path, kept: int) -> None:
    with OutboxChannel(OutboxSettings(folder=folder, files=False)) as channel:
        channel.send([sms(0), sms(1)], DEADLINE_S, NOW)
    log = folder / LOG
    first, second = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + second[:kept])  # -1: whole, but for the line's end
    with OutboxChannel(OutboxSettings(folder=folder, files=False)) as channel:
        assert channel.find(attempt(sms(0))) == Accepted("outbox:a0")
        assert channel.find(attempt(sms(1))) == NotFound()
        channel.send([sms(2)], DEADLINE_S, NOW)
        # Neither the next line nor a later reading may bring the torn one to life.
        assert channel.find(attempt(sms(1))) == NotFound()
        assert channel.find(attempt(sms(2))) == Accepted("outbox:a2")
    assert [record.attempt_id for record in read_log(folder)] == ["a0", "a2"]


def test_find_sees_what_another_process_wrote(folder: Path) -> None:
    settings = OutboxSettings(folder=folder, files=False)
    with OutboxChannel(settings) as one, OutboxChannel(settings) as other:
        assert other.find(attempt(sms())) == NotFound()
        one.send([sms()], DEADLINE_S, NOW)
        assert other.find(attempt(sms())) == Accepted("outbox:a0")


def test_files_without_a_line_were_not_accepted(channel: OutboxChannel, folder: Path) -> None:
    channel.send([sms()], DEADLINE_S, NOW)
    (folder / LOG).unlink()
    assert list(folder.rglob("*.txt"))
    with OutboxChannel(OutboxSettings(folder=folder)) as fresh:
        assert fresh.find(attempt(sms())) == NotFound()


def test_a_folder_that_cannot_be_made_defers_with_certainty(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for files in (True, False):
        settings = OutboxSettings(folder=tmp_path / "file" / "out", files=files)
        with OutboxChannel(settings) as channel:
            (outcome,) = channel.send([sms()], DEADLINE_S, NOW)
            (finding,) = channel.check()
        assert isinstance(outcome, Deferred)
        assert finding.level is Level.error


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_defers_with_certainty(folder: Path) -> None:
    folder.mkdir()
    (folder / LOG).symlink_to("/dev/full")
    with OutboxChannel(OutboxSettings(folder=folder, files=False)) as channel:
        outcomes = channel.send([sms(0), sms(1)], DEADLINE_S, NOW)
    assert [type(outcome) for outcome in outcomes] == [Deferred, Deferred]


def test_every_line_of_the_log_is_plain_json(channel: OutboxChannel, folder: Path) -> None:
    channel.send([replace(sms(), text="a\u2028b\n\x00c")], DEADLINE_S, NOW)
    (line,) = (folder / LOG).read_bytes().splitlines()
    assert json.loads(line)["text"] == "a\u2028b\n\x00c"
