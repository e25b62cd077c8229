"""The vault of the clinical store: its rotation, told to the audit log, its state, and a check of every sealed cell."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from security.audit.event import Event, Kind, Outcome
from security.disclosure import standing
from security.errors import AuditUnavailable, KeyUnknown, SealBroken, SecurityError, StoreDamaged
from security.policy.columns import PATIENT_COLUMNS
from security.records.admission import PATIENT_ID
from security.records.core import Core
from security.records.index_key import stored_words
from security.records.models import Grant
from security.records.reading import Reading
from security.vault import rotation, status
from security.vault.rotation import AT_ONCE, Rotation
from security.vault.status import VaultStatus


class Vault:
    """The keys of the clinical store."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def status(self) -> VaultStatus:
        """Keys, ages, and what they wrap. Raises StoreError, KeyFileRefused, OSError."""
        return status.status(self._core.database, self._core.keks.current_id(), now=self._core.now())

    def rotate(
        self,
        *,
        by: str,
        role: str,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        stop: Callable[[], bool] = lambda: False,
        at_once: int = AT_ONCE,
    ) -> Rotation:
        """Wrap every data key under a new key, or go on with a rotation that was broken off.

        Where `stop` says so it returns early and the rotation stays open, which the audit log is told.
        Raises AuditUnavailable (then nothing was begun), OutcomeUnrecorded, VaultError, StoreError, OSError.
        """
        self._tell(Outcome.INTENT, by, role, None, None)
        core = self._core
        try:
            found = rotation.rotate(
                core.database, core.keks, now=core.now, progress=progress, stop=stop, at_once=at_once
            )
        except (SecurityError, OSError):
            with contextlib.suppress(AuditUnavailable):  # what went wrong is what counts
                self._tell(Outcome.FAILED, by, role, None, None)
            raise
        with standing("rotate_keys"):
            for patient_id in found.broken:
                core.report(SealBroken(), patient_id, by, role)
            left_open = self.status().rotating == found.kek_id
            outcome = Outcome.FAILED if found.broken or left_open else Outcome.DONE
            self._tell(outcome, by, role, found.rewrapped, found.kek_id, code="stopped" if left_open else None)
        return found

    def problems(
        self,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """What of every patient's sealed cells does not open, by place; each is written to the audit log.

        `progress` is told patients done and in all. Where `stop` says so it returns early with what it found so far.
        """
        grant = Grant("service", "service", dict.fromkeys(PATIENT_COLUMNS, "clear"), None)
        reading, found = Reading(self._core), []
        patients = self._core.database.query("SELECT patient_id FROM patient ORDER BY patient_id")
        for done, (patient_id,) in enumerate(patients, 1):
            if stop():
                break
            try:
                self._check_id(patient_id)
                record = reading.record(patient_id, grant)
                reading.versions(patient_id, grant)
                self._check_index(patient_id, str(record.columns["name"]))
            except (SealBroken, KeyUnknown, StoreDamaged) as error:
                found.append(str(error))
            progress(done, len(patients))
        return found

    def _check_id(self, patient_id: str) -> None:
        """Whether the id is one, without which no record can be asked for. Raises SealBroken, AuditUnavailable."""
        if not PATIENT_ID.fullmatch(patient_id):
            what = f"patient_id {patient_id[:80]!a}: expected the id of a patient, found another text"
            raise self._reported(what, patient_id)

    def _check_index(self, patient_id: str, name: str) -> None:
        """Whether the patient is found by the name. Raises SealBroken, AuditUnavailable, StoreError."""
        if stored_words(self._core.database, patient_id) != self._core.index.words(name):
            raise self._reported(f"name_word of {patient_id}: expected the words of the name, found others", patient_id)

    def _reported(self, what: str, patient_id: str) -> SealBroken:
        """What is wrong with a patient, told to the audit log. Raises AuditUnavailable."""
        error = SealBroken(what)
        self._core.report(error, patient_id, "service", "service")
        return error

    def _tell(
        self, outcome: Outcome, by: str, role: str, count: int | None, kek_id: str | None, *, code: str | None = None
    ) -> None:
        event = Event(
            at=self._core.now(),
            kind=Kind.KEY,
            action="rotate_keys",
            outcome=outcome,
            principal=by,
            role=role,
            resource="keys" if kek_id is None else f"keys:{kek_id}",
            count=count,
            code=code,
        )
        self._core.sink.append([event])
