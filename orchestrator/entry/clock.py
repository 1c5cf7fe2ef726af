"""What time it is: asked here and nowhere below."""

import time
from datetime import UTC, datetime

from orchestrator.flow.watch import Watch


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


WATCH = Watch(now, time.monotonic)
"""For work that lasts."""
