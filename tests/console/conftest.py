"""What the tests of the console share."""

from tests.console.room import room, town

__all__ = ["room", "town"]
