"""Hashing passwords with Argon2id (RFC 9106): normalised, checked in equal time, hashed anew when parameters rise.

The parameters are the second recommended option of RFC 9106 §4 (64 MiB, 3 passes, 4 lanes), above what OWASP's
Password Storage Cheat Sheet asks for. A password is compared as the UTF-8 of its Unicode NFC form, so that it does not
matter how a keyboard composes it.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable

from argon2 import Parameters, extract_parameters
from argon2.exceptions import InvalidHash, VerificationError
from argon2.low_level import Type, hash_secret, verify_secret
from argon2.profiles import RFC_9106_LOW_MEMORY

LONGEST = 1_024  # characters; a bound on work, far above what anyone types
NAMED_PARAMETERS = RFC_9106_LOW_MEMORY


class PasswordHashing:
    """Makes and checks encoded hashes with named parameters."""

    def __init__(self, random_bytes: Callable[[int], bytes], parameters: Parameters = NAMED_PARAMETERS) -> None:
        self._random_bytes = random_bytes
        self.parameters = parameters
        self._dummy = self._unmatchable()

    def hash(self, password: str) -> str:
        """The encoded hash of a password that `is_hashable`. Raises ValueError for another."""
        secret = normalised(password)
        if secret is None:
            raise ValueError(f"expected a password of at most {LONGEST} characters in UTF-8, found another")
        chosen = self.parameters
        salt = self._random_bytes(chosen.salt_len)
        return hash_secret(
            secret, salt, chosen.time_cost, chosen.memory_cost, chosen.parallelism, chosen.hash_len, chosen.type
        ).decode("ascii")

    def matches(self, password: str, encoded: str | None) -> bool:
        """Whether `password` made `encoded`. Without a hash, or with a password that cannot be one, the same work is
        done for nothing, so that the time does not tell."""
        secret = normalised(password)
        hopeless = encoded is None or secret is None
        try:
            found = verify_secret((self._dummy if hopeless else encoded or "").encode(), secret or b"", Type.ID)
        except (VerificationError, InvalidHash):
            return False
        return found and not hopeless

    def is_outdated(self, encoded: str) -> bool:
        """Whether `encoded` was made with less than today's parameters."""
        made, wanted = extract_parameters(encoded), self.parameters
        return (
            made.type is not wanted.type
            or made.version < wanted.version
            or made.time_cost < wanted.time_cost
            or made.memory_cost < wanted.memory_cost
            or made.hash_len < wanted.hash_len
            or made.salt_len < wanted.salt_len
        )

    def _unmatchable(self) -> str:
        """A hash of today's parameters whose digest is random: no password is known to make it."""
        chosen = self.parameters
        salt, digest = (
            base64.b64encode(self._random_bytes(size)).rstrip(b"=").decode("ascii")
            for size in (chosen.salt_len, chosen.hash_len)
        )
        costs = f"m={chosen.memory_cost},t={chosen.time_cost},p={chosen.parallelism}"
        return f"$argon2id$v={chosen.version}${costs}${salt}${digest}"


def normalised(password: str) -> bytes | None:
    """The bytes that are hashed: NFC in UTF-8; None for what is too long or no Unicode text."""
    if len(password) > LONGEST:
        return None
    try:
        return unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
