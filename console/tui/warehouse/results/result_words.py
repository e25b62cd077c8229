"""What is said about a result, in words: how many rows, how long it took, how it is sorted and filtered."""

from __future__ import annotations

from collections.abc import Sequence

from console.tui.text import plain
from console.tui.warehouse.catalogue.lines import cut_within, table_stem
from console.tui.warehouse.results.result_cells import exact, visible
from warehouse.errors import QueryRefused
from warehouse.limits import QueryLimits
from warehouse.models import Cell
from warehouse.opened import Opened
from warehouse.shaping import Compare, Condition, Shape, parse_condition
from warehouse.words import rows_words

MOST = 24  # characters of a value in a condition


def took_words(elapsed_ms: float) -> str:
    """How long a query took, in a few characters."""
    if elapsed_ms < 1:
        return "under 1 ms"
    return f"{elapsed_ms:.0f} ms" if elapsed_ms < 10_000 else f"{elapsed_ms / 1000:.1f} s"


def origin_words(opened: Opened) -> list[str]:
    """As of when a result is, how long it took, from which tables."""
    sources = [f"from {', '.join(opened.source)}"] if opened.source else []
    return [*opened.notes, took_words(opened.elapsed_ms), *sources]


def short_origin_words(opened: Opened, *, name: int = 100) -> list[str]:
    """As of when, and from which tables without the ends of their names, each in at most `name` characters."""
    notes = [note.partition(" (")[0] for note in opened.notes]
    sources = [cut_within(table_stem(source), name) for source in opened.source]
    return [*notes, *([f"from {', '.join(sources)}"] if sources else [])]


def size_words(size: int) -> str:
    """A size in bytes, in a few characters."""
    if size < 10_000:
        return f"{size:,} bytes"
    return f"{size / 1000:,.0f} kB" if size < 10_000_000 else f"{size / 1_000_000:,.1f} MB"


def limits_words(limits: QueryLimits) -> str:
    """`30 s, all rows`."""
    rows = rows_words(limits.rows) if limits.rows else "all rows"
    return f"at most {limits.timeout_s:g} s, {rows}"


def value_words(value: Cell) -> str:
    """A value within a sentence."""
    if value is None:
        return "null"
    return visible(exact(value), MOST) if value != "" else '""'


def condition_words(columns: Sequence[str], condition: Condition) -> str:
    """`region is West`, `amount >= 100`."""
    name = plain(columns[condition.column])
    match condition.compare:
        case Compare.EMPTY | Compare.NOT_EMPTY:
            return f"{name} is {condition.compare}"
        case compare:
            return f"{name} {compare} {value_words(condition.value)}"


def filter_words(columns: Sequence[str], shape: Shape) -> str:
    """All conditions, empty if there are none."""
    return ", ".join(condition_words(columns, condition) for condition in shape.conditions)


def _reads_as(text: str, condition: Condition) -> bool:
    try:
        found = parse_condition(condition.column, text)
    except QueryRefused:
        return False
    return found == condition and type(found.value) is type(condition.value)


def condition_text(condition: Condition) -> str:
    """What one would type into the filter field for a condition."""
    sign = {Compare.IS: "=", Compare.IS_NOT: "!="}.get(condition.compare, condition.compare.value)
    value = condition.value
    if condition.compare in (Compare.EMPTY, Compare.NOT_EMPTY):
        return str(condition.compare)
    if value is None:
        return str(Compare.EMPTY if condition.compare is Compare.IS else Compare.NOT_EMPTY)
    if isinstance(value, str):
        # Quotes keep a text that looks like a number or a sign, or that has spaces or quotes at its ends.
        before = "" if condition.compare is Compare.CONTAINS else sign
        return f"{before}{value}" if _reads_as(f"{before}{value}", condition) else f'{before}"{value}"'
    return f"{sign} {exact(value)}" if condition.compare not in (Compare.IS, Compare.IS_NOT) else sign + exact(value)
