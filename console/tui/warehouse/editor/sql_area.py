"""The text area of the SQL editor: its keys, what may be put into it, and what it asks its editor for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult, Selection
from textual.document._edit import Edit
from textual.document._history import EditHistory
from textual.message import Message

from console.tui.clipboard import TooLongToCopy, copy
from console.tui.messages import Delivered
from console.tui.toasts import FAILURE_S
from console.tui.warehouse.editor.sql_document import SqlDocument, clean
from console.tui.warehouse.editor.sql_paper import SqlPaper

MOST_CHARACTERS = 2_000_000  # of a tab
UNDO_STEPS = 200
_DIGITS = ("1", "2", "3", "4", "5", "6", "7", "8", "9")
_WORD = re.compile(r"[\w.$]+\Z")


@dataclass
class Sheet:
    """What the area needs to know of a tab's text, in order to show it as it was left."""

    document: SqlDocument = field(default_factory=SqlDocument)
    history: EditHistory = field(
        default_factory=lambda: EditHistory(
            max_checkpoints=UNDO_STEPS, checkpoint_timer=2.0, checkpoint_max_characters=100
        )
    )
    selection: Selection = field(default_factory=Selection)
    scroll: tuple[int, int] = (0, 0)


def _key(keys: str, command: str, what: str, tooltip: str, *, show: bool = False) -> Binding:
    return Binding(keys, f"command('{command}')", what, show=show, tooltip=tooltip, id=f"editor.{command}")


class SqlArea(SqlPaper):
    """Shows one sheet. `popup_key` is asked about each key before anything else; True if it meant the popup.

    `after_typing` is called when a character was typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        _key("f5,ctrl+j", "run", "Run", "Run the statement under the cursor, or what is selected", show=True),
        _key("f4,ctrl+e", "explain", "Explain", "How the statement will be answered, and from which table", show=True),
        _key("f2,ctrl+o", "questions", "Questions", "Open a saved question", show=True),
        _key("ctrl+r", "history", "History", "Search the statements that were run", show=True),
        _key("ctrl+f", "format", "Format", "Lay out the statement for reading", show=True),
        _key("ctrl+s", "save", "Save as question", "Keep the statement as a question"),
        _key("ctrl+space,ctrl+@", "complete", "Complete", "What may be typed here; Tab does so behind a word"),
        _key("ctrl+t", "new_tab", "New tab", "Open an empty tab"),
        _key("ctrl+w", "close_tab", "Close tab", "Close this tab (asks if there is text in it)"),
        _key("f8,ctrl+pagedown", "next_tab", "Next tab", "The tab to the right; Alt+1 to Alt+9 where terminals can"),
        _key("f7,ctrl+pageup", "previous_tab", "Tab before", "The tab to the left"),
        _key("ctrl+g", "next_database", "Database", "Ask another database: the warehouse or the weather"),
        _key("escape", "cancel", "Cancel", "Stop the query; where none runs, on to the results"),
        Binding("f6", "screen.next_panel", "To the results", show=False, id="editor.next-panel",
                tooltip="Leave the editor for the results"),
        Binding("ctrl+down", "app.focus_next", "Next panel", show=False, id="editor.leave", tooltip="Leave the editor"),
        Binding("ctrl+up,shift+tab", "app.focus_previous", "Panel before", show=False, id="editor.back",
                tooltip="Leave the editor backwards"),
        Binding("ctrl+z", "undo", "Undo", show=False, id="editor.undo", tooltip="Take back the last change"),
        Binding("ctrl+y", "redo", "Redo", show=False, id="editor.redo", tooltip="Make it again"),
        Binding("ctrl+c,super+c", "copy", "Copy", show=False, id="editor.copy", tooltip="Copy what is selected"),
        Binding("ctrl+x,super+x", "cut", "Cut", show=False, id="editor.cut",
                tooltip="Cut what is selected, or the line"),
        Binding("ctrl+v", "paste", "Paste", show=False, id="editor.paste",
                tooltip="Paste what was copied in the console"),
        Binding("ctrl+a", "select_all", "Select all", show=False, id="editor.all", tooltip="Select the whole text"),
        Binding("ctrl+underscore,ctrl+slash", "comment", "Comment", show=False, id="editor.comment",
                tooltip="Make the lines comments, or no longer"),
    ]  # fmt: skip

    class Command(Message):
        """A key asked for something that is not editing."""

        def __init__(self, command: str) -> None:
            super().__init__()
            self.command = command

    placeholder_lines = (
        "Type SQL; F5 runs the statement under the cursor.",
        "Ctrl+O opens a saved question, Ctrl+R the history.",
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._leaving = False
        self.popup_key: Callable[[str], bool] = lambda _key: False
        self.after_typing: Callable[[], None] = lambda: None
        self.history = Sheet().history

    # ---- the text -------------------------------------------------------------------------------------------------

    def word_before_cursor(self) -> str:
        """The name, with its dots, that ends at the cursor."""
        row, column = self.cursor_location
        found = _WORD.search(self.document[row][max(column - 200, 0) : column])
        return found.group() if found else ""

    def line_before_cursor(self) -> str:
        """The end of what stands before the cursor in its line."""
        row, column = self.cursor_location
        return self.document[row][max(column - 200, 0) : column]

    def replace_offsets(self, start: int, end: int, text: str) -> EditResult:
        """Put `text` in the place of a part of the text, as one step that can be undone; the cursor comes behind it."""
        where = self.document.location_of
        self.history.checkpoint()
        return self.replace(text, where(start), where(end), maintain_selection_offset=False)

    def take(self, sheet: Sheet) -> None:
        """Show another sheet as it was left."""
        self.history = sheet.history
        self.show_document(sheet.document)
        self.selection = sheet.selection
        self.scroll_to(*sheet.scroll, animate=False, force=True)
        self.record_cursor_width()

    def keep(self, sheet: Sheet) -> None:
        """Note in `sheet` how it is left."""
        sheet.selection = self.selection
        sheet.scroll = (int(self.scroll_offset.x), int(self.scroll_offset.y))

    def edit(self, edit: Edit) -> EditResult:
        """As `TextArea` does; what no terminal shows is left out, and a text that grows beyond all use is refused."""
        edit.text, lost = clean(edit.text)
        if len(edit.text) + len(self.text) > MOST_CHARACTERS:
            self._warn(
                f"A tab takes {MOST_CHARACTERS:,} characters; it has {len(self.text):,}, and {len(edit.text):,} more "
                "do not fit. Nothing was changed."
            )
            edit.text, edit.to_location = "", edit.from_location
        elif lost:
            what = "character that cannot be shown was" if lost == 1 else "characters that cannot be shown were"
            self._warn(f"{lost:,} {what} left out or replaced.")
        return super().edit(edit)

    def _warn(self, text: str) -> None:
        self.app.notify(text, severity="warning", timeout=FAILURE_S, markup=False)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- keys -----------------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        leaving, self._leaving = self._leaving, False
        if self.popup_key(event.key):
            event.stop()
            event.prevent_default()
        elif event.key == "tab" and not leaving:
            event.stop()
            event.prevent_default()
            self._tab()
        elif event.key.startswith("alt+") and event.key[4:] in _DIGITS:
            event.stop()
            event.prevent_default()
            self.post_message(self.Command(f"tab_{event.key[4:]}"))
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self._new_line()
        else:
            self._leaving = event.key == "escape"
            await super()._on_key(event)
            if event.is_printable:
                self.after_typing()

    def _tab(self) -> None:
        if self.selection.is_empty and self.word_before_cursor():
            self.post_message(self.Command("complete"))
        else:
            self._replace_via_keyboard(" " * self._find_columns_to_next_tab_stop(), *self.selection)

    def _new_line(self) -> None:
        """A line as far indented as the one before, one step further behind an opening bracket."""
        row, column = min(self.selection)
        before = self.document[row][:column]
        indent = before[: len(before) - len(before.lstrip())]
        deeper = " " * self.indent_width if before.rstrip().endswith("(") else ""
        self._replace_via_keyboard("\n" + indent + deeper, *self.selection)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._replace_via_keyboard(event.text, *self.selection)
        self.screen.set_focus(self)

    def action_command(self, name: str) -> None:
        self.post_message(self.Command(name))

    def action_copy(self) -> None:
        """Copy what is selected. Without a selection the key means what it means in other query tools: cancel."""
        if self.selected_text:
            self._copy(self.selected_text)
        else:
            self.post_message(self.Command("cancel"))

    def action_cut(self) -> None:
        start, end = self.selection
        taken = self.selected_text or self.document[start[0]] + "\n"
        if self._copy(taken):
            if start == end:
                self._delete_cursor_line()
            else:
                self._delete_via_keyboard(start, end)

    def _copy(self, text: str) -> bool:
        try:
            copy(self.app, text)
        except TooLongToCopy as error:
            self._warn(str(error)[:1].upper() + str(error)[1:])
            return False
        return True

    def action_comment(self) -> None:
        """Make the lines of the selection comments; if all are, make them code."""
        first, last = sorted((self.selection.start[0], self.selection.end[0]))
        lines = self.document.lines[first : last + 1]
        commented = all(line.lstrip().startswith("--") for line in lines if line.strip())
        changed = [re.sub(r"^(\s*)--\s?", r"\1", line) if commented else f"-- {line}" for line in lines]
        self.history.checkpoint()
        self.replace("\n".join(changed), (first, 0), (last, len(lines[-1])))
