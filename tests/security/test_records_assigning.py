"""Who treats whom is told to the audit log before it changes, the patient by pseudonym; else nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from security.audit.event import Event, Kind, Outcome
from security.errors import AuditUnavailable, RecordRefused, RecordUnknown
from security.records.assigning import Assigning
from tests.security.clinics import Clinic, filled

CORRELATION = "c" * 32


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 10)


def assigning(clinic: Clinic) -> Assigning:
    return Assigning(clinic.core, by="officer", role="officer", correlation=CORRELATION)


def events(clinic: Clinic) -> list[Event]:
    return [recorded.event for recorded in clinic.log.tail(after=-1) if recorded.event.kind is Kind.USER]


def assigned(clinic: Clinic, patient: str) -> tuple[str, ...]:
    return clinic.admission.facts(patient).assigned


def test_an_assignment_is_told_before_and_after(clinic: Clinic) -> None:
    assigning(clinic).assign("P0003", "somebody")
    assert "somebody" in assigned(clinic, "P0003")
    assert assigning(clinic).unassign("P0003", "somebody") is True
    assert assigning(clinic).unassign("P0003", "somebody") is False
    assert "somebody" not in assigned(clinic, "P0003")
    told = events(clinic)
    assert [(event.action, event.outcome) for event in told] == [
        (action, outcome)
        for action in ("assign_patient", "unassign_patient", "unassign_patient")
        for outcome in (Outcome.INTENT, Outcome.DONE)
    ]
    assert {(event.principal, event.resource, event.correlation) for event in told} == {
        ("officer", "user:somebody", CORRELATION)
    }
    assert {event.subject for event in told} == {clinic.log.keys.pseudonym("patient:P0003")}


def test_nothing_changes_unless_it_can_be_told(clinic: Clinic) -> None:
    before = assigned(clinic, "P0003")
    clinic.log.close()
    with pytest.raises(AuditUnavailable):
        assigning(clinic).assign("P0003", "somebody")
    with pytest.raises(AuditUnavailable):
        assigning(clinic).unassign("P0003", before[0])
    assert assigned(clinic, "P0003") == before


def test_a_patient_that_there_is_not_is_refused_before_anything_is_told(clinic: Clinic) -> None:
    for change in (assigning(clinic).assign, assigning(clinic).unassign):
        with pytest.raises(RecordUnknown):
            change("P9999", "somebody")
    assert events(clinic) == []


def test_what_fails_is_told_as_failed(clinic: Clinic) -> None:
    with pytest.raises(RecordRefused):
        assigning(clinic).assign("P0003", "0somebody")
    assert [event.outcome for event in events(clinic)] == [Outcome.INTENT, Outcome.FAILED]
