"""Approving of a plan that was looked at: it is made once more, and must be the same."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

from orchestrator.flow.approving import is_of_content, keep
from orchestrator.flow.forecast.forecast import forecast
from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import NotFound, WrongUse
from orchestrator.model.problem import or_near
from orchestrator.model.version import Version
from orchestrator.store.approvals import Approval
from orchestrator.store.database import writing


def agree(
    tactful: Tactful,
    campaign: str,
    plan: str,
    audience: int | None,
    by: str,
    now: datetime,
    *,
    where: Callable[[Tactful], AbstractContextManager[Tactful]] = nullcontext,
) -> Approval:
    """Approve of a campaign as `tactful plan` has shown it, for so many customers in a day.

    Without a number, those of the plan, which then must come out the same once more; `where` it is
    made for that, such as `apart`. Raises NotFound, and WrongUse where the content or the customers
    are others than those of the plan.
    """
    version = _named(tactful.versions, campaign)
    look_again = f"look again: `tactful plan {campaign}`"
    if not is_of_content(plan, version):
        raise WrongUse(f"this is not the digest of {campaign} as it is written now; {look_again}")
    if audience is None and not version.campaign.is_scheduled:
        raise WrongUse(
            f"{campaign} asks as things happen, so no plan shows everyone: say of how many "
            "customers in a day you approve, with --audience"
        )
    if audience is None:
        with where(tactful) as ahead:
            (found,) = forecast(ahead, now, only=(campaign,), samples_max=0).campaigns
        if found.digest != plan:
            raise WrongUse(
                f"other customers would get {campaign} than when that plan was made, "
                f"{found.audience:,} now; {look_again}, or give a number with --audience"
            )
        audience = found.audience
    most = version.campaign.max_audience
    if not 0 < audience <= most:
        raise WrongUse(f"--audience must be from 1 to {most:,}, which is the max_audience")
    with writing(tactful.engine) as connection:
        return keep(connection, version, plan, audience, by, now)


def _named(versions: Sequence[Version], name: str) -> Version:
    for version in versions:
        if version.name == name:
            return version
    names = [version.name for version in versions]
    raise NotFound(or_near(f"there is no campaign {name!r}", name, names))
