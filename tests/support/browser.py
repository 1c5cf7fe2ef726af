"""Pages as a real browser sees them: Chromium, headless, with no network and no profile.

It is `TACTFUL_CHROMIUM`, else what is called `chromium` here; where there is none, what needs it
is skipped and says so.
"""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("TACTFUL_CHROMIUM") or shutil.which("chromium")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: name one by TACTFUL_CHROMIUM"
)
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-sync", "--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--virtual-time-budget=2000", "--dump-dom"),
)
_PAGE = """<!doctype html><meta charset="utf-8"><body data-seen="">
%s
<script>
addEventListener("load", () => {
  const seen = [...document.querySelectorAll("iframe")].map(frame => (%s)(
    frame.contentDocument, frame));
  setTimeout(() => { document.body.dataset.seen = JSON.stringify(seen); }, 500);
});
</script>"""


def seen(pages: Sequence[str], look: str, folder: Path, *, width: int = 800) -> list[Any]:
    """What `look`, a JavaScript function of a document, answers of each page. A script in a page
    may reach `top`, and so leave its mark: it is called `top.document.body.dataset.…`."""
    assert CHROMIUM is not None
    frames = "\n".join(
        f'<iframe width="{width}" height="740" srcdoc="{html.escape(page)}"></iframe>'
        for page in pages
    )
    path = folder / "pages.html"
    path.write_text(_PAGE % (frames, look), encoding="utf-8")
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", path.as_uri()]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    dumped = done.stdout.decode()
    body = re.search(r"<body([^>]*)>", dumped)
    assert body is not None
    marks = dict(re.findall(r'data-([\w-]+)="([^"]*)"', body[1]))
    assert marks.get("seen"), "the pages were not looked at"
    answers: list[Any] = json.loads(html.unescape(marks.pop("seen")))
    return [*answers, marks]


def marks_of(answers: Sequence[Any]) -> Mapping[str, str]:
    """The marks that scripts of the pages have left."""
    found: Mapping[str, str] = answers[-1]
    return found


HANDLING = """(page, frame) => {
  page.querySelectorAll("details").forEach(one => { one.open = true; });
  const controls = [...page.querySelectorAll("input, select, button, a")].filter(
    one => one.type !== "hidden");
  const named = one =>
    one.labels?.length || one.getAttribute("aria-label") || one.textContent.trim();
  const reach = one => { one.focus(); return page.activeElement === one; };
  const small = one => {
    const box = (one.closest("label") ?? one).getBoundingClientRect();
    return one.tagName !== "A" && box.height < 44;
  };
  return {
    width: page.documentElement.scrollWidth,
    controls: controls.length,
    nameless: controls.filter(one => !named(one)).map(one => one.outerHTML),
    unreached: controls.filter(one => !reach(one)).map(one => one.outerHTML),
    outOfOrder: controls.filter(one => one.tabIndex !== 0).map(one => one.outerHTML),
    small: controls.filter(small).map(one => one.outerHTML),
    scripts: page.scripts.length,
    headings: page.querySelectorAll("h1").length,
    language: page.documentElement.lang,
    zoomable: !/maximum-scale|user-scalable/.test(
      page.querySelector("meta[name=viewport]").content),
  };
}"""
"""How a page is handled: what of it can be named, reached and hit. For `seen`."""
