"""How Celery is to behave for Tactful: lower-case Celery settings only.

A task is a hint ("look at these rows"), never something owed: the ledger in the database is the
truth, and a poller finds what is due without any hint. So nothing here tries to make a queue
reliable; everything here keeps it from doing work twice, or late.

`TACTFUL_REDIS_URL` names the broker; `CELERY_BROKER_URL`, where it is set, wins. Another module of
settings: `CELERY_CONFIG_MODULE`.
"""

import os as _os

from kombu import Exchange as _Exchange
from kombu import Queue as _Queue

from orchestrator.model.channel import ADDRESS_KINDS as _CHANNELS

broker_url = _os.environ.get("TACTFUL_REDIS_URL") or "redis://localhost:6379/0"

# Over TLS Redis shows who it is; left to itself, Celery would give its password to anybody. What
# the URL says wins: `?ssl_ca_certs=/path/of/ca.pem`, or `?ssl_cert_reqs=none`.
if (_os.environ.get("CELERY_BROKER_URL") or broker_url).startswith("rediss:"):
    broker_use_ssl = {"ssl_cert_reqs": "required"}

# Redis may be away for as long as it likes: workers wait for it, now and at the start.
broker_connection_retry = True
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_connection_timeout = 4  # seconds
# It may also answer and refuse: one that is full, or a replica since a failover, takes no writes.
# Workers wait for that to end as well, and do not end themselves.
broker_channel_error_retry = True

# Ids only, as JSON; nobody reads a result.
task_serializer = "json"
accept_content = ["json"]
task_ignore_result = True
result_backend = None

# A queue for each channel, so that a provider that stalls holds up nobody else's messages. The
# exchange without a name leads to each queue by the queue's own name: there is no table of
# bindings in Redis, so none is missing after Redis was emptied.
_direct = _Exchange("", type="direct")
_names = ("plan", "decide", *(f"dispatch.{name}" for name in _CHANNELS), "feedback")
task_queues = tuple(_Queue(name, _direct, routing_key=name) for name in _names)
task_routes = {
    "tactful.plan": {"queue": "plan", "routing_key": "plan"},
    "tactful.learn": {"queue": "plan", "routing_key": "plan"},
    "tactful.decide": {"queue": "decide", "routing_key": "decide"},
    "tactful.look_for_lost": {"queue": "feedback", "routing_key": "feedback"},
    # tactful.dispatch: whoever sends it names the channel's queue.
}
# A task without a way is a mistake: it ends in an error, not in a queue that nobody looks into.
task_default_queue = "nowhere"
task_default_exchange = ""
task_default_exchange_type = "direct"
task_default_routing_key = "nowhere"
task_create_missing_queues = False
# Whoever sends a hint does not wait for Redis to come back.
task_publish_retry = False

# Waiting is a column (`send_after`), never an ETA: a worker takes one task at a time, hoards none.
worker_prefetch_multiplier = 1
enable_utc = True
timezone = "UTC"

# A task that outlives the visibility timeout is handed to a second worker: stay well below it.
task_soft_time_limit = 60  # seconds
task_time_limit = 90  # seconds
task_annotations = {
    # For millions of customers. What a limit cuts short, the next look goes on with.
    "tactful.plan": {"soft_time_limit": 240, "time_limit": 270},
    "tactful.learn": {"soft_time_limit": 240, "time_limit": 270},
}
worker_soft_shutdown_timeout = 30.0  # seconds: what is being written to a provider is recorded
worker_max_memory_per_child = 400_000  # kibibytes
# A new child reads the campaigns and opens database and channels before it is up.
worker_proc_alive_timeout = 60.0  # seconds
# One child that dies while the worker starts is replaced, and does not end the worker; a broker
# that was away is tried again every few seconds.
worker_pool = "orchestrator.entry.queue.endure:Pool"
worker_consumer = "orchestrator.entry.queue.endure:Consumer"
worker_cancel_long_running_tasks_on_connection_loss = False
worker_enable_prefetch_count_reduction = False

broker_transport_options = {
    "visibility_timeout": 300,  # seconds
    # Once that is over, a dead worker's hints come back within 5 s, not after the default 100 s.
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    # Ten, the default, loses acknowledgements under load.
    "max_connections": 50,
    # Who sends a hint learns at once that Redis is away (workers try on: see worker_consumer).
    "max_retries": 0,
    "socket_timeout": 10,  # seconds
    "socket_connect_timeout": 4,  # seconds
    "socket_keepalive": True,
    "health_check_interval": 30,  # seconds
}
