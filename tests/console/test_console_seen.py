"""The console in a browser: on a telephone, by keyboard, and without any script."""

import pytest

from tests.cli.shop import ShopFolder
from tests.console.room import console
from tests.support.browser import HANDLING, marks_of, needs_chromium, seen

PHONE_PX = 360
PATHS = (
    "/door",
    "",
    "/campaigns",
    "/campaigns/hello",
    "/campaigns/hello/plan",
    "/campaigns/hello/preview?customer=ann",
    "/customers?key=ann",
    "/customers",
    "/messages/1",
    "/replies",
)


@needs_chromium
@pytest.mark.parametrize("town", ["sqlite"], indirect=True)
def test_it_can_be_handled(town: ShopFolder) -> None:
    town.ok("run", "--once")
    with console(town) as room:
        room.enter()
        room.press("/pause", what="campaign deal")
        pages = [room.get(path).text for path in PATHS]
        found = seen(pages, HANDLING, town.home, width=PHONE_PX)
    assert marks_of(found) == {}
    for path, page in zip(PATHS, found, strict=False):
        assert page["width"] <= PHONE_PX, path
        assert page["controls"] >= 2, path
        for what in ("nameless", "unreached", "outOfOrder", "small"):
            assert page[what] == [], (path, what)
        assert (page["scripts"], page["headings"], page["language"]) == (0, 1, "en"), path
        assert page["zoomable"], path
