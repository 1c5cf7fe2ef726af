"""Each channel from due in the ledger to recorded as accepted, to a sink beside it.

In one process on SQLite, and by the Procfile's workers on PostgreSQL (`celery`; SMTP is there in
`bench_celery`). `ready` leaves the engine out: messages that are rendered already, in batches as
the engine makes them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from benchmarks.engine import campaign, sending
from benchmarks.figure import Figure, Measured
from benchmarks.fleet import run_campaign
from benchmarks.ran import Ran
from benchmarks.servers import servers
from benchmarks.sinks import sink
from benchmarks.town import NOW, make_town
from benchmarks.vendor_sink import vendor_sink
from channels.contract import Accepted, Channel, Item, Sender
from channels.email_sendgrid import SendGridChannel, SendGridSettings
from channels.email_smtp import SmtpChannel, SmtpSettings
from channels.sms_twilio import TwilioChannel, TwilioSettings
from orchestrator.entry.memory import settle
from orchestrator.store.database import open_database

CUSTOMERS = 20_000
FLEET_CUSTOMERS = 40_000
READY = 20_000
DEADLINE_S = 600.0
CAMPAIGNS = {"smtp": "letter", "sendgrid": "letter", "twilio": "note"}
LINE = "The oven is on at four: bring your own dough.\n"
SIZES = {"smtp": 60, "sendgrid": 60, "twilio": 3}
"""Lines of a ready message: half of an e-mail's are HTML."""

FIGURES = tuple(
    figure
    for name, what in (
        ("smtp", "E-mails over SMTP"),
        ("sendgrid", "E-mails in SendGrid's form"),
        ("twilio", "Texts in Twilio's form"),
    )
    for figure in (
        Figure(f"channel_{name}_per_s", f"{what}, due to recorded, one process", "1/s"),
        Figure(f"channel_{name}_cpu_s_per_1000", f"{what}: work for 1,000", "s"),
        Figure(f"channel_{name}_ready_per_s", f"{what}, rendered already, no ledger", "1/s"),
    )
) + tuple(
    figure
    for name, what in (
        ("sendgrid", "E-mails in SendGrid's form"),
        ("twilio", "Texts in Twilio's form"),
    )
    for figure in (
        Figure(f"celery_{name}_per_s", f"{what}, start to recorded, Celery", "1/s"),
        Figure(f"celery_{name}_cpu_s_per_1000", f"{what}: work for 1,000, all processes", "s"),
    )
)


def measure(divisor: int) -> Measured:
    """Everything due in a town of 20,000, divided by `divisor`, on each channel."""
    number = max(CUSTOMERS // divisor, 20)
    with TemporaryDirectory(prefix="tactful-bench-") as folder, ExitStack() as stack:
        smtp = stack.enter_context(sink(Path(folder)))
        vendors = stack.enter_context(vendor_sink())
        for name in CAMPAIGNS:
            with _channel(name, smtp.smtp_port, vendors) as channel:
                ran = _due(name, channel, number, Path(folder) / f"{name}.db")
                yield f"channel_{name}_per_s", ran.per_s
                yield f"channel_{name}_cpu_s_per_1000", ran.cpu_s_per_1000
                ready = max(READY // divisor, 20)
                yield f"channel_{name}_ready_per_s", _ready_per_s(name, channel, ready)
        yield from _by_celery(vendors, max(FLEET_CUSTOMERS // divisor, 20), alone=divisor > 1)


def _by_celery(vendors: str, customers: int, *, alone: bool) -> Measured:
    settings = {
        "TACTFUL_EMAIL_SENDGRID_API_KEY": "SG.benchmark",
        "TACTFUL_EMAIL_SENDGRID_API_URL": vendors,
        **{f"TACTFUL_SMS_TWILIO_{name.upper()}": value for name, value in _twilio(vendors).items()},
    }
    with servers() as all_:
        for name in ("sendgrid", "twilio"):
            ran = run_campaign(all_, customers, name, alone=alone, environment=settings)
            yield f"celery_{name}_per_s", ran.per_s
            yield f"celery_{name}_cpu_s_per_1000", ran.cpu_s_per_1000


@contextmanager
def _channel(name: str, smtp_port: int, vendors: str) -> Iterator[Channel[Any]]:
    channel: Channel[Any]
    if name == "smtp":
        channel = SmtpChannel(SmtpSettings(host="127.0.0.1", port=smtp_port, tls="none"))
    elif name == "sendgrid":
        mail = {"api_key": "SG.benchmark", "api_url": vendors}
        channel = SendGridChannel(SendGridSettings.model_validate(mail))
    else:
        channel = TwilioChannel(TwilioSettings.model_validate(_twilio(vendors)))
    with channel:
        yield channel


def _twilio(vendors: str) -> dict[str, str]:
    return {
        "account_sid": "AC" + "0" * 32,
        "auth_token": "benchmark",
        "api_url": vendors,
        "callback_url": "https://tactful.example.com/callbacks/sms_twilio",
    }


def _due(name: str, channel: Channel[Any], number: int, database: Path) -> Ran:
    make_town(database, number, worldwide=False)
    engine = open_database(str(database))
    with sending(engine, [campaign(CAMPAIGNS[name])], channel) as tactful:
        (verdicts,) = tactful.plan(NOW)
        settle()  # as `tactful run` and the workers do
        began, worked = perf_counter(), process_time()
        met = tactful.dispatch(NOW)
        ran = Ran(met["accepted"], perf_counter() - began, process_time() - worked)
    engine.dispose()
    if met["accepted"] != verdicts.planned or met.total() != verdicts.planned:
        raise RuntimeError(f"{verdicts.planned} planned, yet {met}")
    return ran


def _ready_per_s(name: str, channel: Channel[Any], number: int) -> float:
    items = [_item(name, one) for one in range(number)]
    most = channel.capabilities.batch_size_max
    began = perf_counter()
    for start in range(0, number, most):
        for outcome in channel.send(items[start : start + most], DEADLINE_S, NOW):
            if not isinstance(outcome, Accepted):
                raise RuntimeError(f"{name}: {outcome}")
    return number / (perf_counter() - began)


def _item(name: str, number: int) -> Item:
    mail, lines = name != "twilio", SIZES[name]
    return Item(
        message_id=str(number),
        attempt_id=str(number),
        kind="email" if mail else "sms",
        address=f"c{number}@example.com" if mail else f"+1312{5_550_000 + number}",
        text=f"Hello {number}!\n" + LINE * (lines // 2 if mail else lines),
        subject=f"Bread, {number}" if mail else None,
        html=f"<p>Hello {number}!</p>" + f"<p>{LINE}</p>" * (lines // 2) if mail else None,
        sender=Sender("Corner Grocer", "hello@shop.example.com" if mail else "+12125550100"),
        headers=(("List-Unsubscribe", "<https://my.shop.example.com/u/1>"),) if mail else (),
        stable_id=f"bench.{number}",
        not_after=None,
        language="en-US",
    )
