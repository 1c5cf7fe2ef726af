"""How amounts and spans are written for people, on the screen and in pages."""

from decimal import Decimal


def money(amount: Decimal) -> str:
    """An amount with two places, and more where it would be nothing otherwise."""
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:,.4f}"


def seconds(number: float) -> str:
    """`12s`, `3m 20s`, `5h 2m`."""
    whole = max(int(number), 0)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"
