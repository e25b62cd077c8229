"""The keys of the clinical store: refused where they are not private or not there; tampering is refused and told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from security.errors import AuditUnavailable, KeyFileRefused, KeyUnknown, SealBroken
from security.vault.key_files import KeyFiles
from tests.security.clinics import AUDITOR, CLEAR, Clinic, filled, patients


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 8)


def key_file(clinic: Clinic) -> Path:
    return next(clinic.keys_folder.glob("kek-*.key"))


def test_a_missing_key_is_refused_and_none_made_in_its_place(clinic: Clinic) -> None:
    key_file(clinic).unlink()
    with pytest.raises(KeyUnknown, match="restore it from a backup"):
        clinic.reopen()
    assert not list(clinic.keys_folder.glob("kek-*.key"))


@pytest.mark.parametrize(
    ("mode", "why"), [(0o644, "mode 0644"), (0o640, "mode 0640"), (0o000, "that cannot be read|mode 0000")]
)
def test_a_key_others_can_read_or_nobody_can_is_refused(clinic: Clinic, mode: int, why: str) -> None:
    key_file(clinic).chmod(mode)
    with pytest.raises(KeyFileRefused, match=why):
        clinic.reopen()


def test_the_content_of_another_key_opens_nothing_and_is_told(clinic: Clinic) -> None:
    key_file(clinic).write_bytes(bytes(32))
    clinic.reopen()
    with pytest.raises(SealBroken, match=r"the data key [0-9a-f]{16} of P0003 does not open"):
        clinic.reading.record("P0003", CLEAR)
    assert clinic.told() == [clinic.broken("P0003")]


@pytest.mark.parametrize("column", ["name", "birth_date", "address", "phone", "email", "ssn", "insurance_id"])
def test_cells_swapped_between_patients_are_refused_and_told(clinic: Clinic, column: str) -> None:
    cells = dict(clinic.core.database.query(f"SELECT patient_id, {column} FROM patient"))
    for mine, other in (("P0001", "P0002"), ("P0002", "P0001")):
        cell = cells[other]
        clinic.execute(f"UPDATE patient SET {column} = ? WHERE patient_id = ?", (cell, mine))
        with pytest.raises(SealBroken, match=rf"^patient\.{column} of {mine}: "):
            clinic.reading.record(mine, CLEAR)
    assert clinic.told() == [clinic.broken("P0001"), clinic.broken("P0002")]


def test_cells_swapped_between_columns_are_refused(clinic: Clinic) -> None:
    clinic.execute("UPDATE patient SET phone = email, email = phone WHERE patient_id = 'P0001'")
    with pytest.raises(SealBroken, match=r"patient\.phone of P0001"):
        clinic.reading.record("P0001", CLEAR)


def test_whole_rows_swapped_with_their_keys_are_refused(clinic: Clinic) -> None:
    clinic.execute("PRAGMA defer_foreign_keys = ON")
    for table, column in (("patient", "patient_id"), ("data_key", "subject")):
        for old, new in (("P0001", "T"), ("P0002", "P0001"), ("T", "P0002")):
            with clinic.core.database.transaction() as connection:
                connection.execute("PRAGMA defer_foreign_keys = ON")
                connection.execute("DELETE FROM name_word")
                connection.execute("DELETE FROM assignment")
                connection.execute("DELETE FROM encounter")
                connection.execute("DROP TRIGGER IF EXISTS history_stays")
                connection.execute("DELETE FROM history")
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))
    with pytest.raises(SealBroken, match="of P0001 does not open"):
        clinic.reading.record("P0001", CLEAR)


def test_a_history_moved_to_another_version_is_refused(clinic: Clinic) -> None:
    version = clinic.editing.add(
        "P0001", "second thoughts", CLEAR, expected_version=clinic.reading.record("P0001", CLEAR).version
    )
    clinic.execute("DROP TRIGGER history_is_final")
    clinic.execute("UPDATE history SET entry = 1 WHERE patient_id = 'P0001' AND version = ?", (version,))
    with pytest.raises(SealBroken, match=rf"history\.text of P0001/{version}/1"):
        clinic.reading.record("P0001", CLEAR)


@pytest.mark.parametrize("change", ["substr(ssn, 1, length(ssn) - 1)", "substr(ssn, 1, 12)", "x''"])
def test_a_truncated_cell_is_refused_and_told(clinic: Clinic, change: str) -> None:
    clinic.execute(f"UPDATE patient SET ssn = {change} WHERE patient_id = 'P0001'")
    with pytest.raises(SealBroken, match=r"patient\.ssn of P0001"):
        clinic.reading.record("P0001", CLEAR)
    assert clinic.told() == [clinic.broken("P0001")]


def test_a_destroyed_key_is_told_as_such(clinic: Clinic) -> None:
    clinic.execute("DELETE FROM data_key WHERE subject = 'P0001'")
    with pytest.raises(KeyUnknown, match="it was destroyed"):
        clinic.reading.record("P0001", CLEAR)
    assert clinic.told() == [clinic.broken("P0001", "key_unknown")]


@pytest.mark.parametrize("kek_id", ["0009-deadbeef", "garbage", "", "../kek"])
def test_a_data_key_that_names_no_key_of_the_store_is_the_harm_of_its_patient_alone(
    clinic: Clinic, kek_id: str
) -> None:
    with closing(sqlite3.connect(clinic.path)) as connection, connection:
        connection.execute("UPDATE data_key SET kek_id = ? WHERE subject = 'P0003'", (kek_id,))
    clinic.reopen()
    with pytest.raises(SealBroken, match="of P0003 does not open: expected a key that wraps here, found"):
        clinic.reading.record("P0003", CLEAR)
    assert clinic.told() == [clinic.broken("P0003")]
    assert clinic.reading.record("P0004", CLEAR).columns["name"] == patients(8)[3].name
    (problem,) = clinic.vault.problems()
    assert "of P0003 does not open" in problem
    assert clinic.vault.rotate(by="officer", role="officer").broken == ("P0003",)
    clinic.reopen()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("data_key SET kek_id = {} WHERE subject = 'P0003'", "of P0003 does not open"),
        ("data_key SET subject = {} WHERE subject = 'P0003'", "the data key of P0003, found none"),
        ("patient SET patient_id = {} WHERE patient_id = 'P0003'", r"patient_id 'P\\xff': expected the id"),
        ("name_word SET patient_id = {} WHERE patient_id = 'P0003'", "name_word of P0003: expected the words"),
        ("encounter SET patient_id = {} WHERE patient_id = 'P0003'", None),
        ("assignment SET user = {} WHERE patient_id = 'P0003'", None),
        ("patient SET site = {} WHERE patient_id = 'P0003'", None),
    ],
)
def test_a_text_that_cannot_be_decoded_is_the_harm_of_its_patient_alone(
    clinic: Clinic, change: str, problem: str | None
) -> None:
    with closing(sqlite3.connect(clinic.path)) as connection, connection:
        connection.execute("UPDATE " + change.format("CAST(x'50ff' AS TEXT)"))
    clinic.reopen()
    others = [one.patient_id for one in patients(8) if one.patient_id != "P0003"]
    assert [record.columns["name"] for record in clinic.reading.records(others, CLEAR)] == [
        one.name for one in patients(8) if one.patient_id != "P0003"
    ]
    assert clinic.reading.search(patients(8)[3].name, CLEAR) == ["P0004"]
    assert {*others} <= {one.patient_id for one in clinic.admission.all_facts()} <= {*others, "P0003"}
    assert set(clinic.vault.rotate(by="officer", role="officer").broken) <= {"P0003", "P\\xff"}
    problems = clinic.vault.problems()
    assert len(problems) == (problem is not None)
    assert all(str(problem) in one for one in problems)


def test_a_key_of_the_store_that_is_missing_is_refused_also_where_a_data_key_names_none(clinic: Clinic) -> None:
    with closing(sqlite3.connect(clinic.path)) as connection, connection:
        connection.execute("UPDATE data_key SET kek_id = 'garbage' WHERE subject = 'P0003'")
    key_file(clinic).unlink()
    with pytest.raises(KeyUnknown, match="restore it from a backup"):
        clinic.reopen()


def test_who_may_not_see_a_cell_does_not_open_it(clinic: Clinic) -> None:
    clinic.execute("UPDATE patient SET ssn = x'00' WHERE patient_id = 'P0001'")
    assert clinic.reading.record("P0001", AUDITOR).columns["ssn"] == "XXX-XX-XXXX"
    assert clinic.told() == []


def test_where_a_breach_cannot_be_told_the_log_is_the_error(clinic: Clinic) -> None:
    clinic.execute("UPDATE patient SET ssn = x'00' WHERE patient_id = 'P0001'")
    clinic.log.close()
    with pytest.raises(AuditUnavailable):
        clinic.reading.record("P0001", CLEAR)


def test_the_check_names_every_broken_patient_and_no_other(clinic: Clinic) -> None:
    told: list[tuple[int, int]] = []
    assert clinic.vault.problems(progress=lambda done, whole: told.append((done, whole))) == []
    assert told == [(done, 8) for done in range(1, 9)]
    clinic.execute("UPDATE patient SET ssn = x'00' WHERE patient_id IN ('P0002', 'P0005')")
    assert [problem.partition(":")[0] for problem in clinic.vault.problems()] == [
        "patient.ssn of P0002",
        "patient.ssn of P0005",
    ]


def test_a_check_that_is_stopped_gives_what_it_found_so_far(clinic: Clinic) -> None:
    clinic.execute("UPDATE patient SET ssn = x'00' WHERE patient_id IN ('P0002', 'P0005')")
    looked: list[int] = []
    found = clinic.vault.problems(progress=lambda done, _all: looked.append(done), stop=lambda: len(looked) == 3)
    assert [problem.partition(":")[0] for problem in found] == ["patient.ssn of P0002"]
    assert looked == [1, 2, 3]


def test_the_state_tells_keys_ages_and_what_they_wrap(clinic: Clinic) -> None:
    first = clinic.ring.current().id
    clinic.clock.instant += timedelta(days=90)
    found = clinic.vault.status()
    assert (found.algorithm, found.data_keys, found.rotated_at, found.rotating) == ("AES-256-GCM", 8, None, None)
    assert [(kek.id, kek.age, kek.data_keys, kek.current) for kek in found.keks] == [
        (first, timedelta(days=90), 8, True)
    ]


def test_each_patient_has_a_key_of_its_own(clinic: Clinic) -> None:
    rows = clinic.core.database.query("SELECT id, subject, kek_id, wrapped FROM data_key")
    keys = {clinic.core.keys.unwrap(*row).material for row in rows}
    assert len(keys) == len(rows) == 8


def test_a_key_ring_can_grow(clinic: Clinic) -> None:
    first = clinic.ring.current()
    second = clinic.ring.add()
    assert clinic.ring.current() == second
    assert (second.id[:4], clinic.ring.get(first.id)) == ("0002", first)
    assert KeyFiles(clinic.ring).current_id() == second.id
    assert clinic.admission.add([patients(9)[-1]], by="service") == 1
    assert clinic.value("SELECT kek_id FROM data_key WHERE subject = 'P0009'") == second.id
