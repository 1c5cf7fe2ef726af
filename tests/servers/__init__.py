"""Real servers on free ports of this machine, for tests, trials and demonstrations.

with postgres() as server:
    server.url("postgres")
    server.kill()
    server.start()

They end with the process that started them, however it ends (`keeper`).
"""

from tests.servers.postgres import Postgres, postgres
from tests.servers.redis import Redis, redis

__all__ = ["Postgres", "Redis", "postgres", "redis"]
