"""The practice authenticator: the accounts of a practice workspace, with password and current code, to sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from console.tui.sign_in.words import role_name
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.tui.office import SecurityOffice
    from security.identity.practice import PracticeAccount

TITLE = "PRACTICE AUTHENTICATOR: these accounts exist only here, with made-up patients"
STEP_S = 30  # of the codes


class PracticeCodes(LineTable):
    """A line an account; `Opened` is about `account`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "sign_in", "Sign in as this", id="practice.sign-in", tooltip="Fill in the form and sign in"),
    ]

    def __init__(self) -> None:
        super().__init__(id="practice-codes")
        self.accounts: tuple[PracticeAccount, ...] = ()
        self._left_s = self._step = 0
        self.stale = False  # whether the codes shown may be others now
        self._said = "reading the practice accounts"

    @property
    def account(self) -> PracticeAccount | None:
        return self.accounts[self.cursor] if self.accounts else None

    def show(self, accounts: Sequence[PracticeAccount], now: datetime) -> None:
        """Show these, with the codes as of `now`."""
        self.accounts, self._step = tuple(accounts), int(now.timestamp()) // STEP_S
        self.count(now)
        self.lines_changed(self.cursor)

    def count(self, now: datetime) -> None:
        """Another second has passed."""
        step = int(now.timestamp()) // STEP_S
        self.stale = bool(self.accounts) and (step != self._step or any(one.code is None for one in self.accounts))
        self._left_s = STEP_S - int(now.timestamp()) % STEP_S
        self.repaint_changed()

    def say(self, message: str) -> None:
        """Why there are no accounts to show."""
        self._said = plain(message)
        self.refresh()

    def action_move(self, by: int) -> None:
        """To another line; from the first one up, to the fields."""
        if by < 0 and self.cursor == 0:
            self.screen.focus_previous()
        else:
            super().action_move(by)

    def action_sign_in(self) -> None:
        self.post_message(self.Opened(self))

    def line_count(self) -> int:
        return len(self.accounts)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        return (Column(" User", 26), Column("Role", 14), Column("Password", 20), Column("Code", max(width - 63, 8)))

    def empty_lines(self) -> Sequence[Part]:
        return ((self._said, "muted"),)

    def cells(self, index: int) -> Sequence[Cell]:
        shown = self.accounts[index]
        password = cell(shown.password or "changed", "text" if shown.password else "muted")
        if shown.code is None:
            code = cell(f"next in {shown.code_in_s} s", "muted")
        else:
            code = Cell(((spaced(shown.code), "strong"), (f"  {self._left_s:>2} s", "muted")))
        role = role_name(shown.account.role)
        return (cell(" " + plain(shown.account.user)), cell(role, "muted"), password, code)


def spaced(code: str) -> str:
    """A code as people read it."""
    return f"{code[:3]} {code[3:]}"


def code_line(office: SecurityOffice, user: str) -> str:
    """The code of a practice account in words. Raises SecurityError, OSError."""
    shown = [one for one in office.practice.accounts() if one.account.user == user] if office.practice else []
    if not shown:
        return ""
    if shown[0].code is None:
        return f"PRACTICE: the code was used; the next one of {user} comes in {shown[0].code_in_s} s"
    return f"PRACTICE: the code of {user} is {spaced(shown[0].code)}"
