"""Rotation of the key-encryption key: every data key is wrapped anew; what it seals is not touched.

Rules:
1. At most one rotation is open. A second caller, or one after a kill, goes on with the open one.
2. Data keys are re-wrapped some at a time, each time in one transaction: readers see the old or the new wrapping, and
   both open, since older key-encryption keys stay in their ring.
3. A data key that does not open is left as it is and named; it never stops the others.
4. The rotation is closed when no data key is left to wrap, except those of rule 3.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from security.database import Database
from security.errors import KeyUnknown, SealBroken
from security.instants import microseconds
from security.ports import KeyEncryption
from security.vault.data_keys import bound_to, note_kek

AT_ONCE = 500  # data keys a transaction: a writer waits for some milliseconds

# New data keys are stored in a transaction that asks for the current key: none of an older one comes behind `id`.
_LEFT = "SELECT id, subject, kek_id, wrapped FROM data_key WHERE kek_id <> ? AND id > ? ORDER BY id LIMIT ?"


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the key that wraps now, how many data keys it wraps, and whose keys did not open."""

    kek_id: str
    rewrapped: int
    broken: tuple[str, ...]


def rotate(
    database: Database,
    keks: KeyEncryption,
    *,
    now: Callable[[], datetime],
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    stop: Callable[[], bool] = lambda: False,
    at_once: int = AT_ONCE,
) -> Rotation:
    """Wrap every data key under a new key-encryption key, or go on doing so.

    `progress` is told data keys done and in all; where `stop` says so it returns early and the rotation stays open.
    Raises VaultError, StoreError, OSError.
    """
    with database.transaction() as connection:
        kek_id = _target(connection, keks, now())
    broken: list[str] = []
    rewrapped, last = 0, b""
    while not stop():
        with database.transaction() as connection:
            rows = connection.execute(_LEFT, (kek_id, last, at_once)).fetchall()
            rewrapped += _rewrap(connection, keks, kek_id, rows, broken)
            done, everything = _counts(connection, kek_id)
            if not rows:
                connection.execute(
                    "UPDATE rotation SET finished_at = ? WHERE kek_id = ? AND finished_at IS NULL",
                    (microseconds(now()), kek_id),
                )
        progress(done, everything)
        if not rows:
            break
        last = rows[-1][0]
    return Rotation(kek_id, rewrapped, tuple(broken))


def _target(connection: sqlite3.Connection, keks: KeyEncryption, now: datetime) -> str:
    """The key of the open rotation; without one, a new rotation to a new key."""
    row = connection.execute("SELECT kek_id FROM rotation WHERE finished_at IS NULL").fetchone()
    if row is not None:
        return str(row[0])
    # Always: the current one may have sealed secrets and customers, of which this database knows nothing.
    kek_id = keks.add()
    note_kek(connection, kek_id, now=now)
    connection.execute("INSERT INTO rotation (kek_id, started_at) VALUES (?, ?)", (kek_id, microseconds(now)))
    return kek_id


def _rewrap(
    connection: sqlite3.Connection,
    keks: KeyEncryption,
    kek_id: str,
    rows: list[tuple[bytes, str, str, bytes]],
    broken: list[str],
) -> int:
    fresh = []
    for key_id, subject, old_kek_id, wrapped in rows:
        try:
            material = keks.unwrap(old_kek_id, wrapped, bound_to(key_id, subject, old_kek_id))
        except (SealBroken, KeyUnknown):
            broken.append(subject)
            continue
        fresh.append((kek_id, keks.wrap(kek_id, material, bound_to(key_id, subject, kek_id)), key_id))
    connection.executemany("UPDATE data_key SET kek_id = ?, wrapped = ? WHERE id = ?", fresh)
    return len(fresh)


def _counts(connection: sqlite3.Connection, kek_id: str) -> tuple[int, int]:
    done, everything = connection.execute(
        "SELECT count(*) FILTER (WHERE kek_id = ?), count(*) FROM data_key", (kek_id,)
    ).fetchone()
    return int(done), int(everything)
