"""Reading records: exactly what the grant shows, masks that tell nothing, searches only by those who see names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.errors import ReadRefused, RecordRefused, RecordUnknown
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records.blind_index import words_of
from security.records.masks import mask
from security.records.models import Grant, NewPatient, Show
from tests.security.audit_logs import START
from tests.security.clinics import AUDITOR, CLEAR, SPEC, Clinic, filled, found_in_clear, patients, secrets_of

ALL = patients()
FIRST = ALL[0]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path)


def test_a_doctor_sees_what_was_stored(clinic: Clinic) -> None:
    for one, record in zip(ALL, clinic.reading.records([one.patient_id for one in ALL], CLEAR), strict=True):
        assert tuple(record.columns) == PATIENT_COLUMNS
        for column in (*IDENTIFYING, "patient_id", "sex", "site", "domain"):
            assert record.columns[column] == str(getattr(one, column))
        assert record.columns["assigned"] == tuple(sorted(one.assigned))
        assert record.columns["encounters"] == one.encounters
        history = record.columns["history"]
        assert [(entry.text, entry.written_by, entry.written_at) for entry in history] == list(one.history)  # type: ignore[union-attr]


def test_an_auditor_sees_masks_of_identifying_columns_and_the_rest_in_clear(clinic: Clinic) -> None:
    record = clinic.reading.record("P0001", AUDITOR)
    assert {column: record.columns[column] for column in IDENTIFYING} == {
        column: mask(column) for column in IDENTIFYING
    }
    assert record.columns["ssn"] == "XXX-XX-XXXX"
    assert (record.columns["sex"], record.columns["encounters"]) == (FIRST.sex, FIRST.encounters)


@pytest.mark.parametrize("column", PATIENT_COLUMNS)
@pytest.mark.parametrize("show", list(Show))
def test_each_column_alone(clinic: Clinic, column: str, show: Show) -> None:
    record = clinic.reading.record("P0001", Grant("doctor", "doctor", {column: show.value}, None))
    assert tuple(record.columns) == (() if show is Show.DENIED else (column,))
    assert (record.columns.get(column) == mask(column)) == (show is Show.MASKED)
    assert [name for name, shown in record.shown.items() if shown is not Show.DENIED] == list(record.columns)


def test_what_a_grant_does_not_name_is_denied(clinic: Clinic) -> None:
    assert clinic.reading.record("P0001", Grant("guest", "guest", {}, None)).columns == {}


def test_a_word_that_is_no_way_of_showing_is_an_error(clinic: Clinic) -> None:
    with pytest.raises(ValueError, match="yes"):
        clinic.reading.record("P0001", Grant("doctor", "doctor", {"ssn": "yes"}, None))


def test_masks_are_the_same_for_everybody(clinic: Clinic) -> None:
    records = clinic.reading.records([one.patient_id for one in ALL], AUDITOR)
    assert len({tuple(record.columns[column] for column in IDENTIFYING) for record in records}) == 1
    assert all(set(str(records[0].columns[column])) <= set("X-@") for column in IDENTIFYING)


def test_many_are_read_in_the_order_asked_and_as_often(tmp_path: Path) -> None:
    for clinic in filled(tmp_path, 1_100):
        ids = [one.patient_id for one in patients(1_100)]
        mixed = [*reversed(ids), *ids[::7]]
        found = clinic.reading.records(mixed, CLEAR)
        assert [record.patient_id for record in found] == mixed
        assert found[1_100:] == [clinic.reading.record(patient_id, CLEAR) for patient_id in ids[::7]]


def test_nobody_is_read_where_nobody_is_asked_for(clinic: Clinic) -> None:
    assert clinic.reading.records([], CLEAR) == []


def test_outside_the_row_scope_nothing_tells_who_exists(clinic: Clinic) -> None:
    grant = replace(CLEAR, patients=frozenset({"P0001"}))
    assert clinic.reading.record("P0001", grant).patient_id == "P0001"
    messages = set()
    for patient_id in ("P0002", "P9999"):
        for read in (clinic.reading.record, clinic.reading.versions):
            with pytest.raises(ReadRefused) as refused:
                read(patient_id, grant)
            messages.add(str(refused.value))
    assert len(messages) == 1


def test_one_patient_outside_the_scope_refuses_the_whole_request(clinic: Clinic) -> None:
    with pytest.raises(ReadRefused):
        clinic.reading.records(["P0001", "P0002"], replace(CLEAR, patients=frozenset({"P0001"})))


@pytest.mark.parametrize("patient_id", ["P9999", "", "' OR 1=1 --", "patient\0"])
def test_nobody_is_nobody(clinic: Clinic, patient_id: str) -> None:
    with pytest.raises(RecordUnknown):
        clinic.reading.record(patient_id, CLEAR)


def test_names_are_found_by_any_of_their_words_in_any_case_and_order(clinic: Clinic) -> None:
    first, last = FIRST.name.split()
    for text in (FIRST.name, f"{last.upper()}  {first.lower()}", first, f"{first}, {last}"):
        assert FIRST.patient_id in clinic.reading.search(text, CLEAR)
    assert clinic.reading.search(FIRST.name, CLEAR) == [one.patient_id for one in ALL if one.name == FIRST.name]


@pytest.mark.parametrize("text", ["", " ", "%", "*", "Nobody Inparticular"])
def test_what_nobody_is_called_finds_nobody(clinic: Clinic, text: str) -> None:
    assert clinic.reading.search(text, CLEAR) == []


def test_parts_of_words_find_nobody(clinic: Clinic) -> None:
    assert clinic.reading.search(FIRST.name[:5], CLEAR) == []


def test_accents_do_not_matter(clinic: Clinic) -> None:
    clinic.admission.add([replace(FIRST, patient_id="Q1", name="Brälabéx Ångkov")], by="service")
    assert clinic.reading.search("angkov bralabex", CLEAR) == ["Q1"]


@given(st.text(alphabet="abcXYZäÉß -'", max_size=30))
def test_case_does_not_matter_to_the_words_of_a_name(name: str) -> None:
    assert words_of(name) == words_of(name.upper()) == words_of(name.lower())
    assert "".join(words_of(name)).isalpha() or not words_of(name)


def test_a_search_finds_nobody_outside_the_row_scope(clinic: Clinic) -> None:
    assert clinic.reading.search(FIRST.name, replace(CLEAR, patients=frozenset({"P0002"}))) == []


def test_who_does_not_see_names_cannot_search_them(clinic: Clinic) -> None:
    with pytest.raises(ReadRefused, match="names in clear"):
        clinic.reading.search(FIRST.name, AUDITOR)


def test_nothing_identifying_stands_in_any_file(clinic: Clinic) -> None:
    clinic.reading.records([one.patient_id for one in ALL], CLEAR)
    clinic.reading.search(FIRST.name, CLEAR)
    version = clinic.reading.record("P0001", CLEAR).version
    clinic.editing.add("P0001", "A text nobody may find.", CLEAR, expected_version=version)
    clinic.vault.rotate(by="officer", role="officer")
    secrets = secrets_of(ALL) | {b"A text nobody may find."}
    assert (clinic.folder / "clinical.db-wal").stat().st_size > 0
    assert found_in_clear(clinic.folder, secrets) == []
    assert clinic.core.database.truncate_log()
    assert found_in_clear(clinic.folder, secrets) == []


def test_the_scan_finds_what_stands_in_clear(clinic: Clinic) -> None:
    clinic.execute("UPDATE patient SET site = ? WHERE patient_id = 'P0002'", (FIRST.ssn,))
    assert (clinic.path.name + "-wal", FIRST.ssn.encode()) in found_in_clear(clinic.folder, secrets_of(ALL))


def test_facts_are_those_that_decisions_depend_on(clinic: Clinic) -> None:
    facts = {one.patient_id: one for one in clinic.admission.all_facts()}
    for one in ALL:
        expected = (tuple(sorted(one.assigned)), one.site, one.domain, one.legal_hold)
        found = facts[one.patient_id]
        assert (found.assigned, found.site, found.domain, found.legal_hold) == expected
        assert clinic.admission.facts(one.patient_id) == found
    with pytest.raises(RecordUnknown):
        clinic.admission.facts("P9999")


def test_facts_of_many_are_those_of_the_patients_there_are_each_once_by_id(tmp_path: Path) -> None:
    for clinic in filled(tmp_path, 1_100):
        everybody = clinic.admission.all_facts()
        ids = [one.patient_id for one in everybody]
        assert clinic.admission.facts_of([*reversed(ids), "P9999", "", "' OR 1=1 --", *ids[::7]]) == everybody
        assert clinic.admission.facts_of(ids[3:1_003]) == everybody[3:1_003]


def test_there_are_no_facts_of_nobody(clinic: Clinic) -> None:
    assert clinic.admission.facts_of([]) == []
    assert clinic.admission.facts_of(["P9999"]) == []


def test_patients_are_counted_and_their_domains_told(clinic: Clinic) -> None:
    assert clinic.admission.count() == len(ALL)
    assert clinic.admission.domains() == {one.domain for one in ALL}
    clinic.admission.add([replace(FIRST, patient_id="Q1", domain="rare")], by="service")
    assert clinic.admission.count() == len(ALL) + 1
    assert clinic.admission.domains() == {one.domain for one in ALL} | {"rare"}


def test_a_clinic_without_patients_has_no_domain(tmp_path: Path) -> None:
    for clinic in filled(tmp_path, 0):
        assert (clinic.admission.count(), clinic.admission.domains()) == (0, frozenset())


def test_doctors_are_assigned_and_unassigned(clinic: Clinic) -> None:
    clinic.admission.assign("P0001", "doctor-days", by="officer")
    clinic.admission.assign("P0001", "doctor-days", by="officer")
    assert clinic.admission.assigned_to("doctor-days") == {"P0001"}
    assert "doctor-days" in clinic.admission.facts("P0001").assigned
    assert clinic.admission.unassign("P0001", "doctor-days")
    assert not clinic.admission.unassign("P0001", "doctor-days")
    assert clinic.admission.assigned_to("doctor-days") == frozenset()
    for user in SPEC.doctors:
        expected = {one.patient_id for one in ALL if user in one.assigned}
        assert clinic.admission.assigned_to(user) == expected
    with pytest.raises(RecordUnknown):
        clinic.admission.assign("P9999", "doctor", by="officer")
    with pytest.raises(RecordRefused):
        clinic.admission.assign("P0001", "no user", by="officer")


def test_a_legal_hold_is_put_and_lifted(clinic: Clinic) -> None:
    for held in (True, False):
        clinic.admission.hold("P0001", held=held)
        assert clinic.admission.facts("P0001").legal_hold is held


@pytest.mark.parametrize(
    "change",
    [
        {"patient_id": "P0001"},
        {"patient_id": "no id"},
        {"patient_id": "666-12-3456"},
        {"ssn": "123456789"},
        {"name": ""},
        {"address": "x" * 401},
        {"assigned": ("no user",)},
        {"history": (("\x1b[2J", "doctor", START),)},
    ],
    ids=str,
)
def test_what_cannot_be_stored_is_refused_without_repeating_it_and_stores_nobody(
    clinic: Clinic, change: dict[str, object]
) -> None:
    good = replace(FIRST, patient_id="Q1")
    bad: NewPatient = replace(FIRST, **({"patient_id": "Q2"} | change))  # type: ignore[arg-type]
    with pytest.raises(RecordRefused) as refused:
        clinic.admission.add([good, bad], by="service")
    assert "123456789" not in str(refused.value)
    assert clinic.value("SELECT count(*) FROM patient") == len(ALL)


def test_a_patient_without_a_past_is_read(clinic: Clinic) -> None:
    bare = replace(FIRST, patient_id="Q1", encounters=(), history=(), assigned=())
    clinic.admission.add([bare], by="service")
    record = clinic.reading.record("Q1", CLEAR)
    assert (record.version, record.columns["encounters"], record.columns["history"], record.columns["assigned"]) == (
        0,
        (),
        (),
        (),
    )


def test_a_number_typed_for_an_id_is_not_repeated(clinic: Clinic) -> None:
    with pytest.raises(RecordUnknown) as told:
        clinic.admission.facts("000-12-3456")
    assert "000-12-3456" not in str(told.value)
