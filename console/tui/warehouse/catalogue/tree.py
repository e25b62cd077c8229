"""The catalogue beside the editor: a tree of databases, tables and columns, a field to find them, and one in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from console.actions.permissions import PermissionDenied
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.sign_in.words import refusal_words
from console.tui.text import plain
from console.tui.warehouse.catalogue.lines import ORDER, Level, detail_of, quoted
from console.tui.warehouse.catalogue.table import CatalogueLines
from console.tui.widgets.line_table import LineTable
from warehouse.errors import WarehouseError

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.warehouse_queries import WarehouseQueries
    from warehouse.catalogue import DatabaseInfo


class CatalogueTree(Vertical):
    """The panel. It reads the catalogue itself once it is given the actions: names first, numbers of rows later."""

    class Preview(Message):
        """Show the first rows of a table."""

        def __init__(self, database: str, table: str) -> None:
            super().__init__()
            self.database = database
            self.table = table

    class Insert(Message):
        """Put `text` into the editor."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Use(Message):
        """Let the editor query this database."""

        def __init__(self, database: str) -> None:
            super().__init__()
            self.database = database

    class Diagram(Message):
        """Draw the schema, with `table` chosen if one is selected here."""

        def __init__(self, table: str | None) -> None:
            super().__init__()
            self.table = table

    class Found(Message):
        """What is looked for was found, or everything is shown again."""

    class Hinted(Message):
        """Other keys than before do something with the selected line."""

    class Known(Message):
        """The catalogue was read: names alone, or (`counted`) with numbers of rows; `errors` tell what was not read."""

        def __init__(
            self, databases: tuple[DatabaseInfo, ...], *, counted: bool, errors: Mapping[str, Exception]
        ) -> None:
            super().__init__()
            self.databases = databases
            self.errors = errors
            self.counted = counted

    def __init__(self, *, id: str | None = "catalogue-panel") -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.databases: tuple[DatabaseInfo, ...] = ()
        self._queries: WarehouseQueries | None = None
        self._reading = 0  # which reading is the newest: answers of older ones are dropped
        self._counted = False
        self._hints: list[Binding] = []

    def compose(self) -> ComposeResult:
        yield CatalogueLines()
        field = Input(placeholder="part of a name", max_length=100, id="catalogue-find")
        field.cursor_blink = False
        yield field
        yield Static("", id="catalogue-detail", markup=False)

    def on_mount(self) -> None:
        self._lines = self.query_one(CatalogueLines)
        self._field = self.query_one("#catalogue-find", Input)
        self._field.display = False

    # ---- reading --------------------------------------------------------------------------------------------------

    def read(self, queries: WarehouseQueries | None = None) -> None:
        """Read the catalogue, the first time or again. What is shown stays until the new is there."""
        self._queries = queries or self._queries
        if self._queries is None:
            return
        self._reading += 1
        if not self.databases:
            self._read(self._reading, counts=False)
        self._read(self._reading, counts=True)

    def _read(self, reading: int, *, counts: bool) -> None:
        queries = self._queries
        assert queries is not None

        def receive(found: tuple[list[DatabaseInfo], dict[str, Exception]]) -> None:
            if reading == self._reading and (counts or not self._counted):
                self._counted = counts
                databases, errors = found
                self.show(databases, {name: _words_of(error) for name, error in errors.items()})
                self.post_message(self.Known(self.databases, counted=counts, errors=errors))

        off_loop(self, lambda: read_all(queries, counts=counts), receive, self._fail)

    def _fail(self, error: Exception) -> None:
        self.show((), {"catalogue": str(error) or type(error).__name__})

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def show(self, databases: Sequence[DatabaseInfo], problems: Mapping[str, str]) -> None:
        """Show these; `problems` says in words why a database cannot be read."""
        self.databases = tuple(databases)
        self._lines.show(databases, problems)

    def database(self, name: str) -> DatabaseInfo | None:
        """What is known of a database."""
        return next((found for found in self.databases if found.name == name), None)

    # ---- what is done with it -------------------------------------------------------------------------------------

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        event.stop()
        line = self._lines.line
        text = Content("")
        if line is not None:
            name, words = detail_of(line)
            text = Content.assemble((plain(name), "bold $lw-text"), (f"\n{plain(words)}", "$lw-muted"))
        self.query_one("#catalogue-detail", Static).update(text)
        if (hints := self._lines.hints) != self._hints:
            self._hints = hints
            self.post_message(self.Hinted())

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        event.stop()
        line = self._lines.line
        if line is None:
            return
        if line.column is not None:
            self.post_message(self.Insert(quoted(line.column.name)))
        elif line.table is not None:
            self.post_message(self.Preview(line.database, line.table.name))
        elif line.level is Level.DATABASE:
            self.post_message(self.Use(line.database))

    def on_catalogue_lines_asked(self, event: CatalogueLines.Asked) -> None:
        event.stop()
        {
            "insert": self._insert,
            "find": self._find,
            "everything": self.show_everything,
            "diagram": self._diagram,
            "reread": self.read,
        }[event.what]()

    def _insert(self) -> None:
        line = self._lines.line
        if line is None or line.table is None:
            return
        names = [line.table.name, *([line.column.name] if line.column else [])]
        self.post_message(self.Insert(".".join(map(quoted, names))))

    def _diagram(self) -> None:
        line = self._lines.line
        self.post_message(self.Diagram(line.table.name if line is not None and line.table is not None else None))

    # ---- finding --------------------------------------------------------------------------------------------------

    @property
    def field(self) -> Input:
        """Where what is looked for is typed."""
        return self._field

    def show_everything(self) -> None:
        """Look for nothing any more."""
        self._found("")

    def _find(self) -> None:
        self._field.display = True
        self._field.value = self._lines.wanted
        self.screen.set_focus(self._field)  # at once: the next key is meant for it

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._lines.find(event.value.strip())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._found(event.value.strip())

    async def on_key(self, event: events.Key) -> None:
        """In the field, Escape shows everything again and Down goes on to what was found."""
        if not self._field.has_focus or event.key not in ("escape", "down"):
            return
        event.stop()
        event.prevent_default()
        self._found("" if event.key == "escape" else self._field.value.strip())

    def _found(self, wanted: str) -> None:
        self._field.value = wanted
        self._field.display = False
        self._lines.find(wanted)
        self.screen.set_focus(self._lines)
        self.post_message(self.Found())


def read_all(queries: WarehouseQueries, *, counts: bool) -> tuple[list[DatabaseInfo], dict[str, Exception]]:
    """Every database that can be read, and why the others cannot."""
    databases: list[DatabaseInfo] = []
    errors: dict[str, Exception] = {}
    for name in ORDER:
        try:
            databases.append(queries.catalogue(database=name, counts=counts))
        except (WarehouseError, PermissionDenied, OSError) as error:
            errors[name] = error
    return databases, errors


def _words_of(error: Exception) -> str:
    return refusal_words(error) if isinstance(error, PermissionDenied) else str(error)
