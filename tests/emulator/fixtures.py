"""Vendors for each test that asks for one, and somebody to report to."""

from collections.abc import Iterator

import pytest

from channels.contract_suite import NOW
from tests.emulator.receiver import Receiver
from tests.emulator.sendgrid import SendGrid
from tests.emulator.twilio import Twilio


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where reports go."""
    with Receiver() as running:
        running.now = NOW
        yield running


@pytest.fixture
def twilio() -> Iterator[Twilio]:
    """An account of its own, whose clock stands at NOW."""
    with Twilio() as running:
        running.now = NOW
        yield running


@pytest.fixture
def sendgrid() -> Iterator[SendGrid]:
    """An account of its own, whose clock stands at NOW."""
    with SendGrid() as running:
        running.now = NOW
        yield running
