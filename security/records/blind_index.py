"""The blind index of names: keyed hashes of words, so that a name is found without a name standing in the file.

A word is hashed with HMAC-SHA256, cut to 128 bits, under a key of the ring of purpose `index`, which stays the same
when the key-encryption key is rotated. Whole words are found, in any order, whatever their case and accents.

What the index gives away to somebody with the file but not the key: how many words a name has, and which patients
share a word; with statistics of names, frequent words may be guessed from that. With the key, guesses can be tried.
It holds no order, no beginnings and no lengths of words.
"""

from __future__ import annotations

import hmac
import re
import unicodedata

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.vault.keys import Key

PURPOSE = "index"  # of the key ring: KeyRing(folder, write_whole, purpose=PURPOSE)
HASH_BYTES = 16
MOST_WORDS = 16
_WORD = re.compile(r"[^\W_]+")


class BlindIndex:
    """Hashes words of names under `key`."""

    def __init__(self, key: Key) -> None:
        self._key = HKDF(SHA256(), length=32, salt=None, info=b"lakewarden-index-v1\0name").derive(key.material)

    def words(self, name: str) -> list[bytes]:
        """The hashes of the different words of `name`, sorted: their order tells nothing. At most 16 words count."""
        return sorted({self._hash(word) for word in words_of(name)[:MOST_WORDS]})

    @property
    def proof(self) -> bytes:
        """What tells whether another index has the same key, and nothing else: the hash of what is no word."""
        return self._hash("\0proof")

    def _hash(self, word: str) -> bytes:
        return hmac.digest(self._key, word.encode(), "sha256")[:HASH_BYTES]


def words_of(name: str) -> list[str]:
    """The words of a name, without case and accents."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    return _WORD.findall("".join(one for one in folded if not unicodedata.combining(one)))
