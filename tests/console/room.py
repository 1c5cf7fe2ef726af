"""A shop whose console is open, and somebody at a browser, or a program, in front of it.

room.enter("Ann Lee")
page = room.get("/campaigns")
room.press("/pause", what="everything")
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.entry import clock
from orchestrator.entry.kept import FINDING
from orchestrator.entry.settings import settings
from orchestrator.entry.web.app import Front, Site
from orchestrator.entry.web.console.desk import Desk
from orchestrator.entry.web.console.guard import Guard
from orchestrator.flow.load import load
from orchestrator.store.database import open_database
from tests.cli.shop import NOW, ShopFolder
from tests.feedback.site import Answer, Caller, serving
from tests.support.databases import make_tables

KEY = "a key of the console  that nobody guesses"


class Room:
    """What somebody does at the console. Redirects are not followed."""

    def __init__(self, caller: Caller, shop: ShopFolder) -> None:
        self.caller = caller
        self.shop = shop
        self.cookie = ""

    def enter(self, name: str = "Ann Lee", key: str = KEY, back: str = "/console") -> Answer:
        """Give the key; keep the cookie."""
        answer = self.caller.post("/console/door", {"name": name, "key": key, "back": back})
        self.cookie = answer.headers.get("set-cookie", "").partition(";")[0]
        return answer

    def get(self, path: str) -> Answer:
        """A page."""
        return self.caller.get(f"/console{path}", cookie=self.cookie)

    def form(self) -> str:
        """The signature that forms of this session carry."""
        value = self.cookie.partition("=")[2].strip('"')
        session = Guard(KEY).session(value, clock.now())
        assert session is not None
        return session.form

    def press(self, path: str, **fields: str) -> Answer:
        """A button of one of our own pages."""
        return self.caller.post(
            f"/console{path}", {"form": self.form(), **fields}, cookie=self.cookie
        )

    def ask(self, path: str, key: str = KEY) -> Answer:
        """A program's question."""
        return self.caller.get(f"/console/api/{path}", authorization=f"Bearer {key}")

    def call(self, path: str, body: bytes, key: str = KEY) -> Answer:
        """A program's call."""
        headers = {"authorization": f"Bearer {key}"}
        return self.caller.call("POST", f"/console/api/{path}", body, headers)


@contextmanager
def console(shop: ShopFolder, wait_s: float = 60.0, **more: Any) -> Iterator[Room]:
    """The application with this shop's console, in a thread; its pages wait for their numbers.

    Meanwhile no command may run: it stops the clock, and with it the thread's.
    """
    engine = open_database(shop.url)
    make_tables(engine)
    loaded = load(shop.home)
    assert loaded.settings is not None
    desk = Desk(engine, settings(shop.home), loaded.settings.shop, wait_s=wait_s)
    given = {"console": (desk, KEY), **more}
    try:
        with serving(Site(engine, front=Front(loaded.settings.shop, **given))) as caller:
            yield Room(caller, shop)
    finally:
        for thread in threading.enumerate():
            if thread.name == FINDING:  # it gives its connection back first
                thread.join(60)
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def town(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ShopFolder:
    """The small shop with its campaigns at work; it is always NOW."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/var/tactful.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    monkeypatch.setenv("TACTFUL_HOME", str(tmp_path))
    monkeypatch.setenv("TACTFUL_DATABASE_URL", url)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    shop = ShopFolder(tmp_path, url=url)
    shop.add_customer("ann")
    shop.happen("ann")
    shop.put_to_work()
    return shop


@pytest.fixture
def room(town: ShopFolder) -> Iterator[Room]:
    """Its console."""
    with console(town) as made:
        yield made
