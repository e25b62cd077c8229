"""The statements that were run, to be searched by typing, and opened, copied or removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.query_history import Entry, Outcome, QueryHistory, matching
from console.tui.clipboard import TooLongToCopy, copy
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import duration_words, plain
from console.tui.warehouse.editor.sql_tones import coloured
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from etl.models import RunState
from warehouse.highlighting import spans

PREVIEW_LINES = 5
PREVIEW_CHARACTERS = 2_000
MOST_SHOWN = 500  # characters of a statement in its line
NO_REPEATS: Mapping[str, int] = {}
WIDE = 100  # cells from which on the database has a column

_STATES = {
    Outcome.DONE: (RunState.SUCCESS, "good"),
    Outcome.REFUSED: (RunState.FAILED, "bad"),
    Outcome.STOPPED: (RunState.PARTIAL, "wait"),
    Outcome.FAILED: (RunState.FAILED, "bad"),
}


class HistoryTable(LineTable):
    """The entries that pass the search, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open", "Open", show=False, id="history.enter", tooltip="Put it into the editor"),
        Binding("y", "screen.copy", "Copy", id="history.y", tooltip="Copy the statement"),
        Binding("d", "screen.remove", "Remove", id="history.d", tooltip="Forget this entry"),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.shown: Sequence[Entry] = ()
        self._times = NO_REPEATS
        self.empty_text = "Reading the history"

    @property
    def entry(self) -> Entry | None:
        return self.shown[self.cursor] if self.shown else None

    def show(self, entries: Sequence[Entry], cursor: int = 0, *, times: Mapping[str, int] = NO_REPEATS) -> None:
        """Show these; `times` tells by their ids how often those were run that were run again and again."""
        self.shown, self._times = entries, times
        self.lines_changed(cursor)

    def line_count(self) -> int:
        return len(self.shown)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        database = (Column("Database", 9),) if width >= WIDE else ()
        rest = width - 1 - 12 - 6 - 10 - 5 - (10 if database else 0)
        return (
            Column("", 1),
            Column("When", 12),
            Column("Took", 6, "right"),
            Column("Rows", 10, "right"),
            *database,
            Column("Statement", max(rest, 10)),
        )

    def cells(self, index: int) -> Sequence[Cell]:
        entry = self.shown[index]
        state, tone = _STATES[entry.outcome]
        database = (cell(plain(entry.database), "muted"),) if len(self.columns) == 6 else ()
        return (
            cell(self.glyphs.run[state], tone),
            cell(entry.at.astimezone().strftime("%b %d %H:%M"), "muted"),
            cell("" if entry.duration_ms is None else took(entry.duration_ms), "muted"),
            cell("" if entry.rows is None else f"{entry.rows:,}"),
            *database,
            cell(self._repeats(entry) + plain(" ".join(entry.sql[:MOST_SHOWN].split()))),
        )

    def _repeats(self, entry: Entry) -> str:
        times = self._times.get(entry.id, 1)
        return f"({times} times) " if times > 1 else ""

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return ((self.empty_text, "muted"),)


class HistoryDialog(Dialog):
    """The result is the `Entry` to be put into the editor, or None."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "query_history.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, id="history.up", tooltip="The newer one", priority=True),
        Binding("down", "move(1)", "Down", show=False, id="history.down", tooltip="The older one", priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, id="history.page-up", tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="history.page-down", tooltip="One screen down"),
        Binding("enter", "open", "Open", show=False, id="history.open", tooltip="Put it into the editor"),
        Binding("ctrl+y", "copy", "Copy", id="history.copy", tooltip="Copy the statement", priority=True),
        Binding("ctrl+d", "remove", "Remove", id="history.remove", tooltip="Forget this entry", priority=True),
    ]

    def __init__(self, history: QueryHistory) -> None:
        super().__init__()
        self._history = history
        self._entries: list[tuple[Entry, str]] = []
        self._runs: dict[str, Sequence[Entry]] = {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("History", id="history-title", classes="dialog-title", markup=False)
            field = Input(placeholder="words that the statement has", max_length=200, id="history-words")
            field.cursor_blink = False
            yield field
            yield HistoryTable(id="history-table")
            yield Static("", id="history-preview", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self._table = self.query_one(HistoryTable)
        self.set_focus(self.query_one(Input))
        off_loop(self, self._read, self._take, self._cannot_read)

    def _read(self) -> list[Sequence[Entry]]:
        return folded(self._history.entries())

    def _take(self, runs: list[Sequence[Entry]]) -> None:
        self._entries = [(run[0], run[0].searchable) for run in runs]
        self._runs = {run[0].id: run for run in runs}
        self._search()

    def _cannot_read(self, error: Exception) -> None:
        self._table.empty_text = f"The history cannot be read: {plain(str(error))}"
        self._table.refresh()

    def _search(self, cursor: int = 0) -> None:
        words = self.query_one(Input).value
        found = matching(self._entries, words)
        self._table.empty_text = (
            "No statement has all of these words." if words.strip() else "Nothing was run yet: F5 in the editor runs."
        )
        self._table.show(found, cursor, times={name: len(run) for name, run in self._runs.items()})
        count = f"{len(found):,} of {len(self._entries):,}" if words.strip() else f"{len(found):,}"
        self.query_one("#history-title", Static).update(f"History ({count})")
        self._preview()

    def on_input_changed(self) -> None:
        self._search()

    def on_line_table_selected(self) -> None:
        self._preview()

    def _preview(self) -> None:
        """The selected statement as it was typed, and what became of it."""
        entry = self._table.entry
        self.query_one("#history-preview", Static).update(Text() if entry is None else preview(entry, self.app.theme))

    def action_move(self, by: int) -> None:
        self._table.action_move(by)

    def action_page(self, by: int) -> None:
        self._table.action_page(by)

    def on_input_submitted(self) -> None:
        self.action_open()

    def on_line_table_opened(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if self._table.entry is not None:
            self.dismiss(self._table.entry)

    def action_copy(self) -> None:
        entry = self._table.entry
        if entry is None:
            return
        try:
            copy(self.app, entry.sql)
        except TooLongToCopy as error:
            self._say(str(error), "bad")
        else:
            self._say("Sent to the terminal's clipboard.", "good")

    def action_remove(self) -> None:
        entry = self._table.entry
        if entry is None:
            return

        def removed(_done: None) -> None:
            at = self._table.cursor
            self._entries = [(one, text) for one, text in self._entries if one.id != entry.id]
            self._search(at)

        def remove() -> None:
            for one in self._runs.get(entry.id, [entry]):
                self._history.remove(one.id)

        off_loop(
            self,
            remove,
            removed,
            lambda error: self._say(f"It cannot be removed: {error}", "bad"),
        )

    def _say(self, text: str, tone: str) -> None:
        hint = self.query_one(".dialog-hint", Static)
        hint.set_classes(f"dialog-hint tone-{tone}")
        hint.update(plain(text))


def folded(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    """The entries, newest first; those of the same statement that follow one another together."""
    runs = groupby(entries, key=lambda entry: (entry.sql, entry.database, entry.outcome))
    return [tuple(run) for _same, run in runs]


def took(duration_ms: float) -> str:
    """A duration in at most six characters."""
    return f"{duration_ms:.0f}ms" if duration_ms < 999.5 else duration_words(duration_ms / 1000)


def preview(entry: Entry, theme: str) -> Text:
    """The first lines of a statement in colours, and what became of it."""
    lines = entry.sql[:PREVIEW_CHARACTERS].splitlines()
    room = PREVIEW_LINES - 1
    sql = "\n".join(plain(line) for line in lines[:room])
    told = f"{entry.outcome.value}, on {plain(entry.database)}, {entry.at.astimezone():%Y-%m-%d %H:%M:%S}"
    if entry.problem:
        told += f": {plain(entry.problem)}"
    if len(lines) > room:
        told = f"{len(entry.sql.splitlines()) - room:,} more lines; {told}"
    return Text.assemble(told, "\n", coloured(sql, spans(sql, (), ()), theme), no_wrap=True, overflow="ellipsis")
