"""A store that is lost: there are keys of its own, and the store is not there, or has nothing in it.

A key of such a purpose is made only once the database of its store has tables, which are on the disk by then: where
there is a key, there was a store. An empty one in its place would hide the loss. The keys are asked for first and the
file after them, so that a store which another process is just making is found with its tables.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from security.database import Schema, in_words, open_read_only
from security.errors import StoreError
from security.vault.keys import KeyRing


def require_store(path: Path, schema: Schema, ring: KeyRing) -> None:
    """Return unless the store at `path` is lost, whose own keys, and no other's, are in `ring`.

    Raises StoreError that says what to do, and where the file cannot be read; OSError.
    """
    ids = ring.ids()
    if not ids or _has_tables(path, schema):
        return
    found = "a file with no tables" if path.exists() else "no such file"
    raise StoreError(
        f"expected the {schema.name} {path}, whose key {ring.file(ids[-1])} is still there, found {found}. Nothing was "
        f"made: restore it from a backup; if it is given up for good, move {ring.file('*')} away too, and another is "
        "made"
    )


def _has_tables(path: Path, schema: Schema) -> bool:
    if not path.exists():
        return False
    with closing(open_read_only(path, schema)) as connection:
        try:
            return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
        except sqlite3.Error as error:
            raise in_words(path, schema.name, error) from error
