"""The policies as they are written: the files with their policies on the left, the Cedar text on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message

from console.tui.access.cedar_text import cedar_lines, policy_ids
from console.tui.access.line_view import LineView
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, cell


@dataclass(frozen=True, slots=True)
class Listed:
    """A file, or with `policy` one of its policies."""

    file: str
    policy: str = ""


class PolicyList(LineTable):
    """The files and their policies."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right", "read", "Read", id="policies.read", tooltip="Into the text, to scroll in it")
    ]

    class Read(Message):
        """The text is to have the focus."""

    def __init__(self) -> None:
        super().__init__(id="policy-list")
        self.listed: Sequence[Listed] = ()

    @property
    def line(self) -> Listed | None:
        return self.listed[self.cursor] if self.listed else None

    def show(self, listed: Sequence[Listed]) -> None:
        self.listed = listed
        self.restyle()
        self.lines_changed(0)

    def line_count(self) -> int:
        return len(self.listed)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        return (Column(" Policies (read only)", max(width - 1, 1)),)

    def cells(self, index: int) -> Sequence[Cell]:
        line = self.listed[index]
        return (cell(f"   {plain(line.policy)}", "text") if line.policy else cell(f" {plain(line.file)}", "title"),)

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return (("No policy can be read.", "bad"),)

    def action_read(self) -> None:
        self.post_message(self.Read())


class CedarText(LineView):
    """One file, to be read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,left", "back", "Back", id="cedar.back", tooltip="To where one came from, else to the list")
    ]

    class Back(Message):
        """The text was read."""

    def action_back(self) -> None:
        self.post_message(self.Back())


class PoliciesView(Horizontal):
    """Read only: the text of the list's line follows its cursor."""

    def __init__(self) -> None:
        super().__init__(id="policies-view")
        self._files: dict[str, str] = {}
        self._shown = ""

    def compose(self) -> ComposeResult:
        yield PolicyList()
        yield CedarText(id="cedar-text")

    def on_mount(self) -> None:
        self.list, self.cedar = self.query_one(PolicyList), self.query_one(CedarText)

    def take(self, files: Sequence[tuple[str, str]]) -> None:
        """Show these files: names and texts."""
        self._files = dict(files)
        listed = [line for name, text in files for line in (Listed(name), *(Listed(name, i) for i in policy_ids(text)))]
        self.list.show(listed)
        self._follow()

    def jump(self, policy: str) -> bool:
        """Show the text of a policy; False where there is none of that id."""
        found = [number for number, line in enumerate(self.list.listed) if line.policy == policy]
        if found:
            self.list.move_to(found[0])
            self._follow()
        return bool(found)

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        event.stop()
        self._follow()

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        event.stop()
        self.screen.set_focus(self.cedar)

    def on_policy_list_read(self, event: PolicyList.Read) -> None:
        event.stop()
        self.screen.set_focus(self.cedar)

    def _follow(self) -> None:
        line = self.list.line
        if line is None:
            return
        fresh = line.file != self._shown
        self._shown = line.file
        self.cedar.show(cedar_lines(self._files[line.file]), select=line.policy, keep_place=not fresh)
        if not line.policy:
            self.cedar.action_first()
