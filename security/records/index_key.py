"""Which key the names of a clinical store are indexed with: noted in it, so that another is noticed.

Under another key every search would find nobody, and a patient could be admitted twice.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import suppress

from security.database import Database
from security.errors import KeyUnknown, SealBroken
from security.records.blind_index import BlindIndex
from security.records.cells import PATIENT
from security.vault.data_keys import DataKeys
from security.vault.keys import Key, KeyRing

_BACKUP = "restore it from a backup"


def index_of(database: Database, ring: KeyRing, keys: DataKeys) -> BlindIndex:
    """The index of the store, with its own key of `ring`; a store without names takes the current key for its own.

    Raises KeyUnknown where the key is missing or another stands in its file, KeyFileRefused, StoreError, OSError.
    """
    noted = database.query("SELECT key_id, proof FROM index_key")
    if not noted:
        _note(database, _key_of_older(database, ring, keys) or ring.current())
        noted = database.query("SELECT key_id, proof FROM index_key")
    key_id, proof = noted[0]
    index = BlindIndex(ring.get(key_id))
    if not hmac.compare_digest(index.proof, proof):
        raise KeyUnknown(f"{ring.file(key_id)}: expected the key that indexed the names, found another; {_BACKUP}")
    return index


def stored_words(database: Database, patient_id: str) -> list[bytes]:
    """What the index has of a patient, as `BlindIndex.words` orders it. Raises StoreError."""
    sql = "SELECT word FROM name_word WHERE patient_id = ? ORDER BY word"
    return [word for (word,) in database.query(sql, (patient_id,))]


def _note(database: Database, key: Key) -> None:
    """Note the key of the store, unless another process just has."""
    with database.transaction() as connection:
        connection.execute("INSERT OR IGNORE INTO index_key VALUES (1, ?, ?)", (key.id, BlindIndex(key).proof))


def _key_of_older(database: Database, ring: KeyRing, keys: DataKeys) -> Key | None:
    """The key that indexed the names of a store which does not say; None where there is nothing to tell it by."""
    sample = next(_samples(database, keys), None)
    if sample is None:
        return None
    name, words = sample
    for key_id in reversed(ring.ids()):
        key = ring.get(key_id)
        if BlindIndex(key).words(name) == words:
            return key
    raise KeyUnknown(f"{ring.file('…')}: expected the key that indexed the names, found none that did; {_BACKUP}")


def _samples(database: Database, keys: DataKeys) -> Iterator[tuple[str, list[bytes]]]:
    """Names that open, and the hashes of their words that are stored."""
    rows = database.query(
        "SELECT patient_id, name, id, kek_id, wrapped FROM patient JOIN data_key ON subject = patient_id"
    )
    for patient_id, cell, *wrapped in rows:
        with suppress(SealBroken):  # told with its place when it is read
            key = keys.unwrap(wrapped[0], patient_id, wrapped[1], wrapped[2])
            name = key.open(cell, row=patient_id, table=PATIENT, column="name")
            yield name, stored_words(database, patient_id)
