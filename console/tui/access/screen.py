"""The Access section: the decision explorer, the matrix of roles and actions, the policies, and the accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from console.actions.permissions import FreshCodeNeeded
from console.tui.access.account_table import AccountTable
from console.tui.access.accounts_view import MANAGE_USERS, AccountsView
from console.tui.access.choice_form import ChoiceField
from console.tui.access.explorer import Explorer
from console.tui.access.line_view import LineView
from console.tui.access.matrix_view import MEANINGS, TONES, WORDS, MatrixTable, MatrixView
from console.tui.access.policies_view import PoliciesView
from console.tui.access.view_line import ViewLine
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.screens.help import Sign
from console.tui.shell import Shell
from console.tui.sign_in.words import role_name
from console.tui.theme import Glyphs
from console.tui.widgets.bars import Header, KeyHints, SectionBar
from console.tui.widgets.closed import Closed

if TYPE_CHECKING:
    from console.actions.decisions import Choices
    from console.tui.office import SecurityOffice
    from security.policy.matrix import Matrix
    from security.policy.rules import Rule

EXPLORER, MATRIX, POLICIES, ACCOUNTS = "explorer", "matrix", "policies", "accounts"
VIEWS = (
    (EXPLORER, "F2", "Explorer"),
    (MATRIX, "F3", "Matrix"),
    (POLICIES, "F4", "Policies"),
    (ACCOUNTS, "F5", "Accounts"),
)
READ_AUDIT, AUDIT = "read_audit", "audit"
NAMES = {
    EXPLORER: "The decision explorer",
    MATRIX: "The matrix of roles and actions",
    POLICIES: "The text of the policies",
    ACCOUNTS: "The list of accounts",
}
WIDE = 110


@dataclass(frozen=True, slots=True)
class Read:
    """What the policies say, as it was read."""

    office: SecurityOffice
    choices: Choices
    rules: Sequence[Rule]
    matrix: Matrix
    policies: Sequence[tuple[str, str]]


def _bind(keys: str, action: str, what: str, tooltip: str, *, show: bool = False) -> Binding:
    return Binding(keys, action, what, show=show, id=f"access.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class AccessScreen(Screen[None]):
    """Shows one of its views, or in its place why it may not be seen."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("f2,e", f"show('{EXPLORER}')", "Explorer", "Ask what would be decided, and why"),
        _bind("f3,x", f"show('{MATRIX}')", "Matrix", "Which role may do what"),
        _bind("f4,p", f"show('{POLICIES}')", "Policies", "The Cedar text of the policies"),
        _bind("f5,a", f"show('{ACCOUNTS}')", "Accounts", "Add, change, disable and reset accounts, for an officer"),
        _bind("f6", "other_panel", "Other panel", "Question or answer; the list or its text", show=True),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._view = EXPLORER
        self._read: Read | None = None
        self._office: SecurityOffice | None = None
        self._refused: dict[str, tuple[Exception, str]] = {}
        self._came_from: tuple[str, Widget] | None = None

    def compose(self) -> ComposeResult:
        shell = self._shell
        yield Header(practice=shell.practice, tabs=shell.tabs, here="security", place=shell.place)
        yield SectionBar(shell.sections, "access")
        yield ViewLine(VIEWS, self._view)
        with Container(id="views"):
            yield Explorer(shell.now)
            yield MatrixView()
            yield PoliciesView()
            yield AccountsView(shell)
            yield Closed(shell, self._again)
        yield KeyHints()

    def on_mount(self) -> None:
        self.explorer, self.matrix = self.query_one(Explorer), self.query_one(MatrixView)
        self.policies, self.accounts = self.query_one(PoliciesView), self.query_one(AccountsView)
        self.closed = self.query_one(Closed)
        self._show_view(EXPLORER)
        self.call_after_refresh(self._open)

    # ---- what is shown ----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._shell.start()
        self.explorer.wait(
            "Reading the policies. A new practice workspace makes its accounts and patients first: some seconds."
            if self._shell.practice
            else "Reading the policies."
        )
        off_loop(self, self._open_office, self._opened, lambda error: self._cannot(EXPLORER, error, READ_AUDIT))

    def _open_office(self) -> SecurityOffice:
        self._office = self._shell.open_office()
        return self._office

    def _opened(self, office: SecurityOffice) -> None:
        def read() -> Read:
            decisions = office.decisions
            if not self._shell.practice:  # asked before anything is tried: to look here is no refused access
                office.gate.check(READ_AUDIT, AUDIT)
            return Read(office, decisions.choices(), decisions.rules(), decisions.matrix(), decisions.policies())

        off_loop(self, read, self._take, lambda error: self._cannot(EXPLORER, error, READ_AUDIT))
        if self._view == ACCOUNTS:
            self.accounts.open(office)

    def _take(self, read: Read) -> None:
        self._read = read
        for view in (EXPLORER, MATRIX, POLICIES):
            self._refused.pop(view, None)
        who = self._shell.who
        recorded = not self._shell.practice
        self.explorer.take(
            read.office.decisions, read.choices, read.rules, user=who.user if who else None, recorded=recorded
        )
        self.matrix.take(read.matrix, read.rules)
        self.policies.take(read.policies)
        if self.closed.display:
            self._show_view(self._view)

    def _cannot(self, view: str, error: Exception, action: str) -> None:
        """In place of the view; what keeps the explorer shut keeps matrix and policies shut too, without a core all."""
        shut = {EXPLORER, MATRIX, POLICIES} if action == READ_AUDIT else {view}
        if self._office is None:
            shut = {name for name, _key, _title in VIEWS}
        for name in shut:
            self._refused[name] = (error, action)
        if self._view in shut:
            self._show_view(self._view)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def on_screen_resume(self) -> None:
        """Time went on: what was asked for now is asked again, and a code may have been given elsewhere."""
        self._look_again()
        if self._view == EXPLORER and self._read is not None:
            self.explorer.ask_again()

    def on_explorer_failed(self, event: Explorer.Failed) -> None:
        self._read = None
        self._cannot(EXPLORER, event.error, READ_AUDIT)

    def on_accounts_view_denied(self, event: AccountsView.Denied) -> None:
        self._cannot(ACCOUNTS, event.error, MANAGE_USERS)

    def on_accounts_view_read(self) -> None:
        self._refused.pop(ACCOUNTS, None)
        if self._view == ACCOUNTS and self.closed.display:
            self._show_view(ACCOUNTS)
        self._hint()

    def signed_in(self) -> None:
        """Somebody has signed in, who was nobody until now: what was refused is tried again."""
        shut = self._view in self._refused
        self._again()
        self._refused.clear()
        if shut:
            self._show_view(self._view)

    def _again(self) -> None:
        """Try the view once more, if it is closed."""
        if self._view not in self._refused:
            return
        if self._view != ACCOUNTS or self._office is None:
            self._open()
        else:
            self.accounts.open(self._office, again=True)

    def _look_again(self) -> None:
        """Try the view once more, if a fresh code was all that it lacked: it may have been given elsewhere."""
        refused = self._refused.get(self._view)
        if refused is not None and isinstance(refused[0], FreshCodeNeeded):
            self._again()

    # ---- views ------------------------------------------------------------------------------------------------------

    def action_show(self, view: str) -> None:
        """Show a view, and give it the focus."""
        self._came_from = None
        self._show_view(view)
        self._look_again()
        if view in self._refused or self._office is None:
            return
        if view == ACCOUNTS:
            self.accounts.open(self._office)
        elif self._read is None:
            self._open()

    def _show_view(self, view: str) -> None:
        self._view = view
        refused = self._refused.get(view)
        shown: dict[str, Widget] = {
            EXPLORER: self.explorer, MATRIX: self.matrix, POLICIES: self.policies, ACCOUNTS: self.accounts,
        }  # fmt: skip
        for name, widget in shown.items():
            widget.display = name == view and refused is None
        self.closed.display = refused is not None
        if refused is not None:
            self._explain(view, *refused)
        self.query_one(ViewLine).show(view)
        self.set_focus(self.closed if refused is not None else self._first_panel())
        self._hint()

    def _explain(self, view: str, error: Exception, action: str) -> None:
        roles = self._office.gate.roles_for(action) if self._office is not None else ()
        self.closed.show(NAMES[view], error, roles=roles)

    def _panels(self) -> tuple[Widget, ...]:
        """The parts of the view that can have the focus, in the order of reading."""
        question = self.query_one("#field-user")
        return {
            EXPLORER: (question, self.explorer.answer),
            MATRIX: (self.matrix.table, self.matrix.detail),
            POLICIES: (self.policies.list, self.policies.cedar),
            ACCOUNTS: (self.accounts.table,),
        }[self._view]

    def _first_panel(self) -> Widget:
        """Where keys are commands: of the explorer its answer, so that no letter meant as one is typed into a field."""
        return self._panels()[-1 if self._view == EXPLORER else 0]

    def action_other_panel(self) -> None:
        if self.closed.display:
            return
        panels, focused = self._panels(), self.focused
        inside = isinstance(focused, ChoiceField) or focused is panels[0]
        self.set_focus(panels[-1] if inside else panels[0])

    def on_line_view_opened(self, event: LineView.Opened) -> None:
        """The text of a policy, from wherever it is named."""
        if self.policies.jump(event.target):
            self._came_from = (self._view, event.view)
            self._show_view(POLICIES)
            self.set_focus(self.policies.cedar)

    def on_cedar_text_back(self) -> None:
        """To where the policy was named, else to the list."""
        if self._came_from is None:
            self.set_focus(self.policies.list)
            return
        (view, panel), self._came_from = self._came_from, None
        self._show_view(view)
        self.set_focus(panel)

    def on_matrix_table_chosen(self, event: MatrixTable.Chosen) -> None:
        if self.explorer.ask_about(event.role, event.action):
            self._show_view(EXPLORER)
        else:
            self.app.notify(
                f"No account has the role {role_name(event.role)}: the explorer has nobody to ask for.", markup=False
            )

    def help_signs(self, _drawn: Glyphs) -> Sequence[Sign]:
        """What stands in the cells of the matrix."""
        if self._view != MATRIX or self.closed.display:
            return ()
        return tuple((WORDS[one], TONES[one], meaning) for one, meaning in MEANINGS.items())

    # ---- how it looks -----------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        self._hint()

    def on_line_table_selected(self) -> None:
        self._hint()

    def _hint(self) -> None:
        """The keys of the panel with the focus; the views have theirs in their own line."""
        focused = self.focused
        if focused is None:
            return
        if isinstance(focused, AccountTable | Closed):
            of_panel = focused.hints
        else:
            of_panel = [b for b in type(focused).BINDINGS if isinstance(b, Binding) and b.show]
        two = self._view in (MATRIX, POLICIES) and not self.closed.display
        own = [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show and two]
        self.query_one(KeyHints).show([*of_panel, *own], typing=isinstance(focused, ChoiceField))
