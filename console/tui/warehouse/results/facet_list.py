"""The values of a column with how often each occurs; one of them becomes a filter."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.warehouse.results.result_cells import Look, shown
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from warehouse.facets import Facet, Facets
from warehouse.shaping import Compare, Condition
from warehouse.words import rows_words

COUNT = 13
SHARE = 6


class FacetTable(LineTable):
    """A value a line: value, rows, a bar as long as its share of the largest, and its share of all."""

    def __init__(self, look: Look, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._look = look
        self._rows: int | None = None  # not counted yet
        self.values: tuple[Facet, ...] = ()

    def show(self, values: Sequence[Facet], rows: int) -> None:
        """Show these values of so many rows."""
        self.values, self._rows = tuple(values), rows
        self.lines_changed(0)

    @property
    def value(self) -> Facet | None:
        """The selected value."""
        return self.values[self.cursor] if self.values else None

    def line_count(self) -> int:
        return len(self.values)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        room = max(width - COUNT - SHARE - 4, 12)
        value = min(room // 2, 30)
        return (
            Column("Value", value),
            Column("Rows", COUNT, "right"),
            Column("Share", SHARE, "right"),
            Column("", max(room - value, 1)),
        )

    def cells(self, index: int) -> Sequence[Cell]:
        facet = self.values[index]
        most = max(found.rows for found in self.values)
        share = facet.rows / self._rows if self._rows else 0.0
        room = self.columns[-1].width if self.columns else 0  # none before it has a place on the screen
        return (
            cell(*shown(facet.value, self._look)),
            cell(f"{facet.rows:,}"),
            cell(f"{share:.1%}", "muted"),
            cell(bar(facet.rows / most if most else 0.0, room, self.glyphs.bars[-1]), "accent"),
        )

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return (("There is no row.", "muted"),) if self._rows == 0 else ()


def bar(share: float, width: int, sign: str) -> str:
    """A bar of at least one cell for anything above nothing."""
    return sign * (max(round(share * width), 1) if share > 0 else 0)


class FacetList(Dialog):
    """The result is the `Condition` that was chosen, or None. `load` is called off the loop."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "facet_list.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose(True)", "Only these", id="facets.only", tooltip="Show only the rows of this value"),
        Binding(
            "x", "choose(False)", "All but these", id="facets.but", tooltip="Show all rows but those of this value"
        ),
    ]

    def __init__(self, name: str, column: int, look: Look, load: Callable[[threading.Event], Facets]) -> None:
        super().__init__()
        self._column_name, self._column, self._look, self._load = name, column, look, load
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Values of {plain(self._column_name) or 'the column'}", classes="dialog-title", markup=False)
            yield Static("counting", id="facets-words", markup=False)
            yield FacetTable(self._look, id="facets")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(FacetTable))
        off_loop(self, lambda: self._load(self._stop), self._take, self._fail)

    def on_unmount(self) -> None:
        self._stop.set()

    def _take(self, facets: Facets) -> None:
        self.query_one("#facets-words", Static).update(facets_words(facets))
        table, values = self.query_one(FacetTable), with_nulls(facets)
        table.styles.height = max(min(len(values) + 1, self.app.size.height - 10), 3)
        table.show(values, facets.rows)

    def _fail(self, error: Exception) -> None:
        self.query_one("#facets-words", Static).update("\n".join(plain(line) for line in str(error).splitlines()))

    def on_line_table_opened(self) -> None:
        self.action_choose(True)

    def action_choose(self, only: bool) -> None:
        facet = self.query_one(FacetTable).value
        if facet is not None:
            self.dismiss(Condition(self._column, Compare.IS if only else Compare.IS_NOT, facet.value))


def with_nulls(facets: Facets) -> list[Facet]:
    """The values, nulls among them at the place of their rows."""
    values = list(facets.values)
    if facets.nulls and all(facet.value is not None for facet in values):
        values.append(Facet(None, facets.nulls))
        values.sort(key=lambda facet: -facet.rows)
    return values


def facets_words(facets: Facets) -> str:
    """`4 values in 1,000,000 rows, 3 of them null`."""
    words = f"{facets.distinct:,} value{'' if facets.distinct == 1 else 's'} in {rows_words(facets.rows)}"
    if facets.nulls:
        words += f", {facets.nulls:,} of them null"
    return words + (f"; the {len(facets.values):,} most frequent" if facets.more else "")
