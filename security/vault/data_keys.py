"""Data keys in a database: one a subject, wrapped under a key-encryption key and bound to its subject.

The tables `data_key` and `kek` belong to the database that holds what is sealed, so that a subject and its key are
made, re-wrapped and destroyed in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from security.database import Database
from security.errors import KeyUnknown, SealBroken
from security.instants import microseconds
from security.ports import KeyEncryption
from security.vault.cipher import KEY_BYTES
from security.vault.sealed import KEY_ID_BYTES, DataKey


class WrappedKey(NamedTuple):
    """A row of `data_key`: the key of `subject`, wrapped."""

    id: bytes
    subject: str
    kek_id: str
    wrapped: bytes
    made_at: int  # in microseconds since 1970


class DataKeys:
    """Makes and opens the data keys of a database."""

    def __init__(
        self, keks: KeyEncryption, random_bytes: Callable[[int], bytes], *, is_noted: Callable[[str], bool]
    ) -> None:
        """`is_noted` says whether a key-encryption key has ever wrapped something in the database."""
        self._keks = keks
        self._random_bytes = random_bytes
        self._is_noted = is_noted

    def make(self, subject: str, kek_id: str, *, now: datetime) -> tuple[DataKey, WrappedKey]:
        """A new key for `subject`, and what `store_keys` stores of it. Raises VaultError, OSError."""
        key = DataKey(self._random_bytes(KEY_ID_BYTES), self._random_bytes(KEY_BYTES))
        wrapped = self._keks.wrap(kek_id, key.material, bound_to(key.id, subject, kek_id))
        return key, WrappedKey(key.id, subject, kek_id, wrapped, microseconds(now))

    def under(self, kek_id: str, key: WrappedKey) -> WrappedKey:
        """`key` wrapped under the key-encryption key `kek_id`. Raises VaultError, OSError."""
        if key.kek_id == kek_id:
            return key
        material = self._keks.unwrap(key.kek_id, key.wrapped, bound_to(key.id, key.subject, key.kek_id))
        wrapped = self._keks.wrap(kek_id, material, bound_to(key.id, key.subject, kek_id))
        return key._replace(kek_id=kek_id, wrapped=wrapped)

    def unwrap(self, key_id: bytes, subject: str, kek_id: str, wrapped: bytes) -> DataKey:
        """The key of a row of `data_key`.

        Raises SealBroken, also for a row that names a key which has wrapped nothing here; KeyUnknown, KeyFileRefused,
        StoreError, OSError.
        """
        try:
            return DataKey(key_id, self._keks.unwrap(kek_id, wrapped, bound_to(key_id, subject, kek_id)))
        except (SealBroken, ValueError) as error:
            raise SealBroken(f"the data key {key_id.hex()} of {subject} does not open: {error}") from error
        except KeyUnknown as error:
            if self._is_noted(kek_id):
                raise
            raise SealBroken(
                f"the data key {key_id.hex()} of {subject} does not open: expected a key that wraps here, found "
                f"{kek_id[:40]!r}"
            ) from error

    def of_subject(self, connection: sqlite3.Connection, subject: str) -> DataKey:
        """The key of `subject`. Raises KeyUnknown if there is none, SealBroken, KeyFileRefused, OSError."""
        row = connection.execute("SELECT id, kek_id, wrapped FROM data_key WHERE subject = ?", (subject,)).fetchone()
        if row is None:
            raise KeyUnknown(f"expected the data key of {subject}, found none: it was destroyed")
        return self.unwrap(row[0], subject, row[1], row[2])


def store_keys(connection: sqlite3.Connection, keys: Sequence[WrappedKey], *, now: datetime) -> None:
    """Store new keys in the transaction of `connection`."""
    for kek_id in {key.kek_id for key in keys}:
        note_kek(connection, kek_id, now=now)
    connection.executemany("INSERT INTO data_key VALUES (?, ?, ?, ?, ?)", keys)


def note_kek(connection: sqlite3.Connection, kek_id: str, *, now: datetime) -> None:
    """Record the first use of a key-encryption key: its age counts from there."""
    connection.execute("INSERT OR IGNORE INTO kek VALUES (?, ?)", (kek_id, microseconds(now)))


def is_noted(database: Database, kek_id: str) -> bool:
    """Whether a key-encryption key has ever wrapped something here. Raises StoreError."""
    return bool(database.query("SELECT 1 FROM kek WHERE id = ?", (kek_id,)))


def bound_to(key_id: bytes, subject: str, kek_id: str) -> bytes:
    """The associated data of a wrapped data key."""
    return b"lakewarden-data-key\0" + key_id + f"{subject}\0{kek_id}".encode()
