"""Asks what may be typed next, off the keystroke's path, and puts what is chosen into the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from textual.geometry import Offset
from textual.timer import Timer

from console.tui.off_loop import off_loop
from console.tui.warehouse.editor.completion_list import CompletionList
from console.tui.warehouse.editor.sql_area import SqlArea
from console.tui.warehouse.editor.sql_document import SqlDocument
from warehouse import statements
from warehouse.authorizer import FUNCTIONS
from warehouse.catalogue import DatabaseInfo
from warehouse.completion import Completions, complete
from warehouse.keywords import KEYWORDS

PAUSE_S = 0.12  # without a key, before anything is offered by itself
LEAST_TYPED = 2  # letters, likewise
MOST_CHARACTERS = 100_000  # of a statement
_AFTER_JOIN = re.compile(r"\bjoin $", re.IGNORECASE)


class Completer:
    """Belongs to one area and its list."""

    def __init__(self, area: SqlArea, popup: CompletionList) -> None:
        self._area = area
        self._popup = popup
        self._timer: Timer | None = None
        self._shown_for: tuple[SqlDocument, int] | None = None
        self._chosen = False  # the offers were asked for or moved in: Enter takes one
        self._databases: Sequence[DatabaseInfo] = ()
        self._database = "warehouse"
        self._names: frozenset[str] = frozenset()
        area.popup_key = self._key
        area.after_typing = self._typed

    def know(self, databases: Sequence[DatabaseInfo], database: str) -> None:
        """Complete queries on `database` from now on."""
        self._databases, self._database = databases, database
        tables = [table for found in databases if found.name == database for table in found.tables]
        names = {table.name for table in tables} | {column.name for table in tables for column in table.columns}
        self._names = frozenset(name.casefold() for name in names) | FUNCTIONS | KEYWORDS

    def ask(self, *, by_itself: bool = False) -> None:
        """Offer what may stand at the cursor; where only one thing can and was asked for, it is put in."""
        self._rest()
        area, document = self._area, self._area.document
        if not area.selection.is_empty:
            return
        text, offset = area.text, area.cursor_offset
        revision = document.revision

        def take(found: Completions) -> None:
            if (area.document, document.revision, area.cursor_offset) == (
                document,
                revision,
                offset,
            ) and area.has_focus:
                self._offer(found, text[found.start : offset], by_itself=by_itself)

        databases, database = self._databases, self._database
        off_loop(area, lambda: offers(text, offset, databases, database), take, lambda _error: self.close())

    def accept(self) -> None:
        """Put the chosen offer in the place of what is typed of it."""
        chosen, start = self._popup.chosen, self._popup.start
        self.close()
        if chosen is not None:
            self._area.replace_offsets(start, self._area.cursor_offset, chosen.text)

    def changed(self) -> None:
        """The text is another: what is offered may fit no longer."""
        if self._popup.display:
            if self._area.word_before_cursor():
                self.ask(by_itself=True)
            else:
                self.close()

    def moved(self) -> None:
        """The cursor is elsewhere; where that came of no edit, the offers are over."""
        if self._shown_for != (self._area.document, self._area.document.revision):
            return
        self.close()

    def close(self) -> None:
        """Offer nothing."""
        self._rest()
        self._popup.close()

    def _typed(self) -> None:
        word = self._area.word_before_cursor()
        last = word.rpartition(".")[2]
        self._rest()
        joins = not word and _AFTER_JOIN.search(self._area.line_before_cursor()) is not None
        if joins or (word and not word[0].isdigit() and ("." in word or len(last) >= LEAST_TYPED)):
            document, revision = self._area.document, self._area.document.revision
            self._timer = self._area.set_timer(PAUSE_S, lambda: self._after_pause(document, revision))
        else:
            self.close()

    def _after_pause(self, document: SqlDocument, revision: int) -> None:
        """Offer something, unless another key changed the text meanwhile."""
        if (self._area.document, self._area.document.revision) == (document, revision):
            self.ask(by_itself=True)

    def _offer(self, found: Completions, typed: str, *, by_itself: bool) -> None:
        if by_itself and typed.casefold() in self._names:  # it is whole: the next Enter begins a line
            self.close()
        elif not by_itself and len(found.items) == 1:
            self._area.replace_offsets(found.start, self._area.cursor_offset, found.items[0].text)
        else:
            self._chosen = not by_itself or (self._popup.display and self._chosen)
            self._shown_for = (self._area.document, self._area.document.revision)
            cursor = self._area.cursor_screen_offset
            self._popup.show(found, Offset(cursor.x - cell_len(typed.rpartition("\n")[2]), cursor.y))

    def _key(self, key: str) -> bool:
        if not self._popup.display:
            return False
        match key:
            case "up" | "down":
                self._chosen = True
                self._popup.move(-1 if key == "up" else 1)
            case "pageup" | "pagedown":
                self._chosen = True
                self._popup.page(-1 if key == "pageup" else 1)
            case "enter" if not self._chosen:  # who types on without a look at the offers wants a new line
                self.close()
                return False
            case "enter" | "tab":
                self.accept()
            case "escape":
                self.close()
            case _:
                return False
        return True

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


def offers(text: str, offset: int, databases: Sequence[DatabaseInfo], database: str) -> Completions:
    """What may be typed at a place of a text of several statements; only the one around the place is looked at."""
    found = statements.at(text, offset)
    begin, end = max(text.rfind(";", 0, offset) + 1, 0), offset
    if found is not None and found.start <= offset and ";" not in text[found.end : offset]:
        begin, end = found.start, max(found.end, offset)
    if end - begin > MOST_CHARACTERS:
        return Completions(offset, ())
    offered = complete(text[begin:end], offset - begin, databases, database)
    return replace(offered, start=offered.start + begin)
