"""What an examination finds: something is good, to be minded, or broken, and how to mend it."""

from channels.contract import Finding, Level

Line = tuple[str, Finding]
"""What it is about, and what was found."""


def good(what: str, fix: str = "") -> Finding:
    """As it should be."""
    return Finding(Level.good, what, fix)


def warning(what: str, fix: str = "") -> Finding:
    """It works, and should be minded."""
    return Finding(Level.warning, what, fix)


def error(what: str, fix: str = "") -> Finding:
    """It does not work."""
    return Finding(Level.error, what, fix)
