"""Opening a database of the security core and nothing else: WAL, migrations, durable commits, errors told in words.

Rules of opening, in order:
1. A file that is not ours, is damaged, or was written by a newer version is left untouched.
2. A new or older file is migrated under a file lock, each step in one transaction with its record.
3. Several processes at once are normal: writers queue for at most the busy timeout, readers never wait.
4. A commit is on the disk before it returns (synchronous = FULL); what is deleted is overwritten (secure_delete).
5. A file that others could reach is taken from them when it is opened, if it is ours to take.
6. A write-ahead log whose database is gone is left untouched: SQLite would remove it, and with it the last commits.
7. A file with a table, index, trigger or view that its migrations do not make, or make otherwise, is not used: a
   trigger of another's would undo what is written here. An index or trigger of theirs that is missing is made anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.resources
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from security.database_form import FORM, MIGRATION, missing_parts
from security.errors import StoreBusy, StoreDamaged, StoreError, StoreNewer

BUSY_TIMEOUT_S = 20.0
LOG_BYTES = 1_048_576  # of the write-ahead log: writing over it is cheap, growing it is not
ADVICE = "Check that the disk is not full and that the workspace is writable."
_DAMAGED = ("malformed", "not a database", "disk image")


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database is: its name in messages, its application id, and where its migrations lie.

    The migrations are the files `NNN_name.sql` of the folder `sql` in `package`, applied in the order of NNN; the
    table `migration` that records them is made here. What a file has is compared with what they make, so one that was
    ever applied is not edited any more, the comments within its statements included, but followed by another.
    """

    name: str  # such as "audit log"
    application_id: int
    package: str  # such as "security.audit"
    page_bytes: int = 4096  # small pages cost less where each commit touches one row of many trees
    decoding: str = "strict"  # what becomes of a text that is no UTF-8: an error, or as `bytes.decode` has it

    def migrations(self) -> list[tuple[int, str, str]]:
        """(version, name, SQL) of every migration, in order."""
        folder = importlib.resources.files(self.package) / "sql"
        files = sorted((f for f in folder.iterdir() if _is_migration(f.name)), key=lambda f: f.name)
        return [(int(f.name[:3]), f.name[4:-4], f.read_text(encoding="utf-8")) for f in files]


class Database:
    """One connection, safe to share between threads (one at a time), and more on demand.

    Raises `StoreDamaged`, `StoreNewer`, `StoreBusy` or `StoreError` from every method, never a bare sqlite3 error.
    """

    def __init__(self, path: Path, schema: Schema, *, busy_timeout_s: float) -> None:
        self.path = path
        self.schema = schema
        self._busy_timeout_s = busy_timeout_s
        self._lock = threading.RLock()
        with self.told_in_words():
            self._connection = _connect(path, schema, busy_timeout_s, read_only=False)
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // schema.page_bytes:d}")

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def query(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of one SELECT."""
        with self._lock, self.told_in_words():
            return self._connection.execute(sql, parameters).fetchall()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """A write transaction: everything in it happens and is on the disk at its end, or nothing."""
        return _SharedTransaction(self._connection, self._lock, self._in_words)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A read transaction on the shared connection: several SELECTs that see one state."""
        with self._lock, self.told_in_words():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def connect(self, *, read_only: bool = True) -> sqlite3.Connection:
        """A connection of one's own in autocommit mode, for long reads beside the writers; the caller closes it."""
        with self.told_in_words():
            return _connect(self.path, self.schema, self._busy_timeout_s, read_only=read_only)

    def truncate_log(self) -> bool:
        """Move what the write-ahead log holds into the database and empty the log; False if a reader prevents it.

        After an erasure this is what removes the last copy of the erased from the disk.
        """
        return int(self.query("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]) == 0

    def problems(self) -> list[str]:
        """What SQLite's own check finds wrong with the file; empty when it is sound."""
        found = [line for (told,) in self.query("PRAGMA quick_check(5)") for line in str(told).splitlines()]
        return [] if found == ["ok"] else found

    @contextmanager
    def told_in_words(self) -> Iterator[None]:
        """Within it, an error of SQLite becomes one of the security core."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._in_words(error) from error
        except UnicodeDecodeError as error:  # in a message of SQLite's that quotes what is damaged
            raise self._in_words(sqlite3.DatabaseError("malformed: text that is no UTF-8")) from error

    def _in_words(self, error: sqlite3.Error) -> StoreError:
        return in_words(self.path, self.schema.name, error)


def open_database(
    path: Path,
    schema: Schema,
    *,
    lock_file: Path,
    now: Callable[[], datetime],
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> Database:
    """The database at `path`, mode 0600, made if it is missing and migrated to this version.

    `lock_file` is held while it is made or migrated. Raises `StoreDamaged`, `StoreNewer`, `StoreBusy` or
    `StoreError`.
    """
    check_log_has_database(path, schema.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Exclusively: closing a file that is a database here already would drop the locks of its connections.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"the {schema.name} {path} cannot be opened: {error.strerror}. {ADVICE}") from error
    database = Database(path, schema, busy_timeout_s=busy_timeout_s)
    try:
        _prepare(database, lock_file, now)
        _make_private(path, schema.name)
    except BaseException:
        database.close()
        raise
    return database


class WriteTransaction:
    """A write transaction of a connection: everything in it happens at its end, or nothing. Raises sqlite3.Error.

    A class, as is what follows: every audited event passes here, and a generator costs it more than its SQL.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:  # an interrupt, too, which may come once it has begun
            self._roll_back()
            raise
        return self._connection

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
        finally:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class _SharedTransaction(WriteTransaction):
    """The same on a connection that threads share, with its errors told in words."""

    __slots__ = ("_in_words", "_lock")

    def __init__(
        self, connection: sqlite3.Connection, lock: threading.RLock, words: Callable[[sqlite3.Error], StoreError]
    ) -> None:
        super().__init__(connection)
        self._lock = lock
        self._in_words = words

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        try:
            return super().__enter__()
        except BaseException as failure:
            self._lock.release()
            if isinstance(failure, sqlite3.Error):
                raise self._in_words(failure) from failure
            raise

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            super().__exit__(kind, error, traceback)
        except sqlite3.Error as failure:
            raise self._in_words(failure) from failure
        finally:
            self._lock.release()
        if isinstance(error, sqlite3.Error):
            raise self._in_words(error) from error


def open_read_only(path: Path, schema: Schema) -> sqlite3.Connection:
    """A connection to a database or a copy of one that is neither made, migrated nor written; the caller closes it.

    Raises `StoreError` if there is none; its content is not looked at.
    """
    check_log_has_database(path, schema.name)
    if not path.is_file():
        raise StoreError(f"expected the {schema.name} {path}, found no such file")
    try:
        return _connect(path, schema, BUSY_TIMEOUT_S, read_only=True)
    except sqlite3.Error as error:
        raise in_words(path, schema.name, error) from error


def check_log_has_database(path: Path, name: str) -> None:
    """Return unless a write-ahead log lies there whose database is missing or empty (6.). Raises `StoreError`."""
    log = _beside(path, "wal")
    try:
        # In this order: whoever makes the database writes its first page before the first byte of its log.
        if not _size(log) or _size(path):
            return
    except OSError as error:
        raise StoreError(f"the {name} {path} cannot be opened: {error.strerror}. {ADVICE}") from error
    found = "an empty file" if path.exists() else "no such file"
    raise StoreError(
        f"expected the {name} {path}, whose last changes are in {log.name} beside it, found {found}. Nothing was "
        f"changed; bring it back, or move {log.name} and {_beside(path, 'shm').name} to where it is now"
    )


def files_of(path: Path) -> str:
    """The names of the files that make up the database `path`, in words: they are moved together or not at all."""
    return f"{path.name}, {_beside(path, 'wal').name} and {_beside(path, 'shm').name}"


def in_words(path: Path, name: str, error: sqlite3.Error) -> StoreError:
    """What an error of SQLite means for the operator."""
    text = str(error)
    if any(sign in text for sign in _DAMAGED):
        return StoreDamaged(
            f"the {name} {path} is damaged ({error}). Nothing was changed; restore it from a backup, or, if it can be "
            f"done without, close what has it open and move {files_of(path)} away together."
        )
    if "locked" in text or "busy" in text:
        return StoreBusy(f"another process has been writing the {name} {path} for too long; try again when it is done")
    return StoreError(f"the {name} {path} cannot be used: {error}. {ADVICE}")


def statements(script: str) -> Iterator[str]:
    """The SQL statements of a script, one after the other."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def stamp(instant: datetime) -> str:
    """`instant` as stored in `migration`: RFC 3339 UTC to the millisecond."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _connect(path: Path, schema: Schema, busy_timeout_s: float, *, read_only: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    if schema.decoding != "strict":
        connection.text_factory = lambda text: text.decode(errors=schema.decoding)
    if not read_only:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _prepare(database: Database, lock_file: Path, now: Callable[[], datetime]) -> None:
    migrations = database.schema.migrations()
    newest = migrations[-1][0]
    with database.snapshot():
        ready = _version(database) == newest and _journal_mode(database) == "wal"
        if ready and not _missing_parts(database, migrations):
            return
    with _file_lock(lock_file, database.schema.name):
        if _version(database) > newest:
            raise StoreNewer(
                f"the {database.schema.name} {database.path} has version {_version(database)}, this program knows up "
                f"to {newest}: it was written by a newer Lakewarden. Nothing was changed; upgrade the program."
            )
        database.query(f"PRAGMA page_size = {database.schema.page_bytes:d}")
        database.query("PRAGMA journal_mode = WAL")
        for version, name, script in migrations:
            if version > _version(database):
                _migrate(database, version, name, script, stamp(now()))
        if missing := _missing_parts(database, migrations):
            with database.transaction() as connection:
                for statement in missing:
                    _make_anew(connection, statement, database)


def _migrate(database: Database, version: int, name: str, script: str, applied_at: str) -> None:
    with database.transaction() as connection:
        connection.execute(MIGRATION)
        for statement in statements(script):
            connection.execute(statement)
        connection.execute("INSERT INTO migration VALUES (?, ?, ?)", (version, name, applied_at))
        connection.execute(f"PRAGMA user_version = {version:d}")
        connection.execute(f"PRAGMA application_id = {database.schema.application_id:d}")


def _missing_parts(database: Database, migrations: Sequence[tuple[int, str, str]]) -> list[str]:
    """The SQL of what the file lacks of its form (7.). Raises StoreDamaged."""
    scripts = tuple([script for _, _, script in migrations])
    return missing_parts(database.query(FORM), scripts, f"{database.schema.name} {database.path}")


def _make_anew(connection: sqlite3.Connection, statement: str, database: Database) -> None:
    try:
        connection.execute(statement)
    except sqlite3.IntegrityError as error:
        raise StoreDamaged(
            f"the {database.schema.name} {database.path} is damaged: an index was missing, and its rows do not fit it "
            f"({error}). Nothing was changed; restore it from a backup"
        ) from error


def _version(database: Database) -> int:
    version = int(database.query("PRAGMA user_version")[0][0])
    tables = database.query("SELECT count(*) FROM sqlite_master")[0][0]
    application = database.query("PRAGMA application_id")[0][0]
    if application != database.schema.application_id and (tables or version):
        raise StoreDamaged(
            f"{database.path} is a SQLite file, but not a Lakewarden {database.schema.name} (application id "
            f"{application}, expected {database.schema.application_id}). Nothing was changed; to start a new one, move "
            f"{files_of(database.path)} away together."
        )
    return version


def _journal_mode(database: Database) -> str:
    return str(database.query("PRAGMA journal_mode")[0][0])


def _make_private(path: Path, name: str) -> None:
    """Take group and others the file and those of its write-ahead log, by name: opening them would cost locks."""
    try:
        for each in (path, _beside(path, "wal"), _beside(path, "shm")):
            with contextlib.suppress(FileNotFoundError):
                status = each.stat()
                if status.st_uid == os.geteuid() and status.st_mode & 0o077:
                    each.chmod(stat.S_IMODE(status.st_mode) & ~0o077)
    except OSError as error:
        raise StoreError(
            f"the {name} {path} can be reached by others, and that cannot be changed: {error.strerror}; "
            f"chmod 600 {path}"
        ) from error


def _beside(path: Path, end: str) -> Path:
    """A file that SQLite keeps beside the database `path`."""
    return path.with_name(f"{path.name}-{end}")


def _size(path: Path) -> int:
    """The bytes of a file; 0 where there is none. Raises OSError."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_migration(name: str) -> bool:
    return name.endswith(".sql") and name[:3].isdigit() and name[3:4] == "_"


@contextmanager
def _file_lock(path: Path, name: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {path} of the {name} cannot be taken: {error.strerror}. {ADVICE}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
