"""What one column of a result holds: its values with their rows, and a summary. One GROUP BY each, within limits.

Values are told apart as SQLite does it: 1 and 1.0 are one value, 1 and '1' are two, and letters in another case too.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from warehouse.errors import QueryRefused
from warehouse.models import Cell
from warehouse.opened import Kind, Opened

FACETS = 200
KEY = re.compile(r"(?:\w*_)?(?:id|key|year|month_number|day)", re.IGNORECASE)  # numbers that nobody adds up
BINS = 20

COUNTED = (
    "counted AS MATERIALIZED (SELECT c{column} AS value, count(*) AS n FROM {{rows}} GROUP BY c{column} COLLATE BINARY)"
)
VALUES = """
SELECT 0, count(value), coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE value IS NULL), 0) FROM counted
UNION ALL
SELECT * FROM (SELECT 1, value, n, 0 FROM counted WHERE value IS NOT NULL ORDER BY n DESC, value LIMIT {limit})"""
# Whole numbers are added in two halves, neither of which can overflow.
SUMMARY = """,
numbers AS (SELECT value, n, {number} AS number FROM counted WHERE {is_number}),
steps AS (SELECT min(number) AS least, max(number) AS most FROM numbers WHERE abs(number) < 1e300)
SELECT 0, count(value), coalesce(sum(n), 0), coalesce(sum(n) FILTER (WHERE value IS NULL), 0), min(value), max(value),
       (SELECT sum(n) FROM numbers),
       (SELECT sum(({whole} >> 31) * n) FROM numbers WHERE {is_whole}),
       (SELECT sum(({whole} & 2147483647) * n) FROM numbers WHERE {is_whole}),
       (SELECT total(number * n) FROM numbers WHERE NOT ({is_whole}))
FROM counted
UNION ALL
SELECT 1, CASE WHEN most > least THEN min(CAST((number * 1.0 - least) * {bins} / (most * 1.0 - least) AS INTEGER),
                                          {bins} - 1) ELSE 0 END AS bin,
       sum(n), 0, 0, 0, 0, 0, 0, 0
FROM numbers, steps WHERE abs(number) < 1e300 GROUP BY bin"""
IN_CENTS = "CAST(round(number * 100) AS INTEGER)"


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a column, and the rows that have it."""

    value: Cell
    rows: int


@dataclass(frozen=True, slots=True)
class Facets:
    """The values of a column, most rows first; `more` says that there are others. `distinct` leaves null out."""

    column: str
    values: tuple[Facet, ...]
    distinct: int
    nulls: int
    rows: int
    more: bool


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """A column in numbers; `mean`, `total` and `histogram` are of the numbers in it, None and empty without any.

    `histogram` counts the rows in 20 equal steps from the least to the most, of dates too. Money adds up to the cent.
    """

    column: str
    kind: Kind
    rows: int
    nulls: int
    distinct: int
    least: Cell
    most: Cell
    mean: float | None
    total: int | float | None
    histogram: tuple[int, ...]


def facets_of(opened: Opened, column: int, *, stop: threading.Event | None = None) -> Facets:
    """The values of a column, counted from 0. Raises as `Session` does."""
    _check(opened, column)
    about = COUNTED.format(column=column) + VALUES.format(limit=FACETS + 1)
    totals, *found = opened.result.measure(about, stop)
    _, distinct, rows, nulls = totals
    values = tuple(Facet(value, _whole(count)) for _, value, count, _ in found)
    return Facets(
        column=opened.columns[column],
        values=values[:FACETS],
        distinct=_whole(distinct),
        nulls=_whole(nulls),
        rows=_whole(rows),
        more=len(values) > FACETS,
    )


def summary_of(opened: Opened, column: int, *, stop: threading.Event | None = None) -> ColumnSummary:
    """A column, counted from 0, in numbers. Raises as `Session` does."""
    _check(opened, column)
    kind = opened.kinds[column]
    dates, money = kind is Kind.DATE, kind is Kind.MONEY
    about = COUNTED.format(column=column) + SUMMARY.format(
        number="julianday(value)" if dates else "value",
        is_number="julianday(value) IS NOT NULL" if dates else "typeof(value) IN ('integer', 'real')",
        whole=IN_CENTS if money else "number",
        is_whole="abs(number) < 1e15" if money else "typeof(number) = 'integer'",
        bins=BINS,
    )
    totals, *steps = opened.result.measure(about, stop)
    _, distinct, rows, nulls, least, most, numbers, high, low, rest = totals
    histogram = [0] * BINS
    for step in steps:
        histogram[_whole(step[1])] = _whole(step[2])
    count = 0 if dates else _whole(numbers)
    whole = (_whole(high) << 31) + _whole(low)
    other = float(rest or 0)
    total: int | float = whole / 100 + other if money else whole + other if other else whole
    name = opened.columns[column]
    adds_up = bool(count) and KEY.fullmatch(name) is None
    return ColumnSummary(
        column=name,
        kind=kind,
        rows=_whole(rows),
        nulls=_whole(nulls),
        distinct=_whole(distinct),
        least=least,
        most=most,
        mean=total / count if adds_up else None,
        total=total if adds_up else None,
        histogram=tuple(histogram) if steps and KEY.fullmatch(name) is None else (),
    )


def _check(opened: Opened, column: int) -> None:
    if not 0 <= column < len(opened.columns):
        raise QueryRefused(f"there is no column {column + 1}: the result has {len(opened.columns)}")


def _whole(cell: Cell) -> int:
    return int(cell or 0)
