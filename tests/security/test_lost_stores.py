"""A store whose keys are there and which is not: refused, never made anew; a sound workspace is never refused."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from etl.files import write_whole
from security.errors import StoreError
from security.identity.core import SCHEMA
from security.identity.keys import PURPOSE as IDENTITY_KEYS
from security.records.blind_index import PURPOSE as INDEX_KEYS
from security.records.core import open_clinical
from security.vault.key_files import KeyFiles
from security.vault.keys import KeyRing
from security.vault.lost import require_store
from tests.security.clinics import CLEAR, Clinic, filled, patients
from tests.security.identities import office


def without_tables(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")


LOSSES: dict[str, Callable[[Path], object]] = {
    "no such file": Path.unlink,
    "a file with no tables": lambda path: path.write_bytes(b""),
    "a file with no tables, of SQLite": without_tables,
}


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    yield from filled(tmp_path, 8)


def opened_with(clinic: Clinic, ring: KeyRing) -> None:
    """Open the store with the index keys of `ring`, and close it."""
    open_clinical(
        clinic.path,
        keks=KeyFiles(clinic.ring),
        index_keys=ring,
        sink=clinic.log,
        pseudonym=clinic.log.keys.pseudonym,
        random_bytes=clinic.random_bytes,
        lock_file=clinic.folder / "clinical.lock",
        now=clinic.clock,
    ).close()


def begun_again(clinic: Clinic) -> None:
    """A workspace in which the store was never opened."""
    clinic.core.close()
    for path in (*clinic.folder.glob("clinical.*"), *clinic.keys_folder.glob("index-*.key")):
        path.unlink()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_lost_clinical_store_is_refused_and_comes_back_from_a_backup(clinic: Clinic, loss: str) -> None:
    clinic.core.close()
    backup = shutil.copy(clinic.path, clinic.folder / "backup")
    LOSSES[loss](clinic.path)
    left = clinic.path.read_bytes() if clinic.path.exists() else None
    with pytest.raises(StoreError) as refusal:
        clinic.open()
    said = str(refusal.value)
    (key,) = clinic.keys_folder.glob("index-*.key")
    for part in (
        f"clinical store {clinic.path}",
        str(key),
        loss.partition(",")[0],
        "from a backup",
        "index-*.key away",
    ):
        assert part in said
    assert (clinic.path.read_bytes() if clinic.path.exists() else None) == left, "nothing is made"
    shutil.copy(backup, clinic.path)
    clinic.core = clinic.open()
    assert clinic.reading.search(patients(8)[2].name, CLEAR) == ["P0003"]


def test_a_store_that_is_given_up_with_its_keys_is_made_anew(clinic: Clinic) -> None:
    begun_again(clinic)
    clinic.core = clinic.open()
    assert clinic.admission.count() == 0
    clinic.reopen()


def test_an_index_key_is_made_when_another_process_would_see_the_tables(clinic: Clinic) -> None:
    begun_again(clinic)
    seen = []

    def may_make() -> None:
        with closing(sqlite3.connect(clinic.path)) as another:
            seen.extend(another.execute("SELECT name FROM sqlite_schema WHERE name = 'patient'").fetchall())

    opened_with(clinic, KeyRing(clinic.keys_folder, write_whole, purpose=INDEX_KEYS, may_make=may_make))
    assert seen == [("patient",)]


@pytest.mark.parametrize("killed", ["with an empty file", "before its key is made", "before its key is noted"])
def test_a_first_use_that_was_killed_is_no_loss(clinic: Clinic, killed: str) -> None:
    begun_again(clinic)
    match killed:
        case "with an empty file":
            clinic.path.touch()
        case "before its key is made":

            def may_make() -> None:
                raise InterruptedError

            with pytest.raises(InterruptedError):
                opened_with(clinic, KeyRing(clinic.keys_folder, write_whole, purpose=INDEX_KEYS, may_make=may_make))
        case _:
            opened_with(clinic, clinic.index_ring)
            with closing(sqlite3.connect(clinic.path)) as connection, connection:
                connection.execute("DELETE FROM index_key")
    clinic.core = clinic.open()
    assert clinic.admission.add(patients(8), by="service") == 8


def test_a_store_that_another_process_is_just_making_is_no_loss(clinic: Clinic) -> None:
    begun_again(clinic)

    class Meanwhile(KeyRing):
        def ids(self) -> list[str]:
            if not clinic.path.exists():
                opened_with(clinic, clinic.index_ring)
            return super().ids()

    opened_with(clinic, Meanwhile(clinic.keys_folder, write_whole, purpose=INDEX_KEYS))


def test_an_identity_key_is_made_after_the_database(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys", write_whole, purpose=IDENTITY_KEYS)
    path = tmp_path / "identity.db"
    with office(tmp_path) as there:
        there.add()
        assert not ring.ids(), "nothing was sealed"
        require_store(path, SCHEMA, ring)
        there.enrolled("auditor")
        assert ring.ids()
        require_store(path, SCHEMA, ring)
    path.unlink()
    with pytest.raises(StoreError, match=r"identity database .*identity\.db, whose key .*found no such file"):
        require_store(path, SCHEMA, ring)
