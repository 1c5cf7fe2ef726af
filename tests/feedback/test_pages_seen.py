"""The customers' own pages in a browser: on a telephone, by keyboard, and without any script."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.flow.links import Links
from orchestrator.store.database import writing
from orchestrator.store.deployment import Deployment, this_deployment
from tests.feedback.site import answering
from tests.feedback.stage import stage
from tests.support.browser import HANDLING, marks_of, needs_chromium, seen

LINKS = Links("https://shop.example.com", b"secret")
PHONE_PX = 320


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[list[str]]:
    made = stage(tmp_path, "ann1")
    with writing(made.engine) as connection:
        this_deployment(connection, Deployment("d1", "secret"))
    with answering(made) as caller:
        token = LINKS.token(1)
        form = b"quiet_from=99:99&quiet_until=1"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answers = [
            caller.call("GET", f"/u/{token}"),
            caller.call("GET", f"/p/{token}"),
            caller.call("POST", f"/p/{token}", form, kind),
            caller.call("GET", "/p/nobody"),
        ]
        assert [answer.status for answer in answers] == [200, 200, 422, 404]
        # No script could run even if one stood there.
        for answer in answers:
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src" not in policy
        yield [answer.text for answer in answers]
    made.engine.dispose()


@needs_chromium
def test_pages_on_a_telephone_and_by_keyboard(pages: list[str], tmp_path: Path) -> None:
    narrow = "<p style='width: 900px'>x</p><input><h1>x</h1><meta name=viewport content=''>"
    *answers, control, _ = found = seen([*pages, narrow], HANDLING, tmp_path, width=PHONE_PX)
    assert marks_of(found) == {}
    # Ours shows that the look would have seen it.
    assert control["width"] > PHONE_PX
    assert len(control["nameless"]) == 1
    assert [answer["controls"] > 0 for answer in answers] == [True, True, True, False]
    for answer in answers:
        assert answer["width"] <= PHONE_PX
        assert answer["nameless"] == answer["unreached"] == answer["outOfOrder"] == []
        assert answer["small"] == []
        assert (answer["scripts"], answer["headings"], answer["language"]) == (0, 1, "en")
        assert answer["zoomable"]
