"""Who has entered a segment: kept for the segments whose entering is some campaign's trigger.

Time alone moves customers in and out ("no order in 30 days"), so everyone is looked at every few
hours; customers with new events or new data are looked at every time.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from orchestrator.flow.asking import Asking
from orchestrator.flow.looked import Looked
from orchestrator.model.condition import InSegment, leaves
from orchestrator.model.shop import Shop
from orchestrator.model.trigger import OnEntering
from orchestrator.model.version import Version
from orchestrator.rules.within import EVERYONE, Scope, These
from orchestrator.store import memberships
from orchestrator.store.arrivals import touched_since

EVERYONE_EVERY = timedelta(hours=6)
TOUCHED_MAX = 5_000
"""With more customers touched than that, everyone is looked at."""


def keep_segments(connection: Connection, versions: Iterable[Version]) -> None:
    """Whose campaigns are put to work, these segments alone are kept."""
    triggers = (version.campaign.trigger for version in versions)
    wanted = {trigger.enters for trigger in triggers if isinstance(trigger, OnEntering)}
    memberships.keep_only(connection, wanted)


def refresh_segments(asking: Asking, versions: Iterable[Version], looked: Looked) -> None:
    """Bring the memberships up to date; who has entered has done so now."""
    for version in versions:
        if isinstance(version.campaign.trigger, OnEntering):
            _refresh(asking, version, version.campaign.trigger.enters, looked)


def _refresh(asking: Asking, version: Version, segment: str, looked: Looked) -> None:
    meaning = _meaning(version.shop, segment)
    scope = _whom(asking, segment, meaning, looked)
    if isinstance(scope, These) and not scope.ids:
        return
    question = asking.statements.on_trigger(version, EVERYONE.shape)
    parameters = {**asking.parameters(question), **scope.parameters()}
    members = asking.statements.members(version, segment, scope.shape)
    memberships.refresh(asking.connection, segment, meaning, members, parameters, scope.ids_or_none)


def _whom(asking: Asking, segment: str, meaning: str, looked: Looked) -> Scope:
    if looked.seen_id is None or looked.last_at is None or not looked.last_at <= asking.now:
        return EVERYONE
    if not memberships.looked_lately(
        asking.connection, segment, meaning, asking.now, EVERYONE_EVERY
    ):
        return EVERYONE
    touched = touched_since(asking.connection, looked.seen_id, looked.last_at, limit=TOUCHED_MAX)
    return EVERYONE if touched is None else These.of(touched)


def _meaning(shop: Shop, segment: str) -> str:
    """A digest of how it is defined, and of all that it is defined by."""
    found: dict[str, Any] = {}
    open_ = [segment]
    while open_:
        name = open_.pop()
        if name not in found:
            condition = shop.segments[name]
            found[name] = condition.model_dump(mode="json")
            parts = (leaf for _, leaf in leaves(condition))
            open_ += [part.segment for part in parts if isinstance(part, InSegment)]
    return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
