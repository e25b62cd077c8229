"""Reading records: opens only the cells that a grant shows in clear, masks the rest, and finds patients by name.

Rules:
1. A patient outside the grant's row scope is refused in the same words whether there is such a patient or not.
2. A cell that is masked or denied is not even fetched; a mask is made of nothing but the column's name.
3. A cell that does not open is written to the audit log and refuses the whole request, named by its place.
4. Names are searched only by those who see them in clear: a hit tells a name as surely as showing it.
"""

from __future__ import annotations

from collections.abc import Sequence

from security.errors import ReadRefused, SealBroken
from security.records.admission import IDS_AT_ONCE, unknown
from security.records.core import Core
from security.records.fetching import Fetched, entry_of
from security.records.models import Grant, HistoryEntry, Record, Show

MOST_FOUND = 1_000


class Reading:
    """Records as grants show them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def record(self, patient_id: str, grant: Grant) -> Record:
        """One record. Raises ReadRefused, RecordUnknown, SealBroken, KeyUnknown, AuditUnavailable, StoreError."""
        return self.records([patient_id], grant)[0]

    def records(self, patient_ids: Sequence[str], grant: Grant) -> list[Record]:
        """The records of `patient_ids`, in that order, as one state of the store. Raises as `record`."""
        for patient_id in patient_ids:
            check_scope(patient_id, grant)
        fetched = Fetched(self._core, grant)
        with self._core.database.snapshot() as connection:
            different = list(dict.fromkeys(patient_ids))
            for first in range(0, len(different), IDS_AT_ONCE):
                fetched.fetch(connection, different[first : first + IDS_AT_ONCE])
        return [fetched.record(patient_id) for patient_id in patient_ids]

    def versions(self, patient_id: str, grant: Grant) -> list[HistoryEntry]:
        """Every version of every entry of the history, oldest first.

        Raises as `record`, and SealBroken where some were removed from the file.
        """
        check_scope(patient_id, grant)
        if grant.show("history") is not Show.CLEAR:
            raise ReadRefused("expected a decision that shows the history in clear, found one that does not")
        with self._core.database.snapshot() as connection:
            known = connection.execute("SELECT version FROM patient WHERE patient_id = ?", (patient_id,)).fetchone()
            if not known:
                raise unknown(patient_id)
            rows = connection.execute(
                "SELECT patient_id, version, entry, text, written_by, written_at FROM history WHERE patient_id = ? "
                "ORDER BY version",
                (patient_id,),
            ).fetchall()
            with self._core.watching(patient_id, grant.principal, grant.role):
                key = self._core.keys.of_subject(connection, patient_id)
                _check_whole(patient_id, known[0], [row[1] for row in rows])
                return [entry_of(key, row) for row in rows]

    def search(self, name: str, grant: Grant) -> list[str]:
        """The ids, sorted, of the patients in scope whose names have every word of `name`; at most 1,000.

        Raises ReadRefused unless names are shown in clear, StoreError.
        """
        if grant.show("name") is not Show.CLEAR:
            raise ReadRefused(
                "expected a decision that shows names in clear, found one that does not: none is searched"
            )
        words = self._core.index.words(name)
        if not words:
            return []
        marks = ", ".join("?" * len(words))
        rows = self._core.database.query(
            f"SELECT patient_id FROM name_word WHERE word IN ({marks}) "  # noqa: S608 – only question marks
            "GROUP BY patient_id HAVING count(*) = ? ORDER BY patient_id",
            (*words, len(words)),
        )
        found = [row[0] for row in rows if grant.patients is None or row[0] in grant.patients]
        return found[:MOST_FOUND]


def check_scope(patient_id: str, grant: Grant) -> None:
    """Return if the patient is in the row scope of `grant`. Raises ReadRefused."""
    if grant.patients is not None and patient_id not in grant.patients:
        raise ReadRefused("expected a patient that the decision permits, found another: nothing was read")


def _check_whole(patient_id: str, newest: int, versions: list[int]) -> None:
    """Every edit writes one version and the record's number with it. Raises SealBroken."""
    if newest == len(versions) and versions == list(range(1, newest + 1)):
        return
    # As far as the gaps can be told: the number may be any, in a file that somebody changed.
    missing = ", ".join(
        str(version) for version in range(1, min(newest, len(versions) + 3) + 1) if version not in versions
    )
    raise SealBroken(
        f"the history of {patient_id}: expected its versions 1 to {newest}, found {len(versions)} of them"
        f"{f', without {missing}' if missing else ''}: some were removed from or added to the file"
    )
