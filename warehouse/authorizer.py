"""What a statement of a user may do, decided on what SQLite understood of it. It denies or hides unconditionally.

1. Only SELECT, its functions and recursion: no write, ATTACH, PRAGMA, transaction or anything else.
2. Only tables that the session was opened with, and functions that are known to be harmless.
3. A table with sealed columns, or with names of files, is read by the session's own inner view alone, whose name
   cannot be guessed: a CTE may carry any name that is known, and NATURAL JOIN compares columns without asking. Columns
   that are masked, or name files, are read by nobody. Of a view, SQLite would give NULL for the rowid.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from warehouse.masking import OPEN_CELL, past_its_view

Decision = Callable[[int, str | None, str | None, str | None, str | None], int]

TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})
_NAMES = """abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling changes char coalesce concat cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format glob group_concat hex ifnull iif instr json json_array json_array_length json_extract json_group_array
    json_group_object json_insert json_object json_patch json_quote json_remove json_replace json_set json_type
    json_valid julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max min mod
    nth_value ntile nullif percent_rank pi pow power printf quote radians random rank replace round row_number rtrim
    sign sin sinh sqrt sqlite_version strftime substr substring sum tan tanh time total trim trunc typeof unicode
    unixepoch unlikely upper -> ->> zeroblob randomblob"""
FUNCTIONS = frozenset(_NAMES.split())


class Authorizer:
    """One session's decision. `reason` says why the last denied thing was, `read` what has been read."""

    def __init__(self, *, tables: frozenset[str], sealed: frozenset[tuple[str, str]], inner: Mapping[str, str]) -> None:
        self._tables = tables | TABLE_FUNCTIONS
        self._inner = dict(inner)
        self._sealed = sealed
        self.spool = ""  # the TEMP table, of a name nobody can guess, into which a result may go
        self.ours = False  # while a statement of the program itself is compiled, about which nothing is asked
        self.reason = ""
        self.read: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """Forget what the last statement did."""
        self.reason = ""
        self.read.clear()

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, context: str | None
    ) -> int:
        if self.ours:
            return sqlite3.SQLITE_OK
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            return self._reading((first or "").lower(), (second or "").lower(), database, context)
        if action == sqlite3.SQLITE_FUNCTION:
            return self._calling((second or "").lower(), context)
        if action == sqlite3.SQLITE_INSERT and database == "temp" and self.spool and first == self.spool:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_UPDATE and first == "sqlite_master" and not context:
            return sqlite3.SQLITE_OK  # SQLite declares a table function to itself; nothing is written
        return self._deny(f"only reading is permitted, and this {_DOES.get(action, 'does something else')}")

    def _reading(self, table: str, column: str, database: str | None, context: str | None) -> int:
        if database == "main" and table in self._inner:
            # Without a column, rows are counted at most; SQLite asks so of the inner view's table in any name. What it
            # has read there it asks for once more, in no name, where it computes by a column that it has merged.
            inside = context == self._inner[table] or (table, column) in self.read
            if column and (not inside or (table, column) in self._sealed):
                return self._deny(past_its_view(table))
            self.read.add((table, column))
            return sqlite3.SQLITE_OK
        if column == "rowid" and database == "temp" and table in self._inner:
            return self._deny(f"{table} has no rowid for queries; name its key instead")
        if table in self._inner.values() or (table and table == self.spool):
            return sqlite3.SQLITE_OK
        if not column and not database:  # a CTE of which no column is read
            return sqlite3.SQLITE_OK
        if table in self._tables or (table in SCHEMA_TABLES and database == "main"):
            self.read.add((table, column))
            return sqlite3.SQLITE_OK
        return self._deny(f"the table {table} is not for queries")

    def _calling(self, name: str, context: str | None) -> int:
        if name in FUNCTIONS or (name == OPEN_CELL and context):
            return sqlite3.SQLITE_OK
        return self._deny(f"the function {name} is not permitted")

    def _deny(self, reason: str) -> int:
        self.reason = self.reason or reason
        return sqlite3.SQLITE_DENY


_DOES = {
    sqlite3.SQLITE_ATTACH: "attaches a file",
    sqlite3.SQLITE_DETACH: "detaches a file",
    sqlite3.SQLITE_PRAGMA: "is a PRAGMA",
    sqlite3.SQLITE_INSERT: "inserts",
    sqlite3.SQLITE_UPDATE: "updates",
    sqlite3.SQLITE_DELETE: "deletes",
    sqlite3.SQLITE_TRANSACTION: "is about transactions",
    sqlite3.SQLITE_CREATE_TABLE: "creates a table",
    sqlite3.SQLITE_CREATE_TEMP_TABLE: "creates a table",
    sqlite3.SQLITE_CREATE_VTABLE: "creates a table",
    sqlite3.SQLITE_DROP_TABLE: "drops a table",
}
