"""The secrets of an audit log: all derived from one key of the ring whose purpose is `audit`.

The key is a file of 32 random bytes, mode 0600, beside the key-encryption keys. HKDF-SHA256 (RFC 5869) gives from it
the Ed25519 seed that signs checkpoints, the key that authenticates the newest event of each commit, the key of the
pseudonyms and the one that seals reasons. It never rotates under a log: a log is opened with the key it began with,
and a new key begins a new log.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.audit.note import NoteSigner, NoteVerifier
from security.errors import KeyUnknown
from security.vault.cipher import open_sealed, seal
from security.vault.keys import Key

PURPOSE = "audit"  # of the key ring: KeyRing(folder, write_whole, purpose=PURPOSE)


@dataclass(frozen=True, slots=True)
class AuditKeys:
    """The secrets of one log. `origin` is the log's name: whoever has the public key can tell it."""

    id: str
    origin: str
    signer: NoteSigner = field(repr=False)
    head_key: bytes = field(repr=False)
    _pseudonym_key: bytes = field(repr=False)
    _text_key: bytes = field(repr=False)

    @classmethod
    def of(cls, key: Key) -> AuditKeys:
        """The secrets derived from a key of the ring."""
        private = Ed25519PrivateKey.from_private_bytes(_derived(key, b"sign"))
        origin = origin_of(private.public_key())
        return cls(
            id=key.id,
            origin=origin,
            signer=NoteSigner(origin, private),
            head_key=_derived(key, b"head"),
            _pseudonym_key=_derived(key, b"pseudonym"),
            _text_key=_derived(key, b"text"),
        )

    @property
    def verifier(self) -> NoteVerifier:
        """What checks this log's signatures; its text may be printed and kept anywhere."""
        return self.signer.verifier

    def pseudonym(self, subject: str) -> str:
        """32 hex digits that stand for `subject` (such as `patient:P0007`): HMAC-SHA256 cut to 128 bits."""
        return hmac.digest(self._pseudonym_key, subject.encode(), "sha256")[:16].hex()

    def seal(self, plaintext: bytes, aad: bytes) -> tuple[str, bytes]:
        """The id of the key and the sealed text: the port TextSeal, for reasons that concern no patient."""
        return self.id, seal(self._text_key, plaintext, aad=aad)

    def open(self, key_id: str, envelope: bytes, aad: bytes) -> bytes:
        """What `seal` sealed. Raises KeyUnknown, SealBroken."""
        if key_id != self.id:
            raise KeyUnknown(f"expected a text sealed with the audit key {self.id}, found one of {key_id[:64]}")
        return open_sealed(self._text_key, envelope, aad=aad)


def origin_of(public: Ed25519PublicKey) -> str:
    """The name of the log that `public` signs: the origin line of its checkpoints."""
    return f"lakewarden/audit/{hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]}"


def session_hash(token: str) -> str:
    """32 hex digits that stand for a session in events. The token is random, so a plain hash tells nothing."""
    return hashlib.sha256(b"lakewarden-audit-session\0" + token.encode()).hexdigest()[:32]


def _derived(key: Key, use: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"lakewarden-audit-v1\0" + use).derive(key.material)
