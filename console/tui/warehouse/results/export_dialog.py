"""Writes a result into the workspace's exports: asks for the format and a name, shows how far it is, can be stopped.

The name has the focus all the time, so that whatever is typed or pasted, however fast, goes there in its order.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import ClassVar, Protocol

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.theme import glyphs
from console.tui.warehouse.results.result_words import size_words
from console.tui.widgets.dialog_keys import DialogKeys
from warehouse.errors import QueryStopped
from warehouse.export import Exported, ExportKind
from warehouse.words import rows_words

KINDS: tuple[tuple[ExportKind, str, str], ...] = (
    ("csv", "CSV", "comma-separated, as RFC 4180"),
    ("json", "JSON", "column names and rows"),
    ("parquet", "Parquet", "columns, for other engines"),
)
BAR = 40
_ANY_SIGN = re.compile(r"[A-Za-z0-9]")


class Export(Protocol):
    """Writes the result; called off the loop. `progress` is told there the rows written, and of how many."""

    def __call__(
        self, kind: ExportKind, name: str | None, progress: Callable[[int, int | None], None], stop: threading.Event
    ) -> Exported: ...


class ExportDialog(Dialog):
    """`rows` are those of the result, None while they are not counted. The result is the `Exported`, or None."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "export_dialog.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "Export", id="export.write", tooltip="Write the file; once it is there: close"),
        Binding("down", "format(1)", "Format", id="export.format", tooltip="The next format"),
        Binding("up", "format(-1)", "Format before", show=False, id="export.before", tooltip="The format before"),
    ]

    def __init__(self, export: Export, rows: int | None) -> None:
        super().__init__()
        self._export = export
        self._rows = rows
        self._stop: threading.Event | None = None
        self._told = ""
        self._written = False  # as it is named and formatted now
        self.kind: ExportKind = KINDS[0][0]
        self.exported: Exported | None = None

    def compose(self) -> ComposeResult:
        what = rows_words(self._rows) if self._rows is not None else "all rows"
        with Vertical(classes="dialog"):
            yield Static(f"Export {what}", classes="dialog-title", markup=False)
            yield Static("The whole result, as it is sorted and filtered, into exports/.", id="export-words",
                         classes="dialog-text", markup=False)  # fmt: skip
            with Horizontal(classes="export-line"):
                yield Static("Name", classes="export-label", markup=False)
                field = Input(
                    placeholder="of the file, if you like: date and ending are added",
                    max_length=100,
                    select_on_focus=False,
                    id="export-name",
                )
                field.cursor_blink = False
                yield field
            yield Static("", id="export-formats", markup=False)
            yield Static("", id="export-bar", markup=False)
            with Horizontal(classes="dialog-buttons"):
                for name, title in (("write", "Export (Enter)"), ("cancel", "Cancel (Esc)")):
                    button = Button(title, id=f"export-{name}")
                    button.can_focus = False
                    yield button

    def on_mount(self) -> None:
        self._field = self.query_one("#export-name", Input)
        self.set_focus(self._field)
        self._show_formats()

    def on_unmount(self) -> None:
        if self._stop is not None:
            self._stop.set()

    # ---- what is asked for ------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether a file is being written."""
        return self._stop is not None

    @property
    def hints(self) -> list[Binding]:
        """The keys that do something now."""
        if self.running:
            return [Binding("escape", "close", "Stop")]
        close = Binding("escape", "close", "Close")
        if self._written:
            return [Binding("enter", "write", "Close"), close]
        return [Binding("enter", "write", "Export"), close, Binding("down", "format(1)", "Format")]

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "export-cancel":
            self.action_close()
        else:
            self.action_write()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_write()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if not self.running:
            self._ready()
            self._say(problem_of(event.value) or "The whole result, as it is sorted and filtered, into exports/.",
                      "bad" if problem_of(event.value) else "text")  # fmt: skip

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted before the name has the focus is for it."""
        event.stop()
        self._field.insert_text_at_cursor(event.text.partition("\n")[0])

    def on_click(self, event: events.Click) -> None:
        """On a format: take it."""
        if event.widget is not None and event.widget.id == "export-formats" and event.y in range(len(KINDS)):
            self._take_format(event.y)

    def action_format(self, by: int) -> None:
        """The next format, around the end."""
        kinds = [kind for kind, _title, _about in KINDS]
        self._take_format((kinds.index(self.kind) + by) % len(kinds))

    def _take_format(self, number: int) -> None:
        if not self.running:
            self.kind = KINDS[number][0]
            self._ready()
            self._show_formats()

    def _show_formats(self) -> None:
        mark = ">"
        parts: list[Content] = []
        for kind, title, about in KINDS:
            here = kind == self.kind
            parts.append(Content.styled("Format      " if kind == KINDS[0][0] else " " * 12, "$lw-muted"))
            parts.append(
                Content.styled(f"{mark if here else ' '} {title:<9}", "bold $lw-accent" if here else "$lw-text")
            )
            parts.append(Content.styled(f"{about}\n", "$lw-muted"))
        self.query_one("#export-formats", Static).update(Content.assemble(*parts))

    def _ready(self) -> None:
        """Another file is asked for than the one that was written last."""
        self._written = False
        self._tell_keys()

    def _tell_keys(self) -> None:
        self.query_one("#export-write", Button).display = not self.running and not self._written
        self.query_one("#export-cancel", Button).label = f"{'Stop' if self.running else 'Close'} (Esc)"
        for keys in self.query(DialogKeys):
            keys.tell()

    # ---- the file ---------------------------------------------------------------------------------------------------

    def action_close(self) -> None:
        """Stop what is written, and say so; else close."""
        if self._stop is not None:
            self._stop.set()
            self._say("Stopping; the unfinished file goes away.", "muted")
        else:
            self.dismiss(self.exported)

    def action_write(self) -> None:
        """Write the file; once it is there, close."""
        if self.running:
            return
        if self._written:
            self.action_close()
            return
        name = self._field.value.strip()
        if problem := problem_of(name):
            self._say(problem, "bad")
            return
        stop, kind = threading.Event(), self.kind
        self._stop, self._told = stop, ""
        self._say(f"Writing {self._title}. Esc stops it.", "muted")
        self._tell_keys()
        off_loop(self, lambda: self._export(kind, name or None, self._progress, stop), self._done, self._fail)

    @property
    def _title(self) -> str:
        return next(title for kind, title, _about in KINDS if kind == self.kind)

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
        self._stop, self._written = None, True
        self.exported = exported
        path = exported.path
        told = (
            f"{rows_words(exported.rows)}, {size_words(exported.bytes)}, written to\n"
            f"{plain(path.name)}\nin {plain(str(path.parent))}"
        )
        self._say(told, "good")
        self.query_one("#export-bar", Static).update("")
        self._tell_keys()

    def _fail(self, error: Exception) -> None:
        stopped = self._stop is not None and self._stop.is_set() and isinstance(error, QueryStopped)
        self._stop = None
        self.query_one("#export-bar", Static).update("")
        if stopped:
            self._say("Stopped; there is no file.", "muted")
        else:
            self._say("\n".join(plain(line) for line in (str(error) or type(error).__name__).splitlines()), "bad")
        self._tell_keys()

    def _say(self, text: str, tone: str) -> None:
        words = self.query_one("#export-words", Static)
        words.set_classes(f"dialog-text tone-{tone}")
        words.update(text)


def problem_of(name: str) -> str:
    """What is wrong with a name for a file; empty if nothing is, or there is none."""
    name = name.strip()
    if not name:
        return ""
    found = f"found '{plain(name)}'"
    if "/" in name or "\\" in name:
        return f"Expected a name without a folder, {found}: files go into exports/ alone; leave out / and \\."
    if name.startswith("."):
        return f"Expected a name that begins with a letter or a digit, {found}: leave out the point."
    if not _ANY_SIGN.search(name):
        return f"Expected a name with letters from a to z or digits, {found}."
    return ""


def progress_words(rows: int, total: int | None, *, unicode: bool) -> str:
    """A bar, and how many rows are written; without a total, the rows alone."""
    if not total:
        return f"{rows_words(rows)} written"
    share = min(rows / total, 1.0)
    signs = glyphs(unicode=unicode)
    full = int(share * BAR)
    return f"{signs.bars[-1] * full}{signs.dot * (BAR - full)} {share:4.0%}  {rows:,} of {total:,}"
