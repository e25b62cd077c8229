"""Draws the numbers of a result with characters: bars, lines over time, a sparkline a series. Pure.

Colour is never the only sign: a line is named by a letter at its end, a negative bar by its side and its sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise

from rich.cells import cell_len

from console.tui.text import fitted, plain
from console.tui.warehouse.results.result_cells import Look, number
from console.tui.widgets.chart_canvas import Canvas
from console.tui.widgets.chart_scale import value_labels, value_ticks
from console.tui.widgets.line_panel import Line
from console.tui.widgets.sparkline import sparkline
from warehouse.chart_choice import ChartData

MOST_BARS = 300
ROWS_A_TICK = 3
EIGHTHS = " ▏▎▍▌▋▊▉█"
TONES = ("accent", "good", "wait", "busy", "bad", "text")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEAST_BAR = 8


# ---- bars -----------------------------------------------------------------------------------------------------------


def bars(data: ChartData, look: Look, width: int, *, unicode: bool) -> list[Line]:
    """A line a label and series, at most `MOST_BARS` of them; negative values go to the left of zero."""
    entries = _entries(data)
    known = [value for _label, _name, value in entries if value is not None]
    if not known:
        return [(("There is no number to draw.", "muted"),)]
    low, high = min(0.0, *known), max(0.0, *known)
    texts = ["no value" if value is None else number(value, look) for _label, _name, value in entries]
    named = max(cell_len(_named(label, name)) for label, name, _value in entries)
    room = max(map(cell_len, texts))
    named = max(min(named, width - room - LEAST_BAR - 3, max(width // 3, 8)), 1)
    space = max(width - named - room - 2, 1)
    left = round(space * -low / (high - low)) if high > low else 0
    left = min(max(left, 1), space) if low < 0 else 0  # a negative value is seen, however small
    return [
        (
            (fitted(_named(label, name), named), "text"),
            (" ", "text"),
            *_bar(value, low, high, left, space - left, unicode=unicode),
            (" ", "text"),
            (fitted(text, room, "right"), "muted" if value is None else "text"),
        )
        for (label, name, value), text in zip(entries, texts, strict=True)
    ]


def _entries(data: ChartData) -> list[tuple[str, str, float | None]]:
    several = len(data.series) > 1
    found = [
        (label, name if several else "", values[index])
        for index, label in enumerate(data.labels)
        for name, values in data.series
        if not several or values[index] is not None
    ]
    return found[:MOST_BARS]


def _named(label: str, name: str) -> str:
    text = plain(label) or '""'
    return f"{text}, {plain(name)}" if name else text


def _bar(
    value: float | None, low: float, high: float, left: int, right: int, *, unicode: bool
) -> list[tuple[str, str]]:
    if value is None or high <= low:
        return [(" " * (left + right), "text")]
    if value < 0:
        size = min(max(round(value / low * left), 1), left)
        sign = "▒" if unicode else "="
        return [(" " * (left - size), "text"), (sign * size, "bad"), (" " * right, "text")]
    drawn = _eighths(value / high * right, unicode=unicode) if high > 0 else ""
    return [(" " * left, "text"), (fitted(drawn, right), "accent")]


def _eighths(size: float, *, unicode: bool) -> str:
    if not unicode:
        return "#" * max(round(size), 1 if size > 0 else 0)
    whole, part = divmod(round(size * 8), 8)
    return "█" * whole + (EIGHTHS[part] if part else "▏" if size > 0 and not whole else "")


# ---- lines ----------------------------------------------------------------------------------------------------------


def lines(data: ChartData, width: int, height: int, *, unicode: bool) -> list[Line]:
    """Every series as a line over the labels, which are spaced as times if they are dates."""
    known = [value for _name, values in data.series for value in values if value is not None]
    if not known:
        return [(("There is no number to draw.", "muted"),)]
    several = len(data.series) > 1
    legend = _legend(data, width) if several else []
    rows = max(height - 2 - len(legend), 2)
    ticks = value_ticks(min(known), max(known), max(rows // ROWS_A_TICK + 1, 2))
    names = tick_words(ticks)
    gutter = max(map(len, names)) + 1
    columns = max(width - gutter - 1 - (2 if several else 0), 1)
    at = positions(data.labels)
    drawn = [_canvas(values, at, ticks, columns, rows, blocks=unicode) for _name, values in data.series]
    ends = _ends(data, ticks, rows) if several else {}
    named = {rows - 1 - round((tick - ticks[0]) / (ticks[-1] - ticks[0]) * (rows - 1)): name
             for tick, name in zip(ticks, names, strict=True)}  # fmt: skip
    bar, knot, dot = ("│", "┤", "·") if unicode else ("|", "+", ".")
    found: list[Line] = []
    for y in range(rows):
        pieces = [(f"{named.get(y, ''):>{gutter}}", "muted"), (knot if y in named else bar, "faint")]
        pieces += _merged([canvas.row(y) for canvas in drawn], dot if y in named else " ", letters=not unicode)
        if y in ends:
            pieces.append((f" {LETTERS[ends[y]]}", TONES[ends[y] % len(TONES)]))
        found.append(tuple(pieces))
    return [*found, *_label_axis(data.labels, at, gutter, columns, unicode=unicode), *legend]


def tick_words(ticks: Sequence[float]) -> list[str]:
    """The ticks as text, in thousands or millions where they are large."""
    most = max(map(abs, ticks))
    unit, sign = next(((u, s) for u, s in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if most >= 10 * u), (1.0, ""))
    labels = value_labels([tick / unit for tick in ticks])
    return [label + sign if float(label) else label for label in labels]


def positions(labels: Sequence[str]) -> list[float]:
    """Where each label stands between 0 and 1: by its time if all are times, else evenly."""
    times = [_instant(label) for label in labels]
    at = [time for time in times if time is not None]
    if len(at) == len(labels) and len(set(at)) == len(at) and len(at) > 1:
        first, span = min(at), max(at) - min(at)
        return [(time - first) / span for time in at]
    return [index / max(len(labels) - 1, 1) for index in range(len(labels))]


def _instant(label: str) -> float | None:
    """The days of a date, a month (`2026-03`) or a moment, None if a label is none of them."""
    text = label.strip()
    try:
        if len(text) == 7:
            return float(date.fromisoformat(f"{text}-01").toordinal())
        at = datetime.fromisoformat(text) if len(text) >= 10 else None
    except ValueError:
        return None
    return None if at is None else at.toordinal() + (at.hour * 3600 + at.minute * 60 + at.second) / 86_400


def _canvas(
    values: Sequence[float | None],
    at: Sequence[float],
    ticks: Sequence[float],
    columns: int,
    rows: int,
    *,
    blocks: bool,
) -> Canvas:
    canvas = Canvas(columns, rows, blocks=blocks)
    low, span = ticks[0], ticks[-1] - ticks[0]
    dots = [
        None
        if value is None
        else (round(x * (canvas.width - 1)), canvas.height - 1 - round((value - low) / span * (canvas.height - 1)))
        for x, value in zip(at, values, strict=True)
    ]
    for point in dots:
        if point is not None:
            canvas.point(*point)
    for before, after in pairwise(dots):
        if before is not None and after is not None:
            canvas.line(*before, *after)
    return canvas


def _merged(rows: Sequence[Sequence[str]], empty: str, *, letters: bool) -> list[tuple[str, str]]:
    """The signs of several lines in one row, the first line on top; in ASCII, each is drawn with its letter."""
    pieces: list[tuple[str, str]] = []
    for signs in zip(*rows, strict=True):
        index = next((n for n, sign in enumerate(signs) if sign), None)
        if index is None:
            text, tone = empty, "faint"
        else:
            text = LETTERS[index % len(LETTERS)] if letters and len(rows) > 1 else signs[index]
            tone = TONES[index % len(TONES)]
        if pieces and pieces[-1][1] == tone:
            pieces[-1] = (pieces[-1][0] + text, tone)
        else:
            pieces.append((text, tone))
    return pieces


def _ends(data: ChartData, ticks: Sequence[float], rows: int) -> dict[int, int]:
    """The row that names each series at the right end: that of its last value, or the nearest free one."""
    found: dict[int, int] = {}
    for index, (_name, values) in enumerate(data.series[: min(len(LETTERS), rows)]):
        last = next((value for value in reversed(values) if value is not None), None)
        if last is None:
            continue
        wanted = rows - 1 - round((last - ticks[0]) / (ticks[-1] - ticks[0]) * (rows - 1))
        found[min((y for y in range(rows) if y not in found), key=lambda y: abs(y - wanted))] = index
    return found


def _legend(data: ChartData, width: int) -> list[Line]:
    """`a West  b East`, on as many lines as it takes, three at most."""
    found: list[list[tuple[str, str]]] = [[]]
    used = 0
    for index, (name, _values) in enumerate(data.series[: len(LETTERS)]):
        text = fitted(plain(name) or '""', min(cell_len(plain(name) or '""'), 24))
        size = cell_len(text) + 4
        if used + size > width and found[-1]:
            found.append([])
            used = 0
        found[-1] += [(f" {LETTERS[index]} ", TONES[index % len(TONES)]), (f"{text} ", "text")]
        used += size
    return [tuple(line) for line in found[:3]]


def _label_axis(labels: Sequence[str], at: Sequence[float], gutter: int, columns: int, *, unicode: bool) -> list[Line]:
    rule, knot, corner = ("─", "┬", "└") if unicode else ("-", "+", "+")
    axis, names = [rule] * columns, ""
    longest = max((cell_len(plain(label)) for label in labels), default=1)
    step = max(math.ceil(len(labels) / max(columns // (longest + 2), 1)), 1)
    for index in range(0, len(labels), step):
        text = plain(labels[index])
        x = round(at[index] * (columns - 1))
        start = min(max(x - cell_len(text) // 2, 0), max(columns - cell_len(text), 0))
        if names and start < cell_len(names) + 1:
            continue
        axis[x] = knot
        names += " " * (start - cell_len(names)) + fitted(text, min(cell_len(text), columns))
    return [
        ((" " * gutter, "muted"), (corner, "faint"), ("".join(axis), "faint")),
        ((" " * (gutter + 1), "muted"), (names, "muted")),
    ]


# ---- sparklines -----------------------------------------------------------------------------------------------------


def sparklines(data: ChartData, look: Look, width: int, *, signs: str, gap: str) -> list[Line]:
    """A row of bars a series, with its least, greatest and last value below."""
    found: list[Line] = []
    for name, values in data.series[:MOST_BARS]:
        known = [value for value in values if value is not None]
        found.append(((plain(name) or '""', "strong"),))
        if not known:
            found += [(("no number", "muted"),), ()]
            continue
        wide = min(width, max(len(values), 1))
        found.append(((sparkline(values, width=wide, bars=signs, gap=gap), "accent"),))
        told = [("least", min(known)), ("greatest", max(known)), ("last", known[-1])]
        found += [((", ".join(f"{what} {number(value, look)}" for what, value in told), "muted"),), ()]
    return found
