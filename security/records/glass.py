"""Broken glass: who opened the record of whom in an emergency, and when last. What it lets in, and for how long, the
policies say; every breaking and its reason stay in the audit log, this keeps the last one only.

A row is sealed under the data key of the patient, with the user and the instant: one that was made or changed by
another than this program, or put back later than it lets in, is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from security.errors import KeyUnknown, SealBroken
from security.instants import microseconds, of_microseconds
from security.policy.model import SERVICE
from security.records.admission import check_known
from security.records.core import SCHEMA, Core
from security.vault.sealed import DataKey

_GLASS = "glass"

# The newest breaking counts even if its instant is earlier: with a clock set back, an emergency must still open.
_RECORD = """
INSERT INTO glass (patient_id, user, broken_at, seal) VALUES (?, ?, ?, ?)
ON CONFLICT (user, patient_id) DO UPDATE SET broken_at = excluded.broken_at, seal = excluded.seal
"""
_BROKEN = """
SELECT patient_id, broken_at, seal, id, kek_id, wrapped FROM glass LEFT JOIN data_key ON subject = patient_id
WHERE user = ? AND broken_at >= ? ORDER BY patient_id
"""
_REMOVE = "DELETE FROM glass WHERE user = ? AND patient_id = ? AND broken_at = ? AND seal = ?"

_Row = tuple[str, int, bytes, bytes | None, str, bytes]


class Glass:
    """The port GlassStore over the clinical store; what is kept of a patient goes with the patient."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def record(self, user: str, patient: str, at: datetime, /) -> None:
        """Keep that `user` broke the glass of `patient` at an aware instant; on the disk when it returns.

        Raises RecordUnknown, SealBroken, KeyUnknown, KeyFileRefused, StoreError, AuditUnavailable, OSError.
        """
        stamp = microseconds(at)
        with self._core.watching(patient, SERVICE, SERVICE), self._core.database.transaction() as connection:
            check_known(connection, patient)
            key = self._core.keys.of_subject(connection, patient)
            seal = key.seal("", row=patient, table=_GLASS, column="seal", part=_part(user, stamp))
            connection.execute(_RECORD, (patient, user, stamp, seal))

    def broken(self, user: str, *, since: datetime) -> dict[str, datetime]:
        """The patients whose glass `user` broke at or after `since`, and when last, in UTC.

        A row whose seal does not open is written to the audit log and removed. Raises KeyFileRefused, StoreError,
        AuditUnavailable, OSError.
        """
        found: dict[str, datetime] = {}
        refused: list[tuple[_Row, SealBroken | KeyUnknown]] = []
        for row in self._core.database.query(_BROKEN, (user, microseconds(since))):
            patient, stamp, seal, *_ = row
            try:
                self._key(row).open(seal, row=patient, table=_GLASS, column="seal", part=_part(user, stamp))
            except (SealBroken, KeyUnknown) as error:
                refused.append((row, error))
            else:
                found[patient] = of_microseconds(stamp, SCHEMA.name)
        if refused:
            self._remove(user, refused)
        return found

    def _key(self, row: _Row) -> DataKey:
        """The data key of a row's patient. Raises SealBroken, KeyUnknown, KeyFileRefused, StoreError, OSError."""
        patient, _, _, key_id, kek_id, wrapped = row
        if key_id is None:
            raise KeyUnknown(f"expected the data key of {patient}, found none: it was destroyed")
        return self._core.keys.unwrap(key_id, patient, kek_id, wrapped)

    def _remove(self, user: str, refused: Sequence[tuple[_Row, SealBroken | KeyUnknown]]) -> None:
        """Tell the audit log of rows that do not open, and remove them: every decision would tell of them again.

        They are told of no user, as nothing in them can be believed. Raises StoreError, AuditUnavailable.
        """
        with self._core.database.transaction() as connection:
            for (patient, stamp, seal, *_), error in refused:
                if connection.execute(_REMOVE, (user, patient, stamp, seal)).rowcount:
                    self._core.report(error, patient, SERVICE, SERVICE)


def _part(user: str, stamp: int) -> str:
    """What tells apart the rows of a patient: `user` holds no NUL."""
    return f"{stamp} {user}"
