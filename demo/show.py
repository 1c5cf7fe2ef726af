"""What the demo shows when the four weeks are over."""

from datetime import datetime
from pathlib import Path

from rich.panel import Panel
from rich.text import Text
from sqlalchemy import Connection, func, select

from channels.outbox import Record, read_log
from orchestrator.entry.cli.explain import show_customer
from orchestrator.entry.cli.report import show_report
from orchestrator.entry.cli.screen import out
from orchestrator.flow.explain import explain_customer
from orchestrator.flow.report import report
from orchestrator.flow.tactful import Tactful
from orchestrator.model.message import State
from orchestrator.store.database import reading
from orchestrator.tables import customers, messages

SAMPLES = (("replenish", "sms"), ("price-drop", "email"), ("recipe", "email"))
"""Campaign and channel of the messages that are shown."""

EXPLAINED = ("winback", "thanksgiving", "replenish")
"""What one customer's explanation is about; all twelve would fill the screen."""


def show(tactful: Tactful, outbox: Path, now: datetime) -> None:
    """The report, three messages as their customers see them, one customer explained, the files."""
    console = out()
    console.print()
    show_report(report(tactful, now))
    console.print("\nThree of the messages, as their customers see them", style="bold")
    with reading(tactful.engine) as connection:
        wanted = {_last(connection, campaign, channel) for campaign, channel in SAMPLES}
        busy = _busiest(connection)
    shown = [record for record in read_log(outbox) if record.message_id in wanted]
    for record in shown:
        console.print(_as_seen(record))
    console.print(f"\nWhy {busy} gets what, and why not", style="bold")
    explained = explain_customer(tactful, busy, now, EXPLAINED)
    show_customer(explained, tactful.shop.zone, short=True)
    _files(outbox, shown, busy, now)


def _last(connection: Connection, campaign: str, channel: str) -> str:
    found = connection.scalar(
        select(func.max(messages.c.id)).where(
            messages.c.campaign == campaign,
            messages.c.channel == channel,
            messages.c.state == State.ACCEPTED,
        )
    )
    return str(found)


def _busiest(connection: Connection) -> str:
    """The customer about whom most was decided, one way or the other."""
    statement = (
        select(customers.c.key)
        .join(messages, messages.c.customer_id == customers.c.id)
        .group_by(customers.c.key)
        .order_by(func.count(messages.c.reason.distinct()).desc(), func.count().desc())
        .limit(1)
    )
    return str(connection.scalar(statement))


def _as_seen(record: Record) -> Panel:
    return Panel(
        Text(record.text),
        title=Text(record.subject or "Text message"),
        subtitle=Text(f"{record.kind} to {record.address}, {record.at:%d %b %Y %H:%M} UTC"),
        title_align="left",
        subtitle_align="left",
        width=80,
    )


def _files(outbox: Path, shown: list[Record], customer: str, now: datetime) -> None:
    console = out()
    console.print("\nWhere everything is", style="bold")
    console.print(f"every message as .eml, .html and .txt: {outbox}", soft_wrap=True)
    for record in shown:
        if record.kind == "email" and record.file:
            console.print(f"  for example {outbox / (record.file + '.html')}", soft_wrap=True)
    database = outbox.parent / "demo.db"
    console.print("ask further:", style="dim")
    for command in (f"explain {customer} --at {now:%Y-%m-%d}", "report", "status"):
        told = f"TACTFUL_DATABASE_URL=sqlite:///{database} .venv/bin/tactful {command}"
        console.print(f"  {told}", style="dim", soft_wrap=True)
