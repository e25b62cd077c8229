"""The accounts, for an officer with a fresh code: the list, what is done to one, and the enrolment codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from console.tui.access.account_dialogs import AccountForm, EnrolmentCode, change_of
from console.tui.access.account_table import AccountTable, state_words
from console.tui.access.line_view import LineView
from console.tui.access.paragraphs import Paragraph
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Confirm
from console.tui.shell import Shell
from console.tui.sign_in.words import role_name
from console.tui.text import plain
from console.tui.widgets.line_table import LineTable
from security.identity.account import Account, NewAccount, Role
from security.identity.accounts import ENROLMENT_CODE_LASTS

if TYPE_CHECKING:
    from console.tui.office import SecurityOffice

MANAGE_USERS, USERS = "manage_users", "users"


class AccountsView(Vertical):
    """`Denied` tells that the list may not be read; a refusal of one change is explained by the shell."""

    class Denied(Message):
        """The accounts cannot be read."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    class Read(Message):
        """The accounts were read."""

    def __init__(self, shell: Shell) -> None:
        super().__init__(id="accounts-view")
        self._shell = shell
        self._office: SecurityOffice | None = None
        self._reading = False
        self._zones: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield AccountTable()
        yield LineView(id="account-detail")

    def on_mount(self) -> None:
        self.table, self.detail = self.query_one(AccountTable), self.query_one(LineView)
        self.detail.can_focus = False

    def open(self, office: SecurityOffice, *, again: bool = False) -> None:
        """Read the accounts, unless that was done and is not wanted `again`."""
        self._office = office
        if self._reading:
            return
        if again or not self.table.accounts:
            self.read()

    def read(self, *, select: str = "") -> None:
        """Read the accounts again."""
        office = self._office
        if office is None:
            return

        def work() -> tuple[list[Account], list[str]]:
            office.gate.check(MANAGE_USERS, USERS)  # before anything is tried: to look here is no refused access
            return office.users.list(), sorted(available_timezones())

        def take(found: tuple[list[Account], list[str]]) -> None:
            self._reading = False
            accounts, self._zones = found
            self.table.show(accounts, select=select)
            self._tell()
            self.post_message(self.Read())

        def denied(error: Exception) -> None:
            self._reading = False
            self.post_message(self.Denied(error))

        self._reading = True
        off_loop(self, work, take, denied)

    def on_delivered(self, event: Delivered) -> None:
        event.stop()
        event.receive(event.result)

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        event.stop()
        self._tell()

    def _tell(self) -> None:
        account = self.table.account
        self.detail.show(account_lines(account) if account else [])

    # ---- what is done -----------------------------------------------------------------------------------------------

    def on_account_table_wanted(self, event: AccountTable.Wanted) -> None:
        event.stop()
        account = self.table.account
        if event.what == "read":
            self.read()
        elif event.what == "add":
            self._fill_in()
        elif event.what == "change" and account is not None:
            self._fill_in(account)
        elif account is not None:
            self._change(event.what, account)

    def _fill_in(self, account: Account | None = None) -> None:
        """Show the form of a new account, or of one to be changed, and do what it says."""
        if self._office is None:
            return
        users = self._office.users
        domains = sorted({one.domain for one in self.table.accounts if one.domain})

        def save(new: NewAccount) -> str | None:
            if account is None:
                return users.add(new)
            users.change(account.user, change_of(account, new))
            return None

        def closed(result: tuple[NewAccount, str | Exception | None] | None) -> None:
            if result is None:
                return
            new, outcome = result
            if isinstance(outcome, Exception):
                self._explain(outcome, lambda: self._do(lambda: save(new), new.user))
            else:
                self._done(new.user, outcome, password_stays=False)

        self.app.push_screen(AccountForm(save, domains, self._zones, account=account), closed)

    def _change(self, what: str, account: Account) -> None:
        idle = "disable" if account.disabled else "enable"
        if self._office is None or what == idle:
            return
        users, user = self._office.users, account.user
        if what == "enable":
            self._do(lambda: users.enable(user), user)
            return
        work: dict[str, Callable[[], str | None]] = {
            "disable": lambda: users.disable(user),
            "reset": lambda: users.reset(user),
            "reset-password": lambda: users.reset(user, password=True),
        }

        def answered(yes: bool | None) -> None:
            if yes:
                self._do(work[what], user, password_stays=what == "reset" and account.enrolled)

        self.app.push_screen(Confirm(*_questions(what, plain(user))), answered)

    def _do(self, work: Callable[[], str | None], user: str, *, password_stays: bool = False) -> None:
        def again() -> None:
            self._do(work, user, password_stays=password_stays)

        off_loop(
            self,
            work,
            lambda code: self._done(user, code, password_stays=password_stays),
            lambda error: self._explain(error, again),
        )

    def _done(self, user: str, code: str | None, *, password_stays: bool) -> None:
        self.read(select=user)
        if code is not None:
            days = ENROLMENT_CODE_LASTS.days
            self.app.push_screen(EnrolmentCode(user, code, days=days, password_stays=password_stays))

    def _explain(self, error: Exception, again: Callable[[], None]) -> None:
        self._shell.explain(error, again)


def _questions(what: str, user: str) -> tuple[str, str, str]:
    """Title, text and button of the question that is asked first."""
    gone = "The authenticator and the recovery codes of"
    return {
        "disable": (
            "Disable an account",
            f"{user} is signed out everywhere, and nobody signs in by that name until it is enabled again.",
            "Disable",
        ),
        "reset": (
            "Reset the factor",
            f"{gone} {user} are taken and its sessions end. A new enrolment code is shown once; the password stays.",
            "Reset",
        ),
        "reset-password": (
            "Reset factor and password",
            f"{gone} {user} are taken, its password too, and its sessions end. A new enrolment code is shown once.",
            "Reset",
        ),
    }[what]


def account_lines(account: Account) -> list[Paragraph]:
    """One account in full, without anything secret."""
    state, tone = state_words(account)
    facts: list[tuple[str, Any]] = [
        ("Role", role_name(account.role)),
        ("Domain", account.domain or "none"),
        ("Shift", account.shift or ("none: never on shift" if account.role is Role.DOCTOR else "none")),
        ("E-mail", account.email or "none: no codes by e-mail"),
        ("Enrolled", "yes" if account.enrolled else "no: signs in with its enrolment code first"),
        ("Recovery", f"{account.recovery_codes} code{'' if account.recovery_codes == 1 else 's'} left"),
    ]
    return [
        Paragraph(((f"{plain(account.user)}  ", "strong"), (state, tone))),
        *(Paragraph(((f"{name:<10}", "muted"), (plain(str(value)), "text")), 1, 11) for name, value in facts),
    ]
