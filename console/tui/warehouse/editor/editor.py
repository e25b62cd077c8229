"""The SQL editor of the Warehouse screen: tabs with a text each, and what its keys ask the screen to do.

It runs nothing itself: it posts the statement and the database. What is typed is kept in the workspace within
`SAVE_S` seconds, off the loop.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Confirm
from console.tui.text import plain
from console.tui.toasts import FAILURE_S
from console.tui.warehouse.editor.completer import Completer
from console.tui.warehouse.editor.completion_list import CompletionList
from console.tui.warehouse.editor.editor_tabs import DATABASES, MOST_TABS, EditorTab, EditorTabs, TabsFile
from console.tui.warehouse.editor.sql_area import SqlArea
from console.tui.warehouse.editor.tab_line import TabLine, Titles
from warehouse.catalogue import DatabaseInfo
from warehouse.errors import QueryRefused
from warehouse.formatting import formatted
from warehouse.opened import Database

FILE = "editor.json"
SAVE_S = 1.0


class SqlEditor(Vertical):
    """The tab line, the text area and its list of offers. `home` is the workspace's folder."""

    class Run(Message):
        """A statement is to be run."""

        def __init__(self, text: str, database: Database) -> None:
            super().__init__()
            self.text = text
            self.database = database

    class Explain(Message):
        """A statement is to be explained."""

        def __init__(self, text: str, database: Database) -> None:
            super().__init__()
            self.text = text
            self.database = database

    class AskQuestion(Message):
        """A saved question is wanted; with an empty `name`, one to be chosen."""

        def __init__(self, name: str = "") -> None:
            super().__init__()
            self.name = name

    class SaveQuestion(Message):
        """A statement is to be kept as a question."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class AskHistory(Message):
        """The statements that were run are wanted."""

    class Cancel(Message):
        """What runs is to stop; nothing may be running."""

    def __init__(self, path: Path, *, id: str = "editor") -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._file = TabsFile(path)
        self._tabs = EditorTabs()
        self._databases: Sequence[DatabaseInfo] = ()
        self._asked: tuple[EditorTab, int, int] | None = None  # the tab, its text's revision, the statement's begin
        self._loaded = False
        self._timer: Timer | None = None
        self._saves = 0
        self._told_of_disk = False
        self._area = SqlArea(id="sql-editor")
        self._line = TabLine(id="editor-tabs")
        self._popup = CompletionList(id="completions")
        self._completer = Completer(self._area, self._popup)

    def compose(self) -> ComposeResult:
        yield self._line
        yield self._area
        yield self._popup

    def on_mount(self) -> None:
        self._area.take(self._tabs.current.sheet)
        off_loop(self, self._file.load, self._take_tabs, lambda _error: self._take_tabs(EditorTabs()))

    def on_unmount(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            with contextlib.suppress(OSError):  # there is nobody left to be told
                self._file.save(self._document(), self._saves)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- for the screen ---------------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The whole text of the tab that is shown."""
        return self._area.text

    @property
    def database(self) -> Database:
        """The database that the tab asks."""
        return self._tabs.current.database

    def focus(self, scroll_visible: bool = True) -> Self:
        """Focus the text, at once: the next key is meant for it."""
        self.screen.set_focus(self._area, scroll_visible)
        return self

    def adopt(self, path: Path) -> None:
        """The tabs kept in `path` come before those that are shown; all are kept there from now on."""
        if self._timer is not None:
            self._timer.stop()
            self._save()
        self._loaded = False
        self._file, self._saves = TabsFile(path), 0
        off_loop(self, self._file.load, self._take_tabs, lambda _error: self._take_tabs(EditorTabs()))

    def show_catalogue(self, databases: Sequence[DatabaseInfo]) -> None:
        """Complete and colour names of these databases from now on."""
        self._databases = databases
        self._know_names()

    def insert(self, text: str) -> None:
        """Put `text` at the cursor, or in the place of what is selected, apart from words on both sides."""
        start, end = sorted(self._area.selection)
        before = self._area.document[start[0]][: start[1]][-1:]
        after = self._area.document[end[0]][end[1] :][:1]
        ahead = " " if _in_name(text[:1]) and (_in_name(before) or before in (",", ")")) else ""
        behind = " " if _in_name(text[-1:]) and _in_name(after) else ""
        self._area.replace(ahead + text + behind, start, end, maintain_selection_offset=False)
        row, column = self._area.cursor_location
        self._area.move_cursor((row, column - len(behind)))
        self.focus()

    def open_tab(self, text: str, title: str | None = None, database: Database = "warehouse") -> None:
        """Show `text` in a tab: one that holds just that, the current one if it is empty, else a new one."""
        for index, tab in enumerate(self._tabs.tabs):
            if (tab.text, tab.database) == (text, database) and title in (None, tab.title):
                self._show_tab(index)
                return
        self._leave()
        if not self._tabs.current.text.strip():
            tab = EditorTab.of(title or self._tabs.current.title, text, database)
            self._tabs.tabs[self._tabs.index] = tab
        elif not self._room_for_a_tab():
            return
        else:
            self._tabs.add(EditorTab.of(title or self._tabs.free_title(), text, database))
        self._enter()
        self._note_change()

    def use_database(self, database: Database) -> None:
        """Ask this database in the tab that is shown."""
        if database != self._tabs.current.database:
            self._tabs.current.database = database
            self._know_names()
            self._show_titles()
            self._note_change()

    def mark_error(self, position: int) -> None:
        """Move the cursor to a place of the statement posted last and mark it, if that is still there as it was."""
        if self._asked is not None:
            tab, revision, start = self._asked
            if tab is self._tabs.current and tab.sheet.document.revision == revision:
                self._area.mark_error(start + position)

    # ---- what the keys ask for --------------------------------------------------------------------------------------

    def on_sql_area_command(self, event: SqlArea.Command) -> None:
        event.stop()
        self.command(event.command)

    def command(self, name: str) -> None:
        """Carry out what the key of that name would."""
        commands: dict[str, Callable[[], object]] = {
            "run": self._run,
            "explain": self._explain,
            "questions": lambda: self.post_message(self.AskQuestion()),
            "history": lambda: self.post_message(self.AskHistory()),
            "cancel": lambda: self.post_message(self.Cancel()),
            "format": self._format,
            "save": self._save_question,
            "complete": self._completer.ask,
            "new_tab": self._new_tab,
            "close_tab": self._close_tab,
            "next_tab": lambda: self._show_tab((self._tabs.index + 1) % len(self._tabs.tabs)),
            "previous_tab": lambda: self._show_tab((self._tabs.index - 1) % len(self._tabs.tabs)),
            "next_database": self._next_database,
            **{f"tab_{n}": lambda n=n: self._show_tab(n - 1) for n in range(1, 10)},  # type: ignore[misc]
        }
        commands[name]()

    def _run(self) -> None:
        statement = self._statement()
        if statement is not None:
            tab = self._tabs.current
            tab.ran = tab.sheet.document.revision
            self._show_titles()
            self._note_change()
            self.post_message(self.Run(statement[1], tab.database))

    def _explain(self) -> None:
        statement = self._statement()
        if statement is not None:
            self.post_message(self.Explain(statement[1], self.database))

    def _save_question(self) -> None:
        statement = self._statement()
        if statement is not None:
            self.post_message(self.SaveQuestion(statement[1]))

    def _statement(self) -> tuple[int, str] | None:
        """Where it begins and the text that is selected, else the statement under the cursor; None is told."""
        self._completer.close()
        area, tab = self._area, self._tabs.current
        selected = area.selected_text
        if selected.strip():
            start, text = area.document.offset_of(min(area.selection)), selected
        elif (found := area.current_statement()) is not None:
            start, text = found.start, found.text
        else:
            self._tell("There is no statement here: type a SELECT, or open a question with Ctrl+O.")
            return None
        self._asked = (tab, tab.sheet.document.revision, start)
        return start, text

    def _format(self) -> None:
        """Lay out the statement; done off the loop, and only if nothing was typed meanwhile."""
        statement = self._statement()
        if statement is None:
            return
        start, text = statement
        document = self._area.document
        revision = document.revision

        def take(done: str) -> None:
            if self._area.document is document and document.revision == revision and done != text:
                self._area.replace_offsets(start, start + len(text), done)

        off_loop(self, lambda: formatted(text), take, self._cannot_format)

    def _cannot_format(self, error: Exception) -> None:
        if isinstance(error, QueryRefused) and error.position is not None:
            self.mark_error(error.position)
        self._tell(f"This cannot be laid out: {plain(str(error))}")

    def _next_database(self) -> None:
        self.use_database(DATABASES[(DATABASES.index(self.database) + 1) % len(DATABASES)])

    # ---- tabs -------------------------------------------------------------------------------------------------------

    def on_tab_line_picked(self, event: TabLine.Picked) -> None:
        event.stop()
        if event.index is None:
            self._next_database()
        else:
            self._show_tab(event.index)
        self.focus()

    def _new_tab(self) -> None:
        if self._room_for_a_tab():
            self._leave()
            self._tabs.add(EditorTab(self._tabs.free_title(), self.database))
            self._enter()
            self._note_change()

    def _close_tab(self) -> None:
        tab = self._tabs.current

        def close(confirmed: bool | None) -> None:
            if confirmed and tab in self._tabs.tabs:
                self._leave()
                self._tabs.index = self._tabs.tabs.index(tab)
                self._tabs.close()
                self._enter()
                self._note_change()

        if tab.text.strip():
            lines = tab.sheet.document.line_count
            size = "line of text is" if lines == 1 else f"{lines:,} lines of text are"
            told = f"Its {size} gone then. What was run of them stays in the history (Ctrl+R)."
            self.app.push_screen(Confirm(f"Close {tab.title}?", told, "Close"), close)
        else:
            close(True)

    def _show_tab(self, index: int) -> None:
        if 0 <= index < len(self._tabs.tabs) and index != self._tabs.index:
            self._leave()
            self._tabs.index = index
            self._enter()
            self._note_change()

    def _room_for_a_tab(self) -> bool:
        if len(self._tabs.tabs) < MOST_TABS:
            return True
        self._tell(f"There are {MOST_TABS} tabs already: close one with Ctrl+W first.")
        return False

    def _leave(self) -> None:
        self._completer.close()
        self._area.keep(self._tabs.current.sheet)

    def _enter(self) -> None:
        self._area.take(self._tabs.current.sheet)
        self._know_names()
        self._show_titles()

    def _take_tabs(self, loaded: EditorTabs) -> None:
        """Show what was saved, and behind it what was put in before it was read."""
        self._leave()
        known = {(tab.text, tab.database) for tab in loaded.tabs}
        early = [tab for tab in self._tabs.tabs if tab.text.strip() and (tab.text, tab.database) not in known]
        self._loaded = True
        self._tabs = loaded
        for tab in early:
            self._tabs.index = len(self._tabs.tabs) - 1
            if self._tabs.current.text.strip():
                tab.title = self._tabs.free_title() if tab.title.startswith("Query ") else tab.title
                self._tabs.add(tab)
            else:
                self._tabs.tabs[self._tabs.index] = tab
        self._enter()
        if early:
            self._note_change()

    def _know_names(self) -> None:
        """The highlighter and the completer work with the names of the tab's database."""
        tables = [table for found in self._databases if found.name == self.database for table in found.tables]
        columns = {column.name for table in tables for column in table.columns}
        self._area.document.highlighter.set_names({table.name for table in tables}, columns)
        self._completer.know(self._databases, self.database)
        self._area.refresh()

    def _show_titles(self) -> None:
        tabs = tuple((tab.title, tab.modified) for tab in self._tabs.tabs)
        self._line.show(Titles(tabs, self._tabs.index, self.database))

    # ---- changes ----------------------------------------------------------------------------------------------------

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._completer.changed()
        self._show_titles()
        self._note_change()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._completer.moved()

    def on_completion_list_picked(self, event: CompletionList.Picked) -> None:
        event.stop()
        self._completer.accept()

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        self._line.activate(True)

    def on_descendant_blur(self, _event: events.DescendantBlur) -> None:
        self._line.activate(False)
        self._completer.close()

    def _note_change(self) -> None:
        """Keep what is typed, soon: the first change begins the time, so that typing on does not put it off."""
        if self._loaded and self._timer is None:
            self._timer = self.set_timer(SAVE_S, self._save)

    def _save(self) -> None:
        self._timer = None
        file, document, number = self._file, self._document(), self._saves
        off_loop(self, lambda: file.save(document, number), lambda _done: None, self._cannot_save)

    def _document(self) -> dict[str, object]:
        self._area.keep(self._tabs.current.sheet)
        self._saves += 1
        return self._tabs.document()

    def _cannot_save(self, error: Exception) -> None:
        if not self._told_of_disk:
            self._told_of_disk = True
            self._tell(f"The tabs cannot be kept over a restart: {plain(str(error))}")

    def _tell(self, text: str) -> None:
        self.app.notify(text, severity="warning", timeout=FAILURE_S, markup=False)


def _in_name(character: str) -> bool:
    """Whether a name may have it; `"` is the mark of a quoted one."""
    return character.isalnum() or character in ("_", '"')
