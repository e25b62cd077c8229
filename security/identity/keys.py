"""The sealing of identity's secrets: a key of its own purpose from the ring, AES-256-GCM, one use a derived key.

A ring of purpose `identity` gives a file of 32 random bytes, mode 0600. HKDF-SHA256 (RFC 5869) derives from it the key
that seals authenticator secrets, mailed codes and practice passwords, each bound by its associated data to its place.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.vault.cipher import open_sealed, seal
from security.vault.keys import Key, KeyRing

PURPOSE = "identity"  # of the key ring: KeyRing(folder, write_whole, purpose=PURPOSE)


class IdentityKeys:
    """The port TextSeal over a key ring. A newer key seals; older ones still open."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, plaintext: bytes, aad: bytes, /) -> tuple[str, bytes]:
        """The id of the key and the envelope. Raises KeyFileRefused, OSError."""
        key = self._ring.current()
        return key.id, seal(_derived(key), plaintext, aad=aad)

    def open(self, key_id: str, envelope: bytes, aad: bytes, /) -> bytes:
        """What `seal` sealed. Raises KeyUnknown, KeyFileRefused, SealBroken, OSError."""
        return open_sealed(_derived(self._ring.get(key_id)), envelope, aad=aad)


def _derived(key: Key) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"lakewarden-identity-v1\0seal").derive(key.material)
