"""One section of the Security tab alone, in the console's colours, upon the real security core of a workspace.

The shell is a stand-in: it signs in and gives codes at once, with the practice accounts, where the console would ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from rich.console import RenderableType
from textual.app import App
from textual.message_pump import MessagePump
from textual.screen import Screen

from console.actions.permissions import FreshCodeNeeded, NotSignedIn
from console.actions.sign_in import Who
from console.settings import Settings
from console.tui import app as console_app
from console.tui import theme
from console.tui.feed import Feed
from console.tui.office import SecurityOffice
from console.tui.shell import Shell, WarehouseParts
from console.tui.state import UiState
from console.wiring import security_actions
from console.wiring.security import Security
from security.errors import SecurityError
from tests.practice import account_of, sit_down

SECTIONS = (("access", "3", "Access"), ("records", "4", "Records"), ("vault", "5", "Vault"), ("audit", "6", "Audit"))


def office_of(security: Security) -> SecurityOffice:
    """The actions of every section, as the console builds them."""
    return SecurityOffice(
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


class Desk(App[None]):
    """Implements `Shell`. `next_user` sits down when the section asks for a sign-in."""

    CSS_PATH = str(Path(console_app.__file__).with_suffix(".tcss"))

    def __init__(
        self,
        security: Security,
        section: Callable[[Shell], Screen[Any]],
        *,
        next_user: str = "officer",
        unicode: bool = True,
    ) -> None:
        self.unicode = unicode
        super().__init__()
        self.animation_level = "none"
        for each in theme.themes():
            self.register_theme(each)
        self.theme = theme.DARK
        self.security = security
        self.settings: Settings = security.settings
        self.ui = UiState()
        self.practice = True
        self.tabs: Sequence[tuple[str, str]] = (("pipelines", "Pipelines"), ("security", "Security"))
        self.sections: Sequence[tuple[str, str, str]] = SECTIONS
        self.place = "~/lakewarden"
        self.next_user = next_user
        self.told: list[Exception] = []
        self.painted = 0  # how often something was sent to the terminal
        self.office_error: Exception | None = None
        self._who: Who | None = None
        self._section = section
        self._office: SecurityOffice | None = None
        if not unicode:
            self._filters.append(theme.AsciiOnly())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.variables(theme.DARK)

    def on_mount(self) -> None:
        self.push_screen(self._section(cast(Shell, self)))

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        self.painted += 1
        super()._display(screen, renderable)

    # ---- the shell --------------------------------------------------------------------------------------------------

    @property
    def feed(self) -> Feed:
        raise AssertionError("a section of the Security tab needs no feed")

    @property
    def who(self) -> Who | None:
        with suppress(SecurityError):  # whoever was known stays, as in the console
            self._who = security_actions.sign_in_actions(self.security).who()
        return self._who

    def now(self) -> datetime:
        return self.security.now()

    def start(self) -> None:
        pass

    def listen(self, screen: MessagePump) -> None:
        pass

    def open_warehouse(self) -> WarehouseParts:
        raise AssertionError("a section of the Security tab needs no warehouse")

    def open_office(self) -> SecurityOffice:
        if self.office_error is not None:
            raise self.office_error
        if self._office is None:
            self._office = office_of(self.security)
        return self._office

    def sign_in(self, then: Callable[[], None] | None = None) -> None:
        sit_down(self.security, self.next_user)
        if then is not None:
            then()

    def with_fresh_code(self, then: Callable[[], None]) -> None:
        session = self.security.seat.session()
        assert session is not None
        code = account_of(self.security, session.user).code
        assert code is not None
        security_actions.sign_in_actions(self.security).step_up(code)
        then()

    def explain(self, error: Exception, again: Callable[[], None] | None = None) -> None:
        self.told.append(error)
        if isinstance(error, FreshCodeNeeded) and again is not None:
            self.with_fresh_code(again)
        elif isinstance(error, NotSignedIn):
            self.sign_in(again)

    def remember(self, **choices: Any) -> None:
        pass
