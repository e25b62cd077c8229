"""Which keys of a batch a dimension does not have, asked as sets, with a memory that stays bounded."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

MOST_REMEMBERED = 1_000_000


class KeySet:
    """The keys of one dimension, as far as they were asked for."""

    def __init__(self, connection: sqlite3.Connection, table: str, column: str) -> None:
        self._connection = connection
        self._sql = f"SELECT {column} FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
        self._known: set[int] = set()

    def missing(self, keys: Iterable[int]) -> set[int]:
        """Those of `keys` that the dimension does not have."""
        asked = set(keys) - self._known
        if not asked:
            return asked
        found = {row[0] for row in self._connection.execute(self._sql, (json.dumps(list(asked)),))}
        if len(self._known) + len(found) > MOST_REMEMBERED:
            self._known = set()
        self._known |= found
        return asked - found
