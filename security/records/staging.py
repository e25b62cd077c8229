"""Patients on their way into the clinical store: sealed beside it, then copied into it in one short transaction.

1. They are sealed into a file of their own, while others read and write the store as ever.
2. That file has no name by the time anything is in it: it goes with the process, however that ends.
3. Their data keys are kept in memory until the end: nobody can open what may remain of the file on the disk.
4. One transaction stores all or none of them. It takes the time of copying, not of sealing, and wraps the data keys
   anew where the key-encryption key was rotated in the meantime.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from security.database import Database, WriteTransaction
from security.errors import RecordRefused
from security.instants import microseconds
from security.policy.columns import IDENTIFYING
from security.records.cells import PATIENT, seal_encounter, seal_history
from security.records.core import Core
from security.records.models import NewPatient
from security.vault.data_keys import WrappedKey, store_keys
from security.vault.sealed import DataKey

TABLES = ("patient", "name_word", "assignment", "encounter", "history")  # of the store, staged in the same form
_CACHE_BYTES = 67_108_864  # of the store while it is written: pages are then sorted in memory, not on the disk
_INSERT_PATIENT = """
INSERT INTO staged.patient (patient_id, name, birth_date, address, phone, email, ssn, insurance_id, sex, site, domain,
    version, legal_hold)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_STAGED = "SELECT 1 FROM staged.patient WHERE patient_id = ?"
_ALREADY_THERE = "SELECT patient_id FROM staged.patient JOIN main.patient USING (patient_id) LIMIT 1"


class Staging:
    """Patients that were checked, not in the store yet. Not shared between threads."""

    def __init__(self, core: Core, connection: sqlite3.Connection) -> None:
        self._core = core
        self._connection = connection
        self._kek_id = core.keks.current_id()
        self._keys: list[WrappedKey] = []

    def add(self, patient: NewPatient, *, by: str) -> None:
        """Seal `patient`, whom `by` stores.

        Raises RecordRefused (one of those before), VaultError, StoreError, OSError.
        """
        with self._core.database.told_in_words():
            if self._connection.execute(_STAGED, (patient.patient_id,)).fetchone():
                raise _not_new(patient.patient_id)
            now = self._core.now()
            key, wrapped = self._core.keys.make(patient.patient_id, self._kek_id, now=now)
            self._keys.append(wrapped)
            self._insert(patient, key, by, microseconds(now))

    def publish(self, check: Callable[[], None]) -> int:
        """Store them all, in one transaction; how many. `check` is called before each of its steps.

        Raises RecordRefused (somebody is in the store already), VaultError, StoreError, OSError: then none is stored.
        """
        core = self._core
        self._keys.sort()  # by their ids: the cheapest order to write them in
        with core.database.told_in_words():
            self._connection.execute("COMMIT")
            with WriteTransaction(self._connection) as connection:
                if found := connection.execute(_ALREADY_THERE).fetchone():
                    raise _not_new(found[0])
                kek_id = core.keks.current_id()  # asked for in here: see rotation.py
                for table in TABLES:
                    check()
                    # In the order of its key, in which both are kept: nothing is sorted.
                    connection.execute(f"INSERT INTO main.{table} SELECT * FROM staged.{table}")  # noqa: S608 – our own
                check()
                store_keys(connection, [core.keys.under(kek_id, key) for key in self._keys], now=core.now())
        return len(self._keys)

    def _insert(self, patient: NewPatient, key: DataKey, by: str, at: int) -> None:
        patient_id, write = patient.patient_id, self._connection.executemany
        sealed = [
            key.seal(str(getattr(patient, column)), table=PATIENT, column=column, row=patient_id)
            for column in IDENTIFYING
        ]
        clear = (patient.sex, patient.site, patient.domain, len(patient.history), int(patient.legal_hold))
        self._connection.execute(_INSERT_PATIENT, (patient_id, *sealed, *clear))
        words = [(word, patient_id) for word in self._core.index.words(patient.name)]
        write("INSERT INTO staged.name_word VALUES (?, ?)", words)
        assigned = [(patient_id, user, by, at) for user in sorted(set(patient.assigned))]
        write("INSERT INTO staged.assignment VALUES (?, ?, ?, ?)", assigned)
        encounters = [
            (patient_id, number, seal_encounter(key, patient_id, number, encounter))
            for number, encounter in enumerate(patient.encounters, 1)
        ]
        write("INSERT INTO staged.encounter VALUES (?, ?, ?)", encounters)
        history = [
            (patient_id, version, version, seal_history(key, patient_id, version, version, text), who, microseconds(at))
            for version, (text, who, at) in enumerate(patient.history, 1)
        ]
        write("INSERT INTO staged.history VALUES (?, ?, ?, ?, ?, ?)", history)


@contextmanager
def staging(core: Core) -> Iterator[Staging]:
    """Room for patients until it is left; what is not published by then is gone.

    Raises StoreError, VaultError, OSError.
    """
    with closing(core.database.connect(read_only=False)) as connection:
        with core.database.told_in_words():
            _attach(connection, core.database)
        yield Staging(core, connection)


def _attach(connection: sqlite3.Connection, database: Database) -> None:
    """Give the connection a database `staged` in a file beside `database` that has no name."""
    connection.execute("PRAGMA foreign_keys = OFF")  # what is staged refers to what is staged with it
    connection.execute(f"PRAGMA cache_size = {-_CACHE_BYTES // 1024:d}")
    handle, name = tempfile.mkstemp(prefix=f".{database.path.name}-", dir=database.path.absolute().parent)
    os.close(handle)
    try:
        connection.execute("ATTACH ? AS staged", (f"{Path(name).as_uri()}?mode=rw",))
        # Nothing is ever read back from it but by this connection: no journal, no lock and no sync is of use.
        for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA staged.{pragma}").fetchall()
    finally:
        Path(name).unlink()
    connection.execute("BEGIN")
    for table in TABLES:
        sql = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
        (made_by,) = connection.execute(sql, (table,)).fetchone()
        connection.execute(made_by.replace("CREATE TABLE ", "CREATE TABLE staged.", 1))


def _not_new(patient_id: str) -> RecordRefused:
    return RecordRefused(f"expected a new patient id, found {patient_id}, which is there already")
