"""Opening the audit log of a workspace: its database, and the key of the ring it began with."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from security.audit.keys import AuditKeys
from security.audit.log import (
    BUSY_TIMEOUT_S,
    EVENTS_PER_CHECKPOINT,
    SECONDS_PER_CHECKPOINT,
    AuditLog,
    Unavailable,
    damaged,
)
from security.audit.store import SCHEMA
from security.audit.turnstile import Turnstile
from security.audit.verify import VerifyingKeys
from security.database import Database, open_database, open_read_only
from security.errors import AuditMissing, AuditUnavailable, KeyUnknown
from security.ports import CheckpointKeeper
from security.vault.keys import KeyRing


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
    anew: bool = False,
) -> AuditLog:
    """The log at `path`, with the key of `ring` (purpose `audit`) it began with; the first one is made.

    With `anew`, one is made where an earlier one is missing, with a key of its own. Raises AuditMissing if an earlier
    one is missing, AuditUnavailable, KeyFileRefused, KeyUnknown, OSError.
    """
    if is_missing(path, ring):
        if not anew:
            raise AuditMissing(
                f"nothing can be recorded, so nothing is disclosed: expected the audit log {path}, which this "
                "workspace had, found none. Bring it back; if it is gone for good, `lakewarden audit begin` begins "
                "another, whose first event says so"
            )
        ring.add()
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


def is_missing(path: Path, ring: KeyRing) -> bool:
    """Whether there was a log, and none is there: its file is made before its key."""
    return bool(ring.ids()) and not (path.exists() and path.stat().st_size)


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
