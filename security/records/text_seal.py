"""Short texts about a patient that are kept elsewhere, such as the reason for a broken glass, under the patient's key.

Whoever erases the patient's key erases them too, wherever they lie.
"""

from __future__ import annotations

from security.errors import KeyUnknown
from security.records.core import Core
from security.vault.cipher import open_sealed, seal
from security.vault.sealed import DataKey

_USE = b"lakewarden-text\0"


class PatientSeal:
    """The port TextSeal with the data key of one patient; the id of the key is that of the data key, in hex."""

    def __init__(self, core: Core, patient: str) -> None:
        self._core = core
        self._patient = patient

    def seal(self, plaintext: bytes, aad: bytes, /) -> tuple[str, bytes]:
        """The id of the key and the envelope. Raises KeyUnknown for no such patient, VaultError, StoreError."""
        key = self._key()
        return key.id.hex(), seal(key.material, plaintext, aad=_USE + aad)

    def open(self, key_id: str, envelope: bytes, aad: bytes, /) -> bytes:
        """What `seal` sealed. Raises KeyUnknown where another key sealed it, SealBroken, StoreError."""
        key = self._key()
        if key_id != key.id.hex():
            raise KeyUnknown(f"expected a text sealed with the data key {key.id.hex()}, found one of {key_id[:64]}")
        return open_sealed(key.material, envelope, aad=_USE + aad)

    def _key(self) -> DataKey:
        with self._core.database.snapshot() as connection:
            return self._core.keys.of_subject(connection, self._patient)


def patient_of(core: Core, key_id: str) -> str | None:
    """Whose data key has the id `key_id`, in hex; None where the key was destroyed. Raises StoreError."""
    rows = core.database.query("SELECT subject FROM data_key WHERE id = ?", (bytes.fromhex(key_id),))
    return str(rows[0][0]) if rows else None
