"""Broken glass: kept by user and patient, sealed, on the disk at once, gone with the patient, in older stores too."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from security.audit.event import Event
from security.errors import AuditUnavailable, KeyUnknown, RecordUnknown, SealBroken, StoreError
from security.instants import microseconds
from security.ports import GlassStore
from security.records.glass import Glass
from tests.security.audit_logs import START
from tests.security.clinics import CLEAR, Clinic, filled

RECORD_AND_DIE = """
import os, signal, sys
from pathlib import Path
from security.records.glass import Glass
from tests.security.audit_logs import START
from tests.security.clinics import Clinic
Glass(Clinic(Path(sys.argv[1])).core).record("doctor", "P0001", START)
os.kill(os.getpid(), signal.SIGKILL)
"""
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 5)


@pytest.fixture
def glass(clinic: Clinic) -> Glass:
    return Glass(clinic.core)


def test_what_a_user_broke_is_told_with_when_last(glass: Glass) -> None:
    store: GlassStore = glass
    store.record("doctor", "P0002", START)
    store.record("doctor", "P0001", START)
    store.record("doctor", "P0001", START + 3 * MINUTE)
    store.record("doctor-nights", "P0003", START)
    assert glass.broken("doctor", since=START) == {"P0001": START + 3 * MINUTE, "P0002": START}
    assert glass.broken("doctor-nights", since=START) == {"P0003": START}
    assert glass.broken("nobody", since=START) == {}


def test_what_was_broken_before_is_left_out_to_the_microsecond(glass: Glass) -> None:
    glass.record("doctor", "P0001", START)
    assert glass.broken("doctor", since=START) == {"P0001": START}
    assert glass.broken("doctor", since=START + timedelta(microseconds=1)) == {}


def test_an_instant_is_the_same_in_every_time_zone(glass: Glass) -> None:
    zone = timezone(timedelta(hours=5, minutes=45))
    glass.record("doctor", "P0001", START.astimezone(zone))
    found = glass.broken("doctor", since=START.astimezone(zone))["P0001"]
    assert (found, found.utcoffset()) == (START, timedelta())


def test_with_the_clock_set_back_the_newest_breaking_counts(glass: Glass) -> None:
    glass.record("doctor", "P0001", START + 60 * MINUTE)
    glass.record("doctor", "P0001", START)
    assert glass.broken("doctor", since=START - 15 * MINUTE) == {"P0001": START}


def test_an_instant_without_offset_is_an_error(glass: Glass) -> None:
    naive = datetime(2026, 3, 1, 8)  # noqa: DTZ001 – what is refused
    with pytest.raises(ValueError, match="offset from UTC"):
        glass.record("doctor", "P0001", naive)
    with pytest.raises(ValueError, match="offset from UTC"):
        glass.broken("doctor", since=naive)


@pytest.mark.parametrize("patient", ["P9999", "", "patient\0", "' OR 1=1 --"])
def test_nobody_has_no_glass(glass: Glass, patient: str) -> None:
    with pytest.raises(RecordUnknown):
        glass.record("doctor", patient, START)
    assert glass.broken("doctor", since=START) == {}


def test_the_glass_goes_with_its_patient(clinic: Clinic, glass: Glass) -> None:
    for patient in ("P0001", "P0002"):
        glass.record("doctor", patient, START)
    clinic.execute("DELETE FROM patient WHERE patient_id = 'P0001'")
    assert glass.broken("doctor", since=START) == {"P0002": START}


def test_what_is_recorded_outlives_a_kill_at_once(clinic: Clinic, glass: Glass) -> None:
    killed = subprocess.run([sys.executable, "-c", RECORD_AND_DIE, str(clinic.folder)], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert glass.broken("doctor", since=START) == {"P0001": START}


def test_a_full_disk_is_told_and_breaks_nothing(clinic: Clinic, glass: Glass) -> None:
    clinic.core.database.query(f"PRAGMA max_page_count = {clinic.value('PRAGMA page_count')}")
    user = "x" * 20_000  # more than a page has left
    with pytest.raises(StoreError, match="full"):
        glass.record(user, "P0001", START)
    assert glass.broken(user, since=START) == {}


def forge(clinic: Clinic, patient: str, user: str, at: datetime, seal: bytes = bytes(38)) -> None:
    """What somebody with the file and without a key can write."""
    clinic.execute("INSERT OR REPLACE INTO glass VALUES (?, ?, ?, ?)", (patient, user, microseconds(at), seal))


def rows(clinic: Clinic) -> int:
    return int(clinic.value("SELECT count(*) FROM glass"))


@pytest.mark.parametrize("length", [0, 1, 37, 38, 200])
def test_a_row_without_a_seal_of_ours_is_none_and_told_once(clinic: Clinic, glass: Glass, length: int) -> None:
    glass.record("doctor", "P0001", START)
    forge(clinic, "P0003", "doctor", START + MINUTE, bytes(length))
    assert glass.broken("doctor", since=START) == {"P0001": START}
    assert clinic.told() == [clinic.broken("P0003")]
    assert (glass.broken("doctor", since=START), rows(clinic)) == ({"P0001": START}, 1)
    assert len(clinic.told()) == 1


@pytest.mark.parametrize(
    "change",
    ["user = 'doctor-nights'", "patient_id = 'P0003'", "broken_at = broken_at + 1", "seal = zeroblob(length(seal))"],
)
def test_a_row_that_was_made_another_is_none(clinic: Clinic, glass: Glass, change: str) -> None:
    glass.record("doctor", "P0001", START)
    clinic.execute(f"UPDATE glass SET {change}")
    patient = clinic.value("SELECT patient_id FROM glass")
    assert glass.broken("doctor", since=START) == glass.broken("doctor-nights", since=START) == {}
    assert clinic.told() == [clinic.broken(patient)]


def test_another_sealed_value_of_the_patient_is_no_seal_of_a_row(clinic: Clinic, glass: Glass) -> None:
    forge(clinic, "P0003", "doctor", START, clinic.value("SELECT name FROM patient WHERE patient_id = 'P0003'"))
    assert glass.broken("doctor", since=START) == {}
    assert clinic.told() == [clinic.broken("P0003")]


def test_an_earlier_row_that_is_put_back_lets_in_no_longer_than_it_did(clinic: Clinic, glass: Glass) -> None:
    glass.record("doctor", "P0001", START)
    earlier = clinic.core.database.query("SELECT * FROM glass")[0]
    clinic.execute("DELETE FROM glass")
    clinic.execute("INSERT INTO glass VALUES (?, ?, ?, ?)", earlier)
    assert glass.broken("doctor", since=START) == {"P0001": START}
    assert glass.broken("doctor", since=START + MINUTE) == {}


def test_only_rows_of_the_user_that_are_in_time_are_opened(clinic: Clinic, glass: Glass) -> None:
    forge(clinic, "P0002", "doctor", START)
    forge(clinic, "P0003", "doctor-nights", START + 2 * MINUTE)
    assert glass.broken("doctor", since=START + MINUTE) == {}
    assert (clinic.told(), rows(clinic)) == ([], 2)


def test_a_row_of_no_instant_harms_nobody_else(clinic: Clinic, glass: Glass) -> None:
    glass.record("doctor", "P0001", START)
    clinic.execute("INSERT INTO glass VALUES ('P0003', 'doctor', ?, zeroblob(38))", (2**62,))
    assert glass.broken("doctor", since=START) == {"P0001": START}


class Full:
    """An audit log on a full disk."""

    def append(self, _events: Sequence[Event], /) -> object:
        raise AuditUnavailable("nothing can be recorded, so nothing is disclosed: the disk is full")


def test_where_it_cannot_be_told_nothing_is_decided_and_the_row_stays_to_be_told(clinic: Clinic, glass: Glass) -> None:
    forge(clinic, "P0003", "doctor", START)
    with pytest.raises(AuditUnavailable, match="full"):
        Glass(replace(clinic.core, sink=Full())).broken("doctor", since=START)
    assert rows(clinic) == 1
    assert glass.broken("doctor", since=START) == {}
    assert clinic.told() == [clinic.broken("P0003")]


def test_broken_glass_lets_in_across_a_rotation_of_keys(clinic: Clinic, glass: Glass) -> None:
    glass.record("doctor", "P0001", START)
    assert clinic.vault.rotate(by="officer", role="officer").rewrapped == 5
    clinic.reopen()
    assert Glass(clinic.core).broken("doctor", since=START) == {"P0001": START}


def test_broken_glass_goes_with_the_key_of_its_patient(clinic: Clinic, glass: Glass) -> None:
    for patient in ("P0001", "P0002"):
        glass.record("doctor", patient, START)
    clinic.execute("DELETE FROM data_key WHERE subject = 'P0001'")
    assert glass.broken("doctor", since=START) == {"P0002": START}
    with pytest.raises(KeyUnknown, match="it was destroyed"):
        glass.record("doctor", "P0001", START)
    assert clinic.told() == [clinic.broken("P0001", "key_unknown")] * 2


def test_the_key_of_another_patient_opens_no_glass(clinic: Clinic, glass: Glass) -> None:
    """Whoever has a row of a patient cannot have it be of another by giving them the key of the first."""
    glass.record("doctor", "P0001", START)
    clinic.execute("DELETE FROM data_key WHERE subject = 'P0003'")
    clinic.execute("UPDATE data_key SET subject = 'P0003' WHERE subject = 'P0001'")
    clinic.execute("UPDATE glass SET patient_id = 'P0003'")
    assert glass.broken("doctor", since=START) == {}
    with pytest.raises(SealBroken):
        glass.record("doctor", "P0003", START)


def test_rows_of_before_they_were_sealed_end_with_the_upgrade(clinic: Clinic) -> None:
    for sql in (
        "DROP TABLE glass",
        "CREATE TABLE glass (patient_id TEXT, user TEXT, broken_at INTEGER)",
        f"INSERT INTO glass VALUES ('P0001', 'doctor', {microseconds(START)})",
        "DELETE FROM migration WHERE version > 3",
        "PRAGMA user_version = 3",
    ):
        clinic.execute(sql)
    clinic.reopen()
    assert Glass(clinic.core).broken("doctor", since=START) == {}
    assert (rows(clinic), clinic.told()) == (0, [])


def test_a_store_of_version_1_is_upgraded_in_place_and_keeps_its_patients(clinic: Clinic) -> None:
    before = clinic.reading.records(["P0001", "P0005"], CLEAR)
    for sql in (
        "DROP TABLE glass",
        "DROP TABLE index_key",
        "DELETE FROM migration WHERE version > 1",
        "PRAGMA user_version = 1",
    ):
        clinic.execute(sql)
    clinic.reopen()
    migrations = clinic.core.database.query("SELECT version, name FROM migration ORDER BY version")
    assert migrations == [(1, "clinical"), (2, "glass"), (3, "index_key"), (4, "sealed_glass")]
    assert clinic.reading.records(["P0001", "P0005"], CLEAR) == before
    assert clinic.core.database.problems() == []
    Glass(clinic.core).record("doctor", "P0001", START)
    assert Glass(clinic.core).broken("doctor", since=START) == {"P0001": START}
