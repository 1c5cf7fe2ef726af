"""Statements are compiled once for all databases of a kind, as in a process that lives long.

Every engine has a cache of its own, and nearly every test opens an engine: compiling the same
statements again and again would be a good part of what the tests cost.
"""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

KEPT_MAX = 3_000
"""So many statements are kept: some hundred of the engine's own, and those of tests' conditions."""


class _Shared(MutableMapping[Any, Any]):
    """A cache in which the dialects of all engines that were opened alike are one."""

    def __init__(self) -> None:
        self._kept: LRUCache[Any, Any] = LRUCache(KEPT_MAX)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._kept.get(_alike(key), default)

    def __getitem__(self, key: Any) -> Any:
        return self._kept[_alike(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._kept[_alike(key)] = value

    def __delitem__(self, key: Any) -> None:
        del self._kept[_alike(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


def _alike(key: Any) -> Any:
    dialect, *rest = key
    return (dialect.name, dialect.driver, dialect._json_serializer, *rest)


@contextmanager
def compiled_once() -> Iterator[None]:
    """Share what is compiled meanwhile."""
    shared = _Shared()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=shared)

    event.listen(Engine, "engine_connect", share)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", share)
