"""How a session sees the sealed columns: TEMP views that take the place of their table, and the cells they show.

A masked column of the view is a constant: it never reads the sealed cell, so it costs nothing and has nothing to
disclose. A clear column opens the cell only where its value is used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from warehouse.models import MASK, SENSITIVE
from warehouse.ports import CellCipher, ColumnGuard, Showing

OPEN_CELL = "open_sealed_cell"
UNREADABLE = "(unreadable)"


def decide(guard: ColumnGuard | None) -> dict[tuple[str, str], Showing]:
    """How each sensitive column is seen; masked where nobody decides otherwise."""
    if guard is None:
        return dict.fromkeys(SENSITIVE, Showing.MASKED)
    return {column: guard.showing(*column) for column in sorted(SENSITIVE)}


def install_views(
    connection: sqlite3.Connection, showing: Mapping[tuple[str, str], Showing], cipher: CellCipher | None
) -> None:
    """Put a TEMP view over every table that has sensitive columns. Without a cipher, all of them are masked."""

    def open_cell(sealed: bytes, table: str, column: str, row: int) -> str:
        if cipher is None or showing.get((table, column)) is not Showing.CLEAR:
            return MASK
        try:
            return cipher.open(sealed, table=table, column=column, row=row)
        except (ValueError, TypeError):
            return UNREADABLE

    connection.create_function(OPEN_CELL, 4, open_cell, deterministic=True)
    for table in sorted({table for table, _ in showing}):
        columns = [(str(row[1]), bool(row[5])) for row in connection.execute(f"PRAGMA main.table_info({table})")]
        key = next(name for name, is_key in columns if is_key)
        cells = [_cell(table, name, key, showing.get((table, name)), cipher) for name, _ in columns]
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT {', '.join(cells)} FROM main.{table}")  # noqa: S608


def _cell(table: str, column: str, key: str, showing: Showing | None, cipher: CellCipher | None) -> str:
    if showing is None:
        return column
    if showing is Showing.CLEAR and cipher is not None:
        return f"{OPEN_CELL}({column}, '{table}', '{column}', {key}) AS {column}"
    return f"'{MASK}' AS {column}"
