"""Keeping checkpoints in a file elsewhere: another disk, a mounted share, a folder that only appends.

The file is signed notes one after the other, each followed by a blank line, so it can be read and compared by eye.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST_FILE = 268_435_456  # bytes read back; about a million checkpoints


class FileKeeper:
    """The port CheckpointKeeper, in the file `path`, mode 0600. Several processes may keep at once."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Without `create`, a file that is missing stays so: a share that is not mounted is not written beneath."""
        self._path = path
        self._create = create

    @property
    def name(self) -> str:
        return str(self._path)

    def keep(self, note: str) -> None:
        """Append `note` and sync. Raises OSError, which says what to do."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | (os.O_CREAT if self._create else 0)
        with self._told():
            handle = os.open(self._path, flags, 0o600)
            try:
                body = f"{note}\n".encode()
                if os.write(handle, body) != len(body):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(handle)
            finally:
                os.close(handle)

    def kept(self) -> list[str]:
        """The notes, oldest first; one cut off at the end is left out. Raises OSError, which says what to do."""
        with self._told():
            try:
                with self._path.open("rb") as file:
                    text = file.read(LARGEST_FILE).decode("utf-8", errors="replace")
            except FileNotFoundError:
                return []
        parts = text.split("\n\n")
        return [f"{text}\n\n{signatures}\n" for text, signatures in zip(parts[0:-1:2], parts[1:-1:2], strict=False)]

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                f"{self._path}: expected a file for copies of checkpoints, found: {error.strerror}; set "
                "audit.checkpoint_file to a file that this account can read and append to, or make this one so"
            ) from error
