"""Rendering: from what is known of a customer to the message as its channel takes it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.engine import campaign, claimed_of, opened
from benchmarks.figure import Figure, Measured
from benchmarks.town import NOW, make_town
from orchestrator.flow.compose import Composed
from orchestrator.flow.gather import gather
from orchestrator.store.database import open_database, reading

CUSTOMERS = 2_000
ROUNDS = 5

FIGURES = (
    Figure("renders_text_per_s", "Text messages rendered", "1/s"),
    Figure("renders_email_per_s", "E-mails with three products rendered", "1/s"),
)


def measure(divisor: int) -> Measured:
    """The best of several rounds over the messages of a town of 2,000, divided by `divisor`."""
    for name, wanted in (("text", "note"), ("email", "picks")):
        with TemporaryDirectory(prefix="tactful-bench-") as folder:
            yield f"renders_{name}_per_s", _renders(wanted, max(CUSTOMERS // divisor, 20), folder)


def _renders(wanted: str, number: int, folder: str) -> float:
    database = Path(folder, "town.db")
    make_town(database, number, worldwide=False)
    engine = open_database(str(database))
    version = campaign(wanted)
    best = 0.0
    with opened(engine, [version], Path(folder)) as tactful:
        tactful.plan(NOW)
        with reading(engine) as connection:
            claimed = claimed_of(connection, version)
            gathered = gather(connection, claimed, tactful.known.of, tactful.statements, NOW)
        channel = tactful.channels[claimed[0].channel]
        for _ in range(ROUNDS):
            began = perf_counter()
            made = [
                tactful.composer.compose(one, version, gathered, channel, NOW) for one in claimed
            ]
            best = max(best, len(made) / (perf_counter() - began))
            wrong = [one for one in made if not isinstance(one, Composed)]
            if wrong:
                raise RuntimeError(f"a message was not rendered: {wrong[0]}")
    engine.dispose()
    return best
