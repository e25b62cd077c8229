"""Checkpoints: a tree head as a signed note, as c2sp.org/tlog-checkpoint describes it. No time and no event in it."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from security.audit.note import NoteSigner, NoteVerifier, open_note
from security.errors import CheckpointRefused

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` had `size` events, and the tree over them the root `root` (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def sign(self, signer: NoteSigner) -> str:
        """The signed note."""
        return signer.sign(self.text())


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text; extension lines are ignored. Raises CheckpointRefused."""
    lines = text.split("\n")
    if len(lines) < 4 or not all(lines[:-1]) or lines[-1] or not _SIZE.fullmatch(lines[1]):
        raise CheckpointRefused("expected an origin, a tree size and a root hash, a line each, found another text")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointRefused("expected a root hash in base64, found something else") from error
    if len(root) != 32 or base64.b64encode(root).decode() != lines[2]:
        raise CheckpointRefused(f"expected a root hash of 32 bytes in base64, found {len(root)} bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(note: str, verifier: NoteVerifier) -> Checkpoint:
    """The checkpoint in a note signed by the log's key, of the log of that name. Raises CheckpointRefused."""
    checkpoint = parse_checkpoint(open_note(note, verifier))
    if checkpoint.origin != verifier.name:
        raise CheckpointRefused(f"expected a checkpoint of {verifier.name}, found one of another log")
    return checkpoint
