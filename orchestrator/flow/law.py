"""Reads the dated data of the law: `orchestrator/data/*.csv`."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from importlib.resources import files

from orchestrator.model.clock import parse_time
from orchestrator.model.law import HoursRow, Law, LegalCap


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = (files("orchestrator") / "data" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return csv.DictReader(lines, strict=True)


def _yes(text: str) -> bool:
    return {"yes": True, "no": False}[text]


@cache
def read_law() -> Law:
    """The law as shipped. The same value each time; a wrong file is a bug, and raises."""
    hours = tuple(
        HoursRow(
            id=row["id"],
            country=row["country"],
            region=row["region"] or None,
            channels=tuple(row["channels"].split()),
            days=tuple(row["days"].split()),
            holidays=_yes(row["holidays"]),
            opens=parse_time(row["opens"]),
            closes=parse_time(row["closes"]),
            source=row["source"],
            dated=date.fromisoformat(row["dated"]),
        )
        for row in _rows("permitted_hours.csv")
    )
    caps = tuple(
        LegalCap(
            id=row["id"],
            country=row["country"],
            region=row["region"] or None,
            channels=tuple(row["channels"].split()),
            count=int(row["count"]),
            per=timedelta(hours=int(row["per_hours"])),
            per_subject=_yes(row["per_subject"]),
            source=row["source"],
            dated=date.fromisoformat(row["dated"]),
        )
        for row in _rows("legal_caps.csv")
    )
    return Law(hours, caps)
