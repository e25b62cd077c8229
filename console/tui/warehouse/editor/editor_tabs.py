"""The tabs of the SQL editor and their file in the workspace: what is typed is there again after a restart, or a kill.

The file is written whole, so that of several consoles the last one wins and none finds half a file. One that cannot
be read is put aside, never overwritten.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from textual.document._document import Selection

from console.tui.warehouse.editor.sql_area import Sheet
from console.tui.warehouse.editor.sql_document import SqlDocument, clean
from etl.files import write_whole
from warehouse.opened import Database

DATABASES: tuple[Database, ...] = ("warehouse", "weather")
MOST_TABS = 50
MOST_TITLE = 80


@dataclass
class EditorTab:
    """One tab. `ran` is the revision of its text that was run last."""

    title: str
    database: Database = "warehouse"
    sheet: Sheet = field(default_factory=Sheet)
    ran: int = -1

    @classmethod
    def of(cls, title: str, text: str, database: Database = "warehouse", *, ran: bool = False) -> EditorTab:
        """A tab that holds `text`."""
        return cls(title[:MOST_TITLE], database, Sheet(SqlDocument(clean(text)[0])), 0 if ran else -1)

    @property
    def text(self) -> str:
        return self.sheet.document.text

    @property
    def modified(self) -> bool:
        """Whether it holds something that has not been run as it is."""
        return bool(self.text.strip()) and self.ran != self.sheet.document.revision


class EditorTabs:
    """The tabs in order, at least one, and which of them is shown."""

    def __init__(self, tabs: Sequence[EditorTab] = (), current: int = 0) -> None:
        self.tabs = list(tabs) or [EditorTab("Query 1")]
        self.index = max(0, min(current, len(self.tabs) - 1))

    @property
    def current(self) -> EditorTab:
        return self.tabs[self.index]

    def add(self, tab: EditorTab) -> None:
        """Put a tab behind the current one and show it."""
        self.index += 1
        self.tabs.insert(self.index, tab)

    def close(self) -> None:
        """Take the current tab away; the last one leaves an empty one."""
        del self.tabs[self.index]
        if not self.tabs:
            self.tabs.append(EditorTab("Query 1"))
        self.index = min(self.index, len(self.tabs) - 1)

    def free_title(self) -> str:
        """`Query` and the least number that no tab has."""
        taken = {tab.title for tab in self.tabs}
        return next(title for n in range(1, len(taken) + 2) if (title := f"Query {n}") not in taken)

    def document(self) -> dict[str, Any]:
        """What is kept of them, as JSON."""
        return {
            "current": self.index,
            "tabs": [
                {
                    "title": tab.title,
                    "database": tab.database,
                    "text": tab.text,
                    "cursor": list(tab.sheet.selection.end),
                    "ran": not tab.modified,
                }
                for tab in self.tabs
            ],
        }


class TabsFile:
    """The file; `save` may be called from any thread, and older states never replace newer ones."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._written = -1

    def load(self) -> EditorTabs:
        """The tabs as they were saved; one empty tab where nothing was."""
        try:
            body = self.path.read_bytes()
        except OSError:
            return EditorTabs()
        try:
            return _tabs_of(json.loads(body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            with contextlib.suppress(OSError):
                self.path.replace(self.path.with_suffix(".unreadable"))
            return EditorTabs()

    def save(self, document: dict[str, Any], number: int) -> None:
        """Write `document`, unless a later `number` has been written. Raises OSError."""
        with self._writing:
            if number <= self._written:
                return
            write_whole(self.path, json.dumps(document).encode("ascii"), durable_name=False)
            self._written = number


def _tabs_of(found: dict[str, Any]) -> EditorTabs:
    tabs = []
    for one in found["tabs"][:MOST_TABS]:
        database = cast(Database, one["database"] if one["database"] in DATABASES else DATABASES[0])
        tab = EditorTab.of(clean(str(one["title"]))[0], str(one["text"]), database, ran=bool(one["ran"]))
        row, column = (int(number) for number in one["cursor"])
        document = tab.sheet.document
        row = max(0, min(row, document.line_count - 1))
        tab.sheet.selection = Selection.cursor((row, max(0, min(column, len(document[row])))))
        tabs.append(tab)
    return EditorTabs(tabs, int(found["current"]))
