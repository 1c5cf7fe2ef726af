"""Where a server that need not survive its tests keeps its files: in memory, where there is room.

A database for a test is a copy of some hundred small files. On a disk most of a test's time goes
into making and removing them.
"""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 4 * 2**30
"""Far more than the tests ever need: nobody else on this machine should miss it."""

_AVAILABLE = "MemAvailable:"


def quick_place(
    memory: Path = MEMORY,
    meminfo: Path = Path("/proc/meminfo"),
    room_bytes_min: int = ROOM_BYTES_MIN,
) -> Path | None:
    """A folder in memory; nothing where there is none, or little room, or no program may run."""
    try:
        closed = os.statvfs(memory).f_flag & os.ST_NOEXEC or not os.access(memory, os.W_OK)
        room = min(shutil.disk_usage(memory).free, _available_bytes(meminfo))
    except OSError:
        return None
    return None if closed or room < room_bytes_min else memory


def _available_bytes(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith(_AVAILABLE):
            return int(line.split()[1]) * 1024
    return 0
