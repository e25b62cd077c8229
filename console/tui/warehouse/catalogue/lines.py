"""What the catalogue shows, as plain values: databases, groups, tables and columns as lines, folded and filtered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from warehouse.words import rows_words

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from warehouse.catalogue import ColumnInfo, DatabaseInfo, TableInfo

ORDER: tuple[Literal["warehouse"], Literal["weather"]] = ("warehouse", "weather")
GROUPS = {
    "fact": ("facts", "One row a line of a sale: what is counted and summed."),
    "dimension": ("dimensions", "What the sales are told by: where, what, who, when."),
    "aggregate": ("aggregates", "Sums of the facts, always current; queries use them by themselves."),
    "view": ("views", "Queries that look like tables."),
    "table": ("tables", "Tables."),
    "bookkeeping": ("bookkeeping", "What was loaded and when; not part of the data."),
}
BOOKKEEPING = "bookkeeping"
LEAST_HEAD = 4  # characters of a name before the place where it is cut
_TYPES = {"INTEGER": "int", "REAL": "real", "TEXT": "text", "BLOB": "blob", "ANY": "any"}
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Level(Enum):
    """What a line is about."""

    DATABASE = auto()
    PROBLEM = auto()
    GROUP = auto()
    TABLE = auto()
    COLUMN = auto()


@dataclass(frozen=True, slots=True)
class CatalogueLine:
    """One line; `text` is the problem or the group's name, `unfolded` None where there is nothing to fold."""

    level: Level
    database: str
    table: TableInfo | None = None
    column: ColumnInfo | None = None
    text: str = ""
    unfolded: bool | None = None

    @property
    def key(self) -> str:
        """The same for the same thing, whatever is folded."""
        return ".".join(
            [
                self.database,
                self.text or (self.table.name if self.table else ""),
                self.column.name if self.column else "",
            ]
        )


def lines_of(
    databases: Sequence[DatabaseInfo], problems: Mapping[str, str], *, turned: frozenset[str], wanted: str = ""
) -> list[CatalogueLine]:
    """The lines. `turned` are the keys not as by default: databases and groups unfolded, tables, bookkeeping folded.

    With `wanted`, only tables and columns whose name holds it; a table found by its columns is unfolded by default.
    """
    found: list[CatalogueLine] = []
    known = {database.name: database for database in databases}
    for name in sorted({*known, *problems}, key=_rank):
        tables = _tables(known[name], turned, wanted.casefold()) if name in known else []
        if name in problems:
            tables.append(CatalogueLine(Level.PROBLEM, name, text=problems[name]))
        head = CatalogueLine(Level.DATABASE, name)
        unfolded = bool(wanted) or head.key not in turned
        if tables or not wanted:
            found += [replace(head, unfolded=unfolded), *(tables if unfolded else [])]
    return found


def quoted(name: str) -> str:
    """The name as SQL needs it."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def compact_count(count: int) -> str:
    """A number of rows in at most five characters: `9,999`, `90.6k`, `10.0M`."""
    if count < 10_000:
        return f"{count:,}"
    power = next(power for power in (1, 2, 3, 4) if count < 999.5 * 1000**power or power == 4)
    value = count / 1000**power
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f}{'kMGT'[power - 1]}"


def short_type(column: ColumnInfo) -> str:
    """The type in at most five characters; sealed cells are read as text."""
    if column.sensitive:
        return "text"
    return _TYPES.get(column.type.upper(), column.type.lower()[:5])


def short_name(name: str, width: int, siblings: Iterable[str], ellipsis: str = "…") -> str:
    """`name` in `width` characters, told apart from its siblings: without its common endings, then cut."""
    cut = _cut(name, width, ellipsis)
    if cut == name or all(_cut(other, width, ellipsis) != cut for other in siblings if other != name):
        return cut
    head = (width - 1) // 2
    return name[:head] + ellipsis + name[len(name) - (width - 1 - head) :]


def _cut(name: str, width: int, ellipsis: str) -> str:
    """At its end; where a whole word would be lost there, before the last one."""
    if len(name) <= width:
        return name
    stem = table_stem(name)
    return cut_within(stem, width, ellipsis) if len(stem) > width else stem[: max(width - 1, 0)] + ellipsis


def table_stem(name: str) -> str:
    """The name without what the names of all tables end with."""
    return name.removesuffix("_Table").removesuffix("_Aggregate")


def cut_within(name: str, width: int, ellipsis: str = "…") -> str:
    """`name` in at most `width` characters, its begin and its last word, if that would be lost at the end."""
    if len(name) <= width:
        return name
    last = name.rpartition("_")[2]
    head = width - 1 - len(last)
    if len(name) - len(last) < width - 1 or head < LEAST_HEAD:
        return name[: max(width - 1, 0)] + ellipsis
    return name[:head].rstrip("_") + ellipsis + last


def detail_of(line: CatalogueLine) -> tuple[str, str]:
    """The whole name of a line, and everything known about it, in words."""
    if line.column is not None:
        return line.column.name, _column_words(line.column)
    if line.table is not None:
        return line.table.name, _table_words(line.table)
    if line.level is Level.GROUP:
        return next(words for words in GROUPS.values() if words[0] == line.text)
    if line.level is Level.PROBLEM:
        return f"{line.database} cannot be read", line.text
    return line.database, "A database. Enter lets the editor query it."


def _table_words(table: TableInfo) -> str:
    rows = "counting its rows" if table.rows is None else rows_words(table.rows)
    if table.compression is None:
        return f"{table.kind}, {rows}"
    return f"{table.kind}, {rows}, ÷{table.compression:,.1f}: each the sum of {table.compression:,.1f} facts"


def _column_words(column: ColumnInfo) -> str:
    marks = [
        (column.primary_key, "primary key"),
        (bool(column.references), f"foreign key → {column.references}"),
        (column.sensitive, f"sealed, shown {'masked' if column.masked else 'in clear'}"),
        (column.computed, "computed, not stored"),
    ]
    kind = "TEXT" if column.sensitive else column.type
    return ", ".join([kind, *(words for there, words in marks if there)])


def _rank(database: str) -> tuple[int, str]:
    return next((rank for rank, name in enumerate(ORDER) if name == database), len(ORDER)), database


def _tables(database: DatabaseInfo, turned: frozenset[str], wanted: str) -> list[CatalogueLine]:
    grouped = any(table.kind == "fact" for table in database.tables)
    found: list[CatalogueLine] = []
    for kind, tables in groupby(database.tables, key=lambda table: table.kind):
        lines = [line for table in tables for line in _table(database.name, table, turned, wanted)]
        head = CatalogueLine(Level.GROUP, database.name, text=GROUPS.get(kind, (kind, ""))[0])
        if lines and kind == BOOKKEEPING:
            unfolded = bool(wanted) or head.key in turned
            found += [replace(head, unfolded=unfolded), *(lines if unfolded else [])]
        elif lines:
            unfolded = bool(wanted) or head.key not in turned
            found += [replace(head, unfolded=unfolded), *(lines if unfolded else [])] if grouped else lines
    return found


def _table(database: str, table: TableInfo, turned: frozenset[str], wanted: str) -> list[CatalogueLine]:
    named = wanted in table.name.casefold()
    columns = [column for column in table.columns if named or wanted in column.name.casefold()]
    if not columns and not named:
        return []
    key = CatalogueLine(Level.TABLE, database, table).key
    unfolded = (key in turned) == named  # found by a column: unfolded by default
    head = CatalogueLine(Level.TABLE, database, table, unfolded=unfolded)
    return [head, *(CatalogueLine(Level.COLUMN, database, table, column) for column in columns if unfolded)]
