"""Signed notes: a text and the Ed25519 signatures under it, as c2sp.org/signed-note describes them.

The text ends in a newline; a blank line follows, then lines `— NAME BASE64`, where the base64 is the 4-byte key id and
the 64-byte signature of the text. A verifier is spelled `NAME+KEYID+BASE64`, as golang.org/x/mod/sumdb/note does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from security.errors import CheckpointRefused

LARGEST_NOTE = 65_536  # bytes
MOST_SIGNATURES = 64

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A name and the public key that signs for it."""

    name: str
    public: bytes  # 32 bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != 32:
            raise CheckpointRefused("expected a key name without spaces or plus, and 32 bytes of key, found others")

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def text(self) -> str:
        """The verifier as one word, to print and keep."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> NoteVerifier:
        """The verifier that `text` wrote. Raises CheckpointRefused."""
        parts = text.split("+", 2)
        try:
            name, key_id, key = parts[0], parts[1], base64.b64decode(parts[2], validate=True)
        except (IndexError, binascii.Error, ValueError) as error:
            raise CheckpointRefused("expected a verifier NAME+KEYID+BASE64, found something else") from error
        if key[:1] != _ED25519:
            raise CheckpointRefused("expected an Ed25519 verifier, found another kind")
        verifier = cls(name, key[1:])
        if verifier.text() != text or verifier.key_id.hex() != key_id:
            raise CheckpointRefused(f"expected the key id {verifier.key_id.hex()} for this name and key, found another")
        return verifier


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A name and the private key that signs for it."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> NoteVerifier:
        return NoteVerifier(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note of `text`, which ends in a newline. Raises CheckpointRefused for a text that cannot be one."""
        if not text.endswith("\n") or _CONTROL.search(text):
            raise CheckpointRefused("expected a text that ends in a newline, without control characters")
        signature = self.verifier.key_id + self.private.sign(text.encode())
        return f"{text}\n— {self.name} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, verifier: NoteVerifier) -> str:
    """The text of a note that `verifier`'s key signed. Raises CheckpointRefused.

    Signatures of other keys are ignored; a wrong one by this key refuses the note.
    """
    if len(note) > LARGEST_NOTE or _CONTROL.search(note) or not note.endswith("\n"):
        raise CheckpointRefused(
            "expected a signed note of at most 64 KiB without control characters, found another text"
        )
    text, blank, signatures = note.rpartition("\n\n")
    lines = signatures[:-1].split("\n")
    if not blank or not text or len(lines) > MOST_SIGNATURES:
        raise CheckpointRefused("expected a text, a blank line and signatures, found something else")
    text += "\n"
    signed = [_signature_of(line, verifier) for line in lines]
    ours = [signature for signature in signed if signature is not None]
    if not ours:
        raise CheckpointRefused(f"expected a signature of {verifier.name}+{verifier.key_id.hex()}, found none")
    for signature in ours:
        _check_signature(signature, text, verifier)
    return text


def _signature_of(line: str, verifier: NoteVerifier) -> bytes | None:
    """The signature in a line, None if another key's."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise CheckpointRefused("expected signature lines `— NAME BASE64`, found another line")
    try:
        blob = base64.b64decode(match[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointRefused("expected base64 in a signature line, found something else") from error
    if len(blob) < 5 or base64.b64encode(blob).decode() != match[2]:
        raise CheckpointRefused("expected a key id and a signature in a signature line, found something else")
    return blob[4:] if (match[1], blob[:4]) == (verifier.name, verifier.key_id) else None


def _check_signature(signature: bytes, text: str, verifier: NoteVerifier) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
    except InvalidSignature as error:
        raise CheckpointRefused(f"the signature of {verifier.name} does not fit the text: one was changed") from error
