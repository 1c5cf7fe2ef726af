"""How Celery is to behave for Tactful: lower-case Celery settings only.

A task is a hint ("look at these rows"), never something owed: the ledger in the database is the
truth, and a poller finds what is due without any hint. So nothing here tries to make a queue
reliable; everything here keeps it from doing work twice, or late. `CELERY_BROKER_URL` in the
environment names another broker.
"""

broker_url = "redis://localhost:6379/0"
broker_connection_retry_on_startup = True

# Ids only, as JSON; nobody reads a result.
task_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
result_backend = None

# Waiting is a column (`send_after`), never an ETA: a worker takes one task at a time, hoards none.
worker_prefetch_multiplier = 1
enable_utc = True
timezone = "UTC"

# A task that outlives the visibility timeout is handed to a second worker: stay well below it.
task_soft_time_limit = 60  # seconds
task_time_limit = 90  # seconds
worker_soft_shutdown_timeout = 30.0  # seconds: what is being written to a provider is recorded
worker_max_memory_per_child = 400_000  # kibibytes

broker_transport_options = {
    "visibility_timeout": 300,  # seconds
    # Once that is over, a dead worker's hints come back within 5 s, not after the default 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Ten, the default, loses acknowledgements under load.
    "max_connections": 50,
    "socket_timeout": 10,  # seconds
    "socket_connect_timeout": 5,  # seconds
    "health_check_interval": 30,  # seconds
}
