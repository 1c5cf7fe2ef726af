"""How a command ends: quietly, or with a message and an exit code, never with a traceback.

0 fine
1 problems were found, or nothing was done for a reason that is told
2 wrong use: there is no such command, option, file, customer or campaign
3 the installation is broken: no database, a channel that is not set up
130 stopped by hand
"""

import sys
import traceback
from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from tempfile import NamedTemporaryFile
from typing import Any

import typer
from typer.core import TyperGroup

PROBLEMS, WRONG_USE, BROKEN, STOPPED = 1, 2, 3, 130

REFUSED = {"42501", "25006", "3F000"}
"""PostgreSQL: this role may not do that; the server, or the database, is read-only; none of the
schemas in the role's search_path is there."""

DISK = {ENOSPC, EDQUOT, EFBIG, EROFS, EIO}
"""What a disk says that takes no more: of the answer itself, where that goes into a file."""


class Commands(TyperGroup):
    """The commands; whatever one of them raises ends here."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        """Read what was asked for. Some options answer at once, such as `--version`."""
        try:
            return super().make_context(*args, **more)
        except OSError as error:
            raise SystemExit(_tell(error)) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
            raise typer.Exit(STOPPED) from None
        except Exception as error:
            if ctx.params.get("debug") or not is_fault(error):
                raise
            raise typer.Exit(_tell(error)) from None


def is_fault(error: Exception) -> bool:
    """Not one of typer's own ways to end a command."""
    return not type(error).__module__.startswith(("typer", "click"))


def _tell(error: Exception) -> int:
    from orchestrator.entry.cli.screen import complain, problems_found
    from orchestrator.model.errors import Broken, ProblemsFound, TactfulError, WrongUse

    match error:
        case ProblemsFound():
            problems_found(error.problems)
            return PROBLEMS
        case BrokenPipeError():  # `tactful report | head`
            sys.stderr.close()
            return 0
        case OSError() if error.errno in DISK:
            where = f" ({error.filename})" if error.filename else ""
            complain(f"it cannot be written{where}: {error.strerror}")
            return BROKEN
        case WrongUse():
            complain(str(error))
            return WRONG_USE
        case Broken():
            complain(str(error), "`tactful doctor` says more.")
            return BROKEN
        case TactfulError():
            complain(str(error))
            return PROBLEMS
    complain(*_unexpected(error))
    return BROKEN


def _unexpected(error: Exception) -> tuple[str, str]:
    from sqlalchemy.exc import DBAPIError, OperationalError

    if isinstance(error, DBAPIError) and (
        isinstance(error, OperationalError) or getattr(error.orig, "sqlstate", "") in REFUSED
    ):
        what = f"the database: {str(error.orig).strip()}"
    else:
        said = (str(error).splitlines() or [""])[0]
        what = f"this should not have happened: {type(error).__name__}: {said}"
    try:
        with NamedTemporaryFile(
            "w", prefix="tactful-", suffix=".log", delete=False, encoding="utf-8"
        ) as log:
            log.writelines(traceback.format_exception(error))
    except OSError:  # the disk is full, for instance
        return what, "All that is known of it: run it again as `tactful --debug …`."
    return what, f"All that is known of it: {log.name}, or run it again as `tactful --debug …`."
