"""The Records section alone, over the real security core of a practice workspace with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from textual.app import App

from console.actions.gate import Gate
from console.actions.permissions import FreshCodeNeeded
from console.actions.seat import InMemory
from console.actions.sign_in import Who
from console.tui.office import SecurityOffice
from console.tui.records.screen import RecordsScreen
from console.tui.theme import DARK, themes, variables
from console.wiring import security_actions
from console.wiring.security import Security
from security.audit.event import Event
from security.audit.search import Recorded
from security.identity.sessions import Session
from security.records.models import Grant
from security.records.reading import Reading
from tests.console.tui.workspaces import SetClock, screen_text, until
from tests.practice import account_of, opened, sit_down

PERSONAL = ("name", "address", "phone", "email", "ssn", "insurance_id")
DAY = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)  # `doctor` is on shift until 20:00, `doctor-nights` is not
SECTIONS = (("access", "3", "Access"), ("records", "4", "Records"), ("vault", "5", "Vault"), ("audit", "6", "Audit"))


class RecordsApp(App[None]):
    """A shell for one screen. `explained` are the errors that were told, `copied` is what the clipboard was given."""

    CSS_PATH = str(Path(__file__).parents[4] / "console" / "tui" / "app.tcss")

    def __init__(self, security: Security, *, user: str | None, **times: float) -> None:
        super().__init__()
        self.animation_level = "none"
        self.unicode = True
        for theme in themes():
            self.register_theme(theme)
        self.theme = DARK
        self.security, self.user, self.times = security, user, times
        self.settings, self.practice = security.settings, True
        self.tabs = (("pipelines", "Pipelines"), ("warehouse", "Warehouse"), ("security", "Security"))
        self.sections, self.place = SECTIONS, "~/lake"
        self.explained: list[Exception] = []
        self.told: list[str] = []
        self.office = SecurityOffice(
            sign_in=security_actions.sign_in_actions(security),
            users=security_actions.users(security),
            practice=security_actions.practice_actions(security),
            decisions=security_actions.decisions(security),
            audit=security_actions.audit_actions(security),
            records=security_actions.records(security),
            research=security_actions.research(security),
            vault=security_actions.vault_actions(security),
            gate=security.gate,
        )
        self.who: Who | None = self.office.sign_in.who() if user is not None else None

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def on_mount(self) -> None:
        self.records = RecordsScreen(self, **self.times)  # type: ignore[arg-type] # the parts of a shell that it uses
        self.push_screen(self.records)

    def notify(self, message: str, **_how: Any) -> None:
        self.told.append(message)

    def open_office(self) -> SecurityOffice:
        return self.office

    def now(self) -> datetime:
        return self.security.now()

    def start(self) -> None:
        """There is no feed here."""

    def sign_in(self, then: Callable[[], None] | None = None) -> None:
        self.told.append("sign-in is shown")

    def with_fresh_code(self, then: Callable[[], None]) -> None:
        """A person gives the next code of the authenticator."""
        assert self.user is not None
        code = account_of(self.security, self.user).code
        assert code is not None
        self.office.sign_in.step_up(code)
        then()

    def explain(self, error: Exception, again: Callable[[], None] | None = None) -> None:
        self.explained.append(error)
        if isinstance(error, FreshCodeNeeded) and again is not None:
            self.with_fresh_code(again)


class Desk:
    """A practice workspace with somebody signed in at `clock`, and the app upon it."""

    def __init__(
        self,
        home: Path,
        user: str | None,
        at: datetime = DAY,
        environ: Mapping[str, str] = MappingProxyType({}),
        **times: float,
    ) -> None:
        self.clock = SetClock(at)
        self.security = opened(home, environ, keeper=InMemory(), clock=self.clock)
        self.session: Session | None = sit_down(self.security, user) if user is not None else None
        self.app = RecordsApp(self.security, user=user, **times)

    @property
    def gate(self) -> Gate:
        return self.security.gate

    def go_on(self, minutes: float) -> None:
        """Let time pass, in which the session is used."""
        end = self.clock.at + timedelta(minutes=minutes)
        while self.clock.at < end:
            self.clock.at = min(self.clock.at + timedelta(minutes=5), end)
            self.security.seat.touch()

    def text(self) -> str:
        """The characters on the screen, line by line."""
        return screen_text(self.app)

    async def shows(self, *texts: str) -> str:
        """The screen once it has all of `texts`."""
        await until(
            lambda: all(text in self.text() for text in texts),
            lambda: f"{texts} in\n{self.text()}\n{self.app.told}{self.app.explained}",
        )
        return self.text()

    async def hides(self, *texts: str) -> str:
        """The screen once it has none of `texts`."""
        await until(lambda: not any(text in self.text() for text in texts), lambda: f"no {texts} in\n{self.text()}")
        return self.text()

    def personal(self) -> set[str]:
        """Whatever identifies any patient of the workspace, in clear."""
        grant = Grant("service", "service", dict.fromkeys(PERSONAL, "clear"), None)
        ids = [facts.patient_id for facts in self.security.admission.all_facts()]
        records = Reading(self.security.clinical).records(ids, grant)
        return {str(record.columns[column]) for record in records for column in PERSONAL}

    def column(self, patient_id: str, column: str) -> str:
        """A value of a patient in clear."""
        grant = Grant("service", "service", {column: "clear"}, None)
        return str(Reading(self.security.clinical).record(patient_id, grant).columns[column])

    def events(self, action: str) -> list[Event]:
        """The audit events of an action, in order."""
        found: list[Recorded] = []
        while more := self.security.audit.tail(after=found[-1].seq if found else -1):
            found += more
        return [one.event for one in found if one.event.action == action]

    def close(self) -> None:
        self.security.close()
