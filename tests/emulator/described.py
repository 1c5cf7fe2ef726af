"""Holds requests against descriptions: ours always, the vendors' own where they are at hand."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathNotFound
from openapi_core.testing import MockRequest
from ruamel.yaml import YAML

HERE = Path(__file__).parent
VENDORS = HERE.parents[2] / "shared" / "specs"
"""Reference data that lies beside some copies of the repository, and is no part of it."""
_VENDORS_FILES = {"twilio": "twilio_messages.json", "sendgrid": "tsg_mail_v3.json"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The first value of each name."""
        asked = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[0] for name, values in asked.items()}

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        values = parse_qs(self.body.decode(), keep_blank_values=True)
        return {name: one[0] for name, one in values.items()}

    @property
    def shape(self) -> object:
        """Two requests of one shape differ only in their values."""
        if self.body and "json" in self.headers.get("content-type", ""):
            return self.method, self.path, _shape(json.loads(self.body))
        return self.method, self.path, *sorted(self.form), *sorted(self.query)


def has_vendors() -> bool:
    """Whether the vendors' own descriptions are at hand."""
    return all((VENDORS / file).exists() for file in _VENDORS_FILES.values())


def faults(vendor: str, asked: Asked) -> str:
    """What our description has against a request; empty: nothing."""
    return _faults(_ours(vendor), asked)


def vendors_faults(vendor: str, every: Iterable[Asked]) -> list[str]:
    """The same of the vendor's, for one request of each shape.

    Theirs describe sending and listing only, so what they have no path for is left out.
    """
    different = {one.shape: one for one in every}.values()
    told = (_faults(_theirs(vendor), one, strangers="") for one in different)
    return [one for one in told if one]


def _faults(description: OpenAPI, asked: Asked, strangers: str = "no such operation") -> str:
    request = MockRequest(
        _host(description),
        asked.method.lower(),
        asked.path,
        args=asked.query,
        headers=dict(asked.headers),
        data=asked.body,
        content_type=asked.headers.get("content-type", ""),
    )
    try:
        description.validate_request(request)
    except PathNotFound:
        return strangers
    except OpenAPIError as error:
        return f"{error}; {error.__cause__}"
    return ""


def _host(description: OpenAPI) -> str:
    url = str(description.spec["servers"][0]["url"])
    return "http://localhost" if url == "/" else url


def _shape(value: Any) -> object:
    if isinstance(value, dict):
        return tuple(sorted((name, _shape(one)) for name, one in value.items()))
    if isinstance(value, list):
        return "list", tuple(sorted({str(_shape(one)) for one in value}))
    return type(value).__name__


@cache
def _ours(vendor: str) -> OpenAPI:
    read = YAML(typ="safe", pure=True).load((HERE / f"{vendor}.yaml").read_text(encoding="utf-8"))
    return OpenAPI.from_dict(read)


@cache
def _theirs(vendor: str) -> OpenAPI:
    text = (VENDORS / _VENDORS_FILES[vendor]).read_text(encoding="utf-8")
    return OpenAPI.from_dict(json.loads(text))
