"""Rotation: readers work meanwhile, a kill at any point is gone on from, and nothing else changes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.files import write_whole
from security.errors import AuditUnavailable, OutcomeUnrecorded, StoreError
from security.records.reading import Reading
from security.vault.secrets import SecretStore
from tests.security.clinics import CLEAR, Clinic, filled, patients

COUNT = 40
ROTATE = """
import sys
from pathlib import Path
from tests.security.clinics import Clinic
clinic = Clinic(Path(sys.argv[1]))
def progress(done, everything):
    print(done, everything, flush=True)
    sys.stdin.readline()
print(clinic.vault.rotate(by="officer", role="officer", progress=progress, at_once=4).kek_id)
"""


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, COUNT)


def keks(clinic: Clinic) -> dict[str, int]:
    return dict(clinic.core.database.query("SELECT kek_id, count(*) FROM data_key GROUP BY 1"))


def rotate(clinic: Clinic, at_once: int = 500) -> str:
    return clinic.vault.rotate(by="officer", role="officer", at_once=at_once).kek_id


def rotate_again_and_again(clinic: Clinic) -> None:
    for _ in range(400):  # each leaves a row of its own
        rotate(clinic)


def test_every_data_key_is_wrapped_anew_and_no_cell_touched(clinic: Clinic) -> None:
    before = clinic.core.database.query("SELECT * FROM patient")
    records = [clinic.reading.record(one.patient_id, CLEAR) for one in patients(COUNT)]
    kek_id = rotate(clinic)
    assert keks(clinic) == {kek_id: COUNT}
    assert clinic.core.database.query("SELECT * FROM patient") == before
    clinic.reopen()
    assert [clinic.reading.record(one.patient_id, CLEAR) for one in patients(COUNT)] == records


def test_progress_and_the_state_are_told(clinic: Clinic) -> None:
    told: list[tuple[int, int]] = []
    seen: list[str | None] = []

    def progress(done: int, everything: int) -> None:
        told.append((done, everything))
        seen.append(clinic.vault.status().rotating)

    found = clinic.vault.rotate(by="officer", role="officer", progress=progress, at_once=15)
    assert told == [(15, 40), (30, 40), (40, 40), (40, 40)]
    assert seen == [found.kek_id] * 3 + [None]
    assert clinic.vault.status().rotated_at == clinic.clock.instant
    assert [(kek.data_keys, kek.current) for kek in clinic.vault.status().keks] in (
        [(0, False), (40, True)],
        [(40, True), (0, False)],
    )
    assert [outcome for outcome, _, _ in clinic.told()] == ["intent", "done"]


def test_a_second_rotation_uses_another_key(clinic: Clinic) -> None:
    assert rotate(clinic) != rotate(clinic)
    assert len(clinic.ring.ids()) == 3


def test_what_was_sealed_with_the_older_key_keeps_opening(clinic: Clinic, tmp_path: Path) -> None:
    secrets = SecretStore(tmp_path / "secrets.json", clinic.ring, write_whole)
    secrets.set("openweather_api_key", "value")
    rotate(clinic)
    assert secrets.get("openweather_api_key") == "value"


def test_readers_and_new_patients_go_on_meanwhile(clinic: Clinic) -> None:
    stop, failures, reads = threading.Event(), list[BaseException](), [0]
    other = clinic.open()

    def read() -> None:
        try:
            while not stop.is_set():
                Reading(other).records([one.patient_id for one in patients(COUNT)], CLEAR)
                reads[0] += 1
        except BaseException as error:  # noqa: BLE001 – told by the test
            failures.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(5):
            rotate(clinic, at_once=3)
            clinic.admission.add([patients(COUNT + 5)[COUNT + number]], by="service")
    finally:
        stop.set()
        thread.join(30)
        other.close()
    assert failures == []
    assert reads[0] > 0
    rotate(clinic)
    assert sum(keks(clinic).values()) == COUNT + 5
    assert len(keks(clinic)) == 1


@pytest.mark.parametrize("steps", [1, 5, 10])
def test_a_rotation_killed_in_the_middle_is_gone_on_with(clinic: Clinic, steps: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ROTATE, str(clinic.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        for _ in range(steps):
            process.stdout.readline()
            process.stdin.write("\n")
            process.stdin.flush()
        assert process.stdout.readline().endswith("40\n")
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    open_to = clinic.vault.status().rotating
    half = keks(clinic)
    assert [clinic.reading.record(one.patient_id, CLEAR).columns["ssn"] for one in patients(COUNT)] == [
        one.ssn for one in patients(COUNT)
    ]
    kek_id = rotate(clinic)
    if steps < 10:
        assert kek_id == open_to
        assert len(half) == 2
    assert keks(clinic) == {kek_id: COUNT}
    assert clinic.vault.status().rotating is None


def test_a_key_is_made_even_where_no_data_key_hangs_on_the_current_one(clinic: Clinic) -> None:
    """Secrets and customers may: a key that leaked must not stay the current one."""
    clinic.execute("DELETE FROM data_key")
    clinic.execute("DELETE FROM kek")
    before = clinic.ring.ids()
    made = rotate(clinic)
    assert clinic.ring.ids() == [*before, made]
    assert clinic.ring.current().id == made


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE patient SET version = 1000000000000000000 WHERE patient_id = 'P0007'", "P0007"),
        ("UPDATE history SET written_at = 9000000000000000000 WHERE patient_id = 'P0007'", "clinical store is damaged"),
    ],
)
def test_a_number_that_cannot_be_stops_no_check(clinic: Clinic, sql: str, named: str) -> None:
    clinic.execute("DROP TRIGGER history_is_final")
    clinic.execute(sql)
    found = clinic.vault.problems()
    assert len(found) == 1, found
    assert named in found[0]
    assert len(found[0]) < 300


def test_an_outcome_that_cannot_be_recorded_leaves_the_rotation_standing(clinic: Clinic) -> None:
    clinic.execute("UPDATE data_key SET wrapped = x'00' WHERE subject = 'P0007'")
    with pytest.raises(OutcomeUnrecorded, match="carried out"):
        clinic.vault.rotate(by="officer", role="officer", progress=lambda *_: clinic.log.close())
    assert clinic.vault.status().rotating is None


def test_one_that_is_stopped_stays_open(clinic: Clinic) -> None:
    rounds = iter([False, False, True])
    stopped = clinic.vault.rotate(by="officer", role="officer", stop=lambda: next(rounds), at_once=10)
    assert (stopped.rewrapped, clinic.vault.status().rotating) == (20, stopped.kek_id)
    assert rotate(clinic) == stopped.kek_id


def test_a_broken_data_key_stops_no_other_and_is_told(clinic: Clinic) -> None:
    clinic.execute("UPDATE data_key SET wrapped = x'00' WHERE subject = 'P0007'")
    found = clinic.vault.rotate(by="officer", role="officer", at_once=6)
    assert (found.rewrapped, found.broken) == (COUNT - 1, ("P0007",))
    assert clinic.told()[1] == clinic.broken("P0007")
    assert clinic.told()[-1][0] == "failed"
    assert clinic.vault.status().rotating is None


def test_nothing_is_rotated_unless_it_can_be_told(clinic: Clinic) -> None:
    clinic.log.close()
    with pytest.raises(AuditUnavailable):
        rotate(clinic)
    assert len(clinic.ring.ids()) == 1


def test_a_full_disk_leaves_a_rotation_that_goes_on(clinic: Clinic) -> None:
    pages = clinic.value("PRAGMA page_count")
    clinic.core.database.query(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        rotate_again_and_again(clinic)
    assert clinic.told()[-1][0] == "failed"
    clinic.core.database.query("PRAGMA max_page_count = 1000000")
    assert len(clinic.reading.records([one.patient_id for one in patients(COUNT)], CLEAR)) == COUNT
    kek_id = rotate(clinic)
    assert keks(clinic) == {kek_id: COUNT}
