"""A column in numbers: rows, nulls, distinct values, extremes, mean, total, and how its values spread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import fitted, plain
from console.tui.theme import glyphs
from console.tui.warehouse.results.result_cells import Look, number, shown
from console.tui.widgets.line_panel import Line, LinePanel
from warehouse.facets import ColumnSummary
from warehouse.models import Cell
from warehouse.opened import Kind
from warehouse.words import rows_words

NAME = 12
BARS_HEIGHT = 5
BIN_WIDTH = 2


class SummaryDialog(Dialog):
    """`load` is called off the loop; the result is True if the column's values are wanted instead."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "column_summary.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "facets", "Facets", id="summary.facets", tooltip="The values and how often each occurs"),
        Binding("enter,q", "close", "Close", show=False, id="summary.close", tooltip="Close"),
    ]

    def __init__(self, name: str, look: Look, load: Callable[[threading.Event], ColumnSummary]) -> None:
        super().__init__()
        self._column_name, self._look, self._load = name, look, load
        self._stop = threading.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Column {plain(self._column_name)}", classes="dialog-title", markup=False)
            yield LinePanel(id="summary-lines")

    def on_mount(self) -> None:
        panel = self.query_one(LinePanel)
        panel.show([(("calculating", "muted"),)])
        self.set_focus(panel)
        off_loop(self, lambda: self._load(self._stop), self._take, self._fail)

    def on_unmount(self) -> None:
        self._stop.set()

    def action_facets(self) -> None:
        self.dismiss(True)

    def _take(self, summary: ColumnSummary) -> None:
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        panel = self.query_one(LinePanel)
        lines = summary_lines(summary, self._look, panel.line_width, signs.bars)
        panel.styles.height = min(len(lines), max(self.app.size.height - 8, 4))
        panel.show(lines)

    def _fail(self, error: Exception) -> None:
        self.query_one(LinePanel).show([((plain(line), "bad"),) for line in str(error).splitlines()])


def summary_lines(summary: ColumnSummary, look: Look, width: int, bars: str) -> list[Line]:
    """Names and values, and the histogram below them."""
    share = f"  ({summary.nulls / summary.rows:.1%})" if summary.rows and summary.nulls else ""
    facts: list[tuple[str, str]] = [
        ("kind", str(summary.kind)),
        ("rows", f"{summary.rows:,}"),
        ("nulls", f"{summary.nulls:,}{share}"),
        ("distinct", f"{summary.distinct:,}"),
        ("least", _cell(summary.least, look)),
        ("greatest", _cell(summary.most, look)),
    ]
    if summary.mean is not None:
        precise = look if look.kind is Kind.MONEY else replace(look, decimals=max(look.decimals, 2))
        facts.append(("mean", number(round(float(summary.mean), precise.decimals), replace(precise, grouped=True))))
    if summary.total is not None:
        facts.append(("total", number(summary.total, replace(look, grouped=True))))
    lines: list[Line] = [((f"{name:<{NAME}}", "muted"), (fitted(text, max(width - NAME, 1)).rstrip(), "text"))
                         for name, text in facts]  # fmt: skip
    if any(summary.histogram):
        lines += [(), *histogram_lines(summary.histogram, bars)]
        lines.append(_axis(_cell(summary.least, look), _cell(summary.most, look), len(summary.histogram) * BIN_WIDTH))
    return lines


def _cell(value: Cell, look: Look) -> str:
    return shown(value, look)[0]


def histogram_lines(counts: Sequence[int], bars: str, height: int = BARS_HEIGHT) -> list[Line]:
    """Upright bars, the tallest `height` lines high, in as many levels a line as there are `bars`."""
    most = max(counts)
    levels = [max(round(count / most * height * len(bars)), 1) if count else 0 for count in counts]
    found: list[Line] = []
    for row in range(height - 1, -1, -1):
        signs = [max(0, min(level - row * len(bars), len(bars))) for level in levels]
        text = "".join((bars[sign - 1] if sign else " ") * BIN_WIDTH for sign in signs)
        most_words = f"  tallest: {rows_words(most)}" if row == height - 1 else ""
        found.append(((text, "accent"), (most_words, "muted")))
    return found


def _axis(least: str, most: str, width: int) -> Line:
    half = max((width - 1) // 2, 1)
    left = fitted(least, min(cell_len(least), half))
    right = fitted(most, min(cell_len(most), half))
    return ((left + " " * max(width - cell_len(left) - cell_len(right), 1) + right, "muted"),)
