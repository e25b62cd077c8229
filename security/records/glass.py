"""Broken glass: who opened the record of whom in an emergency, and when last. What it lets in, and for how long, the
policies say; every breaking and its reason stay in the audit log, this keeps the last one only.
"""

from __future__ import annotations

from datetime import datetime

from security.instants import microseconds, of_microseconds
from security.records.admission import check_known
from security.records.core import SCHEMA, Core

# The newest breaking counts even if its instant is earlier: with a clock set back, an emergency must still open.
_RECORD = """
INSERT INTO glass (patient_id, user, broken_at) VALUES (?, ?, ?)
ON CONFLICT (user, patient_id) DO UPDATE SET broken_at = excluded.broken_at
"""


class Glass:
    """The port GlassStore over the clinical store; what is kept of a patient goes with the patient."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def record(self, user: str, patient: str, at: datetime, /) -> None:
        """Keep that `user` broke the glass of `patient` at an aware instant; on the disk when it returns.

        Raises RecordUnknown, StoreError.
        """
        with self._core.database.transaction() as connection:
            check_known(connection, patient)
            connection.execute(_RECORD, (patient, user, microseconds(at)))

    def broken(self, user: str, *, since: datetime) -> dict[str, datetime]:
        """The patients whose glass `user` broke at or after `since`, and when last, in UTC. Raises StoreError."""
        sql = "SELECT patient_id, broken_at FROM glass WHERE user = ? AND broken_at >= ? ORDER BY patient_id"
        rows = self._core.database.query(sql, (user, microseconds(since)))
        return {patient: of_microseconds(at, SCHEMA.name) for patient, at in rows}
