"""The engine as the console asks it: with the campaigns that are at work, and no channel open."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from sqlalchemy import Engine

from orchestrator.entry import clock, switch
from orchestrator.entry.chance import new_deployment
from orchestrator.entry.kept import Kept
from orchestrator.entry.looking import HeldBack, Look, held, look
from orchestrator.entry.metrics import Known
from orchestrator.entry.opening import make_tactful, read_campaigns
from orchestrator.entry.plugins import rehearsal_channels
from orchestrator.entry.settings import Settings
from orchestrator.flow import canary
from orchestrator.flow.explain import (
    ExplainedCustomer,
    ExplainedMessage,
    explain_customer,
    explain_message,
)
from orchestrator.flow.forecast import Forecast, agree, apart, forecast
from orchestrator.flow.preview import Preview, preview
from orchestrator.flow.published import published
from orchestrator.flow.replies import Read, Reply, read, replies
from orchestrator.flow.report import Report, report
from orchestrator.flow.tactful import Tactful
from orchestrator.model.errors import Broken, NotFound, TactfulError
from orchestrator.model.problem import or_near
from orchestrator.model.shop import Shop
from orchestrator.store import controls
from orchestrator.store.approvals import Approval
from orchestrator.store.campaigns import current_versions
from orchestrator.store.controls import Pause
from orchestrator.store.database import reading, writing

REPLIES_MAX = 100

QUICK_S = 0.5
"""A report that took no longer is made anew each time …"""

REPORT_SHARE = 0.1
"""… and one that did is shown again for a while: making reports fills no more of the time."""

WAIT_S = 0.8
"""Who opens a page gets its last numbers after this, or is told that they are being added up."""


class Busy(Broken):
    """Somebody else's plan is being made."""


@dataclass(frozen=True, slots=True)
class Told:
    """A report, and the instant for which it was made."""

    report: Report
    at: datetime


class Desk:
    """Answers whoever has come in; every answer is made for an instant.

    Whoever opens a page waits for its numbers for `wait_s` at most. What needs no campaign is
    answered also where none can be read: it then goes by `shop`, as the process began with it.

    The links in what it renders are signed with a secret that is thrown away: none is ever valid.
    """

    def __init__(
        self, engine: Engine, settings: Settings, shop: Shop, *, wait_s: float = WAIT_S
    ) -> None:
        self.engine = engine
        self._began_with = shop
        self._wait_s = wait_s
        self._reports: dict[str, Kept[Told]] = {}
        self._adding = Lock()
        self._settings = settings
        self._made: Tactful | None = None
        self._at_work: dict[str, str] = {}
        self._making = Lock()
        self._planning = Lock()

    def tactful(self) -> Tactful:
        """With what was put to work last; where nothing was, as the folder has it now."""
        with reading(self.engine) as connection:
            current = current_versions(connection)
        with self._making:
            if self._made is None or current != self._at_work or not current:
                loaded = published(self.engine) or read_campaigns(self._settings)
                assert loaded.settings is not None  # nothing is wrong, so it is there
                channels, _ = rehearsal_channels(loaded.settings.shop, self._settings)
                self._made = make_tactful(self.engine, loaded, channels, new_deployment())
                self._at_work = current
            return self._made

    def shop(self) -> Shop:
        """With what was put to work last, or as the process began with it."""
        try:
            return self.tactful().shop
        except TactfulError:
            return self._began_with

    def names(self) -> list[str]:
        """The campaigns that are at work, whoever can read them."""
        with reading(self.engine) as connection:
            return sorted(current_versions(connection))

    def trouble(self) -> TactfulError | None:
        """What keeps the campaigns from being read."""
        try:
            self.tactful()
        except TactfulError as error:
            return error
        return None

    def look(self, now: datetime) -> tuple[Look, list[HeldBack]]:
        """Queues, workers, trouble, and what is held back."""
        known = Known.of(self.shop())
        with reading(self.engine) as connection:
            return look(connection, known, now), held(connection)

    def paused(self) -> list[Pause]:
        """All that is stopped."""
        with reading(self.engine) as connection:
            return controls.pauses(connection)

    def report(self, now: datetime) -> Report:
        """What all campaigns did, and brought."""
        return report(self.tactful(), now)

    def told(self, campaign: str | None = None) -> Told | None:
        """What a campaign did and brought, or what all did; None while it is first added up.

        Raises NotFound.
        """
        name = campaign or ""
        if name and name not in self._reports:
            self._check_campaign(name)
        kept = self._reports.setdefault(
            name, Kept(lambda: self._tell(name), share=REPORT_SHARE, quick_s=QUICK_S)
        )
        return kept.get(self._wait_s)

    def _tell(self, campaign: str) -> Told:
        with self._adding:  # a large ledger is read by one at a time
            now = clock.now()
            only = (campaign,) if campaign else ()
            return Told(report(self.tactful(), now, only, with_goals=bool(campaign)), now)

    def _check_campaign(self, name: str) -> None:
        """That it is at work, or was. Raises NotFound."""
        with reading(self.engine) as connection:
            if controls.was_at_work(connection, "campaign", name):
                return
        names = [version.name for version in self.tactful().versions]
        if name not in names:
            raise NotFound(or_near(f"there is no campaign {name!r}", name, names))

    def plan(self, now: datetime, campaign: str | None = None, samples: int = 3) -> Forecast:
        """What would leave. Raises NotFound, and Busy while another is being made."""
        tactful = self.tactful()
        names = [version.name for version in tactful.versions]
        if campaign is not None and campaign not in names:
            raise NotFound(or_near(f"there is no campaign {campaign!r} at work", campaign, names))
        only = () if campaign is None else (campaign,)
        with self._alone(), apart(tactful) as ahead:
            return forecast(ahead, now, only=only, samples_max=samples)

    def preview(
        self, campaign: str, customer: str, now: datetime, channel: str | None, step: int | None
    ) -> Preview:
        """A message as one customer would see it. Raises NotFound."""
        return preview(self.tactful(), campaign, customer, now, channel=channel, step=step)

    def customer(self, key: str, now: datetime) -> ExplainedCustomer:
        """All about a customer, with every campaign's verdict. Raises NotFound."""
        return explain_customer(self.tactful(), key, now)

    def message(self, id: int) -> ExplainedMessage:
        """All about a message. Raises NotFound."""
        return explain_message(self.tactful(), id)

    def replies(self, most: int = REPLIES_MAX) -> list[Reply]:
        """What waits for a person, the oldest first."""
        return replies(self.engine, self.shop(), most)

    def settle(self, id: int, *, is_end: bool, now: datetime) -> Read:
        """A reply as a person has understood it."""
        ends, others = ([id], []) if is_end else ([], [id])
        return read(self.engine, self.shop(), ends, others, now)

    def pause(self, what: str, name: str | None, reason: str, now: datetime) -> bool:
        """Stop it; False when it was stopped already. Raises WrongUse and Broken."""
        return switch.pause(self.engine, self._settings, switch.named(what, name), reason, now)

    def resume(self, what: str, name: str | None) -> bool:
        """Let it go on; False when it was not stopped. Raises WrongUse and Broken."""
        return switch.resume(self.engine, switch.named(what, name))

    def approve(
        self, campaign: str, digest: str, audience: int | None, by: str, now: datetime
    ) -> Approval:
        """Approve of a plan that was looked at. Raises WrongUse, and Busy."""
        with self._alone():
            return agree(self.tactful(), campaign, digest, audience, by, now, where=apart)

    def release(self, campaign: str, now: datetime) -> int:
        """Let the rest follow a campaign's first messages; of so many steps."""
        with writing(self.engine) as connection:
            return canary.release(connection, campaign, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One plan at a time: each asks everything of the database that planning asks."""
        if not self._planning.acquire(blocking=False):
            raise Busy("a plan is being made for somebody else; try again in a moment")
        try:
            yield
        finally:
            self._planning.release()
