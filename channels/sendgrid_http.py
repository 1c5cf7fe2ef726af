"""SendGrid's SDK on a kept line, which joins at the client's own seam, `_make_request`.

The SDK keeps login, addresses, headers, errors and the reading of answers. Left to itself it opens
a connection for each call, by urllib, through whatever proxy the environment names; and before
that it builds an opener and writes the whole request into a log that nobody reads, which costs ten
times as much as the request.
"""

from collections.abc import Mapping
from email.message import Message
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import msgspec
from python_http_client.client import Client, Response
from python_http_client.exceptions import handle_error
from sendgrid import SendGridAPIClient

from channels.http_line import Answer, Line


class SendGridLane:
    """The SDK's client, with a connection of its own."""

    def __init__(self, api_key: str, api_url: str, timeout_s: float) -> None:
        self.line = Line(api_url, timeout_s)
        self._sdk = SendGridAPIClient(api_key, host=api_url)
        self._sdk.client = _LineClient(self.line, self._sdk.client, timeout_s)

    def close(self) -> None:
        """Hang up."""
        self.line.close()

    def send(self, body: Mapping[str, Any]) -> Any:
        """The SDK's response, or its exception; NotWritten or Unanswered of the line."""
        return self._sdk.client.mail.send.post(msgspec.json.encode(body))

    def scopes(self) -> Any:
        """What the key may do."""
        return self._sdk.client.scopes.get()


class _LineClient(Client):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client in all but the way to the provider."""

    def __init__(self, line: Line, like: Client, timeout_s: float | None) -> None:
        super().__init__(
            host=like.host,
            version=like._version,
            request_headers=like.request_headers,
            url_path=like._url_path,
            append_slash=like.append_slash,
            timeout=timeout_s,
        )
        self._line = line

    def post(self, body: bytes) -> Response:
        """As the SDK's own, but that the body is JSON already."""
        headers = {**self.request_headers, "Content-Type": "application/json"}
        return self._asked(Request(self._build_url(None), body, headers, method="POST"))

    def get(self) -> Response:
        """As the SDK's own."""
        return self._asked(Request(self._build_url(None), headers=self.request_headers))

    def _asked(self, request: Request) -> Response:
        return Response(self._make_request(None, request))

    def _build_client(self, name: str | None = None) -> "_LineClient":
        return _LineClient(self._line, super()._build_client(name), self.timeout)

    def _make_request(self, opener: object, request: Request, timeout: object = None) -> "_Taken":
        data = request.data if isinstance(request.data, bytes) else None
        headers = dict(request.header_items())
        answer = self._line.ask(request.get_method(), request.selector, headers, data)
        if 200 <= answer.status < 300:
            return _Taken(answer)
        raise handle_error(
            HTTPError(request.full_url, answer.status, "", answer.headers, BytesIO(answer.body))
        )


class _Taken:
    """An answer as the SDK reads one of urllib."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def getcode(self) -> int:
        """The status."""
        return self._answer.status

    def read(self) -> bytes:
        """The body."""
        return self._answer.body

    def info(self) -> Message:
        """The headers."""
        return self._answer.headers
