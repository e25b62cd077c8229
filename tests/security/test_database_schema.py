"""What a database has beside its rows: exactly what its migrations make, or it is refused with what is otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from security.audit.store import SCHEMA as AUDIT
from security.database import Database, Schema, WriteTransaction, open_database, open_read_only
from security.errors import AuditUnavailable, StoreDamaged
from security.identity.core import SCHEMA as IDENTITY
from security.records.core import SCHEMA as CLINICAL
from security.records.research.projection import SCHEMA as RESEARCH
from tests.security.audit_logs import LogFolder

TABLES = {AUDIT: "event", IDENTITY: "session", CLINICAL: "glass", RESEARCH: "subject"}
each_schema = pytest.mark.parametrize("schema", TABLES, ids=[schema.name for schema in TABLES])


@dataclass(frozen=True, slots=True)
class Earlier(Schema):
    """A schema as a version of the program knew it that had its first `known` migrations."""

    known: int = 1

    def migrations(self) -> list[tuple[int, str, str]]:
        return Schema.migrations(self)[: self.known]


def earlier(schema: Schema, known: int) -> Earlier:
    return Earlier(**{each.name: getattr(schema, each.name) for each in fields(schema)}, known=known)


def opened(path: Path, schema: Schema) -> Database:
    return open_database(path, schema, lock_file=path.with_name("lock"), now=lambda: datetime.now(UTC))


def step_by_step(path: Path, schema: Schema) -> None:
    """A file that every version of the program had, one after the other."""
    for known in range(1, len(schema.migrations()) + 1):
        opened(path, earlier(schema, known)).close()


def parts(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT type, name, sql FROM sqlite_master"))


@contextmanager
def thief(path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who can write the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def refusal(path: Path, schema: Schema) -> str:
    with pytest.raises(StoreDamaged) as refused:
        opened(path, schema)
    return str(refused.value)


@each_schema
def test_a_new_file_and_one_of_every_version_before_have_the_same_and_are_used(tmp_path: Path, schema: Schema) -> None:
    new, old = tmp_path / "new.db", tmp_path / "old.db"
    step_by_step(old, schema)
    for path in (new, new, old, old):
        opened(path, schema).close()
    assert parts(new) == parts(old)


@each_schema
@pytest.mark.parametrize("known", ["of this version", "of the first version"])
def test_a_trigger_of_another_is_refused_and_named(tmp_path: Path, schema: Schema, known: str) -> None:
    path = tmp_path / "some.db"
    opened(path, schema if known == "of this version" else earlier(schema, 1)).close()
    with thief(path) as connection:  # on a table that every version has
        connection.execute(
            "CREATE TRIGGER comes_back AFTER INSERT ON migration BEGIN DELETE FROM migration WHERE version > 99; END"
        )
    for _ in range(2):
        told = refusal(path, schema)
        assert told.startswith(f"the {schema.name} {path} is damaged: expected no trigger comes_back, found one. ")
        assert "restore it from a backup" in told
    with thief(path) as connection:
        connection.execute("DROP TRIGGER comes_back")
    opened(path, schema).close()


@each_schema
@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("CREATE VIEW seen AS SELECT * FROM {table}", "view seen"),
        ("CREATE TABLE another (one)", "table another"),
        ("CREATE INDEX quick ON {table} (rowid_)", "index quick"),
        ("CREATE UNIQUE INDEX once ON {table} (rowid_) WHERE rowid_ IS NULL", "index once"),
        ("CREATE TRIGGER sqlite AFTER DELETE ON {table} BEGIN SELECT 1; END", "trigger sqlite"),
        ('CREATE VIEW "a\x1b[2J\nb" AS SELECT 1', r"view 'a\x1b[2J\nb'"),
    ],
)
def test_whatever_no_migration_made_is_refused(tmp_path: Path, schema: Schema, sql: str, what: str) -> None:
    path = tmp_path / "some.db"
    opened(path, schema).close()
    with thief(path) as connection:
        column = connection.execute(f"SELECT name FROM pragma_table_info('{TABLES[schema]}')").fetchone()[0]
        connection.execute(sql.format(table=TABLES[schema]).replace("rowid_", column))
    assert f"expected no {what}, found one" in refusal(path, schema)


def test_what_was_made_otherwise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    opened(path, IDENTITY).close()
    with thief(path) as connection:
        connection.executescript(
            "DROP TRIGGER workspace_is_final;"
            "CREATE TRIGGER workspace_is_final BEFORE UPDATE ON workspace BEGIN SELECT 1; END"
        )
    assert "expected the trigger workspace_is_final as its migrations make it, found another" in refusal(path, IDENTITY)


def test_a_table_in_which_a_used_code_would_stay_unused_is_refused(tmp_path: Path) -> None:
    """With a row of another for each step to come, `last_step` would never be written, and nobody told."""
    path = tmp_path / "identity.db"
    opened(path, IDENTITY).close()
    with thief(path) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'authenticator'").fetchone()
        connection.execute("DROP TABLE authenticator")
        connection.execute(made.replace("last_step INTEGER NOT NULL", "last_step INTEGER UNIQUE ON CONFLICT IGNORE"))
    assert "expected the table authenticator as its migrations make it, found another" in refusal(path, IDENTITY)


def test_a_name_and_a_text_that_are_no_utf_8_are_refused_like_others(tmp_path: Path) -> None:
    path = tmp_path / "identity.db"
    opened(path, IDENTITY).close()
    with thief(path) as connection:
        connection.execute('CREATE VIEW "seenXX" AS SELECT 1')
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(path.read_bytes().replace(b"seenXX", b"seen\xff\xfe"))
    assert r"expected no view 'seen\\xff\\xfe', found one" in refusal(path, IDENTITY)


def test_the_first_three_differences_are_told_and_how_many_more_there_are(tmp_path: Path) -> None:
    path = tmp_path / "research.db"
    opened(path, RESEARCH).close()
    with thief(path) as connection:
        for name in "edcba":
            connection.execute(f"CREATE VIEW {name} AS SELECT 1")
    assert "no view a, found one; expected no view b, found one; expected no view c, found one; and 2 more." in refusal(
        path, RESEARCH
    )


def test_a_table_that_is_missing_is_told(tmp_path: Path) -> None:
    path = tmp_path / "clinical.db"
    opened(path, CLINICAL).close()
    with thief(path) as connection:
        connection.execute("DROP TABLE assignment")
    assert "expected the table assignment, found none" in refusal(path, CLINICAL)


@each_schema
def test_triggers_and_indexes_that_are_missing_are_made_anew(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / "some.db"
    opened(path, schema).close()
    before = parts(path)
    with thief(path) as connection:
        for kind, name, sql in before:
            if kind in ("trigger", "index") and sql is not None:
                connection.execute(f"DROP {kind} {name}")
    for _ in range(2):
        opened(path, schema).close()
        assert parts(path) == before


def test_what_sqlite_notes_of_its_own_is_nothing_of_another(tmp_path: Path) -> None:
    path = tmp_path / "audit.db"
    opened(path, AUDIT).close()
    with thief(path) as connection:
        connection.executescript("INSERT INTO block VALUES (1, 1, 1, 1, x'', x'', x''); ANALYZE")
        assert connection.execute("SELECT 1 FROM sqlite_stat1").fetchall()
    opened(path, AUDIT).close()


def test_a_column_added_later_is_the_same_in_a_new_file_and_in_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "modules" / "store_with_a_later_column" / "sql"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "001_first.sql").write_text(
        "CREATE TABLE one (a TEXT NOT NULL) STRICT;\nCREATE INDEX one_a ON one (a);\n"
    )
    (folder / "002_more.sql").write_text(
        "-- later\nALTER TABLE one ADD COLUMN b INTEGER NOT NULL DEFAULT 0;\nALTER TABLE one RENAME TO first;\n"
    )
    monkeypatch.syspath_prepend(folder.parent.parent)
    schema = Schema("store", 0x4C4B5700, folder.parent.name)
    step_by_step(tmp_path / "old.db", schema)
    for name in ("new.db", "old.db"):
        for _ in range(2):
            with closing(opened(tmp_path / name, schema)) as database:
                assert database.query("SELECT a, b FROM first") == []
    assert parts(tmp_path / "new.db") == parts(tmp_path / "old.db")


def test_an_audit_log_with_a_trigger_of_another_discloses_nothing_and_is_verified_all_the_same(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    folder.filled(5)
    with thief(folder.path) as connection:
        connection.execute("CREATE TRIGGER forgets AFTER INSERT ON event BEGIN DELETE FROM block; END")
    with pytest.raises(AuditUnavailable, match=r"nothing is disclosed: .*expected no trigger forgets, found one"):
        folder.open()
    assert folder.verify().ok
    with closing(open_read_only(folder.path, AUDIT)) as connection:
        assert connection.execute("SELECT count(*) FROM event").fetchone() == (5,)


def test_rows_that_do_not_fit_an_index_that_was_missing_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "clinical.db"
    opened(path, CLINICAL).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP INDEX rotation_open")
        connection.executemany("INSERT INTO rotation (kek_id, started_at) VALUES (?, 0)", [("a",), ("b",)])
    with pytest.raises(StoreDamaged, match="its rows do not fit it"):
        opened(path, CLINICAL)


def test_a_transaction_that_is_interrupted_as_it_begins_is_ended(tmp_path: Path) -> None:
    class Interrupted(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
            done = super().execute(sql, parameters)
            if sql.startswith("BEGIN"):
                raise KeyboardInterrupt
            return done

    with closing(sqlite3.connect(tmp_path / "file.db", factory=Interrupted, isolation_level=None)) as connection:
        with pytest.raises(KeyboardInterrupt), WriteTransaction(connection):
            pass
        assert not connection.in_transaction
