"""Keeping checkpoints in a file elsewhere: another disk, a mounted share, a folder that only appends.

The file is signed notes one after the other, each followed by a blank line, so it can be read and compared by eye.
"""

from __future__ import annotations

import os
from pathlib import Path

LARGEST_FILE = 268_435_456  # bytes read back; about a million checkpoints


class FileKeeper:
    """The port CheckpointKeeper, in the file `path`, mode 0600. Several processes may keep at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    def keep(self, note: str) -> None:
        """Append `note` and sync. Raises OSError."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            body = f"{note}\n".encode()
            if os.write(handle, body) != len(body):
                raise OSError(f"{self._path}: expected to write {len(body)} bytes, the disk took fewer")
            os.fsync(handle)
        finally:
            os.close(handle)

    def kept(self) -> list[str]:
        """The notes, oldest first; one cut off at the end is left out. Raises OSError."""
        try:
            with self._path.open("rb") as file:
                text = file.read(LARGEST_FILE).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return []
        parts = text.split("\n\n")
        return [f"{text}\n\n{signatures}\n" for text, signatures in zip(parts[0:-1:2], parts[1:-1:2], strict=False)]
