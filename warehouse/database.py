"""Opening `warehouse.db` and nothing else: WAL, migrations, one writer at a time, and SQLite's errors told in words.

Rules of opening, in order:
1. A file that is not ours, is damaged, or was written by a newer version is left untouched.
2. A new or older file is migrated under a file lock, each step in one transaction with its record.
3. Readers are never held up by a writer, and never see half of what it does; a second writer waits for at most
   `BUSY_TIMEOUT_S`.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.resources
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from warehouse.errors import QueryStopped, StoreBusy, StoreDamaged, StoreError, StoreMissing, StoreNewer

APPLICATION_ID = 0x4C4B5757  # "LKWW"
BUSY_TIMEOUT_S = 20.0
CACHE_KIB = 65_536  # of a writing connection; also what one sort may hold in memory
LARGEST_IDLE_LOG = 67_108_864  # bytes of the log that stay on disk when nobody writes
STEPS_BETWEEN_LOOKS = 20_000  # virtual machine steps after which a long statement asks whether to stop
STOPPED = "stopped before its end; nothing was changed"
DAMAGED = ("malformed database schema", "not a database", "disk image")


HOW_TO_MAKE = "`lakewarden warehouse build` makes one of practice data, `lakewarden warehouse load` one of your own"


def stamp(instant: datetime) -> str:
    """`instant` as stored: RFC 3339 UTC to the millisecond."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class Warehouse:
    """The opened store: it gives connections, each for one thread at a time.

    Raises `StoreDamaged`, `StoreNewer`, `StoreBusy` or `StoreError` from every method, never a bare sqlite3 error.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self.read_only = read_only

    def connect(self, *, read_only: bool | None = None) -> sqlite3.Connection:
        """A new connection in autocommit mode, which the caller closes; `read_only` defaults to the store's own."""
        with self.told_in_words():
            return _connect(self.path, read_only=self.read_only if read_only is None else read_only)

    @contextmanager
    def reading(self, stop: threading.Event | None = None) -> Iterator[sqlite3.Connection]:
        """A connection whose SELECTs all see one state; its TEMP tables may be written.

        Raises `QueryStopped` soon after `stop` is set.
        """
        with closing(self.connect(read_only=True)) as connection, self.told_in_words(stop):
            _look_at(connection, stop)
            connection.execute("BEGIN")
            yield connection
            connection.execute("ROLLBACK")

    @contextmanager
    def writing(self, stop: threading.Event | None = None) -> Iterator[sqlite3.Connection]:
        """A write transaction on a connection of its own: everything in it happens, or nothing.

        Foreign keys are not enforced a row at a time: a load checks its keys as sets, before it writes. Raises
        `StoreBusy` if another process writes for too long, `QueryStopped` soon after `stop` is set.
        """
        with closing(self.connect(read_only=False)) as connection, self.told_in_words(stop):
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {LARGEST_IDLE_LOG}")
            _look_at(connection, stop)
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.set_progress_handler(None, 0)
                    connection.execute("ROLLBACK")
                raise

    def checkpoint(self) -> None:
        """Move what the log holds into the database and give its disk space back, as far as readers permit."""
        with closing(self.connect(read_only=False)) as connection, self.told_in_words():
            connection.execute("PRAGMA busy_timeout = 100")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def problems(self) -> list[str]:
        """What SQLite's own check finds wrong with the file; empty when it is sound."""
        with closing(self.connect(read_only=True)) as connection, self.told_in_words():
            rows = connection.execute("PRAGMA quick_check(5)").fetchall()
            found = [line for (told,) in rows for line in str(told).splitlines()]
        return [] if found == ["ok"] else found

    @contextmanager
    def told_in_words(self, stop: threading.Event | None = None) -> Iterator[None]:
        """Within it, an error of SQLite becomes one of the warehouse."""
        try:
            yield
        except sqlite3.Error as error:
            raise _in_words(self.path, error, stopped=stop is not None and stop.is_set()) from error


def open_warehouse(
    path: Path,
    *,
    lock_file: Path,
    now: Callable[[], datetime],
    read_only: bool = False,
    make: bool = True,
    advice: str = HOW_TO_MAKE,
) -> Warehouse:
    """The store at `path`, migrated to this version; made if it is missing, but never with `read_only` or not `make`.

    `advice` is what `StoreMissing` tells to do. Raises `StoreMissing`, `StoreDamaged`, `StoreNewer`, `StoreBusy` or
    `StoreError`.
    """
    warehouse = Warehouse(path, read_only=read_only)
    if (read_only or not make) and not path.exists():
        raise StoreMissing(f"there is no warehouse {path} yet: {advice}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Exclusively: closing a file that is a database here already would drop the locks of its connections.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"the warehouse {path} cannot be opened: {error.strerror}. {_ADVICE}") from error
    with warehouse.told_in_words(), closing(_connect(path, read_only=False)) as connection:
        _prepare(connection, path, lock_file, now)
    return warehouse


def has_data(path: Path) -> bool:
    """Whether the store at `path` is there and anything was ever built or loaded into it. Changes nothing.

    Raises a `StoreError` for a file that is there and is no warehouse, or cannot be read.
    """
    if not path.exists():
        return False
    warehouse = Warehouse(path, read_only=True)
    with warehouse.told_in_words(), closing(warehouse.connect()) as connection:
        if not _version(connection, path):
            return False  # another process is about to make it
        return holds_data(connection)


def holds_data(connection: sqlite3.Connection) -> bool:
    """Whether anything was ever built or loaded into the opened store."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM batch)").fetchone()[0])


_ADVICE = "Check that the disk is not full and that the workspace is writable."


def _in_words(path: Path, error: sqlite3.Error, *, stopped: bool) -> Exception:
    text = str(error)
    if "interrupted" in text and stopped:
        return QueryStopped(STOPPED)
    if any(sign in text for sign in DAMAGED):
        return StoreDamaged(
            f"the warehouse {path} is damaged ({error}). Nothing was changed; restore it from a backup, or move it "
            "away and build or load it anew."
        )
    if "locked" in text or "busy" in text:
        return StoreBusy(f"another process has been writing the warehouse {path} for long; try again when it is done")
    return StoreError(f"the warehouse {path} cannot be used: {error}. {_ADVICE}")


def _connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    if not read_only:
        connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _look_at(connection: sqlite3.Connection, stop: threading.Event | None) -> None:
    if stop is not None:
        connection.set_progress_handler(stop.is_set, STEPS_BETWEEN_LOOKS)


def _prepare(connection: sqlite3.Connection, path: Path, lock_file: Path, now: Callable[[], datetime]) -> None:
    newest = _migrations()[-1][0]
    if _version(connection, path) == newest and _journal_mode(connection) == "wal":
        return
    with _file_lock(lock_file):
        if _version(connection, path) > newest:
            raise StoreNewer(
                f"{path} has version {_version(connection, path)}, this program knows up to {newest}: it was written "
                "by a newer Lakewarden. Nothing was changed; upgrade the program."
            )
        connection.execute("PRAGMA journal_mode = WAL")
        for version, name, script in _migrations():
            if version > _version(connection, path):
                _migrate(connection, version, name, script, stamp(now()))


def _migrate(connection: sqlite3.Connection, version: int, name: str, script: str, applied_at: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in statements(script):
            connection.execute(statement)
        connection.execute("INSERT INTO migration VALUES (?, ?, ?)", (version, name, applied_at))
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise StoreDamaged(
            f"{path} is a SQLite file, but not a Lakewarden warehouse (application id {application}, expected "
            f"{APPLICATION_ID}). Nothing was changed; move it away to start a new one."
        )
    return version


def _journal_mode(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def script(name: str) -> str:
    """The text of `warehouse/sql/NAME.sql`."""
    return (importlib.resources.files("warehouse") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def statements(text: str) -> Iterator[str]:
    """The SQL statements of a script, one after the other."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _migrations() -> list[tuple[int, str, str]]:
    """(version, name, SQL) of every migration, in order; the file name carries the version."""
    folder = importlib.resources.files("warehouse") / "sql" / "schema"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [(int(f.name[:3]), f.name[4:-4], f.read_text(encoding="utf-8")) for f in files]


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise StoreError(f"the lock {path} cannot be taken: {error.strerror}. {_ADVICE}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
