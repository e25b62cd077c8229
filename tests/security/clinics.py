"""Clinical stores for tests: real files, real keys, a real audit log, a clock that can be set."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from etl.files import write_whole
from security.audit.event import decode
from security.audit.log import AuditLog
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records.admission import Admission
from security.records.blind_index import PURPOSE
from security.records.core import Core, open_clinical
from security.records.editing import Editing
from security.records.models import Grant, NewPatient
from security.records.practice_patients import PatientSpec, practice_patients
from security.records.reading import Reading
from security.records.vault import Vault
from security.vault.key_files import KeyFiles
from security.vault.keys import KeyRing
from tests.security.audit_logs import Clock, LogFolder

SPEC = PatientSpec(sites=("main", "north"), doctors=("doctor", "doctor-nights"), until=date(2026, 2, 28), count=60)
CLEAR = Grant("doctor", "doctor", dict.fromkeys(PATIENT_COLUMNS, "clear"), None, edit=True)
AUDITOR = Grant(
    "auditor", "auditor", {column: "masked" if column in IDENTIFYING else "clear" for column in PATIENT_COLUMNS}, None
)


@dataclass
class Clinic:
    """A workspace folder with a clinical store and an audit log."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    random_bytes: Any = os.urandom

    def __post_init__(self) -> None:
        self.log: AuditLog = LogFolder(self.folder, self.clock).open()
        self.core: Core = self.open()

    @property
    def path(self) -> Path:
        return self.folder / "clinical.db"

    @property
    def keys_folder(self) -> Path:
        return self.folder / "keys"

    @property
    def ring(self) -> KeyRing:
        return KeyRing(self.keys_folder, write_whole)

    @property
    def index_ring(self) -> KeyRing:
        return KeyRing(self.keys_folder, write_whole, purpose=PURPOSE)

    def open(self, **options: Any) -> Core:
        return open_clinical(
            self.path,
            keks=KeyFiles(self.ring),
            index_keys=self.index_ring,
            sink=self.log,
            pseudonym=self.log.keys.pseudonym,
            random_bytes=self.random_bytes,
            lock_file=self.folder / "clinical.lock",
            now=self.clock,
            **options,
        )

    def reopen(self) -> None:
        self.core.close()
        self.core = self.open()

    def close(self) -> None:
        self.core.close()
        self.log.close()

    @property
    def reading(self) -> Reading:
        return Reading(self.core)

    @property
    def editing(self) -> Editing:
        return Editing(self.core)

    @property
    def admission(self) -> Admission:
        return Admission(self.core)

    @property
    def vault(self) -> Vault:
        return Vault(self.core)

    def execute(self, sql: str, parameters: tuple[object, ...] = ()) -> None:
        """What somebody with the file can do."""
        with self.core.database.transaction() as connection:
            connection.execute(sql, parameters)

    def value(self, sql: str, parameters: tuple[object, ...] = ()) -> Any:
        return self.core.database.query(sql, parameters)[0][0]

    def told(self) -> list[tuple[str, str | None, str | None]]:
        """(outcome, code, subject) of every key event in the audit log."""
        rows = self.log._database.query("SELECT body FROM event ORDER BY seq")
        events = [decode(row[0].encode()) for row in rows]
        return [(event.outcome.value, event.code, event.subject) for event in events if event.kind == "key"]

    def broken(self, patient_id: str, code: str = "seal_broken") -> tuple[str, str, str]:
        """What `told` has of a sealed value of the patient that did not open."""
        return "failed", code, self.log.keys.pseudonym(f"patient:{patient_id}")


def patients(count: int = SPEC.count, **fields: Any) -> list[NewPatient]:
    values = {name: getattr(SPEC, name) for name in ("sites", "doctors", "until", "seed")} | fields
    return practice_patients(PatientSpec(count=count, **values))


def filled(folder: Path, count: int = SPEC.count) -> Iterator[Clinic]:
    """A fixture's body: a clinic of practice patients, closed at the end."""
    clinic = Clinic(folder)
    try:
        clinic.admission.add(patients(count), by="service")
        yield clinic
    finally:
        clinic.close()


def secrets_of(some: list[NewPatient]) -> set[bytes]:
    """Everything that must stand in no file in clear."""
    words = {word for one in some for word in one.name.split()}
    columns = ("name", "address", "phone", "email", "ssn", "insurance_id")
    values = {str(getattr(one, column)) for one in some for column in columns}
    texts = {text for one in some for text, _, _ in one.history}
    return {text.encode() for text in words | values | texts}


def found_in_clear(folder: Path, secrets: set[bytes]) -> list[tuple[str, bytes]]:
    """(file, secret) for every secret that stands in a file under `folder`, whatever its case; keys are left out.

    Another process reads them: closing a database beside its connections here would drop their locks.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != "keys":
            body = subprocess.run(["cat", str(path)], check=True, capture_output=True).stdout.lower()
            found += [(path.name, secret) for secret in secrets if secret.lower() in body]
    return found
