"""What can be queried: databases, their tables and columns, keys, sizes, and which columns are sealed, as data."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from warehouse.browse import FACT_COUNT
from warehouse.errors import StoreError
from warehouse.governed import Source
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, SENSITIVE

BOOKKEEPING = ("migration", "batch")


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column. `references` is `Table.column` for a foreign key; `computed` ones are not stored."""

    name: str
    type: str
    primary_key: bool
    references: str
    sensitive: bool
    computed: bool


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


def catalogue(source: Source, *, counts: bool = True) -> DatabaseInfo:
    """What `source` has. Counting walks the smaller tables; the facts are counted from an aggregate.

    Raises `StoreError`.
    """
    if not source.path.exists():
        raise StoreError(f"there is no {source.name} database {source.path} yet")
    try:
        with closing(sqlite3.connect(f"{source.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            for name, select in source.views:
                connection.execute(f"CREATE TEMP VIEW {name} AS {select}")
            return DatabaseInfo(source.name, tuple(_tables(connection, source, counts)))
    except sqlite3.Error as error:
        raise StoreError(f"{source.path} cannot be read: {error}") from error


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


def _tables(connection: sqlite3.Connection, source: Source, counts: bool) -> list[TableInfo]:
    names = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    shown = [name for name in names if not name.startswith("sqlite_")]
    if source.tables is not None:
        shown = [name for name in shown if name in source.tables]
    shown = [*shown, *(name for name, _ in source.views)]
    rows = {name: _rows(connection, name) if counts else None for name in shown}
    facts = rows.get(FACT)
    found = [
        TableInfo(name, _kind(name, source), _columns(connection, name), rows[name], _ratio(name, rows[name], facts))
        for name in shown
    ]
    order = ("fact", "dimension", "aggregate", "view", "table", "bookkeeping")
    return sorted(found, key=lambda table: order.index(table.kind))


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


def _columns(connection: sqlite3.Connection, table: str) -> tuple[ColumnInfo, ...]:
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
        )
        for _, name, kind, _, _, key, hidden in connection.execute(f"PRAGMA table_xinfo({table})")
    )
