"""Fixtures."""

from tests.cli.shop import shop

__all__ = ["shop"]
