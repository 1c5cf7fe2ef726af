"""The console for programs: what `--json` prints, over HTTP, and the kill switch.

`Authorization: Bearer …` carries the console's key. Cookies count for nothing here, so that no page
of somebody else's can make a browser call it.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.entry.told import as_json, customer_told, plan_told, report_told
from orchestrator.entry.web.console.desk import Desk
from orchestrator.entry.web.console.pages import Asked
from orchestrator.model.errors import WrongUse
from orchestrator.model.problem import or_near

BY = "the API"

Answer = Callable[[Asked], Any]


class Api:
    """A method for each question; what it answers becomes JSON."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def status(self, asked: Asked) -> Any:
        """As `tactful top --once --json`, with what is held back."""
        seen, held = self._desk.look(asked.now)
        told: dict[str, Any] = json.loads(as_json(seen))
        return {**told, "held_back": held}

    def report(self, asked: Asked) -> Any:
        """As `tactful report --json`."""
        return report_told(self._desk.report(asked.now))

    def plan(self, asked: Asked) -> Any:
        """As `tactful plan --json`, of all campaigns or of one."""
        return plan_told(self._desk.plan(asked.now, asked.query.get("campaign"), samples=0))

    def customer(self, asked: Asked) -> Any:
        """As `tactful explain CUSTOMER --json`."""
        return customer_told(self._desk.customer(asked.path["key"], asked.now))

    def message(self, asked: Asked) -> Any:
        """As `tactful explain --message N --json`."""
        return self._desk.message(asked.message())

    def replies(self, asked: Asked) -> Any:
        """As `tactful replies --json`."""
        return {"replies": self._desk.replies()}

    def pause(self, asked: Asked) -> Any:
        """As `tactful pause WHAT NAME --reason … --json`."""
        what, name, reason = (asked.form.get(one) for one in ("what", "name", "reason"))
        if not what:
            raise WrongUse('what? For instance: {"what": "campaign", "name": "winback"}')
        done = self._desk.pause(what, name, reason or f"by {BY}", asked.now)
        return {"scope": what, "name": name or "*", "paused": done}

    def resume(self, asked: Asked) -> Any:
        """As `tactful resume WHAT NAME --json`."""
        what, name = (asked.form.get(one) for one in ("what", "name"))
        if not what:
            raise WrongUse('what? For instance: {"what": "everything"}')
        return {"scope": what, "name": name or "*", "resumed": self._desk.resume(what, name)}


def told(value: Any, status: int = 200) -> Response:
    """An answer, or what went wrong."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(as_json(value), status, headers, media_type="application/json")


FIELDS = ("what", "name", "reason")


def fields_of(raw: bytes) -> dict[str, str]:
    """The texts of a JSON object. Raises WrongUse, with the place of what is wrong."""
    try:
        found = json.loads(raw or b"{}")
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise WrongUse(f"the body is no JSON: {place}: {error.msg}") from None
    except UnicodeDecodeError as error:
        raise WrongUse(f"the body is no UTF-8: byte {error.start + 1}") from None
    except RecursionError:
        raise WrongUse("the body is nested too deep") from None
    if not isinstance(found, dict):
        raise WrongUse("the body is no JSON object")
    check_names(found, FIELDS)
    for name, value in found.items():
        if not isinstance(value, str):
            raise WrongUse(f"{name} is no text")
    return found


def check_names(given: Iterable[str], known: Sequence[str]) -> None:
    """Raises WrongUse for a name that nobody would look at: it was a slip of the pen."""
    for name in given:
        if name not in known:
            raise WrongUse(or_near(f"there is nothing called {name!r} here", name, known))


def key_of(request: Request) -> str:
    """The key that a program has given; empty where there is none."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""
