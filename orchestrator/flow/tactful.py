"""The engine of one shop: what every entry calls, with `now` as an argument."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from channels.contract import Channel
from orchestrator.flow.accounts import Accounts
from orchestrator.flow.answering import Answering
from orchestrator.flow.backlog import can_wait
from orchestrator.flow.canary import Judged, begin_canaries, judge_canaries
from orchestrator.flow.cancelling import Answer, cancel
from orchestrator.flow.compose import Composer
from orchestrator.flow.dispatch import Dispatcher, Tell
from orchestrator.flow.entering import keep_segments
from orchestrator.flow.feedback import settle
from orchestrator.flow.forgetting import erase_what_is_left
from orchestrator.flow.known import Known
from orchestrator.flow.law import read_law
from orchestrator.flow.links import Links
from orchestrator.flow.missed import pass_over
from orchestrator.flow.pace import LocalPace, Pace
from orchestrator.flow.plan import Planner, Verdicts, together
from orchestrator.flow.reconcile import reconcile
from orchestrator.flow.statements import Statements
from orchestrator.flow.watch import Watch
from orchestrator.flow.wide import plan_wide
from orchestrator.model.errors import OtherRelease
from orchestrator.model.patience import USUAL, Patience
from orchestrator.model.shop import Shop
from orchestrator.model.version import Settings, Version
from orchestrator.rules.within import EVERYONE, Scope, These
from orchestrator.store.campaigns import (
    current_version,
    current_versions,
    save_versions,
)
from orchestrator.store.canaries import any_out
from orchestrator.store.cancelling import Which
from orchestrator.store.controls import keep_moving
from orchestrator.store.database import reading, writing
from orchestrator.store.deployment import Deployment
from orchestrator.store.turns import turn

PLAN_STILL_MAX_MS = 60_000
"""Whoever plans and stands still for so long is cut off: others wait for what it has written. Far
more than building the statements of many campaigns takes."""


@dataclass(frozen=True)
class Tick:
    """What one look at everything that is due came to."""

    verdicts: Sequence[Verdicts]
    sent: Counter[str]
    """State → messages that came to it while sending."""

    found: Counter[str]
    """State → messages whose lost answer was looked for."""

    wait_s: float | None = None
    """How soon a provider may be given more of what is due; None where nothing had to wait."""


class Tactful:
    """Plans, sends and looks for lost answers, for one shop's campaigns on one database.

    `channels` are open, by the names that `shop.yaml` gives them. `new_token` makes a name for
    each claim that nobody else makes. So many `hands` work on a pass over very many customers.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        versions: Sequence[Version],
        *,
        channels: Mapping[str, Channel[Any]],
        deployment: Deployment,
        new_token: Callable[[], str],
        failovers: Mapping[str, Channel[Any]] | None = None,
        pace: Pace | None = None,
        hands: int = 1,
        patience: Patience = USUAL,
    ) -> None:
        self.engine = engine
        self.hands = hands
        self.patience = patience
        self.settings = settings
        self.channels = channels
        self.deployment = deployment
        self.answering = Answering(settings)
        self.statements = Statements(read_law())
        links = Links(str(self.shop.base_url), deployment.secret.encode())
        self.composer = Composer(links, deployment.id)
        self.known = Known(engine, settings, versions)
        self._take_up(versions)
        self.accounts = Accounts(self.shop, channels, failovers or {}, pace or LocalPace())
        self.dispatcher = Dispatcher(
            engine=engine,
            statements=self.statements,
            composer=self.composer,
            accounts=self.accounts,
            known=self.known,
            new_token=new_token,
            patience=patience,
        )

    @property
    def shop(self) -> Shop:
        """The shop's settings, as written."""
        return self.settings.shop

    def publish(self, now: datetime) -> None:
        """Keep the campaigns as they are written now, and let them ask from now on."""
        with writing(self.engine) as connection:
            self.pass_over(connection, now)
            save_versions(connection, self.versions, now)
            keep_segments(connection, self.versions)
            begin_canaries(connection, self.versions)

    def follow(self) -> bool:
        """Take up the campaigns that were put to work last, whatever the folder holds by now.

        Unless only a newer release can read one of them: then it is left to that one.
        """
        with reading(self.engine) as connection:
            current = current_versions(connection)
        if not all(self.known.can_read(digest) for digest in current.values()):
            return False
        if current != {version.name: version.digest for version in self.versions}:
            self._take_up([self.known.of(digest) for digest in current.values()])
        return True

    def _take_up(self, versions: Sequence[Version]) -> None:
        self.versions = tuple(versions)
        self.planner = Planner(versions, self.statements, self.known.read)
        urgent = [version for version in versions if not can_wait(version)]
        self._urgent = Planner(urgent, self.statements, self.known.read)

    def pass_over(self, connection: Connection, now: datetime) -> None:
        """Before the campaigns are put to work: which slots of theirs are over, and ask nobody."""
        for version in self.versions:
            current = current_version(connection, version.name)
            if current is None or current == version.digest or not version.campaign.is_scheduled:
                continue
            try:
                before = self.known.read(connection, current)
            except OtherRelease:
                before = None
            pass_over(connection, before, version, now)

    def plan(self, now: datetime, within: Scope = EVERYONE) -> list[Verdicts]:
        """Decide about whatever is due, and write it into the ledger."""
        return self._plan(self.planner, now, within)

    def plan_urgent(self, now: datetime) -> list[Verdicts]:
        """The same, but for what can wait while more is due than can leave soon."""
        return self._plan(self._urgent, now, EVERYONE)

    def _plan(self, planner: Planner, now: datetime, within: Scope) -> list[Verdicts]:
        wide: list[Verdicts] = []
        alone = self.hands == 1 and self.engine.dialect.name == "sqlite"
        if within == EVERYONE and not alone:
            wide = plan_wide(self.engine, planner, now, self.hands)
        with writing(self.engine) as connection:
            keep_moving(connection, PLAN_STILL_MAX_MS)
            verdicts = planner.plan(connection, now, within)
        planner.committed()
        return together(wide, verdicts)

    def plan_in_turn(
        self, watch: Watch, plan: Callable[[datetime], list[Verdicts]] | None = None
    ) -> list[Verdicts] | None:
        """Plan, or do so in this way, and judge; None where another process is at it."""
        with turn(self.engine, "plan") as mine:
            if not mine:
                return None
            verdicts = (plan or self.plan)(watch.now())
            self.judge(watch.now())
            return verdicts

    def decide(self, customer_ids: Sequence[int], now: datetime) -> list[Verdicts]:
        """Decide at once about customers with new events."""
        return self.plan(now, These.of(customer_ids))

    def judge(self, now: datetime) -> list[Judged]:
        """Of new versions, choose what leaves first; let the rest go, or stop it."""
        with reading(self.engine) as connection:
            if not any_out(connection):
                return []
        with writing(self.engine) as connection:
            return judge_canaries(connection, now)

    def dispatch(self, now: datetime) -> Counter[str]:
        """Send what is due at one instant."""
        return self.dispatcher.dispatch(Watch.still(now)).states

    def reconcile(self, now: datetime, over: Callable[[], bool] = lambda: False) -> Counter[str]:
        """Work in feedback that has waited; look for messages whose answer was lost.

        Of those, nobody looks for what went to a customer who was forgotten.
        """
        settle(self.engine, self.shop, now, self.answering)
        erase_what_is_left(self.engine, now)
        return reconcile(self.engine, self.accounts, self.deployment.id, now, self.patience, over)

    def tick(self, now: datetime) -> Tick:
        """Everything that is due at one instant: plan, send, look for what was lost."""
        return self.look(Watch.still(now))

    def look(self, watch: Watch, tell: Tell = lambda number: None) -> Tick:
        """Everything that is due by now: plan, send, look for what was lost.

        Where another process is planning it is left to that one.
        """
        verdicts = self.plan_in_turn(watch) or ()
        sent = self.dispatcher.dispatch(watch, tell)
        return Tick(verdicts, sent.states, self.reconcile(watch.now()), sent.wait_s)

    def cancel(self, which: Which, now: datetime) -> list[Answer]:
        """End what has not left yet; what is answered `cancelled` never leaves."""
        return cancel(self.engine, which, now)
