"""From planned to whatever came of it, through the vendors' SDKs, signed callbacks and the web."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.tables import feedback
from tests.emulator.fixtures import sendgrid, twilio
from tests.emulator.sendgrid import SendGrid
from tests.emulator.twilio import Twilio
from tests.feedback.stage import agreed
from tests.feedback.vendors import Vendors, soon, vendors

__all__ = ["sendgrid", "twilio"]

TWENTY = (
    *("STOP", "stop", "Stop.", " STOP \n", "S.T.O.P", "ＳＴＯＰ", "STOP 🛑", "Stopall", "END"),
    *("unsubscribe", "Cancel", "Quit", "revoke", "OPT OUT", "Opt-Out", "please stop this"),
    *("Stop texting me!", "ARRÊT", "Abmelden", "СТОП"),
)


@pytest.fixture
def both(tmp_path: Path, twilio: Twilio, sendgrid: SendGrid) -> Iterator[Vendors]:
    """Both vendors, and two customers."""
    with vendors(tmp_path, twilio, sendgrid, "ann1", "bob2", database=str(tmp_path / "t")) as one:
        yield one


def test_stop_in_twenty_spellings_is_confirmed_once(both: Vendors) -> None:
    both.text("ann1")
    assert len(TWENTY) == len(set(TWENTY)) == 20
    for spelling in TWENTY:
        assert both.says("ann1", spelling) == [204]
    assert {row["kind"] for row in both.shop.rows(feedback)} == {"unsubscribed"}
    assert agreed(both.shop, "ann1") == {("email", "*"): True, ("sms", "*"): False}
    both.shop.tick(soon())
    both.shop.tick(soon())
    _, *confirmed = both.twilio.messages
    assert [one.body.partition(":")[0] for one in confirmed] == ["Corner Shop"]
    assert "unsubscribed" in confirmed[0].body
