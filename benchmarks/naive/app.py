"""The tasks: `celery -A benchmarks.naive.app worker`.

NAIVE_DATABASE_URL, NAIVE_REDIS_URL, NAIVE_SMTP_PORT and NAIVE_HTTP_PORT say where everything is.
"""

import json
import os
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cache
from http.client import HTTPConnection
from typing import Any

from celery import Celery  # type: ignore[import-untyped]
from jinja2 import Environment, FileSystemLoader, select_autoescape
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import Session

from benchmarks.engine import OWN
from benchmarks.naive.tables import Customer, Message

CAMPAIGN = "letter"
HOST = "127.0.0.1"
SHOP = {
    "brand": "Corner Grocer",
    "postal_address": "1 Example Street, Springfield",
    "sender": "hello@shop.example.com",
    "url": "https://my.shop.example.com",
}

app = Celery("naive", broker=os.environ.get("NAIVE_REDIS_URL", "redis://localhost:6379/1"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)

templates = Environment(
    loader=FileSystemLoader(OWN / "campaigns" / CAMPAIGN),
    autoescape=select_autoescape(["html.j2"]),
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals["greeting"] = lambda customer: f"Hello {customer.first_name}"


@cache
def engine() -> Engine:
    """One in each process, opened when it is first needed."""
    return create_engine(os.environ["NAIVE_DATABASE_URL"])


@app.task  # type: ignore[untyped-decorator]
def start_campaign(over: str) -> None:
    """A message to everyone who has subscribed, and a task for each; `over` smtp or http."""
    send = {"smtp": send_mail, "http": post_mail}[over]
    with Session(engine()) as session:
        customers = session.scalars(select(Customer).where(Customer.subscribed))
        messages = [Message(customer=one, campaign=over, status="planned") for one in customers]
        session.add_all(messages)
        session.commit()
        ids = session.scalars(select(Message.id).where(Message.campaign == over)).all()
    for id in ids:
        send.delay(id)


@app.task  # type: ignore[untyped-decorator]
def send_mail(message_id: int) -> None:
    """One e-mail over SMTP."""
    with Session(engine()) as session:
        message = session.get_one(Message, message_id)
        mail = EmailMessage()
        mail["From"] = SHOP["sender"]
        mail["To"] = message.customer.email
        mail["Message-ID"] = f"<naive.{message.id}@shop.example.com>"
        mail["List-Unsubscribe"] = f"<{_links(message)['unsubscribe']}>"
        subject, text, html = _rendered(message)
        mail["Subject"] = subject
        mail.set_content(text)
        mail.add_alternative(html, subtype="html")
        with smtplib.SMTP(HOST, int(os.environ["NAIVE_SMTP_PORT"])) as server:
            server.send_message(mail)
        _accepted(session, message)


@app.task  # type: ignore[untyped-decorator]
def post_mail(message_id: int) -> None:
    """One e-mail over a provider's HTTP interface."""
    with Session(engine()) as session:
        message = session.get_one(Message, message_id)
        subject, text, html = _rendered(message)
        body = {
            "to": message.customer.email,
            "kind": "email",
            "stable_id": f"naive.{message.id}",
            "subject": subject,
            "text": text,
            "html": html,
        }
        connection = HTTPConnection(HOST, int(os.environ["NAIVE_HTTP_PORT"]), timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/messages", json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 201:
            raise RuntimeError(f"the provider answered {answer.status}")
        _accepted(session, message)


def _rendered(message: Message) -> tuple[str, str, str]:
    values: dict[str, Any] = {
        "customer": message.customer,
        "shop": SHOP,
        "links": _links(message),
        "language": "en",
    }
    subject, text, html = (
        templates.get_template(f"email.{part}.j2").render(values)
        for part in ("subject", "txt", "html")
    )
    return subject.strip(), text, html


def _links(message: Message) -> dict[str, str]:
    pages = ("unsubscribe", "preferences")
    return {page: f"{SHOP['url']}/{page}/{message.id}" for page in pages}


def _accepted(session: Session, message: Message) -> None:
    message.status = "accepted"
    message.sent_at = datetime.now(UTC)
    session.commit()
