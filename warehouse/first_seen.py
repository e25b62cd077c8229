"""What a batch of a dimension found of each key before it, kept by SQLite, however far apart the lines of a key are.

Of a row that it changes it keeps the cells as they were stored: sealed ones stay sealed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

Row = tuple[Any, ...]


class FirstSeen:
    """The keys of one batch of `table`, whose `columns` begin with its key; names come from the program."""

    def __init__(self, connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> None:
        self._connection = connection
        self._table = table
        self._columns = columns
        for name, definition in (
            ("seen", "(key INTEGER PRIMARY KEY, is_new INTEGER NOT NULL)"),
            ("before", f"({columns[0]} INTEGER PRIMARY KEY, {', '.join(columns[1:])})"),
        ):
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute(f"CREATE TEMP TABLE {name} {definition}")

    def again(self, keys: Collection[int]) -> set[int]:
        """Those of `keys` that an earlier line had."""
        sql = "SELECT seen.key FROM temp.seen WHERE seen.key IN (SELECT value FROM json_each(?))"
        return {key for (key,) in self._connection.execute(sql, (json.dumps(list(keys)),))}

    def note(self, new: Collection[int], stored: Collection[int], changing: Collection[int]) -> None:
        """Keep these keys, and of those that are about to be `changing` what the batch found."""
        sql = "INSERT OR IGNORE INTO temp.seen VALUES (?, ?)"
        self._connection.executemany(sql, [*((key, 1) for key in new), *((key, 0) for key in stored)])
        if changing:
            names = ", ".join(self._columns)
            self._connection.execute(
                f"INSERT OR IGNORE INTO temp.before SELECT {names} FROM {self._table} "  # noqa: S608 - fixed names
                f"WHERE {self._columns[0]} IN (SELECT value FROM json_each(?)"
                " WHERE value IN (SELECT seen.key FROM temp.seen WHERE NOT is_new))",
                (json.dumps(list(changing)),),
            )

    def new(self) -> int:
        """How many keys the batch found nowhere."""
        return int(self._connection.execute("SELECT count(*) FROM temp.seen WHERE is_new").fetchone()[0])

    def changes(self) -> Iterator[tuple[Row, Row]]:
        """Of each row that was changed what the batch found, and what it is now: the same if changed back."""
        width, key = len(self._columns), self._columns[0]
        sides = ", ".join(f"{side}.{name}" for side in ("before", "now") for name in self._columns)
        sql = f"SELECT {sides} FROM temp.before JOIN {self._table} AS now USING ({key})"  # noqa: S608 - fixed names
        for row in self._connection.execute(sql):
            yield row[:width], row[width:]
