"""What comes in about customers who were forgotten: nothing of it is taken, unless they have agreed
to something since then.
"""

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection

from orchestrator.flow.ingest.records import Batch, ConsentRecord, EventRecord
from orchestrator.store import forgotten
from orchestrator.store.customers import load_addresses
from orchestrator.store.dialect import ids_by_key
from orchestrator.store.forgotten import Digests
from orchestrator.tables import customers
from orchestrator.tables.instant import to_micros


def without_the_forgotten(connection: Connection, by: Digests, batch: Batch) -> Batch:
    """The batch without what is about them.

    Of whoever has come back, nothing is taken that was so before they were forgotten.
    """
    told = {one.key for one in batch.customers}
    told.update(one.customer for one in batch.consents)
    told.update(one.customer for one in batch.events)
    found = forgotten.forgotten_at(connection, by, told)
    if not found:
        return batch
    since = {key: to_micros(at) for key, at in found.items()}
    back = set(ids_by_key(connection, customers, since.keys()))
    back |= {
        one.customer
        for one in batch.consents
        if one.given and one.customer in since and one.at > since[one.customer]
    }

    def is_new(one: ConsentRecord | EventRecord) -> bool:
        at = since.get(one.customer)
        return at is None or (one.customer in back and one.at > at)

    return replace(
        batch,
        customers=tuple(c for c in batch.customers if c.key not in since or c.key in back),
        consents=tuple(filter(is_new, batch.consents)),
        events=tuple(filter(is_new, batch.events)),
    )


def came_in(connection: Connection, by: Digests, ids: Collection[int]) -> None:
    """These customers have other addresses, or have agreed to something: an address that was
    forgotten stays out of use, unless it was agreed to since.
    """
    if ids:
        held = load_addresses(connection, ids).values()
        keys = {one.address_key for kinds in held for one in kinds.values()}
        forgotten.suppress_again(connection, by, keys)
        forgotten.welcome_back(connection, by, ids)
