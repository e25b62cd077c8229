"""`lakewarden records load`: patients come into a workspace from files, as the program's own, whole or not at all."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from console.cli.exits import Exit
from console.cli.grammar_decisions import FORMATS
from console.cli.parser import build_parser
from console.cli.records_load import PRACTICE, PROJECTION
from security.audit.event import Event, Outcome, decode
from security.errors import AuditUnavailable
from security.identity.account import Role
from security.policy.columns import IDENTIFYING
from security.records import loading
from security.records.admission import LONGEST
from security.records.patient_lines import LONGEST_LINE
from tests.conftest import Lakewarden, wait_until
from tests.console.desk import Desk, desk_at

MANY = 4_000  # lines: more than SQLite keeps in memory before it writes
SEALED_AT = 100_000  # bytes of what is sealed: in the midst of them


def patient(number: int, **changed: Any) -> dict[str, Any]:
    """A made-up person, each number another."""
    return {
        "patient_id": f"H-{number:05d}",
        "name": f"Zorbina{number} Quellfarb{number}",
        "birth_date": "1961-04-30",
        "sex": "female",
        "address": f"{number} Vantablick Lane, Testford, OR 00123",
        "phone": f"503-555-{number:04d}",
        "email": f"z.quellfarb{number}@example.org",
        "ssn": f"666-{number // 10_000 + 10}-{number % 10_000:04d}",
        "insurance_id": f"PRX-{number:05d}-0042",
        "site": "main hospital",
        "domain": "oncology",
        "assigned": [],
        "encounters": [{"on": "2025-11-03", "kind": "visit", "diagnosis": "C50 malignant neoplasm of breast"}],
        "history": [
            {"text": f"Sleeps {number} better.", "written_by": "old-system", "written_at": "2025-11-03T10:00Z"}
        ],
    } | changed


def lines(*patients: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in patients)


def stored(home: Path) -> int:
    """How many patients the file of the clinical store has, as any other process sees it."""
    with closing(sqlite3.connect(home / "clinical.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM patient").fetchone()[0])


def events(home: Path) -> list[Event]:
    """The events of loads."""
    with closing(sqlite3.connect(home / "audit.db")) as connection:
        bodies = [row[0].encode() for row in connection.execute("SELECT body FROM event ORDER BY seq")]
    return [event for event in map(decode, bodies) if event.action == "load_patients"]


def outcomes(home: Path) -> list[tuple[Outcome, int | None]]:
    return [(one.outcome, one.count) for one in events(home)]


@pytest.fixture
def hospital(lakewarden: Lakewarden) -> Lakewarden:
    """A production workspace."""
    lakewarden.make_production()
    return lakewarden


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a file of patients is written; outside of the workspace."""
    return tmp_path / "patients.jsonl"


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def test_a_new_production_workspace_takes_patients_in(hospital: Lakewarden, file: Path, workspace: Path) -> None:
    file.write_bytes(lines(patient(1), patient(2)))
    ended = hospital("records", "load", str(file))
    assert (ended.code, ended.out) == (0, f"{file}: 2 loaded, 0 already there\n")
    assert ended.err == f"lakewarden: {PROJECTION}\n"
    assert hospital("research", "rebuild", "--json").json["subjects"] == 2
    assert outcomes(workspace) == [(Outcome.INTENT, None), (Outcome.DONE, 2)]
    assert {(one.principal, one.role, one.resource, one.subject) for one in events(workspace)} == {
        ("service", "service", "patient", None)
    }


def test_the_same_file_again_changes_nothing(hospital: Lakewarden, file: Path, workspace: Path) -> None:
    file.write_bytes(lines(patient(1), patient(2)))
    assert hospital("records", "load", str(file)).code == 0
    again = hospital("records", "load", str(file), "--json")
    assert (again.code, again.err) == (0, "")
    assert again.json == {"files": [{"file": str(file), "loaded": 0, "already_there": 2, "error": None, "faults": []}]}
    assert stored(workspace) == 2


def test_standard_input_pipes_and_several_files(hospital: Lakewarden, file: Path, workspace: Path) -> None:
    file.write_bytes(lines(patient(1)))
    ended = hospital("records", "load", str(file), "-", "--json", stdin=lines(patient(1), patient(2)))
    assert [(one["loaded"], one["already_there"]) for one in ended.json["files"]] == [(1, 0), (1, 1)]
    piped = hospital.shell(f"lakewarden records load <(cat '{file}') - < '{file}'")
    assert (piped.code, piped.out.count("0 loaded, 1 already there")) == (0, 2), piped
    assert stored(workspace) == 2


def test_a_faulty_line_is_told_by_file_line_and_field_without_its_value(
    hospital: Lakewarden, file: Path, workspace: Path
) -> None:
    file.write_bytes(lines(patient(1), patient(2, ssn="666123456"), patient(3, birth_date="30/04/1961"), patient(1)))
    ended = hospital("records", "load", str(file))
    assert (ended.code, ended.out) == (65, "")
    told = ended.err.splitlines()
    assert told[0] == f"lakewarden: {file}:2: ssn: expected the form 000-00-0000, found a text of 9 characters"
    assert told[1].startswith(f"lakewarden: {file}:3: birth_date: expected a date such as ")
    assert told[2].startswith(f"lakewarden: {file}:4: patient_id: expected each patient once")
    assert told[3] == f"lakewarden: {file}: nothing was stored: 3 faulty lines"
    assert "666123456" not in ended.err
    assert "30/04" not in ended.err
    assert "Quellfarb" not in ended.err
    assert stored(workspace) == 0
    document = hospital("records", "load", str(file), "--json")
    assert document.code == 65
    assert [(one["line"], one["field"]) for one in document.json["files"][0]["faults"]] == [
        (2, "ssn"), (3, "birth_date"), (4, "patient_id"),
    ]  # fmt: skip


def test_one_faulty_line_is_one_and_an_unseen_character_is_named_with_its_place(
    hospital: Lakewarden, file: Path
) -> None:
    file.write_bytes(lines(patient(1, address="1 Ma\u200bin Street")))
    document = hospital("records", "load", str(file), "--json").json["files"][0]
    assert document["error"] == "1 faulty line"
    assert document["faults"][0]["field"] == "address"
    assert document["faults"][0]["message"].endswith("no control or invisible characters, found U+200B as character 5")


def test_a_refused_file_does_not_keep_the_next_from_being_loaded(
    hospital: Lakewarden, file: Path, workspace: Path
) -> None:
    file.write_bytes(lines(patient(1), patient(2, sex="F")))
    ended = hospital("records", "load", str(file), "-", stdin=lines(patient(3)))
    assert (ended.code, ended.out) == (1, "-: 1 loaded, 0 already there\n")
    assert stored(workspace) == 1


def test_other_values_of_a_patient_who_is_there_are_a_fault(hospital: Lakewarden, workspace: Path) -> None:
    assert hospital("records", "load", "-", stdin=lines(patient(1))).code == 0
    ended = hospital("records", "load", "-", stdin=lines(patient(2), patient(1, phone="1")))
    assert ended.code == 65
    assert ended.err.startswith("lakewarden: -:2: patient_id: expected a new patient")
    assert "edits go through `records edit`" in ended.err
    assert stored(workspace) == 1


def test_assigned_are_the_accounts_of_doctors(hospital: Lakewarden, workspace: Path) -> None:
    hospital.enrol("surgeon", Role.DOCTOR)
    hospital.enrol("chief", Role.OFFICER)
    for user, field in (("chief", "assigned 2"), ("nobody", "assigned 2"), ("Surgeon", "assigned 2")):
        ended = hospital("records", "load", "-", stdin=lines(patient(1, assigned=["surgeon", user])))
        assert (ended.code, stored(workspace)) == (65, 0)
        assert ended.err.startswith(f"lakewarden: -:1: {field}: expected the account of a doctor, found")
    # The session of the officer counts for nothing: no role may load, the program itself does.
    assert hospital("records", "load", "-", stdin=lines(patient(1, assigned=["surgeon"]))).code == 0
    assert {one.principal for one in events(workspace)} == {"service"}
    with closing(sqlite3.connect(workspace / "clinical.db")) as connection:
        assert connection.execute("SELECT user, assigned_by FROM assignment").fetchall() == [("surgeon", "service")]


def test_what_was_loaded_is_shown_to_the_doctor_who_treats_the_patient(desk: Desk) -> None:
    given = patient(1, assigned=["doctor"])
    assert desk("records", "load", "-", stdin=lines(given)).code == 0
    desk.sit_down("doctor")
    shown = desk("records", "show", "H-00001", "--json").json["columns"]
    assert {name: shown[name] for name in (*IDENTIFYING, "sex", "site", "domain", "assigned")} == {
        name: given[name] for name in (*IDENTIFYING, "sex", "site", "domain", "assigned")
    } | {name: shown[name] for name in ("ssn", "insurance_id")}
    assert shown["encounters"] == given["encounters"]
    assert [(one["text"], one["written_by"]) for one in shown["history"]] == [("Sleeps 1 better.", "old-system")]
    assert desk("records", "find", "quellfarb1").out.splitlines()[-1].startswith("H-00001")


def test_a_new_practice_workspace_makes_its_own_patients_first(lakewarden: Lakewarden, workspace: Path) -> None:
    assert lakewarden("init").code == 0
    assert lakewarden("records", "load", "-", stdin=lines(patient(1))).code == 0
    assert stored(workspace) == 421
    ended = lakewarden("records", "load", "-", stdin=lines(patient(2), patient(3, patient_id="P0001")))
    assert (ended.code, [line.split(": ")[1] for line in ended.err.splitlines()]) == (
        65,
        [PRACTICE.split(": ")[0], "-:2", "-"],
    )
    assert stored(workspace) == 421


@pytest.mark.parametrize(
    "given",
    [
        b"\x00" * 100, b"\xff\xfe" + lines(patient(1)), lines(patient(1)).decode().encode("utf-16"), b"[" * 200_000,
        lines(patient(1, name="Zorbina\ud800")), lines(patient(1, name="a\x1b]0;owned\x07b")), b"x" * 1_000_000,
        lines(patient(1)).replace(b'"sex"', b'"ssn"'), lines(patient(1, patient_id="666-10-0001")), b"1e999", b"{}",
        lines(patient(1, **{"\x1b[2JZorbina": 1})), b"9" * 10_000, lines(patient(1, address="x" * (LONGEST + 1))),
    ],
)  # fmt: skip
def test_hostile_lines_are_refused_in_one_line_that_a_terminal_does_not_obey(
    hospital: Lakewarden, workspace: Path, given: bytes
) -> None:
    ended = hospital("records", "load", "-", stdin=given)
    assert (ended.code, ended.out, stored(workspace)) == (65, "", 0)
    assert all(line.isprintable() and line.startswith("lakewarden: -") for line in ended.err.splitlines())
    assert not re.search("Zorbina|666-10|owned|Traceback", ended.err)


def test_what_cannot_be_opened_is_64_before_anything_is_loaded(
    hospital: Lakewarden, file: Path, tmp_path: Path
) -> None:
    file.write_bytes(lines(patient(1)))
    for words in ([str(file), str(tmp_path / "none")], [str(file), str(tmp_path)], ["-", "-"], []):
        ended = hospital("records", "load", *words)
        assert (ended.code, ended.out) == (64, ""), ended
    assert not (hospital.home / "clinical.db").exists()


def test_nothing_of_a_file_stands_in_clear_in_the_workspace(hospital: Lakewarden, file: Path, tmp_path: Path) -> None:
    people = [patient(number) for number in range(1, 40)]
    assert hospital("-v", "records", "load", "-", stdin=lines(*people)).code == 0
    assert hospital("-v", "records", "load", "-", stdin=lines(patient(1, name="Other Zorbina"), patient(99))).code == 65
    assert hospital("-v", "records", "load", "-", stdin=lines(patient(98), patient(97, sex="F"))).code == 65
    assert hospital("research", "rebuild").code == 0
    bodies = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"H-00001" in body for body in bodies), "expected the scan to see what is stored in clear"
    for one in [*people, patient(99), patient(98), patient(97)]:
        values = [one[column] for column in IDENTIFYING]
        for value in [*values, *one["name"].split(), one["ssn"].replace("-", ""), one["history"][0]["text"]]:
            assert not any(value.encode() in body for body in bodies), value
    assert not any(b"H-00098" in body or b"H-00099" in body for body in bodies), "what was refused left no trace"


def is_sealing(process: subprocess.Popen[bytes]) -> bool:
    """Whether a load has written some of what it sealed, to a file that has no name any more."""
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if "/.clinical.db-" in str(link.readlink()) and link.stat().st_size > SEALED_AT:
                return True
    return False


def start_many(hospital: Lakewarden, file: Path) -> subprocess.Popen[bytes]:
    file.write_bytes(lines(*map(patient, range(MANY))))
    return hospital.start("records", "load", str(file))


def test_kill_9_in_the_midst_stores_nothing_and_the_next_load_everything(
    hospital: Lakewarden, file: Path, workspace: Path
) -> None:
    process = start_many(hospital, file)
    wait_until(lambda: is_sealing(process))
    process.kill()
    process.wait()
    assert stored(workspace) == 0
    assert not list(workspace.glob(".clinical*"))
    assert outcomes(workspace) == [(Outcome.INTENT, None)]
    ended = hospital("records", "load", str(file), timeout_s=60.0)
    assert (ended.code, ended.out) == (0, f"{file}: {MANY:,} loaded, 0 already there\n")
    hospital.enrol("inspector", Role.AUDITOR)
    assert hospital("audit", "verify").code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_midst_stores_nothing_and_is_on_record(
    hospital: Lakewarden, file: Path, workspace: Path, number: signal.Signals
) -> None:
    assert hospital("records", "load", "-").code == 0
    process = start_many(hospital, file)
    wait_until(lambda: is_sealing(process))
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + number, b"")
    assert b"Traceback" not in err
    assert stored(workspace) == 0
    assert outcomes(workspace)[2:] == [(Outcome.INTENT, None), (Outcome.FAILED, None)]


def test_a_full_disk_stores_nothing(hospital: Lakewarden, file: Path, workspace: Path) -> None:
    assert hospital("records", "load", "-", stdin=lines(patient(MANY))).code == 0
    file.write_bytes(lines(*map(patient, range(MANY))))
    ended = hospital("records", "load", str(file), largest_file=2_000_000)
    assert (ended.code, ended.out) == (74, ""), ended
    assert "clinical store" in ended.err
    assert stored(workspace) == 1
    assert outcomes(workspace)[-1] == (Outcome.FAILED, None)
    ended = hospital("records", "load", str(file), largest_file=2_000)
    assert (ended.code, ended.out) == (74, "")
    assert "Check that the disk is not full" in ended.err
    assert stored(workspace) == 1


@pytest.mark.parametrize("outcome", [Outcome.INTENT, Outcome.DONE])
def test_nothing_is_printed_whose_outcome_is_not_on_record(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    """The log fails at that outcome, which no real disk does when a test wants it."""
    append, before = desk.security.audit.append, desk.security.admission.count()

    def failing(told: list[Event]) -> object:
        if told[0].outcome is outcome:
            raise AuditUnavailable("the audit log cannot be written")
        return append(told)

    monkeypatch.setattr(desk.security.audit, "append", failing)
    ended = desk("records", "load", "-", stdin=lines(patient(1)))
    assert (ended.code, ended.out) == (Exit.IO, "")
    assert desk.security.admission.count() == before + (outcome is Outcome.DONE)


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_a_load_can_be_exported_to_every_siem(desk: Desk, form: str) -> None:
    assert desk("records", "load", "-", stdin=lines(patient(1))).code == 0
    desk.sit_down("auditor")
    exported = desk("audit", "export", "--format", form)
    assert exported.code == 0
    assert exported.out.count("load_patients") >= 2, "the intent and the outcome"
    assert "H-00001" not in exported.out


def test_two_loads_of_the_same_file_at_once_store_everybody_once(
    hospital: Lakewarden, file: Path, workspace: Path
) -> None:
    assert hospital("records", "load", "-").code == 0
    file.write_bytes(lines(*map(patient, range(300))))
    processes = [hospital.start("records", "load", str(file)) for _ in range(2)]
    codes = []
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert b"Traceback" not in err
        codes.append(process.returncode)
    assert min(codes) == 0
    assert max(codes) in (0, 65)
    assert stored(workspace) == 300
    assert hospital("records", "load", str(file)).out.endswith("0 loaded, 300 already there\n")


def test_help_tells_the_format_the_limits_and_who_does_it(hospital: Lakewarden) -> None:
    text = " ".join(hospital("records", "load", "--help").out.split())
    for limit in (LONGEST_LINE, loading.MOST_LINES, loading.MOST_BYTES):
        assert f"{limit:,}" in text
    for name in patient(1):
        assert name in text
    assert "`service`" in text
    assert build_parser().parse_args(["records", "load", "a", "b"]).files == ["a", "b"]
