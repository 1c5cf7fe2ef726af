"""Pages with one style and no scripts: the browser is told so, and does nothing else."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response


class Styled:
    """Templates of the first of these folders that has them, and the style that all share.

    `frames`: whether a page may show another of our own within it.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        frames: bool = False,
    ) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(folders),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(filters or {})
        assert self._templates.loader is not None
        style = self._templates.loader.get_source(self._templates, "style.css")[0]
        self._style = Markup(style)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self.headers = {
            "content-security-policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
                f"base-uri 'none'; frame-ancestors 'none'{_FRAMES if frames else ''}"
            ),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "x-robots-tag": "noindex, nofollow",
            "cache-control": "no-store",
        }

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A template with its values."""
        made = self._templates.get_template(template).render(style=self._style, **values)
        return HTMLResponse(made, status, headers=self.headers)


_FRAMES = "; frame-src 'self'"
