"""How a session sees the sealed columns: TEMP views that take the place of their table, and the cells they show.

A masked column of the view is a constant: it never reads the sealed cell, so it costs nothing and has nothing to
disclose. So are the columns that name files, which are not for queries: they read as NULL, whatever is joined on them.
A clear column opens the cell only where its value is used. The table itself is read by an inner view alone, of a name
that nobody can guess: in that view's name, and in no other, the authorizer permits it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from warehouse.errors import QueryRefused
from warehouse.models import MASK, SENSITIVE
from warehouse.ports import CellCipher, ColumnGuard, Showing
from warehouse.sql_text import Token, where

OPEN_CELL = "open_sealed_cell"
UNREADABLE = "(unreadable)"
PATHS = frozenset({("batch", "source"), ("batch", "rejects_file")})  # `warehouse load` tells them


def decide(guard: ColumnGuard | None) -> dict[tuple[str, str], Showing]:
    """How each sensitive column is seen; masked where nobody decides otherwise."""
    if guard is None:
        return dict.fromkeys(SENSITIVE, Showing.MASKED)
    return {column: guard.showing(*column) for column in sorted(SENSITIVE)}


def install_views(
    connection: sqlite3.Connection,
    showing: Mapping[tuple[str, str], Showing],
    cipher: CellCipher | None,
    unreadable: Callable[[], None],
) -> dict[str, str]:
    """Put a TEMP view over every table that has sensitive columns or paths; its inner view by table, in lower case.

    Without a cipher, all of them are masked. `unreadable` is told of the first cell that does not open.
    """
    untold = [unreadable]

    def open_cell(sealed: bytes, table: str, column: str, row: int) -> str:
        if cipher is None or showing.get((table, column)) is not Showing.CLEAR:
            return MASK
        try:
            return cipher.open(sealed, table=table, column=column, row=row)
        except (ValueError, TypeError):
            if untold:
                untold[0]()
                untold.clear()
            return UNREADABLE

    connection.create_function(OPEN_CELL, 4, open_cell, deterministic=True)
    inner = {}
    for table in sorted({table for table, _ in PATHS.union(showing)}):
        columns = [(str(row[1]), bool(row[5])) for row in connection.execute(f"PRAGMA main.table_info({table})")]
        key = next(name for name, is_key in columns if is_key)
        cells = [_cell(table, name, key, showing.get((table, name)), cipher) for name, _ in columns]
        hidden = inner[table.lower()] = f"cells_{secrets.token_hex(16)}"
        # Of the schema's own names and a random one.
        connection.execute(f"CREATE TEMP VIEW {hidden} AS SELECT {', '.join(cells)} FROM main.{table}")  # noqa: S608
        connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM temp.{hidden}")  # noqa: S608
    return inner


def past_its_view(table: str) -> str:
    """Why a table, in lower case, is not read but through its view."""
    what = "names of files" if any(table == where for where, _ in PATHS) else "sealed cells"
    return f"main.{table} has {what}; write the table without `main.`"


def refuse_sealed(found: Sequence[Token], tables: Collection[str], text: str) -> None:
    """Raise `QueryRefused` where a table with sealed cells is named past its view.

    FULL JOIN … USING reads the columns that it joins without asking the authorizer, so the name itself is refused.
    """
    for schema, dot, table in zip(found, found[1:], found[2:], strict=False):
        if dot.text == "." and _bare(schema) == "main" and _bare(table) in tables:
            raise QueryRefused(
                f"not permitted: {past_its_view(_bare(table))}{where(text, schema.start)}",
                position=schema.start,
            )


def reads_sealed(program: Iterable[tuple[object, ...]], root_page: int, columns: Collection[int]) -> bool:
    """Whether a compiled query (the rows of EXPLAIN) takes one of these columns out of the table at that page."""
    cursors = set()
    for _, opcode, first, second, third, *_ in program:
        if opcode == "OpenRead" and (second, third) == (root_page, 0):
            cursors.add(first)
        elif opcode == "Column" and first in cursors and second in columns:
            return True
    return False


def _bare(token: Token) -> str:
    return token.text[1:-1].lower() if token.kind == "string" else token.name


def _cell(table: str, column: str, key: str, showing: Showing | None, cipher: CellCipher | None) -> str:
    if (table, column) in PATHS:
        return f"NULL AS {column}"
    if showing is None:
        return column
    if showing is Showing.CLEAR and cipher is not None:
        return f"{OPEN_CELL}({column}, '{table}', '{column}', {key}) AS {column}"
    return f"'{MASK}' AS {column}"
