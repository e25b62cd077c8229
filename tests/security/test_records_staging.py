"""Patients on their way into the store: nobody waits for them, nobody sees some of them, a kill leaves nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from security.errors import RecordRefused
from security.records.admission import Admission
from security.records.glass import Glass
from security.records.models import NewPatient
from security.records.reading import Reading
from tests.security.clinics import CLEAR, Clinic, filled, found_in_clear, patients, secrets_of

THERE, COMING = 3, 40
TABLES = ("patient", "data_key", "name_word", "assignment", "encounter", "history")
LOAD = """
import sys
from pathlib import Path
from tests.security.clinics import Clinic, patients
def waiting():
    yield from patients(40)[3:]
    print(flush=True)
    sys.stdin.readline()
Clinic(Path(sys.argv[1])).admission.add(waiting(), by="service")
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, THERE)


def counts(clinic: Clinic) -> dict[str, int]:
    return {table: clinic.value(f"SELECT count(*) FROM {table}") for table in TABLES}


def files(clinic: Clinic) -> set[str]:
    return {path.name for path in clinic.folder.iterdir()}


def add(clinic: Clinic, meanwhile: Callable[[], object]) -> int:
    """Store the patients that come; `meanwhile` is called when all but the last are sealed."""

    def coming() -> Iterator[NewPatient]:
        *most, last = patients(COMING)[THERE:]
        yield from most
        meanwhile()
        yield last

    return clinic.admission.add(coming(), by="service")


def test_others_write_and_see_the_store_as_it_was_until_all_are_there(clinic: Clinic) -> None:
    before, there = counts(clinic), files(clinic)

    def meanwhile() -> None:
        with closing(clinic.open(busy_timeout_s=0)) as other:
            Glass(other).record("doctor", "P0001", clinic.clock())
            Admission(other).hold("P0002", held=True)
            assert Reading(other).search(patients(COMING)[4].name, CLEAR) == []
        assert counts(clinic) == before
        assert files(clinic) == there

    assert add(clinic, meanwhile) == COMING - THERE
    assert clinic.admission.facts("P0002").legal_hold
    ids = [one.patient_id for one in patients(COMING)]
    assert [one.columns["ssn"] for one in clinic.reading.records(ids, CLEAR)] == [one.ssn for one in patients(COMING)]
    assert counts(clinic)["data_key"] == COMING
    assert clinic.vault.problems() == []
    assert clinic.value("SELECT count(*) FROM pragma_foreign_key_check") == 0
    assert files(clinic) == there
    assert found_in_clear(clinic.folder, secrets_of(patients(COMING))) == []


def test_data_keys_of_those_who_come_are_wrapped_under_the_key_that_a_rotation_made_meanwhile(clinic: Clinic) -> None:
    add(clinic, lambda: clinic.vault.rotate(by="officer", role="officer"))
    newest = clinic.ring.ids()[-1]
    assert len(clinic.ring.ids()) == 2
    assert clinic.core.database.query("SELECT kek_id, count(*) FROM data_key GROUP BY 1") == [(newest, COMING)]
    assert clinic.vault.problems() == []


def test_somebody_who_comes_twice_or_was_faster_is_refused_and_nobody_stored(clinic: Clinic) -> None:
    before = counts(clinic)
    twice = [*patients(COMING)[THERE:], patients(COMING)[5]]
    with pytest.raises(RecordRefused, match="expected a new patient id, found P0006, which is there already"):
        clinic.admission.add(twice, by="service")
    assert counts(clinic) == before
    with pytest.raises(RecordRefused, match="expected a new patient id, found P0009, which is there already"):
        add(clinic, lambda: clinic.admission.add([patients(COMING)[8]], by="service"))
    assert clinic.admission.count() == THERE + 1


def test_a_load_that_is_killed_leaves_nothing(clinic: Clinic) -> None:
    before, there = counts(clinic), files(clinic)
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(clinic.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"\n"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    clinic.reopen()
    assert counts(clinic) == before
    assert files(clinic) == there
    assert add(clinic, lambda: None) == COMING - THERE
