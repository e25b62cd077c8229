"""What can be queried: databases, their tables and columns, keys, joins, sizes, and which columns are sealed, as data.

Its structure is read at once; sizes take a walk over each table, so they come one by one (`row_counts`), and a table is
counted once for each state of the warehouse (`RowCounts`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

from warehouse.anchors import FACT_COUNT
from warehouse.database import DAMAGED
from warehouse.errors import QueryStopped, StoreBusy, StoreDamaged, StoreError
from warehouse.governed import Source
from warehouse.joins import Join
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, SENSITIVE
from warehouse.ports import Showing
from warehouse.publish import mark_of

BOOKKEEPING = ("migration", "batch")
STEPS_BETWEEN_LOOKS = 20_000  # virtual machine steps after which counting asks whether to stop


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column. `references` is `Table.column` for what leads to another table; `computed` ones are not stored.

    `masked` says that the session at hand sees a mask in it.
    """

    name: str
    type: str
    primary_key: bool
    references: str
    sensitive: bool
    computed: bool
    masked: bool = False


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table. `kind`: fact, dimension, aggregate, bookkeeping, view or table; `rows` None where it is not counted.

    `compression` is facts per row of an aggregate: 1 saves nothing.
    """

    name: str
    kind: str
    columns: tuple[ColumnInfo, ...]
    rows: int | None
    compression: float | None


@dataclass(frozen=True, slots=True)
class DatabaseInfo:
    """One database of the catalogue."""

    name: str
    tables: tuple[TableInfo, ...]

    @property
    def joins(self) -> tuple[Join, ...]:
        """Which table leads to which, by what key: of the facts, the dimensions and the aggregates."""
        return tuple(
            Join(table.name, column.name, column.references.partition(".")[0])
            for table in self.tables
            for column in table.columns
            if column.references.endswith(f".{column.name}")
        )


class RowCounts:
    """Remembers how many rows tables have, as long as nothing was loaded. Any thread may use it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[str, int]] = {}

    def of(self, connection: sqlite3.Connection, source: Source, table: str) -> int:
        """The rows of one table, counted unless that is known. Raises sqlite3.Error."""
        if not source.sealed:  # it has no batches that tell of changes
            return _rows(connection, table)
        key, mark = (str(source.path), table), mark_of(connection)
        known = self._known.get(key)
        if known is None or known[0] != mark:
            known = self._known[key] = mark, _rows(connection, table)
        return known[1]


def catalogue(
    source: Source,
    *,
    counts: bool = True,
    known: RowCounts | None = None,
    showing: Mapping[tuple[str, str], Showing] | None = None,
    stop: threading.Event | None = None,
) -> DatabaseInfo:
    """What `source` has. Without `counts` no table is walked over; what `showing` does not decide is masked.

    Raises `StoreError`, or `QueryStopped` soon after `stop` is set.
    """
    with _reading(source, stop) as connection:
        return DatabaseInfo(
            source.name, tuple(_tables(connection, source, counts, known or RowCounts(), showing or {}))
        )


def row_counts(
    source: Source, *, known: RowCounts | None = None, stop: threading.Event | None = None
) -> Iterator[tuple[str, int]]:
    """(table, rows) of every table, as they are counted: the quick ones first. Raises as `catalogue` does."""
    known = known or RowCounts()
    with _reading(source, stop) as connection:
        for name in sorted(_names(connection, source), key=_effort):
            yield name, known.of(connection, source, name)


def rows_of(
    source: Source, tables: Collection[str], *, known: RowCounts, stop: threading.Event | None = None
) -> dict[str, int]:
    """The rows of those of `tables` that `source` has, by name in lower case. Raises as `catalogue` does."""
    wanted = {table.lower() for table in tables}
    with _reading(source, stop) as connection:
        names = [name for name in _names(connection, source) if name.lower() in wanted]
        return {name.lower(): known.of(connection, source, name) for name in names}


def document(database: DatabaseInfo) -> dict[str, object]:
    """The catalogue of one database as JSON."""
    return {
        "database": database.name,
        "tables": [
            {
                "name": table.name,
                "kind": table.kind,
                "rows": table.rows,
                "compression": None if table.compression is None else round(table.compression, 2),
                "columns": [
                    {
                        "name": column.name,
                        "type": column.type,
                        "primary_key": column.primary_key,
                        "references": column.references or None,
                        "sensitive": column.sensitive,
                        "computed": column.computed,
                    }
                    for column in table.columns
                ],
            }
            for table in database.tables
        ],
    }


@contextmanager
def _reading(source: Source, stop: threading.Event | None) -> Iterator[sqlite3.Connection]:
    """A connection with the source's views; errors of SQLite become those of the warehouse."""
    if not source.path.exists():
        raise StoreError(f"there is no {source.name} database {source.path} yet")
    try:
        with closing(sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for name, select in source.views:
                connection.execute(f"CREATE TEMP VIEW {name} AS {select}")
            if stop is not None:
                connection.set_progress_handler(stop.is_set, STEPS_BETWEEN_LOOKS)
            yield connection
    except sqlite3.Error as error:
        if stop is not None and stop.is_set():
            raise QueryStopped("counting rows was cancelled") from error
        if any(sign in str(error) for sign in DAMAGED):
            raise StoreDamaged(f"{source.path} is damaged ({error}); restore it from a backup") from error
        kind = StoreBusy if "locked" in str(error) else StoreError
        raise kind(f"{source.path} cannot be read: {error}") from error


def _names(connection: sqlite3.Connection, source: Source) -> list[str]:
    names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    shown = [name for name in names if not name.startswith("sqlite_")]
    if source.tables is not None:
        shown = [name for name in shown if name in source.tables]
    return [*shown, *(name for name, _ in source.views)]


def _effort(table: str) -> int:
    """Where in the order of counting a table comes; the aggregates are listed from the largest to the smallest."""
    return len(AGGREGATES) - AGGREGATES.index(table) if table in AGGREGATES else 0


def _tables(
    connection: sqlite3.Connection,
    source: Source,
    counts: bool,
    known: RowCounts,
    showing: Mapping[tuple[str, str], Showing],
) -> list[TableInfo]:
    shown = _names(connection, source)
    rows = {name: known.of(connection, source, name) if counts else None for name in shown}
    facts = rows.get(FACT)
    columns = _implied({name: _columns(connection, name, showing) for name in shown})
    found = [
        TableInfo(name, _kind(name, source), columns[name], rows[name], _ratio(name, rows[name], facts))
        for name in shown
    ]
    order = ("fact", "dimension", "aggregate", "view", "table", "bookkeeping")
    return sorted(found, key=lambda table: order.index(table.kind))


def _implied(columns: dict[str, tuple[ColumnInfo, ...]]) -> dict[str, tuple[ColumnInfo, ...]]:
    """The same, where a column of an aggregate that is the key of a dimension leads there: none is declared."""
    keys = {
        column.name: f"{table}.{column.name}"
        for table in DIMENSIONS
        for column in columns.get(table, ())
        if column.primary_key
    }
    for table in AGGREGATES:
        if table in columns:
            columns[table] = tuple(replace(column, references=keys.get(column.name, "")) for column in columns[table])
    return columns


def _kind(name: str, source: Source) -> str:
    if name == FACT:
        return "fact"
    if name in DIMENSIONS:
        return "dimension"
    if name in AGGREGATES:
        return "aggregate"
    if name in BOOKKEEPING:
        return "bookkeeping"
    return "view" if name in dict(source.views) else "table"


def _rows(connection: sqlite3.Connection, name: str) -> int:
    sql = FACT_COUNT if name == FACT else f"SELECT count(*) FROM {name}"  # noqa: S608 - of the schema itself
    return int(connection.execute(sql).fetchone()[0] or 0)


def _ratio(name: str, rows: int | None, facts: int | None) -> float | None:
    return facts / rows if name in AGGREGATES and facts and rows else None


def _columns(
    connection: sqlite3.Connection, table: str, showing: Mapping[tuple[str, str], Showing]
) -> tuple[ColumnInfo, ...]:
    leads = {
        str(row[3]): f"{row[2]}.{row[4] or row[3]}" for row in connection.execute(f"PRAGMA foreign_key_list({table})")
    }
    return tuple(
        ColumnInfo(
            name=str(name),
            type=str(kind or "ANY").removesuffix(" GENERATED ALWAYS"),
            primary_key=bool(key),
            references=leads.get(str(name), ""),
            sensitive=(table, name) in SENSITIVE,
            computed=hidden in (2, 3),
            masked=(table, name) in SENSITIVE and showing.get((table, str(name))) is not Showing.CLEAR,
        )
        for _, name, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({table})")
    )
