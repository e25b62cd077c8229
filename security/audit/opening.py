"""Opening the audit log of a workspace: its database, and the key of the ring it began with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
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
from security.database import Database, open_database
from security.errors import AuditUnavailable, KeyUnknown
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
) -> AuditLog:
    """The log at `path`, made if it is missing, with the key of `ring` (purpose `audit`) it began with.

    Raises AuditUnavailable, KeyFileRefused, KeyUnknown, OSError.
    """
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
