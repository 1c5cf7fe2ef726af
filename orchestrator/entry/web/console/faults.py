"""What goes wrong, in a sentence for whoever asked."""

from orchestrator.entry.logs import get_logger
from orchestrator.entry.web.console.desk import Busy
from orchestrator.model.errors import NotFound, ProblemsFound, TactfulError, WrongUse


def meaning(error: Exception) -> tuple[int, str, str]:
    """The status, a title, and what it means."""
    match error:
        case NotFound():
            return 404, "Not here", str(error)
        case WrongUse():
            return 422, "This cannot be done", str(error)
        case Busy():
            return 503, "One moment", str(error)
        case ProblemsFound():
            first, more = error.problems[0], len(error.problems) - 1
            also = f", and {more} more; `tactful check` tells all" if more else ""
            return 409, "The campaigns are wrong as they are written", f"{first}{also}"
        case TactfulError():
            return 503, "Something is not as it must be", str(error)
        case _:
            get_logger(__name__).error("the console cannot answer", exc_info=True)
            return 503, "The database does not answer", "Try again in a moment."
