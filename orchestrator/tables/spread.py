"""What waits for one moment leaves over a while: each customer at a moment of their own."""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, literal

from orchestrator.tables.greatest import least
from orchestrator.tables.instant import later_by, micros

_SHARES = 65_536
_STRIDE = 40_503
"""Prime to the shares, and 0.618 of them: neighbours' ids come to lie far apart."""


def spread(
    opens_at: ColumnElement[Any],
    customer_id: ColumnElement[Any],
    ends_at: ColumnElement[Any],
    over_us: ColumnElement[int],
) -> ColumnElement[Any]:
    """A customer's own moment in the first `over_us` microseconds after it opens.

    All that one customer waits for keeps its order. Where a message's time ends sooner than twice
    as long after the opening, it leaves in the first half of the time that it has.
    """
    half = (micros(ends_at) - micros(opens_at)) // literal(2, BigInteger())
    share = (cast(customer_id, BigInteger()) * literal(_STRIDE, BigInteger())) % literal(
        _SHARES, BigInteger()
    )
    room = least(over_us, half)
    return later_by(opens_at, share * room // literal(_SHARES, BigInteger()))


def sooner(expires_at: ColumnElement[Any], closes_at: ColumnElement[Any]) -> ColumnElement[Any]:
    """When a message's time ends: it expires, or it is quiet again; null, where it never is."""
    return case((closes_at < expires_at, closes_at), else_=expires_at)
