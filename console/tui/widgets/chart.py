"""A chart of one measurement over time, drawn with characters; a time without a value is a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from console.tui.text import fitted
from console.tui.theme import glyphs, tones
from console.tui.widgets.chart_canvas import Canvas
from console.tui.widgets.chart_scale import time_ticks, value_labels, value_ticks

AXIS_ROWS = 2
TIME_LABEL = 9  # cells a time label needs, with space around
ROWS_A_TICK = 3
Piece = tuple[str, str]  # text, tone


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart shows: values at aware instants, oldest first, between `since` and `until`.

    Neighbours further apart than `joined` are not joined by a line. `low` and `high` bound the axis where the
    measurement itself is bounded.
    """

    unit: str
    points: tuple[tuple[datetime, float | None], ...]
    since: datetime
    until: datetime
    joined: timedelta
    low: float | None = None
    high: float | None = None

    @property
    def known(self) -> list[tuple[datetime, float]]:
        """The points that have a value."""
        return [(at, value) for at, value in self.points if value is not None]


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn chart: its rows from the top, each in pieces of text and tone."""

    rows: tuple[tuple[Piece, ...], ...]


def draw(series: Series, width: int, height: int, *, unicode: bool) -> Picture:
    """The chart in `width` x `height` cells; without any value only its axes in time."""
    rows = max(height - AXIS_ROWS, 1)
    values = [value for _, value in series.known]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    ticks = value_ticks(low, high, max(rows // ROWS_A_TICK + 1, 2))
    ticks = [tick for tick in ticks if _within(tick, series)] if values else []
    ticks = ticks if len(ticks) > 1 else value_ticks(low, high, 2)
    labels = value_labels(ticks)
    gutter = max([len(label) for label in labels] + [len(series.unit)]) + 1
    columns = max(width - gutter - 1, 1)
    canvas = Canvas(columns, rows, blocks=unicode)
    _plot(canvas, series, ticks[0], ticks[-1])
    at_row = {_row_of(tick, ticks, rows): label for tick, label in zip(ticks, labels, strict=True)} if values else {}
    bar, knot, dot = ("│", "┤", "·") if unicode else ("|", "+", ".")
    drawn = [
        (
            (f"{at_row.get(y, ''):>{gutter}}", "muted"),
            (knot if y in at_row else bar, "faint"),
            *_with_grid(canvas.row(y), dot if y in at_row else " "),
        )
        for y in range(rows)
    ]
    return Picture((*drawn, *_time_axis(series, gutter, columns, unicode=unicode)))


def _within(tick: float, series: Series) -> bool:
    return (series.low is None or tick >= series.low) and (series.high is None or tick <= series.high)


def _row_of(tick: float, ticks: Sequence[float], rows: int) -> int:
    return rows - 1 - round((tick - ticks[0]) / (ticks[-1] - ticks[0]) * (rows - 1))


def _plot(canvas: Canvas, series: Series, low: float, high: float) -> None:
    span = (series.until - series.since) / timedelta(seconds=1)

    def dot(at: datetime, value: float) -> tuple[int, int]:
        x = round((at - series.since) / timedelta(seconds=1) / span * (canvas.width - 1))
        return x, canvas.height - 1 - round((value - low) / (high - low) * (canvas.height - 1))

    for stretch in _stretches(series):
        dots = [dot(at, value) for at, value in stretch]
        canvas.point(*dots[0])
        for before, after in pairwise(dots):
            canvas.line(*before, *after)


def _stretches(series: Series) -> list[list[tuple[datetime, float]]]:
    """The points with values, parted where there is a gap."""
    found: list[list[tuple[datetime, float]]] = []
    last: datetime | None = None
    for at, value in series.known:
        if last is None or at - last > series.joined:
            found.append([])
        found[-1].append((at, value))
        last = at
    return found


def _with_grid(signs: Sequence[str], empty: str) -> list[Piece]:
    """The signs of a row in runs of one tone, `empty` where nothing is drawn."""
    pieces: list[Piece] = []
    for sign in signs:
        text, tone = (sign, "accent") if sign else (empty, "faint")
        if pieces and pieces[-1][1] == tone:
            pieces[-1] = (pieces[-1][0] + text, tone)
        else:
            pieces.append((text, tone))
    return pieces


def _time_axis(series: Series, gutter: int, columns: int, *, unicode: bool) -> list[tuple[Piece, ...]]:
    rule, knot, corner = ("─", "┬", "└") if unicode else ("-", "+", "+")
    axis, names = [rule] * columns, [" "] * columns
    free = 0
    for at, label in time_ticks(series.since, series.until, max(columns // TIME_LABEL, 1)):
        x = round((at - series.since) / (series.until - series.since) * (columns - 1))
        start = min(max(x - len(label) // 2, 0), columns - len(label))
        if start < free:
            continue
        axis[x] = knot
        names[start : start + len(label)] = label
        free = start + len(label) + 1
    return [
        ((f"{series.unit:>{gutter}}", "muted"), (corner, "faint"), ("".join(axis), "faint")),
        ((" " * (gutter + 1), "muted"), ("".join(names), "muted")),
    ]


class Chart(Widget):
    """Shows a series, or a text while there is none."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._series: Series | None = None
        self._text: tuple[str, ...] = ()
        self._picture: Picture | None = None

    def show(self, series: Series) -> None:
        """Draw this series."""
        if series != self._series:
            self._series, self._picture = series, None
            self.refresh()

    def say(self, *lines: str) -> None:
        """Show these lines in the middle instead of a chart."""
        self._series, self._picture, self._text = None, None, lines
        self.refresh()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self.refresh())

    def on_resize(self) -> None:
        self._picture = None

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        styles = tones(self.app.theme)
        unicode = getattr(self.app, "unicode", True)
        if self._series is None:
            first = (height - len(self._text)) // 2
            text = self._text[y - first] if first <= y < first + len(self._text) else ""
            text = fitted(text, min(cell_len(text), width), "left", glyphs(unicode=unicode).ellipsis)
            pieces: tuple[Piece, ...] = (
                (" " * ((width - cell_len(text)) // 2) + text, "text" if y == first else "muted"),
            )
        else:
            if self._picture is None:
                self._picture = draw(self._series, width, height, unicode=unicode)
            pieces = self._picture.rows[y] if y < len(self._picture.rows) else ()
        return Strip([Segment(text, styles[tone]) for text, tone in pieces]).adjust_cell_length(width, styles["text"])
