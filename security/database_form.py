"""The form of a database: its tables, indexes, triggers and views, compared with what its migrations make.

A trigger of another's would undo what is written, and a table of another's text could let in what ours refuses.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from functools import cache

from security.errors import StoreDamaged

MIGRATION = (
    "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) "
    "STRICT"
)
# As bytes, since what another wrote need not be UTF-8. An index without SQL belongs to a constraint of its table.
FORM = """
SELECT type, CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master
WHERE sql IS NOT NULL AND NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))
"""
_MOST_TOLD = 3  # differences of a form

_Form = dict[tuple[str, str], bytes]  # the SQL text of each table, index, trigger and view, by kind and name


def missing_parts(found_rows: Sequence[tuple[str, bytes, bytes]], scripts: tuple[str, ...], where: str) -> list[str]:
    """The SQL of the indexes, triggers and views that the database `where` lacks, whose `FORM` gives `found_rows`.

    Raises StoreDamaged for what `scripts`, its migrations, do not make or make otherwise, and for a missing table.
    """
    expected, found = _form_after(scripts), _form(found_rows)
    if found == expected:
        return []
    different = {part for part, _ in expected.items() ^ found.items()}
    missing = {(kind, name) for kind, name in expected.keys() - found.keys() if kind != "table"}
    if different > missing:
        told = [_difference(part, expected, found) for part in sorted(different - missing)]
        more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        raise StoreDamaged(
            f"the {where} is damaged: {'; '.join(told[:_MOST_TOLD])}{more}. Somebody who can write the file did that, "
            "so it is not used; restore it from a backup, or, if it was you, undo it with sqlite3"
        )
    return [sql.decode() for part, sql in expected.items() if part in missing]


@cache
def _form_after(scripts: tuple[str, ...]) -> _Form:
    """What a database has that `scripts` made. SQLite makes it here too: it keeps texts in its own way."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.executescript("\n".join([f"{MIGRATION};", *scripts]))
        return _form(connection.execute(FORM).fetchall())


def _form(rows: Sequence[tuple[str, bytes, bytes]]) -> _Form:
    return {(kind, name.decode(errors="backslashreplace")): sql for kind, name, sql in rows}


def _difference(part: tuple[str, str], expected: _Form, found: _Form) -> str:
    """How a part is otherwise, in words; a name of another's is spelled out."""
    kind, name = part
    what = f"{kind} {name if name.isascii() and name.isidentifier() and len(name) <= 64 else ascii(name[:64])}"
    if part not in expected:
        return f"expected no {what}, found one"
    if part not in found:
        return f"expected the {what}, found none"
    return f"expected the {what} as its migrations make it, found another"
