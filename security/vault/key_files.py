"""Key encryption with keys that are files: the port KeyEncryption over a key ring."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.vault.cipher import open_with, seal
from security.vault.keys import Key, KeyRing


class KeyFiles:
    """Wraps data keys under the keys of `ring`; a file is read and checked once."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._known: dict[str, tuple[Key, AESGCM]] = {}

    def current_id(self) -> str:
        """The id of the newest key. Raises KeyFileRefused, OSError."""
        return self._ring.current().id

    def add(self) -> str:
        """Make a newer key; its id. Raises KeyFileRefused, OSError."""
        return self._ring.add().id

    def wrap(self, key_id: str, data_key: bytes, aad: bytes, /) -> bytes:
        """`data_key` wrapped, bound to `aad`. Raises KeyUnknown, KeyFileRefused, OSError."""
        return seal(self._get(key_id)[0].material, data_key, aad=aad)

    def unwrap(self, key_id: str, wrapped: bytes, aad: bytes, /) -> bytes:
        """What `wrap` wrapped. Raises SealBroken, KeyUnknown, KeyFileRefused, OSError."""
        return open_with(self._get(key_id)[1], wrapped, aad=aad)

    def _get(self, key_id: str) -> tuple[Key, AESGCM]:
        if key_id not in self._known:
            key = self._ring.get(key_id)
            self._known[key_id] = key, AESGCM(key.material)
        return self._known[key_id]
