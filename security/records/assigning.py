"""Who treats whom, changed on somebody's behalf: told to the audit log before and after, the patient by pseudonym."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from security.audit.event import Event, Kind, Outcome
from security.disclosure import standing
from security.errors import SecurityError
from security.records.admission import Admission, unknown
from security.records.core import Core

T = TypeVar("T")


class Assigning:
    """Changes assignments for `by`, whom a decision permitted it; `correlation` is that decision's."""

    def __init__(self, core: Core, *, by: str, role: str, correlation: str | None = None) -> None:
        self._core = core
        self._by = by
        self._role = role
        self._correlation = correlation

    def assign(self, patient_id: str, user: str) -> None:
        """Let `user` treat the patient. Raises RecordUnknown, RecordRefused, AuditUnavailable, StoreError."""
        admission = Admission(self._core)
        self._told("assign_patient", patient_id, user, lambda: admission.assign(patient_id, user, by=self._by))

    def unassign(self, patient_id: str, user: str) -> bool:
        """No longer; False if it was not so. Raises RecordUnknown, AuditUnavailable, StoreError."""
        admission = Admission(self._core)
        return self._told("unassign_patient", patient_id, user, lambda: admission.unassign(patient_id, user))

    def _told(self, action: str, patient_id: str, user: str, work: Callable[[], T]) -> T:
        if not Admission(self._core).facts_of([patient_id]):
            raise unknown(patient_id)
        self._tell(action, Outcome.INTENT, patient_id, user)
        try:
            done = work()
        except (SecurityError, OSError):
            self._tell(action, Outcome.FAILED, patient_id, user)
            raise
        with standing(action):
            self._tell(action, Outcome.DONE, patient_id, user)
        return done

    def _tell(self, action: str, outcome: Outcome, patient_id: str, user: str) -> None:
        event = Event(
            at=self._core.now(),
            kind=Kind.USER,
            action=action,
            outcome=outcome,
            principal=self._by,
            role=self._role,
            resource=f"user:{user}",
            subject=self._core.pseudonym(f"patient:{patient_id}"),
            correlation=self._correlation,
        )
        self._core.sink.append([event])
