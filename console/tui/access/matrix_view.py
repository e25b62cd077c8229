"""The matrix of roles and actions, and what the cell under the cursor rests on in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from console.tui.access.condition_words import condition
from console.tui.access.line_view import LineView
from console.tui.access.paragraphs import BLANK, Paragraph, words
from console.tui.sign_in.words import role_name
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from security.policy.matrix import Cell as MatrixCell
from security.policy.matrix import Matrix, Permission
from security.policy.model import SERVICE, Action
from security.policy.rules import Rule

WORDS = {Permission.ALWAYS: "yes", Permission.SOMETIMES: "if", Permission.NEVER: "-"}
TONES = {Permission.ALWAYS: "good", Permission.SOMETIMES: "wait", Permission.NEVER: "faint"}
MEANINGS = {
    Permission.ALWAYS: "whenever signed in",
    Permission.SOMETIMES: "under conditions",
    Permission.NEVER: "never",
}
LEGEND = "   ".join(f"{WORDS[one]}: {meaning}" for one, meaning in MEANINGS.items())
_SHORT = {"data scientist": "data sci"}
_ACTION_WIDTHS = (18, 16)  # of the longest name, and what a narrow screen has for it


class MatrixTable(LineTable):
    """A line an action, a column a role. Left and Right choose the role."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Ask in the explorer", id="matrix.ask",
                tooltip="Ask the explorer with an account of this role and this action"),
        Binding("left,h", "role(-1)", "Role before", show=False, id="table.left", tooltip="The role before"),
        Binding("right,l", "role(1)", "Next role", id="table.right", tooltip="The next role"),
    ]  # fmt: skip

    class Chosen(Message):
        """This role and action are to be asked about."""

        def __init__(self, role: str, action: str) -> None:
            super().__init__()
            self.role = role
            self.action = action

    class RoleChanged(Message):
        """The cursor is in another column."""

    def __init__(self) -> None:
        super().__init__(id="matrix")
        self._matrix: Matrix = {}
        self._roles: list[str] = []
        self._actions: list[Action] = []
        self._column = 0
        self._first = 0  # the first role that is shown, where not all fit
        self._shown = 0  # how many are

    def show(self, matrix: Matrix) -> None:
        self._matrix, self._roles = matrix, [str(role) for role in matrix]
        self._actions = list(next(iter(matrix.values()), {}))
        self.restyle()
        self.lines_changed(self.cursor)

    @property
    def role(self) -> str:
        return self._roles[self._column] if self._roles else ""

    @property
    def action(self) -> Action | None:
        return self._actions[self.cursor] if self._actions else None

    @property
    def found(self) -> MatrixCell | None:
        """What the cell under the cursor rests on."""
        return None if self.action is None else self._matrix[self.role][self.action]

    def line_count(self) -> int:
        return len(self._actions)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        for action, short in ((_ACTION_WIDTHS[0], {}), (_ACTION_WIDTHS[0], _SHORT), (_ACTION_WIDTHS[1], _SHORT)):
            titles = [short.get(name, name) for name in map(role_name, self._roles)]
            if action + sum(len(title) + 1 for title in titles) <= width:
                break
        if _fitting(titles, width - action) == len(titles):
            self._first = 0
        self._shown = _fitting(titles[self._first :], width - action)
        return Column("Action", action), *(
            Column(title, len(title)) for title in titles[self._first : self._first + self._shown]
        )

    def cells(self, index: int) -> Sequence[Cell]:
        action = self._actions[index]
        here = index == self.cursor
        line = [cell(action.value, "strong" if here else "text")]
        for number in range(self._first, self._first + self._shown):
            role = self._roles[number]
            permission = self._matrix[role][action].permission
            text, tone = WORDS[permission], TONES[permission]
            chosen = here and number == self._column
            line.append(cell(f"[{text}]" if chosen else f" {text}", "tab" if chosen else tone))
        return line

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return (("There are no policies that can be used, so nothing is permitted to anybody.", "bad"),)

    def _cursor_style(self) -> Style:
        """The cell under the cursor is marked, not the line."""
        return Style()

    def action_role(self, by: int) -> None:
        self._to(self._column + by)

    def action_ask(self) -> None:
        if self.action is not None:
            self.post_message(self.Chosen(self.role, self.action.value))

    def clicked(self, x: int, _index: int) -> bool:
        at = next((n for n, (start, column) in enumerate(self._places()) if start <= x < start + column.width + 1), 0)
        if at:
            self._to(self._first + at - 1)
        return False

    def _places(self) -> list[tuple[int, Column]]:
        return self._placed([cell("") for _ in self.columns])

    def _to(self, column: int) -> None:
        column = max(0, min(column, len(self._roles) - 1))
        if column != self._column:
            self._column = column
            self._bring_into_sight()
            self.repaint_changed()
            self.post_message(self.RoleChanged())

    def _bring_into_sight(self) -> None:
        """On a narrow screen the roles shown are those around the cursor."""
        before = self._first
        self._first = min(self._first, self._column)
        self.columns = self.layout_columns(self.line_width)
        while self._column >= self._first + self._shown:
            self._first += 1
            self.columns = self.layout_columns(self.line_width)
        if self._first != before:
            self.restyle()


def _fitting(titles: Sequence[str], width: int) -> int:
    """How many columns of these titles fit; one does always."""
    used = list(accumulate(len(title) + 1 for title in titles))
    return max(sum(cells <= width for cells in used), min(len(titles), 1))


class CellDetail(LineView):
    """The policies of the cell; Enter shows the text of one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Policy text", id="cell.open", tooltip="The Cedar text of the selected policy")
    ]


class MatrixView(Vertical):
    """The table with the words for its cell below."""

    def __init__(self) -> None:
        super().__init__(id="matrix-view")
        self._forbids: Sequence[Rule] = ()

    def compose(self) -> ComposeResult:
        yield MatrixTable()
        yield CellDetail(id="cell-detail")

    def on_mount(self) -> None:
        self.table, self.detail = self.query_one(MatrixTable), self.query_one(CellDetail)

    def take(self, matrix: Matrix, rules: Sequence[Rule]) -> None:
        """Show these."""
        self._forbids = [rule for rule in rules if not rule.permits]
        self.table.show(matrix)
        self._tell()

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        event.stop()
        self._tell()

    def on_matrix_table_role_changed(self, event: MatrixTable.RoleChanged) -> None:
        event.stop()
        self._tell()

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        event.stop()
        if self.table.action is not None:
            self.post_message(MatrixTable.Chosen(self.table.role, self.table.action.value))

    def on_resize(self, _event: events.Resize) -> None:
        """The table whole where there is room for it, and never less than half."""
        wanted = self.table.line_count() + 1
        self.table.styles.height = max(min(wanted or 1, self.size.height - 9), self.size.height // 2)

    def _tell(self) -> None:
        action, found = self.table.action, self.table.found
        if action is not None and found is not None:
            self.detail.show(cell_lines(self.table.role, action, found, self._forbids))


def cell_lines(role: str, action: Action, found: MatrixCell, forbids: Sequence[Rule]) -> list[Paragraph]:
    """What `role` may do with `action`, and the policies it rests on with their conditions."""
    told = {
        Permission.ALWAYS: "yes, whenever signed in",
        Permission.SOMETIMES: "if the conditions of one of these hold",
        Permission.NEVER: "never: no policy permits it",
    }[found.permission]
    if role == SERVICE and found.permission is Permission.ALWAYS:
        told = "yes: it is the program itself"
    lines = [
        Paragraph(((f"{role_name(role)} ", "strong"), (f"{action.value} ", "title"), (told, TONES[found.permission]))),
        words(LEGEND, "muted"),
    ]
    for rule in found.policies:
        lines += [words(rule.id, "accent", indent=1, target=rule.id), words(rule.says, indent=3)]
        if rule.clauses:
            conditions = "; ".join(condition(clause) for clause in rule.clauses)
            lines.append(words(f"if {conditions}", "wait", indent=3, hang=6))
    applying = [rule for rule in forbids if action in rule.actions and _concerns(rule, role)]
    if found.policies and applying:
        lines += [BLANK, words("and unless forbidden by", "muted")]
    for rule in applying if found.policies else ():
        lines += [words(rule.id, "accent", indent=1, target=rule.id), words(rule.says, "muted", indent=3)]
    return lines


def _concerns(rule: Rule, role: str) -> bool:
    if rule.principals == "role":
        return rule.role is not None and rule.role.value == role
    return rule.principals == "anyone" or (rule.principals == "service") == (role == SERVICE)
