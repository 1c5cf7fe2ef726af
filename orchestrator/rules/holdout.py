"""Holdouts: customers who deliberately get nothing, so that the others' gain can be measured.

Every customer has a fixed number of 31 bits, the bucket, drawn from the key when the customer
arrives. A campaign draws from it by a universal hash of its own, so that campaigns hold out
different customers, and each always the same.
"""

from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, literal

PRIME = 2**31 - 1
"""Buckets and salts are no larger, so that their product fits in 64 bits."""


def held_out(bucket: ColumnElement[Any], campaign: str, percent: float) -> ColumnElement[bool]:
    """Whether the customer belongs to the share that the campaign leaves out."""
    factor, shift = salts(campaign)
    # A product of 62 bits, so PostgreSQL is to reckon in 64.
    drawn = (bucket * literal(factor, BigInteger()) + shift) % PRIME
    return drawn < literal(int(PRIME * percent / 100))


def salts(campaign: str) -> tuple[int, int]:
    """What the campaign's own hash multiplies by, and adds."""
    digest = sha256(f"holdout:{campaign}".encode()).digest()
    return int.from_bytes(digest[:8]) % (PRIME - 1) + 1, int.from_bytes(digest[8:16]) % PRIME
