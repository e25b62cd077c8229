"""Assignments are compared with what the audit log tells of them: what another wrote into the file is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from security.audit.event import Event, Kind, Outcome
from security.instants import microseconds
from security.records.admission import Admission
from security.records.assigning import Assigning
from security.records.audited_assignments import SLACK_US, altered_assignments
from tests.security.clinics import Clinic, filled

INSERT = "INSERT INTO assignment VALUES ('P0003', 'mallory', 'service', ?)"
AS_LOADED = "INSERT INTO assignment SELECT 'P0003', 'mallory', 'service', made_at FROM data_key WHERE subject = 'P0003'"


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    for made in filled(tmp_path, 10):
        made.clock.instant += timedelta(days=1)
        yield made


def assigning(clinic: Clinic, correlation: str = "c" * 32) -> Assigning:
    return Assigning(clinic.core, by="officer", role="officer", correlation=correlation)


def altered(clinic: Clinic, *, anew: datetime | None = None, doctors: tuple[str, ...] | None = None) -> list[str]:
    events = [one.event for one in clinic.log.tail(after=-1) if one.event.kind is Kind.USER]

    def may_be_doctor(user: str, _at: datetime) -> bool:
        return doctors is None or user in doctors

    return list(altered_assignments(clinic.core, events, may_be_doctor=may_be_doctor, anew=anew))


def test_what_came_with_patients_and_what_officers_did_is_as_told(clinic: Clinic) -> None:
    assigning(clinic).assign("P0003", "somebody")
    assigning(clinic).assign("P0004", "somebody")
    assigning(clinic).unassign("P0004", "somebody")
    (loaded, *_) = clinic.admission.facts("P0005").assigned
    assigning(clinic).unassign("P0005", loaded)
    assigning(clinic).unassign("P0006", "nobody")
    clinic.vault.rotate(by="officer", role="officer")
    assert altered(clinic, doctors=("doctor", "doctor-nights")) == []


def test_an_assignment_that_nobody_made_is_named_until_an_officer_makes_or_ends_it(clinic: Clinic) -> None:
    clinic.execute(INSERT, (microseconds(clinic.clock()),))
    (problem,) = altered(clinic)
    assert problem.startswith(
        "assignment of P0003 to mallory: expected it on record, or one that came with the patient"
    )
    assigning(clinic).assign("P0003", "mallory")
    assert altered(clinic) == []
    assigning(clinic).unassign("P0003", "mallory")
    assert altered(clinic) == []
    clinic.execute(INSERT, (microseconds(clinic.clock()),))
    (problem,) = altered(clinic)
    assert "P0003 to mallory: expected none (taken away by officer, 2026-03-02 08:00:00Z), found one" in problem


def test_an_assignment_that_was_taken_away_in_the_file_is_named(clinic: Clinic) -> None:
    assigning(clinic).assign("P0003", "somebody")
    clinic.execute("DELETE FROM assignment WHERE user = 'somebody'")
    (problem,) = altered(clinic)
    assert "P0003 to somebody: expected one (made by officer, 2026-03-02 08:00:00Z), found none" in problem


def test_nobody_who_was_no_doctor_then_came_with_a_patient(clinic: Clinic) -> None:
    clinic.execute(AS_LOADED)
    assert altered(clinic, doctors=("doctor", "doctor-nights", "mallory")) == []
    (problem,) = altered(clinic, doctors=("doctor", "doctor-nights"))
    assert "P0003 to mallory: expected it on record" in problem


@pytest.mark.parametrize("at", [-(2**62), -1, 0, 2**62])
def test_an_instant_that_there_is_not_is_named_too(clinic: Clinic, at: int) -> None:
    clinic.execute(INSERT, (at,))
    clinic.execute("UPDATE data_key SET made_at = ? WHERE subject = 'P0003'", (at,))
    clinic.execute("UPDATE assignment SET assigned_at = ? WHERE patient_id = 'P0003'", (at,))
    told = altered(clinic, doctors=("doctor", "doctor-nights"))
    assert any("P0003 to mallory" in problem for problem in told)


def test_a_name_that_could_steer_a_terminal_is_spelled_out(clinic: Clinic) -> None:
    clinic.execute("INSERT INTO assignment VALUES ('P0003', char(27) || '[2J', 'service', 0)")
    (problem,) = altered(clinic)
    assert r"'\x1b[2J'" in problem


def test_what_was_assigned_before_a_log_was_begun_anew_may_be_in_the_earlier_one(clinic: Clinic) -> None:
    begun = clinic.clock()
    clinic.execute(INSERT, (microseconds(begun) - 1,))
    assert len(altered(clinic)) == 1
    assert altered(clinic, anew=begun) == []
    clinic.execute(
        "UPDATE assignment SET assigned_at = ? WHERE user = 'mallory'", (microseconds(begun) + SLACK_US + 1,)
    )
    assert len(altered(clinic, anew=begun)) == 1


def test_a_patient_without_a_data_key_is_told_by_that_alone(clinic: Clinic) -> None:
    clinic.execute("DELETE FROM data_key WHERE subject = 'P0003'")
    assert altered(clinic) == []


def told(clinic: Clinic, action: str, outcome: Outcome, correlation: str) -> None:
    clinic.log.append(
        [
            Event(
                clinic.clock(), Kind.USER, f"{action}_patient", outcome, "officer", "officer", "user:somebody",
                subject=clinic.log.keys.pseudonym("patient:P0003"), correlation=correlation * 32,
            )
        ]
    )  # fmt: skip


@pytest.mark.parametrize("assigned", [True, False])
@pytest.mark.parametrize(
    "story",
    [
        [("assign", "intent", "a")],
        [("assign", "intent", "a"), ("assign", "done", "a"), ("unassign", "intent", "b")],
        [("assign", "intent", "a"), ("assign", "failed", "a")],
        [("assign", "intent", "a"), ("unassign", "intent", "b"), ("unassign", "done", "b"), ("assign", "done", "a")],
        [("unassign", "intent", "a"), ("assign", "intent", "b"), ("unassign", "done", "a"), ("assign", "done", "b")],
    ],
)
def test_where_a_kill_or_another_came_between_both_are_possible(
    clinic: Clinic, story: list[tuple[str, str, str]], assigned: bool
) -> None:
    for action, outcome, correlation in story:
        told(clinic, action, Outcome(outcome), correlation)
    if assigned:
        Admission(clinic.core).assign("P0003", "somebody", by="officer")
    assert altered(clinic) == []
