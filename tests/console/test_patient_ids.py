"""The id of a patient is taken in any case wherever it is typed, and tells no more than before of who is a patient."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.exits import UsageError
from console.cli.parser import build_parser
from security.records.patient_ids import meant
from tests.console.desk import Desk, desk_at

REASON = "found unconscious"


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def test_an_id_as_it_is_comes_before_the_same_in_another_case() -> None:
    assert meant("h-1", {"h-1", "H-1"}.intersection) == "h-1"
    assert meant("H-1", {"h-1", "H-1"}.intersection) == "H-1"
    assert meant("h-1", {"H-1"}.intersection) == "H-1"
    assert meant("H-1", {"h-1"}.intersection) == "h-1"
    assert meant("h-2", {"h-1"}.intersection) == "h-2"


def test_whoever_there_is_the_store_is_asked_the_same() -> None:
    asked: list[object] = []

    def known(ids: object) -> frozenset[str]:
        asked.append(ids)
        return frozenset(["P1"])

    assert [meant(typed, known) for typed in ("p1", "p2")] == ["P1", "p2"]
    assert asked == [("p1", "P1"), ("p2", "P2")]


def test_records_are_shown_and_edited_by_an_id_in_small_letters(desk: Desk) -> None:
    patient = desk.patient("doctor")
    desk.sit_down("doctor")
    typed = f" {patient.lower()}"
    assert desk("records", "show", typed, "--json").json["patient_id"] == patient
    assert desk("records", "history", typed).code == 0
    assert desk("records", "edit", typed, "--add", "a note", "--json").json["patient_id"] == patient
    assert desk.history(patient)[-1] == "a note"
    assert {event.subject for event in desk.events() if event.action == "edit_record"} == {desk.subject(patient)}


def test_an_emergency_and_assignments_take_an_id_in_small_letters(desk: Desk) -> None:
    patient = desk.patient("doctor-nights")
    desk.sit_down("doctor")
    opened = desk("records", "break-glass", patient.lower(), "--reason", REASON, "--json")
    assert opened.json["patient_id"] == patient
    desk.sit_down("officer")
    assert desk("records", "assign", patient.lower(), "doctor").out == f"doctor treats {patient}\n"
    assert desk("records", "unassign", patient.lower(), "doctor").out == f"doctor no longer treats {patient}\n"


def test_a_decision_and_a_search_of_the_log_take_an_id_in_small_letters(desk: Desk) -> None:
    patient = desk.patient("doctor")
    asked = ["--user", "doctor", "--action", "view_record", "--at", "2026-03-02T12:00:00Z", "--json"]
    found = [desk("access", "check", *asked, "--resource", f"patient:{one}") for one in (patient, patient.lower())]
    assert found[0] == found[1]
    assert found[0].json["decision"] == "allow"
    desk.sit_down("doctor")
    assert desk("records", "show", patient).code == 0
    desk.sit_down("auditor")
    known = desk("audit", "search", "--action", "view_record", "--patient", patient, "--json").json
    assert known
    assert desk("audit", "search", "--action", "view_record", "--patient", patient.lower(), "--json").json == known


def test_small_letters_do_not_tell_whether_there_is_such_a_patient(desk: Desk) -> None:
    other = desk.patient("doctor-nights").lower()
    desk.sit_down("doctor")
    for words in (["show"], ["history"], ["edit", "--add", "a note"]):
        answers = {desk("records", words[0], patient, *words[1:]) for patient in (other, "p9999")}
        assert len(answers) == 1
        assert answers.pop().code == 77


@pytest.mark.parametrize("argv", [["records", "show", ""], ["records", "assign", " ", "doctor"],
                                  ["audit", "search", "--patient", ""]])  # fmt: skip
def test_no_id_at_all_is_a_usage_error(argv: list[str]) -> None:
    with pytest.raises(UsageError, match=r"expected the id of a patient, such as P0001, found nothing"):
        build_parser().parse_args(argv)
