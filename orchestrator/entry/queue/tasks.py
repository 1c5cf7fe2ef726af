"""The tasks: hints with nothing but ids in them. Each may run twice, at once, or not at all."""

from collections.abc import Sequence

from orchestrator.entry.queue.app import app
from orchestrator.entry.queue.worker import at_work


@app.task(name="tactful.plan")  # type: ignore[untyped-decorator]
def plan() -> None:
    """Decide about whatever is due."""
    with at_work("planning", limit_s=plan.time_limit) as work:
        work.plan()


@app.task(name="tactful.learn")  # type: ignore[untyped-decorator]
def learn() -> None:
    """Learn from purchases what was learned too long ago."""
    with at_work("learning", limit_s=learn.time_limit) as work:
        work.learn()


@app.task(name="tactful.decide")  # type: ignore[untyped-decorator]
def decide(customer_ids: Sequence[int]) -> None:
    """Decide at once about customers with new events."""
    with at_work("deciding") as work:
        work.decide(customer_ids)


@app.task(name="tactful.dispatch")  # type: ignore[untyped-decorator]
def dispatch(channel: str) -> None:
    """Send what is due on a channel."""
    with at_work(f"sending {channel}") as work:
        work.dispatch(channel)


@app.task(name="tactful.look_for_lost")  # type: ignore[untyped-decorator]
def look_for_lost() -> None:
    """End what has expired, free what was left behind, find out what became of lost answers."""
    with at_work("looking for lost answers") as work:
        work.look_for_lost()


TASKS = (plan, learn, decide, dispatch, look_for_lost)
