"""Chooses a saved question: those of the program and the workspace's own, with the files that are none and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from etl.models import RunState
from warehouse.question_files import BadQuestion, Question, builtin_questions

Load = Callable[[], tuple[Mapping[str, Question], Sequence[BadQuestion]]]


@dataclass(frozen=True, slots=True)
class ChosenQuestion:
    """What was chosen: to be asked, or with `as_text` to be opened in the editor."""

    question: Question
    as_text: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One line: a question, or a file with its problem."""

    name: str
    about: str
    question: Question | None
    builtin: bool

    @property
    def searchable(self) -> str:
        return f"{self.name} {self.about}".casefold()


class QuestionTable(LineTable):
    """The questions that pass the search; files that are none stand below, with a cross."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.shown: Sequence[Listed] = ()
        self.empty_text = "Reading the questions"

    @property
    def line(self) -> Listed | None:
        return self.shown[self.cursor] if self.shown else None

    def show(self, lines: Sequence[Listed]) -> None:
        self.shown = lines
        self.lines_changed(0)

    def line_count(self) -> int:
        return len(self.shown)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        name = min(max(width // 3, 14), 32)
        return Column("", 1), Column("Name", name), Column("Description", max(width - name - 4, 10))

    def cells(self, index: int) -> Sequence[Cell]:
        line = self.shown[index]
        if line.question is None:
            return cell(self.glyphs.run[RunState.FAILED], "bad"), cell(line.name, "bad"), cell(line.about, "bad")
        return cell(" "), cell(line.name, "accent" if line.builtin else "good"), cell(line.about)

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return ((self.empty_text, "muted"),)


class QuestionList(Dialog):
    """The result is a `ChosenQuestion`, or None. `load` reads the questions, off the loop."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "question_list.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, id="questions.up", tooltip="The question above", priority=True),
        Binding("down", "move(1)", "Down", show=False, id="questions.down", tooltip="The one below", priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, id="questions.page-up", tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="questions.page-down", tooltip="One screen down"),
        Binding("enter", "choose", "Ask", show=False, id="questions.ask", tooltip="Ask the question"),
        Binding("ctrl+e", "edit", "Its SQL", id="questions.edit", tooltip="Open its SQL in the editor", priority=True),
    ]

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._load = load
        self._lines: list[Listed] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Questions", classes="dialog-title", markup=False)
            field = Input(placeholder="words of its name or description", max_length=200, id="question-words")
            field.cursor_blink = False
            yield field
            yield QuestionTable(id="question-table")
            yield Static("", id="question-about", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self._table = self.query_one(QuestionTable)
        self.set_focus(self.query_one(Input))
        off_loop(self, lambda: listed(*self._load()), self._take, self._cannot_read)

    def _take(self, lines: list[Listed]) -> None:
        self._lines = lines
        self._search()

    def _cannot_read(self, error: Exception) -> None:
        self._table.empty_text = f"The questions cannot be read: {plain(str(error))}"
        self._table.refresh()

    def _search(self) -> None:
        words = self.query_one(Input).value.casefold().split()
        self._table.empty_text = "No question has all of these words."
        self._table.show([line for line in self._lines if all(word in line.searchable for word in words)])
        self._tell()

    def _tell(self) -> None:
        """The selected line in full, with what it asks for."""
        line = self._table.line
        about = "" if line is None else line.about
        if line is not None and line.question is not None and line.question.parameters:
            about += "\nAsks for " + ", ".join(plain(parameter.name) for parameter in line.question.parameters)
        self.query_one("#question-about", Static).update(about)

    def on_input_changed(self) -> None:
        self._search()

    def on_line_table_selected(self) -> None:
        self._tell()

    def action_move(self, by: int) -> None:
        self._table.action_move(by)

    def action_page(self, by: int) -> None:
        self._table.action_page(by)

    def on_input_submitted(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        """Ask the selected question."""
        self._choose(as_text=False)

    def on_line_table_opened(self) -> None:
        self._choose(as_text=False)

    def action_edit(self) -> None:
        self._choose(as_text=True)

    def _choose(self, *, as_text: bool) -> None:
        line = self._table.line
        if line is not None and line.question is not None:
            self.dismiss(ChosenQuestion(line.question, as_text))
        elif line is not None:
            hint = self.query_one(".dialog-hint", Static)
            hint.set_classes("dialog-hint tone-bad")
            hint.update("This file is no question: mend it, then open this list again.")


def listed(questions: Mapping[str, Question], bad: Sequence[BadQuestion]) -> list[Listed]:
    """The lines of the list: the program's questions, the workspace's, then the files that are none."""
    builtin = builtin_questions()
    good = [Listed(plain(name), plain(one.title), one, name in builtin) for name, one in questions.items()]
    return [
        *sorted(good, key=lambda line: not line.builtin),
        *(Listed(plain(file.path.name), plain(file.problem), None, builtin=False) for file in bad),
    ]
