"""Loading the optional duckdb package, and handing it the warehouse's tables as text, without personal data."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import ModuleType

from warehouse.errors import EngineMissing
from warehouse.models import SENSITIVE

ROWS_A_PIECE = 500
MISSING = "DuckDB is not installed, and this needs it: `pip install '.[warehouse]'` in Lakewarden's folder"

INTEGER, TEXT = "BIGINT", "VARCHAR"


def load_duckdb() -> ModuleType:
    """The duckdb package. Raises `EngineMissing` where it is not installed."""
    try:
        import duckdb
    except ImportError as error:
        raise EngineMissing(MISSING) from error
    return duckdb


def public_columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    """The stored columns of a table that are not sensitive, with their DuckDB types."""
    found = connection.execute("SELECT name, type FROM pragma_table_info(?)", (table,)).fetchall()
    return {str(name): INTEGER if kind == "INTEGER" else TEXT for name, kind in found if (table, name) not in SENSITIVE}


def write_csv(connection: sqlite3.Connection, table: str, columns: dict[str, str], path: Path) -> int:
    """The public columns of a table as CSV without a header; SQLite itself makes the text. Returns the rows."""
    fields = ",".join("%d" if kind == INTEGER else '"%s"' for kind in columns.values())
    values = ", ".join(name if kind == INTEGER else f"replace({name}, '\"', '\"\"')" for name, kind in columns.items())
    rows = 0
    # A line a row, many rows a piece: Python then handles a piece, not a row.
    sql = (
        f"SELECT group_concat(printf('{fields}', {values}), char(10)), count(*) FROM {table} "  # noqa: S608
        f"GROUP BY rowid / {ROWS_A_PIECE}"
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        for piece, count in connection.execute(sql):
            file.write(piece)
            file.write("\n")
            rows += count
    return rows


def csv_relation(path: Path, columns: dict[str, str]) -> str:
    """DuckDB's table function that reads such a file."""
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    return f"read_csv({quoted(path)}, header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', columns = {{{types}}})"  # noqa: E501


def quoted(path: Path) -> str:
    """A path as a string of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
