"""All that is on record of a customer or of a message, and what every campaign would do now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.flow.explain.reasons import Reason, reason, reasons
from orchestrator.flow.explain.verdict import Explained, explain
from orchestrator.flow.plan import arbitration
from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import NotFound, OtherRelease
from orchestrator.store.campaigns import all_since
from orchestrator.store.clocks import clocks_of
from orchestrator.store.controls import Pause, pauses
from orchestrator.store.customers import CustomerRow, load_addresses, load_customers
from orchestrator.store.database import reading
from orchestrator.store.histories import (
    AttemptLine,
    Consent,
    Content,
    LogLine,
    MessageLine,
    MessageRow,
    Suppression,
    attempts_of,
    consents_of,
    content,
    log_of,
    message,
    messages_of,
    suppressions_of,
)

MESSAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class ExplainedCustomer:
    """One customer: the profile, the wishes, the messages, and every campaign's verdict.

    `strange` has a sentence for each campaign in which the customer is under way as another release
    has written it.
    """

    customer: CustomerRow
    addresses: dict[str, str]
    suppressions: tuple[Suppression, ...]
    consents: tuple[Consent, ...]
    messages: tuple[MessageLine, ...]
    pauses: tuple[Pause, ...]
    campaigns: tuple[Explained, ...]
    strange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedMessage:
    """One message: what became of it, and what it said."""

    message: MessageRow
    why: Reason | None
    content: Content | None
    attempts: tuple[AttemptLine, ...]
    log: tuple[LogLine, ...]


def explain_customer(
    tactful: Tactful, key: str, now: datetime, only: Collection[str] = ()
) -> ExplainedCustomer:
    """Everything about the customer with this key. Raises NotFound."""
    with reading(tactful.engine) as connection:
        customer = _customer(connection, key)
        clocks = clocks_of(connection, {customer.id})
        addresses = load_addresses(connection, {customer.id})[customer.id]
        keys = [address.address_key for address in addresses.values()]
        begun = {name: at for name, at in all_since(connection).items() if at <= now}
        campaigns, strange = list[Explained](), list[str]()
        for version in sorted(tactful.versions, key=arbitration):
            if only and version.name not in only:
                continue
            at = begun.get(version.name)
            try:
                campaigns.append(explain(connection, tactful, version, customer, clocks, now, at))
            except OtherRelease as error:
                strange.append(str(error))
        return ExplainedCustomer(
            customer=customer,
            addresses={kind: address.address for kind, address in sorted(addresses.items())},
            suppressions=tuple(suppressions_of(connection, keys)),
            consents=tuple(consents_of(connection, customer.id)),
            messages=tuple(messages_of(connection, customer.id, limit=MESSAGES_MAX)),
            pauses=tuple(pauses(connection)),
            campaigns=tuple(campaigns),
            strange=tuple(strange),
        )


def _customer(connection: Connection, key: str) -> CustomerRow:
    found = load_customers(connection, {key}).get(key)
    if found is None:
        raise NotFound(f"there is no customer {key!r}")
    return found


def explain_message(tactful: Tactful, id: int) -> ExplainedMessage:
    """Everything about a message. Raises NotFound."""
    with reading(tactful.engine) as connection:
        found = message(connection, id)
        if found is None:
            raise NotFound(f"there is no message {id}")
        why = None
        if found.reason is not None:
            known: Mapping[str, Reason] = {}
            if tactful.known.can_read(found.version):
                known = reasons(tactful.known.of(found.version), tactful.statements.law)
            why = reason(found.reason, known)
        return ExplainedMessage(
            message=found,
            why=why,
            content=content(connection, id),
            attempts=tuple(attempts_of(connection, id)),
            log=tuple(log_of(connection, id)),
        )
