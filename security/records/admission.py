"""Storing patients, their assignments and legal holds: the writes that are not edits of a record."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from security.errors import RecordRefused, RecordUnknown
from security.instants import microseconds
from security.records.core import Core
from security.records.identifying import first_unseen
from security.records.models import NewPatient, PatientFacts
from security.records.staging import staging

PATIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
LONGEST = 400  # characters of a field
LONGEST_TEXT = 10_000  # of an entry of a history
IDS_AT_ONCE = 500  # of one SELECT


class Admission:
    """Adds patients and says who treats them."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def add(self, patients: Iterable[NewPatient], *, by: str, check: Callable[[], None] = lambda: None) -> int:
        """Store `patients`, all or none; how many. Others write the store while `patients` go on coming.

        `check` is called now and then while they are stored: what it raises stores none.

        Raises RecordRefused (a field that cannot be, or an id that is there already), VaultError, StoreError, OSError.
        """
        with staging(self._core) as staged:
            for patient in patients:
                staged.add(_checked(patient), by=by)
            return staged.publish(check)

    def assign(self, patient_id: str, user: str, *, by: str) -> None:
        """Let `user` treat the patient, if that is not so. Raises RecordUnknown, RecordRefused, StoreError."""
        _check_user(user)
        with self._core.database.transaction() as connection:
            check_known(connection, patient_id)
            connection.execute(
                "INSERT OR IGNORE INTO assignment VALUES (?, ?, ?, ?)",
                (patient_id, user, by, microseconds(self._core.now())),
            )

    def unassign(self, patient_id: str, user: str) -> bool:
        """No longer; False if it was not so. Raises RecordUnknown, StoreError."""
        with self._core.database.transaction() as connection:
            check_known(connection, patient_id)
            sql = "DELETE FROM assignment WHERE patient_id = ? AND user = ?"
            return connection.execute(sql, (patient_id, user)).rowcount > 0

    def hold(self, patient_id: str, *, held: bool) -> None:
        """Put the record under legal hold, or lift it. Raises RecordUnknown, StoreError."""
        with self._core.database.transaction() as connection:
            check_known(connection, patient_id)
            connection.execute("UPDATE patient SET legal_hold = ? WHERE patient_id = ?", (int(held), patient_id))

    def facts(self, patient_id: str) -> PatientFacts:
        """What decisions about the patient depend on. Raises RecordUnknown, StoreError."""
        found = self.facts_of([patient_id])
        if not found:
            raise unknown(patient_id)
        return found[0]

    def facts_of(self, patient_ids: Sequence[str]) -> list[PatientFacts]:
        """The same of those of `patient_ids` that there are, each once, by id, as one state. Raises StoreError."""
        different = sorted(set(patient_ids))
        found: list[PatientFacts] = []
        with self._core.database.snapshot() as connection:
            for first in range(0, len(different), IDS_AT_ONCE):
                ids = different[first : first + IDS_AT_ONCE]
                found += _facts(connection, f"WHERE patient_id IN ({', '.join('?' * len(ids))})", ids)
        return found

    def all_facts(self) -> list[PatientFacts]:
        """The same of every patient, by id. Raises StoreError."""
        with self._core.database.snapshot() as connection:
            return _facts(connection)

    def domains(self) -> frozenset[str]:
        """Every domain that a patient has. Raises StoreError."""
        return frozenset(row[0] for row in self._core.database.query("SELECT DISTINCT domain FROM patient"))

    def count(self) -> int:
        """How many patients there are. Raises StoreError."""
        return int(self._core.database.query("SELECT count(*) FROM patient")[0][0])

    def assigned_to(self, user: str) -> frozenset[str]:
        """The ids of the patients that `user` treats: the row scope of a doctor. Raises StoreError."""
        rows = self._core.database.query("SELECT patient_id FROM assignment WHERE user = ?", (user,))
        return frozenset(row[0] for row in rows)


def unknown(patient_id: str) -> RecordUnknown:
    shown = patient_id if PATIENT_ID.fullmatch(patient_id) and not _SSN.search(patient_id) else "another text"
    return RecordUnknown(f"expected the id of a patient, found {shown}; nobody has it")


def check_known(connection: sqlite3.Connection, patient_id: str) -> None:
    """Return if there is such a patient, within the caller's transaction. Raises RecordUnknown."""
    if not connection.execute("SELECT 1 FROM patient WHERE patient_id = ?", (patient_id,)).fetchone():
        raise unknown(patient_id)


def check_text(text: str) -> str:
    """An entry of a history, trimmed. Raises RecordRefused; the text is never part of a message."""
    lines = text.replace("\r\n", "\n")
    trimmed = lines.strip()
    if not 0 < len(trimmed) <= LONGEST_TEXT:
        raise RecordRefused(f"expected a text of 1 to {LONGEST_TEXT} characters, found {len(trimmed)}")
    if first_unseen(trimmed, but="\n\t"):
        found = first_unseen(lines, but="\n\t")  # where it stands for who typed it
        raise RecordRefused(f"expected a text without control or invisible characters, found {found}")
    return trimmed


def _facts(connection: sqlite3.Connection, where: str = "", parameters: Sequence[str] = ()) -> list[PatientFacts]:
    patients = connection.execute(
        f"SELECT patient_id, site, domain, legal_hold FROM patient {where} ORDER BY patient_id",  # noqa: S608 – our own
        parameters,
    ).fetchall()
    users: dict[str, list[str]] = {}
    for patient_id, user in connection.execute(
        f"SELECT patient_id, user FROM assignment {where} ORDER BY patient_id, user",  # noqa: S608 – our own
        parameters,
    ):
        users.setdefault(patient_id, []).append(user)
    return [
        PatientFacts(patient_id, tuple(users.get(patient_id, ())), site, domain, bool(held))
        for patient_id, site, domain, held in patients
        if PATIENT_ID.fullmatch(patient_id)  # what somebody with the file made another text names no record
    ]


def _checked(patient: NewPatient) -> NewPatient:
    """The patient as stored, or a refusal. No value of an identifying field is part of a message."""
    if not PATIENT_ID.fullmatch(patient.patient_id) or _SSN.search(patient.patient_id):
        raise RecordRefused("patient_id: expected 1 to 64 letters, digits, `.`, `_` or `-`, found another text")
    for column in ("name", "sex", "address", "phone", "email", "insurance_id", "site", "domain"):
        length = len(getattr(patient, column))
        if not 0 < length <= LONGEST:
            raise RecordRefused(f"{column} of {patient.patient_id}: expected 1 to {LONGEST} characters, found {length}")
    if not _SSN.fullmatch(patient.ssn):
        raise RecordRefused(f"ssn of {patient.patient_id}: expected the form 000-00-0000, found another text")
    for encounter in patient.encounters:
        for one in encounter.kind + encounter.diagnosis:
            if unicodedata.category(one) == "Cc":
                found = f"U+{ord(one):04X}"
                raise RecordRefused(
                    f"encounters of {patient.patient_id}: expected no control characters, found {found}"
                )
    for user in patient.assigned:
        _check_user(user)
    return replace(patient, history=tuple([(check_text(text), by, at) for text, by, at in patient.history]))


def _check_user(user: str) -> None:
    if not _USER.fullmatch(user):
        raise RecordRefused("assigned: expected a user name, found another text")
