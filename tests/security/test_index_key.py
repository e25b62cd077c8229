"""The key of the name index: noted in the store, so that a missing or another one is refused and no search lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from security.errors import KeyUnknown
from tests.security.clinics import CLEAR, Clinic, filled, patients


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 8)


@pytest.fixture
def older(clinic: Clinic) -> Clinic:
    """A store of before its index key was noted, as it stands in the file."""
    with clinic.core.database.transaction() as connection:
        connection.execute("DROP TABLE index_key")
        connection.execute("DELETE FROM migration WHERE version > 2")
        connection.execute("PRAGMA user_version = 2")
    return clinic


def found(clinic: Clinic) -> list[str]:
    """Whom the name of the third patient finds."""
    return clinic.reading.search(patients(8)[2].name, CLEAR)


def key_file(clinic: Clinic) -> Path:
    (path,) = clinic.keys_folder.glob("index-*.key")
    return path


def test_a_missing_index_key_is_refused_by_its_name_and_none_is_made(clinic: Clinic) -> None:
    path = key_file(clinic)
    path.unlink()
    with pytest.raises(KeyUnknown, match=rf"{path.name}: expected the key that sealed this, found no such file"):
        clinic.reopen()
    assert not list(clinic.keys_folder.glob("index-*.key"))


def test_another_key_in_its_file_is_refused_by_its_name(clinic: Clinic) -> None:
    path = key_file(clinic)
    right = path.read_bytes()
    path.write_bytes(bytes(32))
    with pytest.raises(KeyUnknown, match=rf"{path.name}: expected the key that indexed the names, found another"):
        clinic.reopen()
    path.write_bytes(right)
    clinic.reopen()
    assert found(clinic) == ["P0003"]


def test_a_newer_index_key_beside_it_changes_nothing(clinic: Clinic) -> None:
    clinic.index_ring.add()
    clinic.reopen()
    assert found(clinic) == ["P0003"]


def test_an_older_store_takes_the_key_that_fits_its_names(older: Clinic) -> None:
    first = older.index_ring.current().id
    older.index_ring.add()
    older.reopen()
    assert older.value("SELECT key_id FROM index_key") == first
    assert found(older) == ["P0003"]


def test_an_older_store_is_refused_where_no_key_fits_its_names(older: Clinic) -> None:
    key_file(older).write_bytes(bytes(32))
    with pytest.raises(KeyUnknown, match="expected the key that indexed the names, found none that did"):
        older.reopen()
    key_file(older).unlink()
    with pytest.raises(KeyUnknown, match="found none that did"):
        older.reopen()
    assert not list(older.keys_folder.glob("index-*.key")), "none is made for it"


def test_a_broken_name_does_not_keep_an_older_store_from_its_key(older: Clinic) -> None:
    older.execute("UPDATE patient SET name = x'00' WHERE patient_id <> 'P0003'")
    older.reopen()
    assert found(older) == ["P0003"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM name_word WHERE patient_id = 'P0003'",
        "UPDATE name_word SET word = randomblob(16) WHERE patient_id = 'P0003'",
        "INSERT INTO name_word VALUES (randomblob(16), 'P0003')",
    ],
)
def test_words_that_are_not_those_of_the_name_are_found_by_the_check(clinic: Clinic, sql: str) -> None:
    assert clinic.vault.problems() == []
    clinic.execute(sql)
    assert clinic.vault.problems() == ["name_word of P0003: expected the words of the name, found others"]
    assert clinic.told() == [clinic.broken("P0003")]
