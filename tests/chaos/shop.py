"""The shop of a trial, as files; and its customers, some of whom live where it is quiet now."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

QUIET = (time(21), time(9))
ZONES: Mapping[str, tuple[str, str | None]] = {
    "Pacific/Honolulu": ("US", "HI"),
    "America/Los_Angeles": ("US", "CA"),
    "America/New_York": ("US", "NY"),
    "America/Sao_Paulo": ("BR", None),
    "Europe/London": ("GB", None),
    "Europe/Berlin": ("DE", None),
    "Africa/Nairobi": ("KE", None),
    "Asia/Dubai": ("AE", None),
    "Asia/Kolkata": ("IN", None),
    "Asia/Tokyo": ("JP", None),
    "Australia/Sydney": ("AU", None),
    "Pacific/Auckland": ("NZ", None),
}
CAPS: Mapping[str, Any] = {
    "overall": ["3 per 1m", "20 per 1h", "60 per 1d"],
    "channel": {"sms": ["2 per 1m", "8 per 1h"]},
    "topic": {"offers": ["4 per 1h"]},
}
SHOP: Mapping[str, Any] = {
    "brand": {"name": "Corner Shop", "postal_address": "1 Main St", "contact": "care@example.com"},
    "zone": "America/New_York",
    "country": "US",
    "base_url": "https://shop.example.com",
    "order_url": "https://shop.example.com/order/{product}",
    "quiet_hours": f"{QUIET[0]:%H:%M}-{QUIET[1]:%H:%M}",
    "caps": CAPS,
    "channels": {
        "email": {"through": "recording", "sender": "shop@example.com"},
        "sms": {"through": "recording", "sender": "+13125550123"},
    },
    "topics": {"offers": "Offers", "tips": "Tips", "orders": "Orders"},
    "traits": {"who": "text", "member": "yes/no"},
    "events": {
        "Signed Up": {"ref": "text"},
        "Cart Updated": {"ref": "text"},
        "Order Completed": {"ref": "text"},
    },
}
MARKETING_EXPIRES, SERVICE_EXPIRES = "3m", "10m"
WAIT = "15s"


def campaigns(expires: str = MARKETING_EXPIRES, wait: str = WAIT) -> dict[str, dict[str, Any]]:
    """Three that events trigger, one of them in two steps; one each minute; one for service."""
    plain = {"purpose": "help", "expires": expires, "max_audience": 1_000_000}
    return {
        "hello": {
            **plain,
            "topic": "tips",
            "trigger": {"event": "Signed Up"},
            "channels": ["email"],
            "caps": ["6 per 1h"],
        },
        "tour": {
            **plain,
            "topic": "tips",
            "trigger": {"event": "Signed Up"},
            "channels": ["email"],
            "steps": [{"send": {}}, {"wait": wait}, {"send": {"template": "again"}}],
            "caps": ["4 per 1h"],
        },
        "cart": {
            **plain,
            "topic": "offers",
            "trigger": {"event": "Cart Updated"},
            "channels": ["sms", "email"],
            "priority": 60,
        },
        "minute": {
            **plain,
            "topic": "offers",
            "trigger": {"cron": "* * * * *"},
            "audience": {"trait": "member", "is": True},
            "channels": ["email"],
            "caps": ["3 per 1h"],
        },
        "receipt": {
            **plain,
            "purpose": "service",
            "expires": SERVICE_EXPIRES,
            "topic": "orders",
            "trigger": {"event": "Order Completed"},
            "channels": ["email"],
        },
    }


TRIGGERS: Mapping[str, tuple[str, ...]] = {
    "Signed Up": ("hello", "tour"),
    "Cart Updated": ("cart",),
    "Order Completed": ("receipt",),
}
"""Which campaigns an event must lead to."""

_ABOUT = "{{ event.properties.ref }}"
_TEMPLATES = {
    "email.subject.j2": "{{ campaign.name }} for {{ customer.who }}\n",
    "email.html.j2": (
        '{% extends "layout.html.j2" %}{% block content %}'
        f"<p>{{{{ campaign.name }}}} for {{{{ customer.who }}}}: {_ABOUT}</p>{{% endblock %}}\n"
    ),
    "sms.txt.j2": f"{{{{ customer.who }}}}: {_ABOUT} {{{{ text_footer() }}}}\n",
}
_SHARED = Path(__file__).parents[2] / "templates"


def write_shop(home: Path, expires: str = MARKETING_EXPIRES, wait: str = WAIT) -> None:
    """The folder that TACTFUL_HOME names. JSON is YAML, too."""
    for source in _SHARED.rglob("*.j2"):
        target = home / "templates" / source.relative_to(_SHARED)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    for name, campaign in campaigns(expires, wait).items():
        folder = home / "campaigns" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "campaign.yaml").write_text(json.dumps(campaign).replace("true", "yes"))
        for file, text in _TEMPLATES.items():
            if "event" not in campaign["trigger"]:
                text = text.replace(_ABOUT, "now")
            if file.partition(".")[0] in campaign["channels"]:
                (folder / file).write_text(text)
                if "steps" in campaign:
                    (folder / f"again.{file}").write_text(text)
    (home / "campaigns" / "shop.yaml").write_text(json.dumps(SHOP))


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as the judge knows one."""

    key: str
    zone: str
    email: str
    phone: str
    wish: tuple[time, time] | None
    agreed: frozenset[tuple[str, str]] = field(default=frozenset())
    """(channel, topic); a topic may be `*`."""
    member: bool = False

    def quiet_at(self, at: datetime) -> bool:
        """Whether nobody may disturb."""
        local = at.astimezone(ZoneInfo(self.zone)).time()
        return any(_in(local, *hours) for hours in (QUIET, self.wish) if hours is not None)

    def records(self, at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        """As they are imported."""
        country, region = ZONES[self.zone]
        ends = [f"{end:%H:%M}" for end in self.wish or ()]
        yield (
            "customers",
            {
                "id": self.key,
                "who": self.key,
                "email": self.email,
                "phone": self.phone,
                "zone": self.zone,
                "country": country,
                "region": region,
                "member": self.member,
                **dict(zip(("quiet_from", "quiet_until"), ends, strict=False)),
            },
        )
        for channel, topic in sorted(self.agreed):
            yield consent(self.key, channel, topic, at, given=True)


def consent(
    customer: str, channel: str, topic: str, at: datetime, *, given: bool
) -> tuple[str, dict[str, Any]]:
    """Agreed, or withdrawn."""
    said = {"customer": customer, "channel": channel, "topic": topic, "given": given, "at": at}
    return "consents", {**said, "touchpoint": "app", "wording": "Yes." if given else "No."}


def people(seed: int, number: int, now: datetime, lasts: timedelta) -> list[Person]:
    """Three of four where it is day for as long as the trial lasts; the others where it is night.

    Some of the first have an hour of rest that begins in the middle of the trial.
    """
    chance = Random(f"people {seed}")
    until = now + lasts + timedelta(hours=1)
    day = [zone for zone in ZONES if _all_day(zone, now, until)]
    night = [zone for zone in ZONES if _at_night(zone, now)]
    return [_person(chance, n, now, lasts, day, night) for n in range(number)]


def _person(
    chance: Random, n: int, now: datetime, lasts: timedelta, day: list[str], night: list[str]
) -> Person:
    zone = chance.choice(night if chance.random() < 0.15 else day)
    wish = None
    if chance.random() < 0.15:
        start = (now + lasts * chance.random()).astimezone(ZoneInfo(zone))
        wish = (_minute(start), _minute(start + timedelta(hours=1)))
    agreed = {(channel, "*") for channel in ("email", "sms")}
    if chance.random() < 0.2:
        agreed = {(channel, topic) for channel in ("email", "sms") for topic in ("tips", "offers")}
    if chance.random() < 0.08:
        agreed = set()
    return Person(
        key=f"p{n}",
        zone=zone,
        email=f"p{n}@example.com",
        phone=f"+1212{2_000_000 + n * 7:07d}",
        wish=wish,
        agreed=frozenset(agreed),
        member=chance.random() < 0.3,
    )


def _minute(at: datetime) -> time:
    return at.time().replace(second=0, microsecond=0, tzinfo=None)


def _all_day(zone: str, now: datetime, until: datetime) -> bool:
    local = [at.astimezone(ZoneInfo(zone)).time() for at in (now, until)]
    return all(time(9, 30) <= at <= time(20, 30) for at in local)


def _at_night(zone: str, now: datetime) -> bool:
    return _in(now.astimezone(ZoneInfo(zone)).time(), time(21, 30), time(5))


def _in(local: time, start: time, end: time) -> bool:
    return start <= local < end if start < end else local >= start or local < end
