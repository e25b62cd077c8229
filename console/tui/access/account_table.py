"""The accounts as lines: who, with what role and attributes, and whether one can sign in by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from console.tui.sign_in.words import role_name
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, cell

if TYPE_CHECKING:
    from security.identity.account import Account

WIDE = 100


class AccountTable(LineTable):
    """What is done to the selected account is the view's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "want('add')", "New", id="accounts.new", tooltip="Add an account; its enrolment code is shown"),
        Binding("c", "want('change')", "Change", id="accounts.change",
                tooltip="Give the account another role, address, domain or shift"),
        Binding("d", "want('disable')", "Disable", id="accounts.disable",
                tooltip="Sign the account out everywhere and let nobody sign in by it (asks first)"),
        Binding("b", "want('enable')", "Enable", id="accounts.enable", tooltip="Let a disabled account sign in again"),
        Binding("f", "want('reset')", "Reset factor", id="accounts.reset",
                tooltip="Take the authenticator of the account and show a new enrolment code once (asks first)"),
        Binding("w", "want('reset-password')", "Factor and password", id="accounts.reset-password",
                tooltip="The same, and take its password too (asks first)"),
        Binding("r", "want('read')", "Read again", id="accounts.read", tooltip="Read the accounts again"),
    ]  # fmt: skip

    class Wanted(Message):
        """`what` is to be done: add, change, disable, enable, reset, reset-password or read."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__(id="account-table")
        self.accounts: Sequence[Account] = ()

    @property
    def account(self) -> Account | None:
        """The selected one."""
        return self.accounts[self.cursor] if self.accounts else None

    def show(self, accounts: Sequence[Account], *, select: str = "") -> None:
        """Show these; the cursor goes to `select`, or stays on its account."""
        name = select or (self.account.user if self.account else "")
        self.accounts = accounts
        at = next((number for number, account in enumerate(accounts) if account.user == name), 0)
        self.restyle()
        self.lines_changed(at)
        self.show_cursor()

    def action_want(self, what: str) -> None:
        self.post_message(self.Wanted(what))

    @property
    def hints(self) -> list[Binding]:
        """The keys that do something to the selected account."""
        disabled = self.account is not None and self.account.disabled
        idle = "want('disable')" if disabled else "want('enable')"
        return [binding for binding in self.BINDINGS if isinstance(binding, Binding) and binding.action != idle]

    def line_count(self) -> int:
        return len(self.accounts)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        widest = [max([len(title), *(len(text) for text in texts)]) for title, texts in self._texts()]
        user, role, domain, shift, state = widest
        domain, shift = (min(domain, 20), min(shift, 30)) if width >= WIDE else (min(domain, 10), min(shift, 20))
        user = max(min(user, width - role - domain - shift - state - 4), 8)
        widths = (user, role, domain, shift, state)
        return tuple(Column(title, cells) for (title, _), cells in zip(self._texts(), widths, strict=True))

    def _texts(self) -> list[tuple[str, list[str]]]:
        """Each column's title, and what stands in it."""
        return [
            (" User", [f" {account.user}" for account in self.accounts]),
            ("Role", [role_name(account.role) for account in self.accounts]),
            ("Domain", [account.domain or "" for account in self.accounts]),
            ("Shift", [str(account.shift or "") for account in self.accounts]),
            ("State", [state_words(account)[0] for account in self.accounts]),
        ]

    def cells(self, index: int) -> Sequence[Cell]:
        account = self.accounts[index]
        text, tone = state_words(account)
        return (
            cell(f" {plain(account.user)}", "muted" if account.disabled else "text"),
            cell(role_name(account.role), "accent"),
            cell(plain(account.domain or "")),
            cell(plain(str(account.shift or ""))),
            cell(text, tone),
        )

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return (("Reading the accounts", "muted"),)


def state_words(account: Account) -> tuple[str, str]:
    """Whether one can sign in, and the tone for it."""
    if account.disabled:
        return "disabled", "bad"
    return ("enrolled", "good") if account.enrolled else ("not enrolled", "wait")
