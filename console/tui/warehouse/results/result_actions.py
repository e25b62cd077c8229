"""What the keys of the results pane do beyond sorting and filtering: dialogs over it, the chart, the clipboard."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from console.actions.warehouse_queries import WarehouseQueries
from console.tui.clipboard import TooLongToCopy, copy
from console.tui.text import fitted, plain
from console.tui.toasts import FAILURE_S
from console.tui.warehouse.results.cell_detail import CellDetail
from console.tui.warehouse.results.column_summary import SummaryDialog
from console.tui.warehouse.results.export_dialog import ExportDialog
from console.tui.warehouse.results.facet_list import FacetList
from console.tui.warehouse.results.limits_dialog import LimitsDialog
from console.tui.warehouse.results.result_cells import as_json, as_tsv, exact
from console.tui.warehouse.results.result_chart import ResultChart
from warehouse.export import Exported, ExportKind
from warehouse.limits import QueryLimits
from warehouse.shaping import Condition

if TYPE_CHECKING:  # the pane has these actions
    from console.tui.warehouse.results.result_view import ResultView

SHOWN = 60  # characters of what was copied
WITH_ANY_RESULT = ("limits", "cell")
NOT_IN_CLEAR = "Customers are in clear: nothing of this result is copied, exported or summed up. U masks them again."


class ResultActions:
    """Acts on the result of a pane, at the cell under its cursor."""

    def __init__(self, view: ResultView, queries: Callable[[], WarehouseQueries]) -> None:
        self._view = view
        self._queries = queries

    def do(self, what: str) -> None:
        """Do what a key asks for; nothing where another key has led elsewhere meanwhile.

        What was told before goes: it would pile up, or lie over what opens.
        """
        if self._view.app.screen is not self._view.screen:
            return
        self._view.app.clear_notifications()
        if what == "limits":
            self.limits()
        elif self._view.opened is not None and self._view.opened.unmasked and what not in WITH_ANY_RESULT:
            self._view.notify(NOT_IN_CLEAR, severity="warning", markup=False)
        elif self._view.opened is not None:
            getattr(self, what)()

    def limits(self) -> None:
        """Ask for the limits of the next query."""

        def apply(limits: QueryLimits | None) -> None:
            if limits is not None and limits != self._view.limits:
                self._view.use_limits(limits)

        self._view.app.push_screen(LimitsDialog(self._view.limits), apply)

    def cell(self) -> None:
        """The cell in full."""
        view, opened = self._view, self._view.opened
        row = view.table.row
        if opened is None or row is None:
            return
        table = view.table
        detail = CellDetail(opened.columns, table.looks, row, table.column, table.row_number, in_clear=opened.unmasked)
        view.app.push_screen(detail)

    def facets(self) -> None:
        """The column's values; the one chosen becomes the filter."""
        opened, column, queries = self._view.opened, self._view.table.column, self._queries()
        assert opened is not None

        def filter_by(condition: Condition | None) -> None:
            if condition is not None and self._view.opened is opened:
                self._view.filter_by(column, condition)

        def load(stop: threading.Event) -> Any:
            return queries.facets(opened, column, stop=stop)

        look = self._view.table.looks[column]
        self._view.app.push_screen(FacetList(opened.columns[column], column, look, load), filter_by)

    def summary(self) -> None:
        """The column in numbers."""
        opened, column, queries = self._view.opened, self._view.table.column, self._queries()
        assert opened is not None

        def then(wants_facets: bool | None) -> None:
            if wants_facets and self._view.opened is opened:
                self.facets()

        def load(stop: threading.Event) -> Any:
            return queries.summary(opened, column, stop=stop)

        self._view.app.push_screen(SummaryDialog(opened.columns[column], self._view.table.looks[column], load), then)

    def chart(self) -> None:
        """The result as a chart."""
        assert self._view.opened is not None
        practice = getattr(self._view.app, "practice", False)
        self._view.app.push_screen(ResultChart(self._view.opened, self._view.table.looks, practice=practice))

    def export(self) -> None:
        """The whole result as a file."""
        opened, queries = self._view.opened, self._queries()
        assert opened is not None

        def write(
            kind: ExportKind, name: str | None, progress: Callable[[int, int | None], None], stop: threading.Event
        ) -> Exported:
            return queries.export(opened, kind, name=name, progress=progress, stop=stop)

        self._view.app.push_screen(ExportDialog(write, self._view.table.row_count))

    # ---- the clipboard ----------------------------------------------------------------------------------------------

    def copy_cell(self) -> None:
        """The whole value of the cell, as this session may see it."""
        opened, table = self._view.opened, self._view.table
        if opened is not None and table.row is not None:
            self._copy("the cell", exact(table.value, opened.kinds[table.column]))

    def copy_row(self) -> None:
        """Names and values, as a spreadsheet takes them."""
        opened, row = self._view.opened, self._view.table.row
        if opened is not None and row is not None:
            self._copy("the row", as_tsv(opened.columns, row, opened.kinds), f"of {_values(row)}")

    def copy_json(self) -> None:
        """The row as an object."""
        opened, row = self._view.opened, self._view.table.row
        if opened is not None and row is not None:
            self._copy("the row", as_json(opened.columns, row), f"of {_values(row)}, as JSON")

    def _copy(self, what: str, text: str, about: str = "") -> None:
        try:
            copy(self._view.app, text)
        except TooLongToCopy as error:
            self._view.notify(str(error), severity="warning", markup=False)
            return
        shown = about or fitted(plain(text), SHOWN).rstrip()
        self._view.notify(f"Sent to the terminal's clipboard: {what} {shown}", timeout=FAILURE_S, markup=False)


def _values(row: Sequence[object]) -> str:
    return "1 value" if len(row) == 1 else f"{len(row):,} values"
