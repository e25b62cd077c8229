"""Which chart suits a result, from its shape alone, and the numbers of that chart.

1. One row or none, or no number: no chart, and why.
2. A period (a date, an hour, a year, a year and its month or quarter) and numbers: lines in the order of time.
3. A label and a number: bars. Another label makes a series of each of its values: at most six, the rest together as
   `other` where values add up, else left out, which is said.
4. Numbers alone: a sparkline in the order of the rows.

Keys and times are no measures: a column of whole numbers called `…_id`, a year or a month is a label. Of several
measures money comes first, then sums, then other numbers, and counts of rows last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from warehouse.models import Cell
from warehouse.opened import Kind

ChartKind = Literal["bars", "lines", "sparkline", "none"]
Rows = Sequence[Sequence[Cell]]
MOST_SERIES = 6
MOST_LABELS = 60  # bars that somebody still looks through
MOST_DRAWN = 1e300  # the difference of two numbers is then finite too
OTHER = "other"
NOTHING = "–"

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.MONEY})
_KEY = re.compile(r"id|.*_id|rowid|rank|position|.*_number", re.IGNORECASE)
_LABEL_KEY = re.compile(r"id|.*_id|rowid", re.IGNORECASE)
_YEAR = re.compile(r"year|.*_year", re.IGNORECASE)
_PART_OF_YEAR = re.compile(r"month_number|month|quarter|week", re.IGNORECASE)
_HOUR = re.compile(r"hour|.*_hour|.*_time", re.IGNORECASE)
_DAY_KEY = re.compile(r"time_id|.*_day_id", re.IGNORECASE)
_NEVER_ADDED = re.compile(
    r".*\b(?:avg|min|max|mean|median|count\(\s*distinct)\b.*|.*(?:average|mean|median|price|share|ratio|percent|rate"
    r"|temperature|humidity|speed|distinct|rank|least|most|min|max|avg).*",
    re.IGNORECASE,
)
_MONEY = re.compile(
    r"(?:.*[^a-z])?(?:revenue|rev|amount|sales|turnover|profit|margin|costs?|cents|money)(?:[^a-z].*)?", re.IGNORECASE
)
_SUM = re.compile(r"(?:.*[^a-z])?(?:sum|total|quantity|units)(?:[^a-z].*)?", re.IGNORECASE)
_COUNT = re.compile(r"n|(?:.*[^a-z])?(?:count|counts|rows|number|facts)(?:[^a-z].*)?", re.IGNORECASE)
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """A chart of a result; `label`, `value` and `series` are positions of its columns.

    `period` are the columns that make the label together (year and month), `adds_up` whether values may be summed.
    """

    kind: ChartKind
    label: int | None
    value: int | None
    series: int | None
    because: str
    period: tuple[int, ...] = ()
    adds_up: bool = True


@dataclass(frozen=True, slots=True)
class ChartData:
    """What is drawn: a value for each label in every series, None where there is no row.

    `left_out` says in words what is not in it, empty if everything is.
    """

    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[float | None, ...]], ...]
    left_out: str = ""


def choose(
    columns: Sequence[str],
    kinds: Sequence[Kind],
    rows: Rows,
    *,
    kind: ChartKind | None = None,
    label: int | None = None,
    value: int | None = None,
    series: int | None = None,
) -> ChartChoice:
    """The chart that suits; what is given is kept as it was asked for."""
    if len(rows) < 2:
        return _none("one row makes no chart" if rows else "there are no rows")
    numbers = [i for i, found in enumerate(kinds) if found in _NUMBERS]
    if not numbers:
        return _none("no column holds numbers")
    period = _period(columns, kinds) if label is None else _period_of(label, columns, kinds)
    if label is None and kind != "lines" and len({tuple(row[i] for i in period) for row in rows}) < 2:
        period = ()  # all of it is of one time, which tells nothing apart
    if value is None:
        value = _value(columns, kinds, {*period, label, series})
    if value is None:
        return _none("every column with numbers is a key or a period: there is nothing to measure")
    if kinds[value] not in _NUMBERS:
        return _none(f"{columns[value]} holds no numbers")
    labels = _labels(columns, kinds, {*period, value})
    adds_up = not _NEVER_ADDED.fullmatch(columns[value])
    if kind == "sparkline" or (kind is None and label is None and not period and not labels):
        because = f"{columns[value]} in the order of the rows"
        return ChartChoice("sparkline", None, value, None, because, adds_up=adds_up)
    if label is None:
        label = period[0] if period else next((i for i in labels if i != series), None)
    if label is None:
        return _none("no column names what the numbers are of")
    if series is None:
        named = [i for i in labels if i != label]
        if adds_up:  # rows of one label are added up: keys need no line each
            named = [i for i in named if not _LABEL_KEY.fullmatch(columns[i])]
        series = _series(rows, named, (label, *period))
    chosen: ChartKind = kind or ("lines" if period else "bars")
    over = " and ".join(columns[i] for i in period or (label,))
    because = f"{columns[value]} {'over' if chosen == 'lines' else 'by'} {over}"
    because += f", a series for each {columns[series]}" if series is not None else ""
    return ChartChoice(chosen, label, value, series, because, period, adds_up)


def pivot(rows: Rows, choice: ChartChoice) -> ChartData:
    """The numbers of a chosen chart. Rows of the same label and series are added up, or the last one counts."""
    if choice.kind == "none" or choice.value is None:
        return ChartData((), ())
    if choice.label is None:
        values = tuple(_number(row[choice.value]) for row in rows)
        return _within_reach(ChartData(tuple(str(n) for n in range(1, len(values) + 1)), (("", values),)))
    parts = choice.period or (choice.label,)
    cells: dict[tuple[str, ...], dict[tuple[Cell, ...], float]] = {}
    labels: dict[tuple[Cell, ...], None] = {}
    for row in rows:
        at = tuple(row[i] for i in parts)
        labels[at] = None
        number = _number(row[choice.value])
        name = () if choice.series is None else (_text(row[choice.series]),)
        line = cells.setdefault(name, {})
        if number is not None:
            line[at] = line.get(at, 0.0) + number if choice.adds_up else number
    kept, left_out = _largest(cells, choice)
    order = sorted(labels, key=_in_time) if choice.period or choice.kind == "lines" else list(labels)
    if choice.kind == "bars" and not choice.period and len(order) > MOST_LABELS:
        left_out = "; ".join(filter(None, [left_out, f"{len(order) - MOST_LABELS:,} more labels are left out"]))
        order = order[:MOST_LABELS]
    series = tuple((name, tuple(line.get(at) for at in order)) for name, line in kept)
    return _within_reach(ChartData(tuple(_label(at) for at in order), series, left_out))


def _within_reach(data: ChartData) -> ChartData:
    """The same without numbers, or sums, so large that no scale reaches from one to another."""
    series = tuple(
        (name, tuple(value if value is not None and abs(value) < MOST_DRAWN else None for value in values))
        for name, values in data.series
    )
    if series == data.series:
        return data
    left_out = "; ".join(filter(None, [data.left_out, f"numbers of {MOST_DRAWN:g} and more are left out"]))
    return replace(data, series=series, left_out=left_out)


def _none(because: str) -> ChartChoice:
    return ChartChoice("none", None, None, None, because)


def _period(columns: Sequence[str], kinds: Sequence[Kind]) -> tuple[int, ...]:
    """The columns that tell the time together: the finest that there are."""
    by_name = list(enumerate(columns))
    for index, found in enumerate(kinds):
        if found is Kind.DATE or (_DAY_KEY.fullmatch(columns[index]) and found is Kind.INTEGER):
            return (index,)
    year = next((i for i, name in by_name if _YEAR.fullmatch(name) and kinds[i] is Kind.INTEGER), None)
    parts = [i for i, name in by_name if _PART_OF_YEAR.fullmatch(name)]
    # A month's number sorts where its name does not.
    part = min(parts, key=lambda i: (kinds[i] is not Kind.INTEGER, "month" not in columns[i].lower()), default=None)
    if year is not None:
        return (year,) if part is None else (year, part)
    if part is not None:
        return (part,)
    return next(((i,) for i, name in by_name if _HOUR.fullmatch(name) and kinds[i] is Kind.INTEGER), ())


def _period_of(label: int, columns: Sequence[str], kinds: Sequence[Kind]) -> tuple[int, ...]:
    """The same where somebody chose the label: its period, if it is part of one."""
    period = _period(columns, kinds)
    return period if label == (period[0] if period else None) else ()


def measures(columns: Sequence[str], kinds: Sequence[Kind]) -> list[int]:
    """The columns whose numbers measure something, in their order: neither keys nor times."""
    no_measure = (_KEY, _YEAR, _PART_OF_YEAR)
    return [
        i
        for i, (name, kind) in enumerate(zip(columns, kinds, strict=True))
        if kind in _NUMBERS and not any(sort.fullmatch(name) for sort in no_measure)
    ]


def _value(columns: Sequence[str], kinds: Sequence[Kind], taken: set[int | None]) -> int | None:
    """The measure that matters most; of several alike, the last one."""
    free = [i for i in measures(columns, kinds) if i not in taken]
    adding = [i for i in free if not _NEVER_ADDED.fullmatch(columns[i])]
    return max(adding or free, key=lambda i: (_weight(columns[i], kinds[i]), i), default=None)


def _weight(name: str, kind: Kind) -> int:
    """3 for money, 2 for a sum, 1 for another number, 0 for a count."""
    if _COUNT.fullmatch(name):
        return 0
    return 3 if kind is Kind.MONEY or _MONEY.fullmatch(name) else 2 if _SUM.fullmatch(name) else 1


def _labels(columns: Sequence[str], kinds: Sequence[Kind], taken: set[int]) -> list[int]:
    """The columns that name things: words before keys, which tell less."""
    words = [i for i, kind in enumerate(kinds) if kind in (Kind.TEXT, Kind.FLAG, Kind.DATE)]
    keys = [
        i
        for i, kind in enumerate(kinds)
        if kind is Kind.INTEGER and (_LABEL_KEY.fullmatch(columns[i]) or _YEAR.fullmatch(columns[i]))
    ]
    return [i for i in (*words, *keys) if i not in taken]


def _series(rows: Rows, candidates: Sequence[int], label: tuple[int, ...]) -> int | None:
    """The column that tells rows of the same label apart; none where the label does that already."""
    seen = {tuple(row[i] for i in label) for row in rows}
    if len(seen) == len(rows):
        return None
    varied = [(len({row[i] for row in rows}), i) for i in candidates]
    few = [(values, i) for values, i in varied if values > 1]
    return min(few)[1] if few else None


def _largest(
    cells: dict[tuple[str, ...], dict[tuple[Cell, ...], float]], choice: ChartChoice
) -> tuple[list[tuple[str, dict[tuple[Cell, ...], float]]], str]:
    """The series that are drawn, and what is left out in words."""
    named = [(name[0] if name else "", line) for name, line in cells.items()]
    if len(named) <= MOST_SERIES:
        return named, ""
    ranked = sorted(named, key=lambda item: -sum(map(abs, item[1].values())))
    if not choice.adds_up:
        return ranked[:MOST_SERIES], f"{len(named) - MOST_SERIES:,} series are left out: their values do not add up"
    rest: dict[tuple[Cell, ...], float] = {}
    for _, line in ranked[MOST_SERIES - 1 :]:
        for at, number in line.items():
            rest[at] = rest.get(at, 0.0) + number
    return [*ranked[: MOST_SERIES - 1], (OTHER, rest)], ""


def _in_time(at: tuple[Cell, ...]) -> tuple[tuple[int, float, str], ...]:
    """Numbers by size, months by the calendar, all else by its letters; what is empty comes first."""
    return tuple(
        (0, 0.0, "")
        if cell is None
        else (1, float(cell), "")
        if isinstance(cell, int | float)
        else (1, float(_MONTHS.index(cell) + 1), "")
        if cell in _MONTHS
        else (2, 0.0, _text(cell))
        for cell in at
    )


def _label(at: tuple[Cell, ...]) -> str:
    if len(at) == 2 and isinstance(at[0], int) and isinstance(at[1], int):
        return f"{at[0]}-{at[1]:02}"
    if len(at) == 1 and isinstance(at[0], int) and 1000_01_01 <= at[0] <= 9999_12_31:
        return f"{at[0] // 10000}-{at[0] // 100 % 100:02}-{at[0] % 100:02}"
    return " ".join(map(_text, at))


def _text(cell: Cell) -> str:
    if cell is None:
        return NOTHING
    return cell.hex() if isinstance(cell, bytes) else str(cell)


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None
