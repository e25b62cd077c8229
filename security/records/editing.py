"""Edits of a record: a new entry of the history or a newer text of one. An earlier version is never changed.

An edit says which version of the record it was made on; if somebody else was faster it is refused, so that no edit
overwrites one its author has not seen. A text that tells who the patient is is refused: histories are shown to those
from whom that is hidden.
"""

from __future__ import annotations

import sqlite3

from security.errors import ReadRefused, RecordChanged, RecordRefused, RecordUnknown
from security.instants import microseconds
from security.records.admission import check_text, unknown
from security.records.cells import PATIENT, seal_history
from security.records.core import Core
from security.records.identifying import IDENTIFIED_BY, Telling, telling, tells_of
from security.records.models import Grant
from security.records.reading import check_scope
from security.vault.sealed import DataKey, place


class Editing:
    """Writes histories, as grants permit."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, patient_id: str, text: str, grant: Grant, *, expected_version: int) -> int:
        """Write a new entry; the record's version with it.

        Raises ReadRefused, RecordUnknown, RecordChanged, RecordRefused, VaultError, AuditUnavailable, StoreError.
        """
        return self._write(patient_id, None, text, grant, expected_version)

    def amend(self, patient_id: str, entry: int, text: str, grant: Grant, *, expected_version: int) -> int:
        """Write a newer text of `entry`; the record's version with it. The older texts stay. Raises as `add`."""
        return self._write(patient_id, entry, text, grant, expected_version)

    def _write(self, patient_id: str, entry: int | None, text: str, grant: Grant, expected_version: int) -> int:
        check_scope(patient_id, grant)
        if not grant.edit:
            raise ReadRefused("expected a decision that permits editing, found one that does not")
        text, now = check_text(text), self._core.now()
        with self._core.database.transaction() as connection:
            version = _next_version(connection, patient_id, expected_version)
            entry = version if entry is None else _known_entry(connection, patient_id, entry)
            with self._core.watching(patient_id, grant.principal, grant.role):
                key = self._core.keys.of_subject(connection, patient_id)
                _check_untelling(text, _identified_by(connection, key, patient_id))
            cell = seal_history(key, patient_id, version, entry, text)
            connection.execute("UPDATE patient SET version = ? WHERE patient_id = ?", (version, patient_id))
            row = (patient_id, version, entry, cell, grant.principal, microseconds(now))
            connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)", row)
        return version


def _identified_by(connection: sqlite3.Connection, key: DataKey, patient_id: str) -> Telling:
    """What the patient could be found by. Raises SealBroken."""
    sql = f"SELECT {', '.join(IDENTIFIED_BY)} FROM patient WHERE patient_id = ?"  # noqa: S608 – names of our own
    cells = connection.execute(sql, (patient_id,)).fetchone()
    places = [place(PATIENT, column) for column in IDENTIFIED_BY]
    return telling(dict(zip(IDENTIFIED_BY, key.open_all(cells, patient_id.encode(), places), strict=True)))


def _check_untelling(text: str, found_by: Telling) -> None:
    if tells_of(text, found_by):
        raise RecordRefused(
            "expected a text that does not tell who the patient is, since it is shown where that is hidden; found what "
            "looks like the name, address, phone, e-mail, SSN or insurance id: leave it out"
        )


def _next_version(connection: sqlite3.Connection, patient_id: str, expected: int) -> int:
    row = connection.execute("SELECT version FROM patient WHERE patient_id = ?", (patient_id,)).fetchone()
    if row is None:
        raise unknown(patient_id)
    if row[0] != expected:
        why = "it was edited since it was read" if expected < row[0] else "it has had no such version yet"
        raise RecordChanged(
            f"expected version {expected} of the record {patient_id}, found {row[0]}: {why}. "
            "Nothing was written; read it again and repeat the edit."
        )
    return int(row[0]) + 1


def _known_entry(connection: sqlite3.Connection, patient_id: str, entry: int) -> int:
    sql = "SELECT 1 FROM history WHERE patient_id = ? AND entry = ?"
    if not connection.execute(sql, (patient_id, entry)).fetchone():
        raise RecordUnknown(f"expected an entry of the history of {patient_id}, found {entry}, which it does not have")
    return entry
