"""What is known of those who were forgotten: keyed digests of their keys and their addresses.

Without this database's own key nobody can try names. So neither the customer nor an address comes
back unasked, and who comes back of their own will is welcome.
"""

import hmac
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    String,
    and_,
    delete,
    select,
)

from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.store.dialect import insert_ignore, json_text
from orchestrator.tables import (
    addresses,
    consents,
    customers,
    deployment,
    forgotten_addresses,
    suppressions,
)
from orchestrator.tables.json import ids_text, rows, these_ids

REASON = "forgotten"
"""Of a message that ended so, and of an address that must not be used."""

PREFIX = "forgotten-"
_SECRET = "forgetting"
_DIGITS = 32
_KEYS = rows("wanted", {"key": String()})
wanted_keys = select(_KEYS.c.key)
"""Keys that come in one parameter called `wanted`, see `keys_text`."""


def keys_text(keys: Iterable[str]) -> str:
    """The parameter for `wanted_keys`."""
    return json_text([[key] for key in keys])


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests by this database's own key, which never changes: without it nobody can try names."""

    secret: bytes

    def __repr__(self) -> str:
        return "Digests()"

    def of_customer(self, key: str) -> str:
        """What stands in place of a customer's key."""
        return PREFIX + self._of(f"customer:{key}")

    def of_address(self, address_key: str) -> str:
        """By which an address is known again; `address_key` is the plain digest of it."""
        return self._of(f"address:{address_key}")

    def _of(self, what: str) -> str:
        return hmac.digest(self.secret, what.encode(), "sha256").hex()[:_DIGITS]


def digests(connection: Connection) -> Digests | None:
    """Those of this database; None where nobody was ever forgotten."""
    found = connection.scalar(select(deployment.c.value).where(deployment.c.name == _SECRET))
    return None if found is None else Digests(found.encode())


def make_digests(connection: Connection, new_secret: str) -> Digests:
    """Those of this database, which begin with `new_secret` where there are none yet."""
    row = {"name": _SECRET, "value": new_secret, "secret": True}
    connection.execute(insert_ignore(connection, deployment), row)
    found = digests(connection)
    assert found is not None  # the row is there, whoever wrote it
    return found


def named(connection: Connection, key: str) -> int | None:
    """The customer with this key."""
    return connection.scalar(select(customers.c.id).where(customers.c.key == key))


def forgotten_at(connection: Connection, by: Digests, keys: Collection[str]) -> dict[str, datetime]:
    """When each of these customers was forgotten, of those who were."""
    named = {by.of_customer(key): key for key in keys}
    statement = select(customers.c.key, customers.c.forgotten_at).where(
        customers.c.key.in_(wanted_keys), customers.c.forgotten_at.is_not(None)
    )
    found = connection.execute(statement, {"wanted": keys_text(named)})
    return {named[row.key]: row.forgotten_at for row in found}


def are_forgotten(connection: Connection, ids: Collection[int]) -> set[int]:
    """Those of these customers who were forgotten."""
    statement = select(customers.c.id).where(
        customers.c.id.in_(these_ids("wanted")), customers.c.forgotten_at.is_not(None)
    )
    return set(connection.execute(statement, {"wanted": ids_text(ids)}).scalars())


def forgotten_among(connection: Connection, by: Digests, address_keys: Collection[str]) -> set[str]:
    """Those of these addresses whose customers were forgotten."""
    named = {by.of_address(key): key for key in address_keys}
    statement = select(forgotten_addresses.c.digest).where(
        forgotten_addresses.c.digest.in_(wanted_keys)
    )
    found = connection.execute(statement, {"wanted": keys_text(named)}).scalars()
    return {named[digest] for digest in found}


def suppress_again(connection: Connection, by: Digests, address_keys: Collection[str]) -> None:
    """Addresses that came in: of those that were forgotten, what stood against them holds again."""
    named = {by.of_address(key): key for key in address_keys}
    statement = select(forgotten_addresses).where(forgotten_addresses.c.digest.in_(wanted_keys))
    again = [
        {"address_key": named[row.digest], "scope": row.scope, "reason": row.reason, "at": row.at}
        for row in connection.execute(statement, {"wanted": keys_text(named)})
    ]
    if again:
        connection.execute(insert_ignore(connection, suppressions), again)


_agreed_since = and_(
    consents.c.customer_id == addresses.c.customer_id,
    consents.c.given.is_(True),
    consents.c.at > suppressions.c.at,
)
_BACK = (
    select(addresses.c.address_key, addresses.c.kind, consents.c.channel)
    .join(suppressions, suppressions.c.address_key == addresses.c.address_key)
    .join(consents, _agreed_since)
    .where(
        addresses.c.customer_id.in_(these_ids("wanted")),
        suppressions.c.scope == "all",
        suppressions.c.reason == REASON,
    )
)


def welcome_back(connection: Connection, by: Digests, ids: Collection[int]) -> None:
    """Of these customers' addresses, those that they have agreed to since they were forgotten may
    be used again. What stood against them for any other reason goes on to do so.
    """
    found = connection.execute(_BACK, {"wanted": ids_text(ids)})
    back = {row.address_key for row in found if ADDRESS_KINDS.get(row.channel) == row.kind}
    if not back:
        return
    for table, column, keys in (
        (suppressions, suppressions.c.address_key, back),
        (forgotten_addresses, forgotten_addresses.c.digest, {by.of_address(k) for k in back}),
    ):
        connection.execute(
            delete(table).where(
                column.in_(wanted_keys), table.c.scope == "all", table.c.reason == REASON
            ),
            {"wanted": keys_text(keys)},
        )
