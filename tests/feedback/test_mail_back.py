"""Mail that comes back: it is about the message that it was, whatever it says of addresses."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from channels.contract import Feedback
from channels.email_smtp import SmtpChannel, SmtpSettings
from channels.smtp_bounces import seal
from orchestrator.flow.ingest import address_key
from orchestrator.tables import suppressions
from tests.feedback.stage import listen, stage, standing
from tests.support.shop import Small

SECRET = "a long and random secret"
REPORT = """\
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com
Original-Envelope-Id: {seal}.d1.1@shop.example.com

{recipient}Action: failed
Status: 5.1.1

--x--
"""
COMPLAINT = """\
Content-Type: multipart/report; report-type=feedback-report; boundary=x

--x
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1

--x
Content-Type: text/rfc822-headers

Message-ID: <d1.1@shop.example.com>
X-Message-Seal: {seal}
To: redacted

--x--
"""


@pytest.fixture
def shop(tmp_path: Path) -> Small:
    """Two customers with a letter each."""
    return stage(tmp_path, "ann1", "bob2")


def heard(report: str, recipient: str = "") -> Sequence[Feedback]:
    """What comes of a report with the seal of the first letter."""
    sealed = seal(SECRET, "1", "1", "d1.1")
    settings = SmtpSettings.model_validate({"host": "127.0.0.1", "bounce_secret": SECRET})
    raw = report.format(seal=sealed, recipient=recipient).encode()
    told = SmtpChannel(settings).parse_feedback(raw, {})
    assert isinstance(told, list), told
    return told


def objections(shop: Small) -> list[tuple[str, str]]:
    """Whose address must not be used, and why."""
    keys = {address_key("email", f"{key}@example.com"): key for key in ("ann1", "bob2")}
    return [(keys[row["address_key"]], row["reason"]) for row in shop.rows(suppressions)]


@pytest.mark.parametrize(
    "recipient",
    [
        "Final-Recipient: rfc822; bob2@example.com\n",
        "Final-Recipient: rfc822; other@example.net\nOriginal-Recipient: rfc822;BOB2@example.com\n",
        "Final-Recipient: rfc822; ann1+2024@example.com\n",
        "",
    ],
)
def test_a_report_is_about_its_message_and_nobody_else(shop: Small, recipient: str) -> None:
    """Whoever was written to has a seal, and may write a report with it about anybody."""
    answer = listen(shop, *heard(REPORT, recipient))
    assert answer.known == 1
    assert objections(shop) == [("ann1", "bounced_hard")]
    assert [standing(shop, id)[0] for id in (1, 2)] == ["bounced", "accepted"]


def test_a_complaint_without_an_address_is_heard(shop: Small) -> None:
    listen(shop, *heard(COMPLAINT))
    assert objections(shop) == [("ann1", "complained")]
    assert standing(shop) == ("complained", "complained")
