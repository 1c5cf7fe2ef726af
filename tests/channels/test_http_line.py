"""The line under the vendors' SDKs: an answer has an end."""

from time import monotonic

import pytest

from channels.http_line import Line, Unanswered
from tests.channels.web_server import Says, web_server


def test_an_answer_that_drips_is_waited_for_no_longer_than_any_other() -> None:
    with web_server() as site:
        line = Line(site.url, timeout_s=0.3)
        began_s = monotonic()
        site.next_up.append(Says(200, drip_s=0.02))
        with pytest.raises(Unanswered, match="TimeoutError"):
            line.ask("GET", "/", {})
        assert monotonic() - began_s < 10
        assert line.ask("GET", "/", {}).status == 204
        line.close()
