"""Writes a result into the workspace's exports: asks for the format and a name, shows how far it is, can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar, Protocol

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.theme import glyphs
from console.tui.warehouse.results.result_words import size_words
from warehouse.errors import QueryStopped
from warehouse.export import Exported, ExportKind
from warehouse.words import rows_words

KINDS: tuple[tuple[ExportKind, str], ...] = (("csv", "CSV (1)"), ("json", "JSON (2)"), ("parquet", "Parquet (3)"))
BAR = 40


class Export(Protocol):
    """Writes the result; called off the loop. `progress` is told there the rows written, and of how many."""

    def __call__(
        self, kind: ExportKind, name: str | None, progress: Callable[[int, int | None], None], stop: threading.Event
    ) -> Exported: ...


class ExportDialog(Dialog):
    """`rows` are those of the result, None while they are not counted. The result is the `Exported`, or None."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "export_dialog.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "write('csv')", "CSV", id="export.csv", tooltip="Comma-separated, as RFC 4180"),
        Binding("2", "write('json')", "JSON", id="export.json", tooltip="Column names and rows"),
        Binding("3", "write('parquet')", "Parquet", id="export.parquet", tooltip="Columns, for other engines"),
        Binding("left", "app.focus_previous", "Left", show=False, id="export.left"),
        Binding("right", "app.focus_next", "Right", show=False, id="export.right"),
    ]

    def __init__(self, export: Export, rows: int | None) -> None:
        super().__init__()
        self._export = export
        self._rows = rows
        self._stop: threading.Event | None = None
        self._told = ""
        self.exported: Exported | None = None

    def compose(self) -> ComposeResult:
        what = rows_words(self._rows) if self._rows is not None else "all rows"
        with Vertical(classes="dialog"):
            yield Static(f"Export {what}", classes="dialog-title", markup=False)
            yield Static("The whole result, as it is sorted and filtered, into exports/.", id="export-words",
                         classes="dialog-text", markup=False)  # fmt: skip
            hint = "a name for the file, if you like (Enter: to the formats)"
            field = Input(placeholder=hint, max_length=100, select_on_focus=False, id="export-name")
            field.cursor_blink = False
            yield field
            yield Static("", id="export-bar", markup=False)
            with Horizontal(classes="dialog-buttons"):
                for kind, title in KINDS:
                    yield Button(title, id=f"export-{kind}")
                yield Button("Cancel (Esc)", id="export-cancel")

    def on_mount(self) -> None:
        self.query_one("#export-csv").focus()

    def on_unmount(self) -> None:
        if self._stop is not None:
            self._stop.set()

    @property
    def running(self) -> bool:
        """Whether a file is being written."""
        return self._stop is not None

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        name = (event.button.id or "").removeprefix("export-")
        if name == "cancel":
            self.action_close()
        else:
            self.action_write(next(kind for kind, _title in KINDS if kind == name))

    def on_key(self, event: events.Key) -> None:
        """A letter typed at the buttons begins the file's name."""
        field = self.query_one("#export-name", Input)
        if self.focused is field or self.running or event.character is None or not event.character.isalpha():
            return
        event.stop()
        self.set_focus(field)
        field.insert_text_at_cursor(event.character)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#export-csv").focus()

    def action_close(self) -> None:
        """Stop what is written, and say so; else close."""
        if self._stop is not None:
            self._stop.set()
            self._say("Stopping; the unfinished file goes away.", "muted")
        else:
            self.dismiss(self.exported)

    def action_write(self, kind: ExportKind) -> None:
        """Write the file."""
        if self._stop is not None:
            return
        stop = self._stop = threading.Event()
        name = self.query_one("#export-name", Input).value.strip() or None
        self._told = ""
        self._say(f"Writing {kind.upper() if kind != 'parquet' else 'Parquet'}. Esc stops it.", "muted")
        off_loop(self, lambda: self._export(kind, name, self._progress, stop), self._done, self._fail)

    def _progress(self, rows: int, total: int | None) -> None:
        """Called in the writing thread; posts only what looks different."""
        words = progress_words(rows, total or self._rows, unicode=getattr(self.app, "unicode", True))
        if words != self._told:
            self._told = words
            post(self, Delivered(self._show_bar, words))

    def _show_bar(self, words: str) -> None:
        if self._stop is not None:
            self.query_one("#export-bar", Static).update(words)

    def _done(self, exported: Exported) -> None:
        self._stop = None
        self.exported = exported
        path = exported.path
        told = (
            f"{rows_words(exported.rows)}, {size_words(exported.bytes)}, written to\n"
            f"{plain(path.name)}\nin {plain(str(path.parent))}"
        )
        self._say(told, "good")
        self.query_one("#export-bar", Static).update("")
        self.query_one("#export-cancel", Button).label = "Close (Esc)"
        self.query_one("#export-cancel", Button).focus()

    def _fail(self, error: Exception) -> None:
        stopped = self._stop is not None and self._stop.is_set() and isinstance(error, QueryStopped)
        self._stop = None
        self.query_one("#export-bar", Static).update("")
        if stopped:
            self._say("Stopped; there is no file.", "muted")
        else:
            self._say("\n".join(plain(line) for line in (str(error) or type(error).__name__).splitlines()), "bad")

    def _say(self, text: str, tone: str) -> None:
        words = self.query_one("#export-words", Static)
        words.set_classes(f"dialog-text tone-{tone}")
        words.update(text)


def progress_words(rows: int, total: int | None, *, unicode: bool) -> str:
    """A bar, and how many rows are written; without a total, the rows alone."""
    if not total:
        return f"{rows_words(rows)} written"
    share = min(rows / total, 1.0)
    signs = glyphs(unicode=unicode)
    full = int(share * BAR)
    return f"{signs.bars[-1] * full}{signs.dot * (BAR - full)} {share:4.0%}  {rows:,} of {total:,}"
