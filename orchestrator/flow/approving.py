"""Approval: somebody has looked at a plan, and stands for its content and its size.

Of a campaign that asks for it nothing is planned before. Whoever changes the content, or finds a
much larger audience, asks again.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from orchestrator.model.version import Version
from orchestrator.store.approvals import Approval, approvals, approve
from orchestrator.store.campaigns import keep_versions

SUPPOSED = "supposed"
_LETTERS = 16
"""So many letters of a digest stand for it in the digest of a campaign's plan."""


def plan_digest(version: Version, who: str) -> str:
    """One campaign's plan in two words: its content, and who would get it in which way."""
    return f"{version.digest[:_LETTERS]}-{who[:_LETTERS]}"


def is_of_content(digest: str, version: Version) -> bool:
    """Whether the digest is of a plan with this very content."""
    return digest.partition("-")[0] == version.digest[:_LETTERS]


def keep(
    connection: Connection, version: Version, plan: str, audience: int, by: str, now: datetime
) -> Approval:
    """From now on this content may be planned, for so many customers in a day."""
    keep_versions(connection, [version], now)
    one = Approval(version.name, version.digest, plan, audience, by, now)
    approve(connection, [one])
    return one


def unapproved(connection: Connection, versions: Iterable[Version]) -> list[Version]:
    """Those of which somebody must approve, and nobody has."""
    known = approvals(connection)
    return [one for one in versions if one.needs_approval and one.digest not in known]


def suppose(connection: Connection, versions: Iterable[Version], now: datetime) -> None:
    """Approve of what nobody has approved of yet, for looking ahead: to be undone, or in a copy."""
    approve(
        connection,
        [
            Approval(one.name, one.digest, SUPPOSED, one.campaign.max_audience, SUPPOSED, now)
            for one in unapproved(connection, versions)
        ],
    )


def approval_text(version: Version, approval: Approval | None) -> str:
    """Whether a version is approved of, in a sentence; "" where nobody need."""
    if not version.needs_approval:
        return ""
    if approval is None:
        return "waits until somebody approves of this content"
    when = f"{approval.at:%F}"
    return f"approved by {approval.approved_by} on {when}, for {approval.audience:,} in a day"
