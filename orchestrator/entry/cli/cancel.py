"""`tactful cancel`: what has not left yet never leaves."""

from collections import Counter
from typing import Annotated

import typer

from orchestrator.entry.cli.faults import PROBLEMS
from orchestrator.entry.cli.options import Json, ShopFolder

SHOWN_MAX = 20


def cancel(
    campaign: Annotated[
        str | None, typer.Argument(help="All that waits of a campaign.", show_default=False)
    ] = None,
    customer: Annotated[
        str | None, typer.Option(metavar="KEY", help="To this customer.", show_default=False)
    ] = None,
    message: Annotated[
        int | None, typer.Option(metavar="ID", help="One message.", show_default=False)
    ] = None,
    shop: ShopFolder = None,
    json: Json = False,
) -> None:
    """End messages that have not left. Each is answered: cancelled, or too late.

    \b
    tactful cancel winback
    tactful cancel --customer c-1042
    tactful cancel winback --customer c-1042
    tactful cancel --message 71

    What is answered as cancelled is never given to a provider. Whoever is on the way through the
    campaign leaves it. What the campaign asks for later is planned all the same: to stop that,
    pause it first. It works in short transactions, so that everything else goes on; interrupted, it
    can be asked for again. Ends with 1 where something was too late, or nothing was there.
    """
    from orchestrator.entry import clock
    from orchestrator.entry.cli.screen import as_json, err, out
    from orchestrator.entry.opening import open_store
    from orchestrator.entry.settings import settings
    from orchestrator.flow.cancelling import cancel as end
    from orchestrator.flow.cancelling import surely_none
    from orchestrator.model.errors import WrongUse
    from orchestrator.store.cancelling import Which

    if campaign is None and customer is None and message is None:
        raise WrongUse("name a campaign, --customer KEY, or --message ID")
    if message is not None and (campaign or customer):
        raise WrongUse("a message is named by its number alone")
    which = Which(campaign, customer, message)
    with open_store(settings(shop)) as engine, err().status("cancelling …") as status:

        def tell(done: int, of: int) -> None:
            status.update(f"cancelling … {done:,} of {of:,}")

        answers = end(engine, which, clock.now(), tell)
        if not answers:
            surely_none(engine, which)
    counts = Counter(one.answer for one in answers)
    if json:
        as_json({"answers": answers, **counts})
    else:
        console = out()
        late = [one for one in answers if one.answer == "too late"]
        for one in answers if len(answers) == 1 else late[:SHOWN_MAX]:
            console.print(f"message {one.message}: {one.answer}, {one.state}", soft_wrap=True)
        said = ", ".join(f"{number:,} {answer}" for answer, number in sorted(counts.items()))
        console.print(said or "there was nothing that could be cancelled", style="bold")
    if not answers or counts["too late"]:
        raise typer.Exit(PROBLEMS)
