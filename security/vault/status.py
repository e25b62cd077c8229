"""The state of a vault in figures: which key-encryption keys there are, how old, and what each still wraps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from security.database import Database
from security.instants import of_microseconds

ALGORITHM = "AES-256-GCM"


@dataclass(frozen=True, slots=True)
class KekStatus:
    """One key-encryption key: since when it is used, and how many data keys it wraps."""

    id: str
    first_used_at: datetime
    age: timedelta
    data_keys: int
    current: bool  # wraps new data keys


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """What `vault status` tells. `rotating` is the key of a rotation that is not finished."""

    algorithm: str
    keks: tuple[KekStatus, ...]
    data_keys: int
    rotated_at: datetime | None
    rotating: str | None


def status(database: Database, current_id: str, *, now: datetime) -> VaultStatus:
    """The state of the keys in `database`; no key is read. Raises StoreError."""
    with database.snapshot() as connection:
        rows = connection.execute(
            "SELECT kek.id, first_used_at, count(data_key.id) FROM kek LEFT JOIN data_key ON kek_id = kek.id "
            "GROUP BY kek.id ORDER BY first_used_at, kek.id"
        ).fetchall()
        finished, rotating = connection.execute(
            "SELECT max(finished_at), max(kek_id) FILTER (WHERE finished_at IS NULL) FROM rotation"
        ).fetchone()
    keks = tuple(_kek(row[0], of_microseconds(row[1], database.schema.name), row[2], current_id, now) for row in rows)
    rotated_at = None if finished is None else of_microseconds(finished, database.schema.name)
    return VaultStatus(ALGORITHM, keks, sum(kek.data_keys for kek in keks), rotated_at, rotating)


def _kek(kek_id: str, first_used_at: datetime, data_keys: int, current_id: str, now: datetime) -> KekStatus:
    return KekStatus(kek_id, first_used_at, now - first_used_at, data_keys, kek_id == current_id)
