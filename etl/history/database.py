"""Opening `etl.db` and nothing else: WAL, migrations, and SQLite's errors told in words.

Rules of opening, in order:
1. A file that is not ours, is damaged, or was written by a newer version is left untouched.
2. A new or older file is migrated under a file lock, each step in one transaction with its record.
3. Several processes at once are normal: writers queue for at most `BUSY_TIMEOUT_S`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.resources
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from etl.errors import HistoryDamaged, HistoryError, HistoryNewer

APPLICATION_ID = 0x4C4B5744  # "LKWD"
BUSY_TIMEOUT_S = 20.0
DAMAGED = ("malformed", "not a database", "malformed database schema", "disk image")


def stamp(instant: datetime) -> str:
    """`instant` as stored: RFC 3339 UTC to the millisecond, so that text order is time order."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_stamp(text: str) -> datetime:
    """The instant that `stamp` or `rfc3339` wrote."""
    return datetime.fromisoformat(text)


class Database:
    """One connection to `etl.db`, safe to share between threads (one at a time).

    Raises `HistoryDamaged`, `HistoryNewer` or `HistoryError` from every method, never a bare sqlite3 error.
    """

    def __init__(self, path: Path, *, lock_file: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._now = now
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Exclusively: closing a file that is a database here already would drop the locks of its connections.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise HistoryError(f"the run history {path} cannot be opened: {error.strerror}. {_ADVICE}") from error
        with self._told_in_words():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
        try:
            with self._told_in_words():
                self._prepare(lock_file)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def query(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one SELECT."""
        with self._lock, self._told_in_words():
            return self._connection.execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: everything in it happens, or nothing."""
        with self._lock, self._told_in_words():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: several SELECTs that see one state."""
        with self._lock, self._told_in_words():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("COMMIT")

    def problems(self) -> list[str]:
        """What SQLite's own check finds wrong with the file; empty when it is sound."""
        found = [line for (told,) in self.query("PRAGMA quick_check(5)") for line in str(told).splitlines()]
        return [] if found == ["ok"] else found

    def _prepare(self, lock_file: Path) -> None:
        newest = _migrations()[-1][0]
        if self._version() != newest or self._journal_mode() != "wal":
            with _file_lock(lock_file):
                if self._version() > newest:
                    raise HistoryNewer(
                        f"{self.path} has version {self._version()}, this program knows up to {newest}: "
                        "it was written by a newer Lakewarden. Nothing was changed; upgrade the program."
                    )
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._migrate()
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def _version(self) -> int:
        version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        if application != APPLICATION_ID and (tables or version):
            raise HistoryDamaged(
                f"{self.path} is a SQLite file, but not a Lakewarden run history (application id {application}, "
                f"expected {APPLICATION_ID}). Nothing was changed; move it away to start a new history."
            )
        return version

    def _journal_mode(self) -> str:
        return str(self._connection.execute("PRAGMA journal_mode").fetchone()[0])

    def _migrate(self) -> None:
        for version, name, script in _migrations():
            if version <= self._version():
                continue
            with self.transaction() as connection:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute("INSERT INTO migration VALUES (?, ?, ?)", (version, name, stamp(self._now())))
                connection.execute(f"PRAGMA user_version = {version}")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if any(sign in str(error) for sign in DAMAGED):
                raise HistoryDamaged(
                    f"the run history {self.path} is damaged ({error}). Nothing was changed; restore it from a "
                    "backup, or move it away to start a new one: the lake's objects stay, and are not loaded twice."
                ) from error
            raise HistoryError(f"the run history {self.path} cannot be used: {error}. {_ADVICE}") from error


_ADVICE = "Check that the disk is not full and that the workspace is writable."


def _migrations() -> list[tuple[int, str, str]]:
    """(version, name, SQL) of every migration, in order; the file name carries the version."""
    folder = importlib.resources.files("etl.history") / "schema"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(f.name[:3]), f.name[4:-4], f.read_text()) for f in files]


def _statements(script: str) -> Iterator[str]:
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise HistoryError(f"the lock {path} cannot be taken: {error.strerror}. {_ADVICE}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
