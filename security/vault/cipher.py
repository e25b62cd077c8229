"""The one cipher: AES-256-GCM (NIST SP 800-38D) over whole values, in a versioned envelope.

An envelope is 1 byte version, 12 bytes nonce, ciphertext, 16 bytes tag. The version is authenticated with the
associated data, so it cannot be turned back.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import SealBroken

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
VERSION = b"\x01"


def seal(key: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """`plaintext` sealed under a 32-byte key, bound to `aad`.

    The nonce is random: by SP 800-38D §8.3 one key may seal 2³² values. Raises ValueError for another key
    length.
    """
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + encrypt_with_nonce(key, nonce, plaintext, aad=VERSION + aad)


def open_sealed(key: bytes, envelope: bytes, *, aad: bytes) -> bytes:
    """The plaintext of what `seal` made with the same key and `aad`. Raises SealBroken for anything else."""
    return open_with(_aead(key), envelope, aad=aad)


def open_with(aead: AESGCM, envelope: bytes, *, aad: bytes) -> bytes:
    """The same with a key that is set up already, for those that open many values. Raises SealBroken."""
    if len(envelope) < len(VERSION) + NONCE_BYTES + TAG_BYTES:
        raise SealBroken(f"expected a sealed value of at least 29 bytes, found {len(envelope)}")
    if envelope[:1] != VERSION:
        raise SealBroken(f"expected a sealed value of version {VERSION[0]}, found version {envelope[0]}")
    nonce, ciphertext = envelope[1 : 1 + NONCE_BYTES], envelope[1 + NONCE_BYTES :]
    return _decrypted(aead, nonce, ciphertext, VERSION + aad)


def encrypt_with_nonce(key: bytes, nonce: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Ciphertext and tag for a given nonce: what published vectors test. A nonce must never be used twice."""
    return _aead(key).encrypt(nonce, plaintext, aad)


def decrypt_with_nonce(key: bytes, nonce: bytes, ciphertext: bytes, *, aad: bytes) -> bytes:
    """The plaintext of a ciphertext with its tag. Raises SealBroken."""
    return _decrypted(_aead(key), nonce, ciphertext, aad)


def _decrypted(aead: AESGCM, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, ciphertext, aad)
    except InvalidTag as error:
        raise SealBroken("the sealed value was changed, or belongs to another key or place") from error


def _aead(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ValueError(f"expected a key of {KEY_BYTES} bytes, found {len(key)}")
    return AESGCM(key)
