"""`tactful forget`: everything about a customer is erased."""

from collections import Counter
from typing import Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder


def forget(
    customer: Annotated[str, typer.Argument(help="The shop's own key of the customer.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """Erase everything about a customer, for good.

    \b
    tactful forget c-1042
    tactful forget c-1042 --yes --json

    What waits is cancelled; what is just being sent is told as too late. Messages stay in the
    ledger without the person, for the reports; so do statements of consent, as evidence. The
    addresses are never written to again, unless the customer agrees anew. Importing the customer
    again brings nothing back before that. Ends with 1 where something was too late.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.chance import new_deployment
    from orchestrator.entry.cli.screen import as_json, out
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.flow.forgetting import forget as erase
    from orchestrator.model.errors import NotFound, WrongUse

    if json and not yes:
        raise WrongUse("nobody can be asked where the answer is JSON: say --yes")
    if not yes:
        typer.confirm(f"Erase everything about {customer!r}, for good?", abort=True, err=True)
    with open_store(settings(shop)) as engine:
        done = erase(engine, customer, new_deployment().secret, clock.now())
    if done is None:
        raise NotFound(f"there is no customer {customer!r}")
    counts = Counter(one.answer for one in done.answers)
    if json:
        as_json(
            {
                "forgotten_at": done.at,
                "before": done.before,
                "answers": done.answers,
                "cancelled": counts["cancelled"],
                "too_late": counts["too late"],
                "erased": done.erased,
            }
        )
    else:
        console = out()
        when = f"was forgotten on {done.at:%Y-%m-%d}, before" if done.before else "is forgotten"
        console.print(f"{customer} {when}", style="bold", soft_wrap=True)
        for word, number in sorted(counts.items()):
            console.print(f"{number:,} messages: {word}")
        if counts["too late"]:
            console.print("what is being sent is erased once it has an answer", soft_wrap=True)
    if counts["too late"]:
        raise typer.Exit(PROBLEMS)
