"""One cell in full, and its row as a list of names and values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.clipboard import TooLongToCopy, copy
from console.tui.screens.dialogs import Dialog
from console.tui.text import fitted, plain
from console.tui.warehouse.results.result_cells import Look, exact, shown
from console.tui.widgets.dialog_keys import DialogKeys
from console.tui.widgets.line_panel import Line, LinePanel
from console.tui.widgets.log_text import shown_lines, wrapped
from warehouse.models import MASK, Cell

MOST_CHARACTERS = 100_000  # of a value; all of it is exported
BYTES_A_LINE = 16
NAME = 24  # cells that a name takes at most in the list


class CellDetail(Dialog):
    """Shows the value of a column of a row; left and right go to the row's other columns."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "cell_detail.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "column(-1)", "Previous column", id="cell.left", tooltip="The column to the left"),
        Binding("right", "column(1)", "Next column", id="cell.right", tooltip="The column to the right"),
        Binding("y", "copy", "Copy", id="cell.copy", tooltip="Copy the whole value"),
        Binding("r", "raw", "As stored", id="cell.raw", tooltip="JSON indented, or as it is stored"),
        Binding("enter,q", "close", "Close", show=False, id="cell.close", tooltip="Close"),
    ]

    def __init__(
        self,
        columns: Sequence[str],
        looks: Sequence[Look],
        row: Sequence[Cell],
        column: int,
        number: int | None,
        *,
        in_clear: bool = False,
    ) -> None:
        """`in_clear`: the row shows what is sealed, so that nothing of it is copied."""
        super().__init__()
        self._columns, self._looks, self._row = columns, looks, row
        self._number = number
        self.in_clear = in_clear
        self._raw = False
        self._height = 3
        self.column = column

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("", classes="dialog-title", id="cell-title", markup=False)
            yield LinePanel(id="cell-lines")
            yield Static("", classes="dialog-hint", id="cell-hint", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one(LinePanel))
        self._say("")
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def action_column(self, by: int) -> None:
        self.column = (self.column + by) % len(self._row)
        self._say("")
        self._show()

    def action_raw(self) -> None:
        self._raw = not self._raw
        self._say("")
        self._show()

    def action_copy(self) -> None:
        if self.in_clear:
            self._say("A row in clear cannot be copied.")
            return
        try:
            copy(self.app, exact(self._row[self.column], self._looks[self.column].kind))
        except TooLongToCopy as error:
            self._say(str(error))
            return
        self._say("Sent to the terminal's clipboard.")

    def _say(self, words: str) -> None:
        """These, or what is to be known of a row in clear."""
        known = "In clear: this closes when the time is over." if self.in_clear else ""
        self.query_one("#cell-hint", Static).update(words or known)

    def _show(self) -> None:
        name, value = self._columns[self.column], self._row[self.column]
        where = f"row {self._number:,}, " if self._number else ""
        title = f"{plain(name) or 'unnamed'}  ({where}column {self.column + 1} of {len(self._row)})"
        self.query_one("#cell-title", Static).update(title)
        panel = self.query_one(LinePanel)
        pretty = json_lines(value)
        lines = value_lines(value, panel.line_width, pretty=None if self._raw else pretty)
        lines += [(), *self._list(panel.line_width)]
        # It grows with what it shows and never shrinks: the box does not jump from column to column.
        self._height = min(max(self._height, len(lines)), max(self.app.size.height - 9, 3))
        panel.styles.height = self._height
        panel.show(lines)
        for keys in self.query(DialogKeys):
            keys.tell()

    @property
    def hints(self) -> list[Binding]:
        """The keys that do something now."""
        found = [key for key in (*CellDetail.BINDINGS, *Dialog.BINDINGS) if isinstance(key, Binding) and key.show]
        without = {"copy"} if self.in_clear else set()
        if json_lines(self._row[self.column]) is None:
            without.add("raw")
        return [key for key in found if key.action not in without]

    def _list(self, width: int) -> list[Line]:
        """The whole row: name and value a line."""
        names = [plain(name) or '""' for name in self._columns]
        room = min(max(map(cell_len, names)), NAME, width // 2)
        found: list[Line] = [(("The whole row", "title"),)]
        for column, (name, look, value) in enumerate(zip(names, self._looks, self._row, strict=True)):
            text, tone = shown(value, look)
            here = column == self.column
            found.append(
                (
                    ("> " if here else "  ", "accent"),
                    (fitted(name, room), "strong" if here else "muted"),
                    ("  ", "text"),
                    (fitted(text, max(width - room - 4, 1)), tone),
                )
            )
        return found


def value_lines(value: Cell, width: int, *, pretty: Sequence[str] | None) -> list[Line]:
    """A value, wrapped to a width; `pretty` is what is shown instead of it, if anything."""
    if value is None:
        return [(("null: there is no value", "muted"),)]
    if isinstance(value, bytes):
        return blob_lines(value)
    if value == MASK:
        return [((MASK, "text"),), (("masked: this session may not see the value", "muted"),)]
    if value == "":
        return [(("an empty text, which is not null", "muted"),)]
    if pretty is not None:
        texts = list(pretty)
    else:
        texts = [shown for line in exact(value)[:MOST_CHARACTERS].split("\n") for shown in shown_lines(line)]
    found: list[Line] = [((text[start:end], "text"),) for text in texts for start, end in wrapped(text, width)]
    left = len(exact(value)) - MOST_CHARACTERS
    return [*found, ((f"and {left:,} characters more; e exports all of it", "muted"),)] if left > 0 else found


def blob_lines(value: bytes) -> list[Line]:
    """Bytes, sixteen a line, and what they are as characters."""
    found: list[Line] = [((f"{len(value):,} bytes", "muted"),)]
    for start in range(0, min(len(value), MOST_CHARACTERS // 4), BYTES_A_LINE):
        part = value[start : start + BYTES_A_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        found.append(((f"{start:06x}  ", "faint"), (f"{part.hex(' '):<47}  ", "text"), (text, "muted")))
    return found


def json_lines(value: Cell) -> list[str] | None:
    """The lines of a text that is a JSON object or list, indented; None if it is not one."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "[") or len(value) > MOST_CHARACTERS:
        return None
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return [shown for line in text.split("\n") for shown in shown_lines(line)]
