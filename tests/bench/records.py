"""What sealed records cost to read beside plain SQLite rows and the same number of bare AES-GCM calls."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from etl.files import write_whole
from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.keys import PURPOSE as AUDIT
from security.audit.log import AuditLog
from security.audit.opening import open_audit_log
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records.admission import Admission
from security.records.blind_index import PURPOSE as INDEX
from security.records.core import Core, open_clinical
from security.records.models import Grant, NewPatient
from security.records.practice_patients import PatientSpec, practice_patients
from security.records.reading import Reading
from security.records.vault import Vault
from security.vault.key_files import KeyFiles
from security.vault.keys import KeyRing
from tests.bench import report

RECORDS = 1_000
PAIRS = 15
ROTATED_A_SECOND = 10_000
GRANT = Grant("doctor", "doctor", dict.fromkeys(PATIENT_COLUMNS, "clear"), None)
NONCE = bytes(12)
PLACE = bytes(50)  # associated data of the usual length
PLAIN = """
CREATE TABLE patient (patient_id TEXT PRIMARY KEY, name TEXT, birth_date TEXT, sex TEXT, address TEXT, phone TEXT,
    email TEXT, ssn TEXT, insurance_id TEXT, site TEXT, domain TEXT, version INTEGER) WITHOUT ROWID;
CREATE TABLE assignment (patient_id TEXT, user TEXT, PRIMARY KEY (patient_id, user)) WITHOUT ROWID;
CREATE TABLE encounter (patient_id TEXT, number INTEGER, on_day TEXT, kind TEXT, diagnosis TEXT,
    PRIMARY KEY (patient_id, number)) WITHOUT ROWID;
CREATE TABLE history (patient_id TEXT, version INTEGER, entry INTEGER, text TEXT, written_by TEXT, written_at INTEGER,
    PRIMARY KEY (patient_id, version)) WITHOUT ROWID;
"""

Sealed = list[tuple[bytes, list[bytes]]]  # each patient's key, and ciphertexts under it


def bench() -> None:
    report.print_title(f"Records: {RECORDS} with all columns as one audited request")
    patients = practice_patients(PatientSpec(("main",), ("doctor", "doctor-nights"), date(2026, 2, 28), RECORDS))
    ids = [one.patient_id for one in patients]
    with (
        tempfile.TemporaryDirectory() as folder,
        _log(Path(folder)) as log,
        closing(_clinic(Path(folder), log)) as core,
    ):
        Admission(core).add(patients, by="service")
        sealed = _sealed(patients)
        with closing(_plain(Path(folder) / "plain.db", patients)) as plain:
            pairs = report.interleaved(
                lambda: _ours_s(core, log, ids), lambda: _peer_s(plain, sealed, ids), pairs=PAIRS
            )
            fetched = report.interleaved(
                lambda: _ours_s(core, log, ids), lambda: _fetched_s(plain, sealed, ids), pairs=PAIRS
            )
        report.print_pairs("vs. plain SQLite and raw AES-GCM", pairs, unit="ms", scale=1e3, target=2)
        report.print_note(f"ratio {fetched.ratio:.2f} where the plain rows are only fetched and not put into records")
        report.print_note(f"{sum(len(cells) for _, cells in sealed)} sealed values, {RECORDS} keys")
        rotations = [_rotation_s(core) / RECORDS * 1e6 for _ in range(5)]
        report.print_value("a data key re-wrapped", rotations, unit="µs", target=1e6 / ROTATED_A_SECOND)


def _log(folder: Path) -> AuditLog:
    ring = KeyRing(folder / "keys", write_whole, purpose=AUDIT)
    return open_audit_log(folder / "audit.db", ring, lock_file=folder / "audit.lock", now=lambda: datetime.now(UTC))


def _clinic(folder: Path, log: AuditLog) -> Core:
    return open_clinical(
        folder / "clinical.db",
        keks=KeyFiles(KeyRing(folder / "keys", write_whole)),
        index_keys=KeyRing(folder / "keys", write_whole, purpose=INDEX),
        sink=log,
        pseudonym=log.keys.pseudonym,
        random_bytes=os.urandom,
        lock_file=folder / "clinical.lock",
        now=lambda: datetime.now(UTC),
    )


def _ours_s(core: Core, log: AuditLog, ids: list[str]) -> float:
    """Seconds for one request: intent, records, outcome."""
    started_s = time.perf_counter()
    log.append([_event(Outcome.INTENT)])
    records = Reading(core).records(ids, GRANT)
    log.append([_event(Outcome.DONE)])
    taken_s = time.perf_counter() - started_s
    assert len(records) == len(ids)
    assert set(records[-1].columns) == set(PATIENT_COLUMNS)
    return taken_s


def _event(outcome: Outcome) -> Event:
    return Event(
        at=datetime.now(UTC),
        kind=Kind.DISCLOSURE,
        action="view_record",
        outcome=outcome,
        principal="doctor",
        role="doctor",
        resource="patient",
        decision=Decision.ALLOW,
        columns=IDENTIFYING,
        count=RECORDS,
    )


def _peer_s(connection: sqlite3.Connection, sealed: Sealed, ids: list[str]) -> float:
    """Seconds to read the same records from a plain database, and to open as many ciphertexts of the same lengths."""
    started_s = time.perf_counter()
    records: dict[str, dict[str, object]] = {}
    for some, marks in _chunks(ids):
        for row in connection.execute(f"SELECT * FROM patient WHERE patient_id IN ({marks})", some):
            records[row[0]] = {
                **dict(zip(PATIENT_COLUMNS, row, strict=False)),
                "assigned": [],
                "encounters": [],
                "history": [],
            }
        for column, table in (("assigned", "assignment"), ("encounters", "encounter"), ("history", "history")):
            for row in connection.execute(f"SELECT * FROM {table} WHERE patient_id IN ({marks})", some):
                records[row[0]][column].append(row[1:])  # type: ignore[attr-defined]
    _open_all(sealed)
    assert len(records) == len(ids)
    return time.perf_counter() - started_s


def _fetched_s(connection: sqlite3.Connection, sealed: Sealed, ids: list[str]) -> float:
    """The same, without making records of the rows."""
    started_s = time.perf_counter()
    for some, marks in _chunks(ids):
        for table in ("patient", "assignment", "encounter", "history"):
            connection.execute(f"SELECT * FROM {table} WHERE patient_id IN ({marks})", some).fetchall()
    _open_all(sealed)
    return time.perf_counter() - started_s


def _chunks(ids: list[str]) -> list[tuple[list[str], str]]:
    chunks = [ids[first : first + 500] for first in range(0, len(ids), 500)]
    return [(some, ", ".join("?" * len(some))) for some in chunks]


def _open_all(sealed: Sealed) -> None:
    for key, cells in sealed:
        cipher = AESGCM(key)
        for cell in cells:
            cipher.decrypt(cell[:12], cell[12:], PLACE)


def _sealed(patients: list[NewPatient]) -> Sealed:
    """As many ciphertexts as the store has of each patient, its wrapped key included."""
    found = []
    for one in patients:
        key = os.urandom(32)
        texts = [str(getattr(one, column)) for column in IDENTIFYING]
        texts += [f'["{e.on}", "{e.kind}", "{e.diagnosis}"]' for e in one.encounters]
        texts += [text for text, _, _ in one.history]
        cipher = AESGCM(key)
        found.append((key, [NONCE + cipher.encrypt(NONCE, text.encode(), PLACE) for text in [*texts, "k" * 32]]))
    return found


def _plain(path: Path, patients: list[NewPatient]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(PLAIN)
    connection.execute("BEGIN")
    for one in patients:
        fields = [str(getattr(one, column)) for column in (*PATIENT_COLUMNS[:11],)]
        connection.execute("INSERT INTO patient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*fields, 0))
        connection.executemany(
            "INSERT INTO assignment VALUES (?, ?)", [(one.patient_id, user) for user in one.assigned]
        )
        for number, e in enumerate(one.encounters):
            row = (one.patient_id, number, str(e.on), e.kind, e.diagnosis)
            connection.execute("INSERT INTO encounter VALUES (?, ?, ?, ?, ?)", row)
        for number, (text, by, at) in enumerate(one.history):
            entry = (one.patient_id, number, number, text, by, int(at.timestamp()))
            connection.execute("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?)", entry)
    connection.execute("COMMIT")
    return connection


def _rotation_s(core: Core) -> float:
    started_s = time.perf_counter()
    assert Vault(core).rotate(by="officer", role="officer").rewrapped == RECORDS
    return time.perf_counter() - started_s
