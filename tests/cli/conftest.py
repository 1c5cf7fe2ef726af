"""What the tests of the command line share."""

from tests.cli.shop import shop

__all__ = ["shop"]
