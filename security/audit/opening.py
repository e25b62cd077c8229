"""Opening the audit log of a workspace: its database, and the key of the ring it began with.

Where the ring has a key there was a log, or its first use was cut off. In that order things come into being:
1. At first use the file with its tables, the key 0001, the log's name, the first event.
2. When a log is begun where one is missing, a further key, the file with its tables, then name and first event at once.

So a file without tables beside a key, and one without events beside two, stands where another log was. One with tables
and no event beside one key is a first use that was cut off, and goes on: nothing was acknowledged from it. Where the
workspace shows that something was, its events were removed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from enum import Enum, auto
from pathlib import Path

from security.audit import store
from security.audit.event import Event, Kind, Outcome
from security.audit.keys import AuditKeys
from security.audit.log import (
    BUSY_TIMEOUT_S,
    EVENTS_PER_CHECKPOINT,
    SECONDS_PER_CHECKPOINT,
    AuditLog,
    Unavailable,
    damaged,
)
from security.audit.merkle import Frontier
from security.audit.store import SCHEMA, Tree
from security.audit.turnstile import Turnstile
from security.audit.verify import VerifyingKeys
from security.database import Database, check_log_has_database, files_of, open_database, open_read_only
from security.errors import AuditMissing, AuditUnavailable, KeyUnknown
from security.policy.model import SERVICE
from security.ports import CheckpointKeeper
from security.vault.keys import KeyRing

BEGUN_ANEW = "begin_audit_log"  # the first event of a log that stands where another was


def open_audit_log(
    path: Path,
    ring: KeyRing,
    *,
    lock_file: Path,
    now: Callable[[], datetime],
    keepers: Sequence[CheckpointKeeper] = (),
    every_events: int = EVENTS_PER_CHECKPOINT,
    every_s: float = SECONDS_PER_CHECKPOINT,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    was_used: Callable[[], bool] = lambda: False,
) -> AuditLog:
    """The log at `path`, with the key of `ring` (purpose `audit`) it began with; the first one is made.

    `was_used` says whether the workspace has something that is there only once an event of it is on record.
    Raises AuditMissing if an earlier one is missing, AuditUnavailable, KeyFileRefused, KeyUnknown, OSError.
    """
    if is_missing(path, ring, busy_timeout_s=busy_timeout_s, was_used=was_used):
        raise AuditMissing(
            f"nothing can be recorded, so nothing is disclosed: expected the audit log {path}, which this "
            "workspace had, found none. Bring it back; if it is gone for good, `lakewarden audit begin` begins "
            "another, whose first event says so"
        )
    with Unavailable():
        database = open_database(path, SCHEMA, lock_file=lock_file, now=now, busy_timeout_s=busy_timeout_s)
    with ExitStack() as opened:
        opened.callback(database.close)
        with Unavailable():
            keys = _keys_of(database, ring)
        turnstile = Turnstile(lock_file, patience_s=busy_timeout_s)
        opened.callback(turnstile.close)
        log = AuditLog(database, keys, turnstile, now=now, keepers=keepers, every_events=every_events, every_s=every_s)
        opened.pop_all()
        return log


def begin_anew(
    path: Path,
    ring: KeyRing,
    *,
    lock_file: Path,
    now: Callable[[], datetime],
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    was_used: Callable[[], bool] = lambda: False,
) -> bool:
    """Begin a log with a key of its own, whose first event says so, where an earlier one is missing; else False.

    Raises AuditUnavailable, KeyFileRefused, KeyUnknown, OSError.
    """
    if not is_missing(path, ring, busy_timeout_s=busy_timeout_s, was_used=was_used):
        return False
    with Unavailable():
        if _has_bytes(path) and _how_begun(path, busy_timeout_s) is _Begun.EMPTIED:
            raise AuditUnavailable(
                f"expected the audit log {path} or no such file, found one whose tables were taken out; move "
                f"{files_of(path)} aside together, then `audit begin`"
            )
    first = Event(
        at=now(),
        kind=Kind.KEY,
        action=BEGUN_ANEW,
        outcome=Outcome.DONE,
        principal=SERVICE,
        role=SERVICE,
        resource="audit",
        code="earlier_log_missing",
    )
    keys = AuditKeys.of(ring.add())
    with (
        Unavailable(),
        closing(open_database(path, SCHEMA, lock_file=lock_file, now=now, busy_timeout_s=busy_timeout_s)) as database,
        database.transaction() as connection,
    ):
        if not _is_blank(connection):
            return False  # another process was faster
        connection.execute("INSERT OR REPLACE INTO log VALUES (1, ?, ?)", (keys.origin, keys.id))
        store.append(connection, Tree(Frontier(), store.genesis(keys.origin)), [first.encode()], keys.head_key)
    return True


def is_missing(
    path: Path,
    ring: KeyRing,
    *,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    was_used: Callable[[], bool] = lambda: False,
) -> bool:
    """Whether there was a log, and none is there, by what comes into being when.

    Raises AuditUnavailable where that cannot be told, as where its last events are there and its file is not; OSError.
    """
    ids = ring.ids()  # before the file: another process may be making both
    if not ids:
        with Unavailable():  # the keys again: what tells of a use may just have been made, and they before it
            return not _has_bytes(path) and was_used() and not ring.ids()
    with Unavailable():
        check_log_has_database(path, SCHEMA.name)
    if not _has_bytes(path):
        return True
    with Unavailable():
        begun = _how_begun(path, busy_timeout_s)
        if begun is _Begun.TABLES and len(ids) == 1:
            # The file again: what tells of a use may just have been made, and its event before it.
            return was_used() and _how_begun(path, busy_timeout_s) is _Begun.TABLES
    return begun is not _Begun.ALL


class _Begun(Enum):
    """How far a log has come."""

    NOTHING = auto()  # a file without tables
    EMPTIED = auto()  # the same, which had some
    TABLES = auto()  # and no event
    ALL = auto()


def _how_begun(path: Path, busy_timeout_s: float) -> _Begun:
    """How far the log in a file has come. Of one with other tables, opening says what is wrong. Raises StoreError."""
    with (
        # Not to read alone: what was cut off while it was written is rolled back, or could not be read.
        closing(Database(path, SCHEMA, busy_timeout_s=busy_timeout_s)) as database,
        database.snapshot() as connection,
    ):
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if not tables:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return _Begun.EMPTIED if version else _Begun.NOTHING
        return _Begun.TABLES if {"event", "checkpoint"} <= tables and _is_blank(connection) else _Begun.ALL


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Whether a log has neither an event nor a checkpoint, which would say that there were events."""
    return store.last_event(connection) is None and store.last_checkpoint(connection) is None


def verifying_keys(path: Path, ring: KeyRing) -> VerifyingKeys:
    """What to verify the log in the file `path` with, be it sound or not: the key of `ring` that it names.

    If the ring has no such key, it is the newest that it has: the file cannot say which key to believe. Raises
    KeyUnknown where there is none at all, KeyFileRefused, StoreError, OSError.
    """
    ids = ring.ids()
    named = _named_key(path)
    if not ids:
        raise KeyUnknown("expected the key of the audit log, found none in the key folder; restore it from a backup")
    return VerifyingKeys.of(AuditKeys.of(ring.get(named if named in ids else ids[-1])))


def _named_key(path: Path) -> str | None:
    with closing(open_read_only(path, SCHEMA)) as connection:
        try:
            row = connection.execute("SELECT key_id FROM log").fetchone()
        except sqlite3.Error:
            return None  # verifying says what is wrong with the file
    return None if row is None else str(row[0])


def _keys_of(database: Database, ring: KeyRing) -> AuditKeys:
    """The keys the log began with; a new log begins with the ring's current key."""
    row = database.query("SELECT origin, key_id FROM log")
    if not row:
        fresh = AuditKeys.of(ring.current())
        with database.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO log VALUES (1, ?, ?)", (fresh.origin, fresh.id))
        row = database.query("SELECT origin, key_id FROM log")
    origin, key_id = row[0]
    try:
        keys = AuditKeys.of(ring.get(key_id))
    except KeyUnknown as error:
        raise AuditUnavailable(f"the key of the audit log is missing: {error}") from error
    if keys.origin != origin:
        raise damaged("its name is not that of its key")
    return keys
