"""A result as a chart: bars, lines over time or sparklines, chosen from its shape and changed with keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.pipelines.detail_header import DetailHeader
from console.tui.text import plain
from console.tui.theme import glyphs
from console.tui.warehouse.results.result_cells import Look
from console.tui.warehouse.results.result_drawing import MOST_BARS, bars, lines, sparklines
from console.tui.warehouse.results.result_pages import Row
from console.tui.widgets.bars import KeyHints
from console.tui.widgets.line_panel import Line, LinePanel
from console.tui.widgets.section_title import SectionTitle
from warehouse.chart_choice import ChartChoice, ChartData, ChartKind, choose, measures, pivot
from warehouse.opened import Opened

MOST_ROWS = 5_000
KINDS: dict[ChartKind, str] = {"bars": "bars", "lines": "lines", "sparkline": "sparklines", "none": "no chart"}


@dataclass(frozen=True, slots=True)
class Charted:
    """The rows that are drawn, and whether there are more."""

    rows: Sequence[Row]
    more: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for; None is what suits. `single` is one series, whatever suits."""

    kind: ChartKind | None = None
    label: int | None = None
    value: int | None = None
    series: int | None = None
    single: bool = False


class ResultChart(Screen[None]):
    """Draws the first rows of a result; the keys change the kind of chart and its columns."""

    CSS_PATH = "result_chart.tcss"
    AUTO_FOCUS = "#chart-lines"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "kind('bars')", "Bars", id="chart.bars", tooltip="A bar for every label"),
        Binding("l", "kind('lines')", "Lines", id="chart.lines", tooltip="Lines over the labels, in their order"),
        Binding("s", "kind('sparkline')", "Sparklines", id="chart.sparklines", tooltip="A row of small bars a series"),
        Binding("x", "label", "Label", id="chart.label", tooltip="Take the labels from the next column"),
        Binding("v", "value", "Value", id="chart.value", tooltip="Take the values from the next column of numbers"),
        Binding("g", "group", "Series", id="chart.group", tooltip="A series for each value of the next column, or one"),
        Binding("a", "again", "As chosen", id="chart.again", tooltip="The chart that was chosen for the result"),
        Binding("escape,c", "back", "Back", show=False, id="chart.back", tooltip="Back to the result"),
    ]

    def __init__(self, opened: Opened, looks: Sequence[Look], *, practice: bool = False) -> None:
        super().__init__()
        self._practice = practice
        self._opened, self._looks = opened, looks
        self._charted = Charted((), more=False)
        self._wish = Wish()
        self._data: ChartData | None = None
        self.choice: ChartChoice | None = None
        self._nothing: set[str] = {"label", "value", "group"}

    def compose(self) -> ComposeResult:
        yield DetailHeader("Chart of the result")
        yield SectionTitle("Chart", id="chart-title")
        yield Static("", id="chart-words", markup=False)
        yield LinePanel(id="chart-lines")
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(DetailHeader).say(practice=self._practice)
        self.query_one(SectionTitle).activate(True)
        self._hint()
        opened = self._opened
        off_loop(self, lambda: opened.result.window(0, MOST_ROWS + 1), self._take, self._fail)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def on_resize(self) -> None:
        if self.choice is not None:
            self.call_after_refresh(self._paint)

    # ---- what is drawn ----------------------------------------------------------------------------------------------

    def _take(self, rows: Sequence[Row]) -> None:
        self._charted = Charted(rows[:MOST_ROWS], more=len(rows) > MOST_ROWS)
        self.action_again()

    def _fail(self, error: Exception) -> None:
        self.query_one(LinePanel).show([((plain(line), "bad"),) for line in str(error).splitlines()])

    def action_again(self) -> None:
        """The chart that suits the result's shape."""
        self._ask(Wish())

    def action_kind(self, kind: ChartKind) -> None:
        """Draw the same columns in another way."""
        self._ask(replace(self._wish, kind=kind))

    def action_label(self) -> None:
        """Labels from the next column."""
        if self.choice is not None:
            self._ask(self._other_label(self.choice))

    def action_value(self) -> None:
        """Values from the next column of numbers."""
        if self.choice is not None:
            self._ask(self._other_value(self.choice))

    def action_group(self) -> None:
        """Series by the next column; after the last one, a single series."""
        if self.choice is not None:
            self._ask(self._other_series(self.choice))

    def _other_label(self, choice: ChartChoice) -> Wish:
        columns = [n for n in range(len(self._looks)) if n != choice.value]
        return replace(self._wish, label=_next(choice.label, columns), series=None, single=False)

    def _other_value(self, choice: ChartChoice) -> Wish:
        taken = (choice.label, choice.series, *choice.period)
        free = [n for n in measures(self._opened.columns, self._opened.kinds) if n not in taken]
        return replace(self._wish, value=_next(choice.value, free) if free else choice.value)

    def _other_series(self, choice: ChartChoice) -> Wish:
        others = [n for n in range(len(self._looks)) if n not in (choice.label, choice.value, *choice.period)]
        after = [n for n in others if choice.series is None or n > choice.series]
        return replace(self._wish, series=after[0] if after else None, single=not after)

    def _idle(self) -> set[str]:
        """The actions that would change nothing now."""
        choice = self.choice
        if choice is None:
            return {"label", "value", "group"}
        wishes = {
            "label": self._other_label(choice),
            "value": self._other_value(choice),
            "group": self._other_series(choice),
        }
        if choice.kind == "none":
            kinds: tuple[ChartKind, ...] = ("bars", "lines", "sparkline")
            wishes |= {f"kind('{kind}')": replace(self._wish, kind=kind) for kind in kinds} | {"again": Wish()}
        return {action for action, wish in wishes.items() if _drawn(self._chosen(wish)) == _drawn(choice)}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in self._nothing and super().check_action(action, parameters) is not False

    def _hint(self) -> None:
        """The keys that do something."""
        found = [b for b in self.BINDINGS if isinstance(b, Binding) and b.show and b.action not in self._nothing]
        self.query_one(KeyHints).show(found)

    def _ask(self, wish: Wish) -> None:
        self._wish = wish
        self.choice = self._chosen(wish)
        self._nothing = self._idle()
        self._hint()
        self._draw()

    def _chosen(self, wish: Wish) -> ChartChoice:
        kind: ChartKind | None = "lines" if wish.kind == "sparkline" else wish.kind
        found = self._choose(wish, kind)
        if wish.kind == "sparkline":
            # Small bars a series, where the result has labels; else all numbers in their order.
            found = self._choose(wish, "sparkline") if found.kind == "none" else replace(found, kind="sparkline")
        return replace(found, series=None) if wish.single else found

    def _choose(self, wish: Wish, kind: ChartKind | None) -> ChartChoice:
        columns, kinds, rows = self._opened.columns, self._opened.kinds, self._charted.rows
        return choose(columns, kinds, rows, kind=kind, label=wish.label, value=wish.value, series=wish.series)

    def action_back(self) -> None:
        self.dismiss()

    # ---- drawing ----------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        choice = self.choice
        if choice is None:
            return
        self.query_one(SectionTitle).say(KINDS[choice.kind])
        drawn = choice.kind != "none" and choice.value is not None
        self._data = pivot(self._charted.rows, choice) if drawn else None
        self.query_one("#chart-words", Static).update(self._words(choice, self._data) if self._data else "")
        self.call_after_refresh(self._paint)  # the words may have taken a line

    def _paint(self) -> None:
        choice, panel = self.choice, self.query_one(LinePanel)
        if choice is not None:
            panel.show(self._picture(choice, self._data, panel) if self._data else self._none(choice))

    def _picture(self, choice: ChartChoice, data: ChartData, panel: LinePanel) -> list[Line]:
        assert choice.value is not None
        unicode = getattr(self.app, "unicode", True)
        look = self._looks[choice.value]
        if choice.kind == "bars":
            return bars(data, look, panel.line_width, unicode=unicode)
        if choice.kind == "lines":
            return lines(data, panel.line_width, max(panel.size.height, 6), unicode=unicode)
        signs = glyphs(unicode=unicode)
        return sparklines(data, look, panel.line_width, signs=signs.bars, gap=signs.gap)

    def _none(self, choice: ChartChoice) -> list[Line]:
        keys = [key for key, action in (("x", "label"), ("v", "value"), ("g", "group")) if action not in self._nothing]
        return [
            (("There is no chart of this result", "text"),),
            (),
            ((f"{plain(choice.because[:1].upper() + choice.because[1:])}.", "muted"),),
            ((f"{' and '.join(keys)} choose the columns, a takes back what was chosen.", "muted"),) if keys else (),
        ]

    def _words(self, choice: ChartChoice, data: ChartData) -> str:
        """What is drawn, and what is left out."""
        names = [plain(name) for name in self._opened.columns]
        label = [names[n] for n in choice.period] or ([names[choice.label]] if choice.label is not None else [])
        words = names[choice.value or 0] + (f" by {' and '.join(label)}" if label else " in the order of the rows")
        if choice.series is not None:
            words += f", a series for each {names[choice.series]}"
        drawn = len(data.labels) * (len(data.series) if choice.kind == "bars" else 1)
        if choice.kind == "bars" and drawn > MOST_BARS:
            words += f". Cut: the first {MOST_BARS} of {drawn:,} bars"
        if self._charted.more:
            words += f". Cut: only the first {MOST_ROWS:,} rows are drawn"
        return words + (f". {plain(data.left_out)}" if data.left_out else "")


def _drawn(choice: ChartChoice) -> tuple[object, ...]:
    """What of a choice can be seen."""
    if choice.kind == "none":
        return ("none",)
    return choice.kind, choice.label, choice.value, choice.series, choice.period


def _next(now: int | None, among: Sequence[int]) -> int | None:
    """The one after `now`, around the end."""
    return next((n for n in among if now is None or n > now), among[0] if among else None)
