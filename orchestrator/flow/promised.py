"""Whether a message shows of its prices what the campaign's `offer.show` promises.

The total and how to order are asked of every message when it is rendered. The rest is asked of
e-mails: a text message has no room for a unit price, and sends the customer to the page that has.
"""

from collections.abc import Iterator, Sequence

from orchestrator.flow.gather import Proposal
from orchestrator.model.money import Quote, QuoteLine
from orchestrator.model.offer import Offer


def not_shown(offer: Offer, quote: Quote, proposals: Sequence[Proposal]) -> list[str]:
    """What is missing, in words; only products that the message shows a price of are looked at."""
    prices = {str(proposal.product["id"]): proposal for proposal in proposals}
    return [
        f"the {what} of {line.product_id}"
        for line in quote.lines
        if line.product_id in prices
        for what in _missing(line, prices[line.product_id])
        if what in offer.show
    ]


def _missing(line: QuoteLine, proposal: Proposal) -> Iterator[str]:
    price = proposal.price
    if price.unit_price is not None and line.unit_price is None:
        yield "unit price"
    if price.reduction is not None and line.was is None:
        yield "was price"
    if price.valid_until is not None and line.valid_until is None:
        yield "valid until"
