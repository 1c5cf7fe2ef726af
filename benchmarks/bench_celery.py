"""Sending on PostgreSQL through Celery, side by side with the way most teams would write it."""

from benchmarks.figure import Figure, Measured
from benchmarks.fleet import run_campaign
from benchmarks.naive.run import naive
from benchmarks.servers import servers
from benchmarks.sinks import http_ceiling, smtp_ceiling

CUSTOMERS = 100_000
NAIVE = 2_000
CEILING = 40_000
OVER = ("smtp", "http")

FIGURES = (
    Figure("smtp_vs_naive_celery", "E-mails over SMTP, naive Celery being one", "×", "60"),
    Figure("http_vs_naive_celery", "E-mails over HTTP, naive Celery being one", "×"),
    Figure("smtp_messages_per_s", "E-mails over SMTP, start to recorded", "1/s"),
    Figure("http_messages_per_s", "E-mails over HTTP, start to recorded", "1/s"),
    Figure("naive_smtp_messages_per_s", "The same over SMTP, naive", "1/s"),
    Figure("naive_http_messages_per_s", "The same over HTTP, naive", "1/s"),
    Figure(
        "cpu_s_per_1000_messages", "Work for 1,000 e-mails over SMTP, all processes", "s", "0.1"
    ),
    Figure("naive_cpu_s_per_1000_messages", "The same, naive", "s"),
    Figure("smtp_sink_per_s", "What the SMTP sink could take", "1/s"),
    Figure("http_sink_per_s", "What the HTTP sink could take", "1/s"),
)


def measure(divisor: int) -> Measured:
    """A town of 100,000 and 2,000 naive messages, divided by `divisor`, and then by one process."""
    alone = divisor > 1
    with servers() as all_:
        yield "smtp_sink_per_s", smtp_ceiling(all_.sink, CEILING // divisor)
        yield "http_sink_per_s", http_ceiling(all_.sink, CEILING // divisor)
        with naive(all_, NAIVE // divisor, alone=alone) as run:
            usual = {over: run(over) for over in OVER}
        ours = {over: run_campaign(all_, CUSTOMERS // divisor, over, alone=alone) for over in OVER}
    for over in OVER:
        yield f"naive_{over}_messages_per_s", usual[over].per_s
        yield f"{over}_messages_per_s", ours[over].per_s
        yield f"{over}_vs_naive_celery", ours[over].per_s / usual[over].per_s
    yield "naive_cpu_s_per_1000_messages", usual["smtp"].cpu_s_per_1000
    yield "cpu_s_per_1000_messages", ours["smtp"].cpu_s_per_1000
