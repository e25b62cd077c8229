"""The research database: what Safe Harbor leaves, nothing that leads back, and rebuilds that are whole or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from security.database import Database
from security.errors import AuditUnavailable, SealBroken, StoreError
from security.records.models import Encounter
from security.records.research.projection import built, open_research, rebuild
from security.records.research.safe_harbor import age_band, de_identified, state_of
from tests.security.clinics import Clinic, filled, found_in_clear, patients, secrets_of

ALL = patients()


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path)


@pytest.fixture
def research(clinic: Clinic) -> Iterator[Database]:
    lock_file = clinic.folder / "research.lock"
    database = open_research(clinic.folder / "research.db", lock_file=lock_file, now=clinic.clock, busy_timeout_s=0.2)
    yield database
    database.close()


def build(clinic: Clinic, research: Database) -> list[tuple[object, ...]]:
    rebuild(clinic.core, research, random_bytes=os.urandom)
    return research.query("SELECT * FROM subject ORDER BY position")


def test_every_patient_is_in_it_as_safe_harbor_leaves_them(clinic: Clinic, research: Database) -> None:
    on = clinic.clock.instant.date()
    expected = [
        de_identified(
            domain=one.domain,
            sex=one.sex,
            birth_date=one.birth_date,
            address=one.address,
            encounters=one.encounters,
            on=on,
        )
        for one in ALL
    ]
    rows = build(clinic, research)
    assert sorted(row[1:] for row in rows) == sorted(
        (s.domain, s.sex, s.age_band, s.state, s.diagnosis, s.first_year, s.encounters, "XXX-XX-XXXX") for s in expected
    )
    found = built(research)
    assert found is not None
    assert (found.built_at, found.subjects) == (clinic.clock.instant, len(ALL))


def test_it_has_these_columns_and_no_other(research: Database) -> None:
    columns = [row[1] for row in research.query("PRAGMA table_info(subject)")]
    assert columns == [
        "position", "domain", "sex", "age_band", "state", "diagnosis", "first_year", "encounters", "ssn",
    ]  # fmt: skip
    tables = {row[0] for row in research.query("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"subject", "projection", "migration"}


def test_no_identifier_stands_in_its_files(clinic: Clinic, research: Database) -> None:
    build(clinic, research)
    ids = {one.patient_id.encode() for one in ALL}
    dates = {one.birth_date.isoformat().encode() for one in ALL}
    dates |= {encounter.on.isoformat().encode() for one in ALL for encounter in one.encounters}
    sites = {f"{one.site}".encode() for one in ALL} - {b"main"}  # `main` is SQLite's own word
    folder = clinic.folder / "copy"
    folder.mkdir()
    research.truncate_log()
    with research.transaction() as connection:
        connection.execute("UPDATE projection SET subjects = subjects")
    for name in ("research.db", "research.db-wal"):
        (folder / name).hardlink_to(clinic.folder / name)
    secrets = secrets_of(ALL) | ids | dates | sites
    stamped = {str(clinic.clock.instant.date()).encode()}
    assert found_in_clear(folder, secrets - stamped) == []


def test_rows_come_in_an_order_that_tells_nothing(clinic: Clinic, research: Database) -> None:
    orders = {tuple(row[1:] for row in build(clinic, research)) for _ in range(4)}
    assert len(orders) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1


def test_a_rebuild_leaves_nothing_of_who_is_gone(clinic: Clinic, research: Database) -> None:
    marked = Encounter(date(2026, 1, 5), "visit", "Z99 a mark of its own")
    clinic.admission.add([replace(ALL[0], patient_id="Q1", encounters=(marked,))], by="service")
    build(clinic, research)
    assert found_in_clear(clinic.folder, {b"a mark of its own"}) == [("research.db", b"a mark of its own")]
    clinic.execute("DELETE FROM patient WHERE patient_id = 'Q1'")
    clinic.execute("DELETE FROM data_key WHERE subject = 'Q1'")
    assert len(build(clinic, research)) == len(ALL)
    assert found_in_clear(clinic.folder, {b"a mark of its own"}) == []


def test_a_broken_patient_leaves_the_old_projection(clinic: Clinic, research: Database) -> None:
    before = build(clinic, research)
    clinic.execute("UPDATE patient SET birth_date = x'00' WHERE patient_id = 'P0009'")
    with pytest.raises(SealBroken, match="P0009"):
        build(clinic, research)
    assert research.query("SELECT * FROM subject ORDER BY position") == before


def test_nothing_is_opened_unless_it_can_be_told(clinic: Clinic, research: Database) -> None:
    clinic.log.close()
    with pytest.raises(AuditUnavailable):
        build(clinic, research)
    assert built(research) is None


def test_a_full_disk_leaves_the_old_projection(clinic: Clinic, research: Database) -> None:
    before = build(clinic, research)
    clinic.admission.add([replace(one, patient_id=f"Q{n}") for n, one in enumerate(patients(600))], by="service")
    pages = research.query("PRAGMA page_count")[0][0]
    research.query(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        build(clinic, research)
    assert research.query("SELECT * FROM subject ORDER BY position") == before


def test_a_reader_sees_the_old_or_the_new_projection(clinic: Clinic, research: Database) -> None:
    build(clinic, research)
    reader = research.connect()
    try:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM subject").fetchone() == (len(ALL),)
        clinic.admission.add([replace(ALL[0], patient_id="Q1")], by="service")
        assert not rebuild(clinic.core, research, random_bytes=os.urandom).log_emptied
        assert reader.execute("SELECT count(*) FROM subject").fetchone() == (len(ALL),)
        reader.execute("COMMIT")
        assert rebuild(clinic.core, research, random_bytes=os.urandom).log_emptied
        assert reader.execute("SELECT count(*) FROM subject").fetchone() == (len(ALL) + 1,)
    finally:
        reader.close()


def test_the_database_takes_no_social_security_number(research: Database) -> None:
    with pytest.raises(StoreError, match="CHECK"), research.transaction() as connection:
        connection.execute("INSERT INTO subject VALUES (1, 'd', 's', 'a', 's', 'd', 'y', 1, '000-12-3456')")


@pytest.mark.parametrize(
    ("years", "days", "band"),
    [
        (0, 0, "0-17"),
        (18, -1, "0-17"),
        (18, 0, "18-34"),
        (65, -1, "50-64"),
        (90, -1, "80-89"),
        (90, 0, "90+"),
        (104, 0, "90+"),
    ],
)
def test_ages_are_bands_and_one_for_all_over_89(years: int, days: int, band: str) -> None:
    on = date(2026, 3, 1)
    born = date(on.year - years, on.month, on.day) - timedelta(days=days)
    assert age_band(born, on) == band


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("1 Sample Street, Testford, OR 00123", "OR"),
        ("1 Sample Street, Testford, WA 00123-4567", "WA"),
        ("1 Sample Street, Testford, ZZ 00123", "unknown"),
        ("1 Sample Street, Testford, OR 00123\n", "unknown"),
        ("Sample Street 1, 00123 Testford", "unknown"),
        (", OR 00123 and more", "unknown"),
    ],
)
def test_of_an_address_only_a_state_is_left(address: str, state: str) -> None:
    assert state_of(address) == state


def test_of_encounters_only_the_first_year_the_diagnosis_and_the_number_are_left() -> None:
    encounters = [Encounter(date(2025, 6, 1), "visit", "later"), Encounter(date(2024, 2, 3), "stay", "first")]
    found = de_identified(
        domain="oncology",
        sex="female",
        birth_date=date(1980, 1, 1),
        address="x",
        encounters=encounters,
        on=date(2026, 3, 1),
    )
    assert (found.first_year, found.diagnosis, found.encounters) == ("2024", "first", 2)
    assert not re.search(r"\d{4}-\d{2}", str(found))
