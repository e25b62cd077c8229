"""Broken glass: kept by user and patient, on the disk at once, gone with the patient, in older stores as well."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from security.errors import RecordUnknown, StoreError
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
    assert migrations == [(1, "clinical"), (2, "glass"), (3, "index_key")]
    assert clinic.reading.records(["P0001", "P0005"], CLEAR) == before
    assert clinic.core.database.problems() == []
    Glass(clinic.core).record("doctor", "P0001", START)
    assert Glass(clinic.core).broken("doctor", since=START) == {"P0001": START}
