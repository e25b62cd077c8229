"""The star and the snowflake to move in: choose a table, read its card, mark several, take their join to the editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen

from console.tui.pipelines.detail_header import DetailHeader
from console.tui.warehouse.catalogue.diagram_view import DiagramView
from console.tui.warehouse.catalogue.table_card import TableCard
from console.tui.widgets.bars import KeyHints
from console.tui.widgets.section_title import SectionTitle
from warehouse.diagram import WIDTH, draw
from warehouse.joins import PRODUCT, SUPPLIER, JoinText, join_text, joins_of
from warehouse.models import FACT
from warehouse.words import rows_words

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from warehouse.catalogue import DatabaseInfo, TableInfo

BESIDE = WIDTH + 30  # from this width on, the card stands beside the drawing, which then shows every column
WHOLE_HEIGHT = 34  # from this height on, the drawing shows every column though the card stands below it


@dataclass(frozen=True, slots=True)
class PreviewTable:
    """Leave the diagram and show the first rows of this table."""

    table: str


def _bind(key: str, action: str, what: str, tooltip: str, *, show: bool = True) -> Binding:
    return Binding(key, action, what, show=show, id=f"diagram.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class DiagramScreen(Screen[JoinText | PreviewTable | None]):
    """Shows what `database` says of the tables; without one, the drawing alone.

    The result is the join of the marked tables (of the chosen one, if none is marked), a table to preview, or None.
    """

    CSS_PATH = "diagram_screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("enter,j", "join", "Join", "The join of the marked tables, or of the chosen one, into the editor"),
        _bind("space", "mark", "Mark", "Mark the table for a join over several, or take the mark away"),
        _bind("s", "switch", "Star or snowflake", "Without or with the suppliers as a table of their own"),
        _bind("p", "preview", "Preview", "The first rows of the table"),
        _bind("escape", "back", "Back", "Back to the editor", show=False),
        _bind("up,k", "go(0,-1)", "Up", "The table above", show=False),
        _bind("down", "go(0,1)", "Down", "The table below", show=False),
        _bind("left,h", "go(-1,0)", "Left", "The table to the left", show=False),
        _bind("right,l", "go(1,0)", "Right", "The table to the right", show=False),
        _bind("tab", "next(1)", "Next table", "The next table", show=False),
        _bind("shift+tab", "next(-1)", "Table before", "The table before", show=False),
        _bind("pagedown", "card(1)", "Card down", "The rest of the card", show=False),
        _bind("pageup", "card(-1)", "Card up", "Back in the card", show=False),
    ]
    AUTO_FOCUS = ""

    def __init__(
        self, database: DatabaseInfo | None, *, chosen: str | None = None, kind: str = "star", practice: bool = False
    ) -> None:
        super().__init__()
        self._tables: dict[str, TableInfo] = {table.name: table for table in database.tables} if database else {}
        self._kind = "snowflake" if chosen == SUPPLIER else kind
        self._practice = practice
        self._marked: list[str] = []
        self._compact = True
        self._drawing = draw(self._kind)
        self.chosen = chosen if chosen in self._drawing.places else FACT

    @property
    def marked(self) -> tuple[str, ...]:
        """The marked tables, in the order of marking."""
        return tuple(self._marked)

    def compose(self) -> ComposeResult:
        yield DetailHeader("SuperMart's tables")
        with Container(id="both"):
            with Vertical(id="drawn"):
                yield SectionTitle("Diagram", id="diagram-title")
                yield DiagramView()
            with Vertical(id="told"):
                yield TableCard()
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(DetailHeader).say(practice=self._practice)
        self.query_one(KeyHints).show([b for b in self.BINDINGS if isinstance(b, Binding) and b.show])

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "-beside")
        self._draw(compact=event.size.width < BESIDE and event.size.height < WHOLE_HEIGHT)

    def know(self, database: DatabaseInfo) -> None:
        """The tables are known now, or counted now."""
        self._tables = {table.name: table for table in database.tables}
        if self.is_mounted:  # else it is drawn with them when it is laid out
            self._draw(compact=self._compact)

    def _draw(self, *, compact: bool) -> None:
        self._compact = compact
        notes = {name: rows_words(table.rows) for name, table in self._tables.items() if table.rows is not None}
        self._drawing = draw(self._kind, compact=compact, notes=notes)
        if not self.has_class("-beside"):
            self.query_one("#drawn").styles.height = len(self._drawing.lines) + 1
        else:
            self.query_one("#drawn").styles.height = "1fr"
        self._show()

    def _show(self) -> None:
        self.query_one(DiagramView).show(self._drawing, self.chosen, self._marked)
        count = len(self._marked)
        title = self.query_one("#diagram-title", SectionTitle)
        marked = f"{count} table{'s' if count > 1 else ''} marked, " if count else ""
        title.say(f"{marked}{self._kind}, s shows the {'star' if self._kind == 'snowflake' else 'snowflake'}")
        table = self._tables.get(self.chosen)
        joins = joins_of(self.chosen, [line.join for line in self._drawing.joins])
        self.query_one(TableCard).show(self.chosen, table, joins)

    # ---- moving ---------------------------------------------------------------------------------------------------

    def choose(self, table: str) -> None:
        """Choose a table of the drawing."""
        if table in self._drawing.places and table != self.chosen:
            self.chosen = table
            self._show()

    def action_go(self, dx: int, dy: int) -> None:
        self.choose(self._drawing.beside(self.chosen, dx, dy) or self.chosen)

    def action_next(self, by: int) -> None:
        tables = list(self._drawing.places)
        self.choose(tables[(tables.index(self.chosen) + by) % len(tables)])

    def action_card(self, by: int) -> None:
        card = self.query_one(TableCard)
        card.scroll_relative(y=by * max(card.size.height - 1, 1), animate=False, force=True)

    def on_diagram_view_clicked(self, event: DiagramView.Clicked) -> None:
        self.choose(event.table)

    # ---- doing ----------------------------------------------------------------------------------------------------

    def action_switch(self) -> None:
        """The other drawing. A supplier that was chosen or marked is in the product then."""
        self._kind = "star" if self._kind == "snowflake" else "snowflake"
        if self._kind == "star":
            self._marked = [table for table in self._marked if table != SUPPLIER]
            self.chosen = PRODUCT if self.chosen == SUPPLIER else self.chosen
        self._draw(compact=self._compact)

    def action_mark(self) -> None:
        if self.chosen in self._marked:
            self._marked.remove(self.chosen)
        else:
            self._marked.append(self.chosen)
        self._show()

    def action_join(self) -> None:
        self.dismiss(join_text(self._marked or [self.chosen]))

    def action_preview(self) -> None:
        self.dismiss(PreviewTable(self.chosen))

    def action_back(self) -> None:
        self.dismiss(None)
