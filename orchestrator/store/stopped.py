"""Which messages a pause keeps where they are.

A provider that is paused stops no message: another one may take it. Whether one may be given any
is asked once for a batch, and once more before it is written.
"""

from sqlalchemy import ColumnElement, and_, exists, or_, select

from orchestrator.tables import controls, messages

STOPPED: ColumnElement[bool] = exists(
    select(controls.c.name)
    .where(
        or_(
            controls.c.scope == "everything",
            and_(controls.c.scope == "channel", controls.c.name == messages.c.channel),
            and_(controls.c.scope == "campaign", controls.c.name == messages.c.campaign),
        )
    )
    .correlate(messages)
)
"""Whether everything, or a message's channel or campaign, is paused."""


def is_silent(plugin: str) -> ColumnElement[bool]:
    """Whether a provider is paused, for a part of a larger statement."""
    return exists(
        select(controls.c.name).where(controls.c.scope == "provider", controls.c.name == plugin)
    )
