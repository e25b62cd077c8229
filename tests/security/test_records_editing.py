"""Edits: versions stay, nobody's edit is lost, and a kill or a full disk leaves the record whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from security.errors import ReadRefused, RecordChanged, RecordRefused, RecordUnknown, SealBroken, StoreError
from tests.security.clinics import AUDITOR, CLEAR, Clinic, filled

EDIT = """
import sys
from pathlib import Path
from security.errors import RecordChanged
from tests.security.clinics import CLEAR, Clinic
clinic, name = Clinic(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
conflicts = 0
for number in range(int(sys.argv[3])):
    while True:
        version = clinic.reading.record("P0001", CLEAR).version
        try:
            clinic.editing.add("P0001", f"{name} {number}", CLEAR, expected_version=version)
            break
        except RecordChanged:
            conflicts += 1
    print("written", number, flush=True)
print("conflicts", conflicts)
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 3)


def version(clinic: Clinic) -> int:
    return clinic.reading.record("P0001", CLEAR).version


def texts(clinic: Clinic) -> list[str]:
    history = clinic.reading.record("P0001", CLEAR).columns["history"]
    return [entry.text for entry in history]  # type: ignore[union-attr]


def editor(clinic: Clinic, name: str, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", EDIT, str(clinic.folder), name, str(times)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_an_addition_comes_last_with_who_and_when(clinic: Clinic) -> None:
    before = texts(clinic)
    added = clinic.editing.add("P0001", "  Seen today.\nWell. ", CLEAR, expected_version=version(clinic))
    assert (texts(clinic), version(clinic)) == ([*before, "Seen today.\nWell."], added)
    last = clinic.reading.versions("P0001", CLEAR)[-1]
    assert (last.version, last.entry, last.written_by, last.written_at) == (
        added,
        added,
        "doctor",
        clinic.clock.instant,
    )


def test_an_amendment_is_shown_in_place_and_the_earlier_versions_stay(clinic: Clinic) -> None:
    before = clinic.reading.versions("P0001", CLEAR)
    for text in ("First correction.", "Second correction."):
        clinic.editing.amend("P0001", 1, text, CLEAR, expected_version=version(clinic))
    assert texts(clinic) == ["Second correction.", *[entry.text for entry in before[1:]]]
    after = clinic.reading.versions("P0001", CLEAR)
    assert after[: len(before)] == before
    assert [(entry.entry, entry.text) for entry in after[len(before) :]] == [
        (1, "First correction."),
        (1, "Second correction."),
    ]


def test_an_edit_of_an_older_version_is_refused(clinic: Clinic) -> None:
    read = version(clinic)
    clinic.editing.add("P0001", "faster", CLEAR, expected_version=read)
    refusal = f"expected version {read} of the record P0001, found {read + 1}"
    with pytest.raises(RecordChanged, match=refusal):
        clinic.editing.add("P0001", "slower", CLEAR, expected_version=read)
    with pytest.raises(RecordChanged, match=refusal):
        clinic.editing.amend("P0001", 1, "slower", CLEAR, expected_version=read)
    assert "slower" not in texts(clinic)


def test_two_processes_that_edit_one_record_lose_nothing(clinic: Clinic) -> None:
    before = texts(clinic)
    editors = [editor(clinic, name, 20) for name in ("one", "two")]
    outputs = [process.communicate("\n", timeout=60)[0] for process in _started(editors)]
    assert [process.returncode for process in editors] == [0, 0]
    found = texts(clinic)
    assert len(outputs) == 2
    assert sorted(found) == sorted([*before, *(f"{name} {n}" for name in ("one", "two") for n in range(20))])
    assert [entry.version for entry in clinic.reading.versions("P0001", CLEAR)] == list(range(1, len(found) + 1))


def _started(editors: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for process in editors:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return editors


def test_a_killed_editor_leaves_every_acknowledged_edit_and_a_whole_record(clinic: Clinic) -> None:
    before = len(texts(clinic))
    process = _started([editor(clinic, "killed", 100_000)])[0]
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        for number in range(30):
            assert process.stdout.readline() == f"written {number}\n"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        acknowledged = 30 + sum(line.endswith("\n") for line in process.stdout)
    clinic.reopen()
    assert before + acknowledged <= len(texts(clinic)) <= before + acknowledged + 1
    assert version(clinic) == len(texts(clinic))
    assert (clinic.vault.problems(), clinic.core.database.problems()) == ([], [])
    clinic.editing.add("P0001", "and on", CLEAR, expected_version=version(clinic))


def test_a_full_disk_refuses_the_edit_and_keeps_the_record(clinic: Clinic) -> None:
    pages = clinic.value("PRAGMA page_count")
    clinic.core.database.query(f"PRAGMA max_page_count = {pages}")
    before, read = texts(clinic), version(clinic)
    with pytest.raises(StoreError, match="full"):
        clinic.editing.add("P0001", "x" * 9_000, CLEAR, expected_version=read)
    assert (texts(clinic), version(clinic)) == (before, read)
    clinic.core.database.query("PRAGMA max_page_count = 1000000")
    assert clinic.editing.add("P0001", "x" * 9_000, CLEAR, expected_version=read) == read + 1


def test_only_a_decision_to_edit_edits_and_only_in_its_scope(clinic: Clinic) -> None:
    for grant in (AUDITOR, replace(CLEAR, edit=False), replace(CLEAR, patients=frozenset({"P0002"}))):
        with pytest.raises(ReadRefused):
            clinic.editing.add("P0001", "text", grant, expected_version=version(clinic))


def test_who_may_not_see_the_history_sees_none_of_its_versions(clinic: Clinic) -> None:
    with pytest.raises(ReadRefused, match="history in clear"):
        clinic.reading.versions("P0001", replace(CLEAR, columns={"history": "masked"}))


@pytest.mark.parametrize(
    "text", ["", " \n", "x" * 10_001, "a\x1b[2J", "a\0b", "a\x9bb", "\ud800", "a\u202eb", "a\u200bb"]
)
def test_a_text_that_cannot_be_shown_is_refused(clinic: Clinic, text: str) -> None:
    with pytest.raises(RecordRefused):
        clinic.editing.add("P0001", text, CLEAR, expected_version=version(clinic))


def test_a_text_that_tells_who_the_patient_is_is_refused_without_repeating_it(clinic: Clinic) -> None:
    columns = clinic.reading.record("P0001", CLEAR).columns
    first, last = str(columns["name"]).split()
    others = clinic.reading.record("P0002", CLEAR).columns
    values = [
        *[str(columns[column]) for column in ("name", "address", "phone", "email", "ssn", "insurance_id")],
        str(columns["ssn"]).replace("-", ""),
        f"{last}, {first}",
        f"{first.upper()}\n {last}",
        f"{first}\u200d {last}",
        str(others["ssn"]),  # by its form: whose it is cannot be known
        str(others["ssn"]).replace("-", "\u2011"),
        "".join(chr(0xFEE0 + ord(one)) if one.isdigit() else one for one in str(columns["ssn"])),
    ]
    before, read = texts(clinic), version(clinic)
    for value in values:
        for edit in (clinic.editing.add, partial(clinic.editing.amend, entry=1)):
            with pytest.raises(RecordRefused, match="does not tell who the patient is") as refused:
                edit(patient_id="P0001", text=f"Seen: {value}.", grant=CLEAR, expected_version=read)
            assert value not in str(refused.value)
    assert (texts(clinic), version(clinic)) == (before, read)
    told = f"{first} sleeps well; {others['name']} visited; 120/80 on 2026-03-01.\r\nDose 1000 20 3000."
    clinic.editing.add("P0001", told, CLEAR, expected_version=read)
    assert texts(clinic)[-1] == told.replace("\r", "")


def test_no_text_is_written_beside_identifiers_that_do_not_open(clinic: Clinic) -> None:
    before, read = texts_of_history(clinic), version(clinic)
    clinic.execute("UPDATE patient SET phone = address WHERE patient_id = 'P0001'")
    with pytest.raises(SealBroken, match=r"patient\.phone of P0001"):
        clinic.editing.add("P0001", "text", CLEAR, expected_version=read)
    assert clinic.told()[-1] == clinic.broken("P0001")
    assert texts_of_history(clinic) == before


def texts_of_history(clinic: Clinic) -> list[str]:
    return [entry.text for entry in clinic.reading.versions("P0001", CLEAR)]


def test_what_is_not_there_cannot_be_edited(clinic: Clinic) -> None:
    with pytest.raises(RecordUnknown):
        clinic.editing.add("P9999", "text", CLEAR, expected_version=0)
    with pytest.raises(RecordUnknown, match="found 77"):
        clinic.editing.amend("P0001", 77, "text", CLEAR, expected_version=version(clinic))


@pytest.mark.parametrize("sql", ["UPDATE history SET written_by = 'x'", "DELETE FROM history"])
def test_the_database_itself_changes_no_earlier_version(clinic: Clinic, sql: str) -> None:
    before = clinic.reading.versions("P0001", CLEAR)
    with pytest.raises(StoreError, match="history"):
        clinic.execute(sql)
    assert clinic.reading.versions("P0001", CLEAR) == before


@pytest.mark.parametrize("removed", [1, 2, 3])
def test_a_version_that_was_removed_from_the_file_is_missed_by_name(clinic: Clinic, removed: int) -> None:
    while (last := version(clinic)) < 3:
        clinic.editing.add("P0001", "a text", CLEAR, expected_version=last)
    clinic.execute("DROP TRIGGER history_stays")
    clinic.execute(f"DELETE FROM history WHERE patient_id = 'P0001' AND version = {removed}")
    with pytest.raises(SealBroken, match=f"versions 1 to {last}, found {last - 1} of them, without {removed}: some"):
        clinic.reading.versions("P0001", CLEAR)
    assert any("P0001" in problem for problem in clinic.vault.problems())
    assert clinic.told()[-1] == clinic.broken("P0001")


def test_a_history_goes_with_its_patient(clinic: Clinic) -> None:
    clinic.execute("DELETE FROM patient WHERE patient_id = 'P0001'")
    assert clinic.value("SELECT count(*) FROM history WHERE patient_id = 'P0001'") == 0
