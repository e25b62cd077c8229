"""Keeping checkpoints in a file elsewhere: another disk, a mounted share, a folder that only appends.

The file is signed notes one after the other, each followed by a blank line, so it can be read and compared by eye.

Rules:
1. The file is made for the first note of a place. That one was taken there is remembered in the workspace.
2. A place that took one before is never begun anew: a file that is missing or empty there was removed, or its disk is
   not mounted, and one in its stead would hide that. It waits until the file is back, or another place is named.
3. A note ends with its signature lines and a blank one. One that a kill or a power cut tore is left out, wherever it
   was torn: the next, which was appended right behind it, begins with the name that signed it.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST_FILE = 268_435_456  # bytes read back; about a million checkpoints
NEWEST = 8_192  # bytes at the end that hold the newest of them, unless something else was appended
FURTHER = 16  # times as many bytes are looked at where they do not
REMEDY = "mount its disk or bring the file back; if it is gone for good, name another in audit.checkpoint_file"

# The signature lines of a note, with the blank line before them; one that was torn goes on with the note after it.
_SIGNATURES = re.compile(r"\n\n(— (?P<name>[^\s+]+)(?![^\s+])[^\n]*\n(?:— [^\n]*\n)*)(?=\n|\Z)")


class Places:
    """The places that took a note before, in the file `path` of the workspace: one a line, as JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __contains__(self, place: str) -> bool:
        """Raises OSError where that cannot be read."""
        try:
            return json.dumps(place) in self._path.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return False

    def add(self, place: str) -> None:
        """Remember `place`. Raises OSError."""
        _append(self._path, f"{json.dumps(place)}\n".encode(), create=True)


class FileKeeper:
    """The port CheckpointKeeper, in the file `path`, mode 0600. Several processes may keep at once."""

    def __init__(self, path: Path, *, create: bool = True, places: Places | None = None) -> None:
        """Without `create` a file that is missing is not made for the first note either; `places` remembers that one.

        Without `places` every note may be the first.
        """
        self._path = path
        self._create = create
        self._places = places

    @property
    def name(self) -> str:
        return str(self._path)

    @property
    def is_lost(self) -> bool:
        """Whether notes were kept here, and nothing is here any more. Raises OSError, which says what to do."""
        with self._told():
            return self._is_begun and self._is_empty

    def keep(self, note: str) -> None:
        """Append `note` and sync. Raises OSError, which says what to do."""
        if self.is_lost:
            raise OSError(f"{self._path}: expected the copies of checkpoints kept there before, found none; {REMEDY}")
        begun = self._is_begun
        with self._told():
            _append(self._path, f"{note}\n".encode(), create=self._create and not begun)
        if self._places is not None and not begun:
            self._places.add(self.name)

    def kept(self) -> list[str]:
        """The notes, oldest first; a torn one is left out (3.). Raises OSError, which says what to do.

        Of a file larger than `LARGEST_FILE` they are those of its end.
        """
        text, size = self._end(LARGEST_FILE)
        return list(_notes(text, is_whole=size <= LARGEST_FILE))

    def newest(self) -> Iterator[str]:
        """The notes, the newest first; some come again.

        The file is read as far back as they are asked for. Raises OSError, as `kept`.
        """
        reach, size = 0, 1
        while reach < min(size, LARGEST_FILE):
            reach = min(max(NEWEST, reach * FURTHER), LARGEST_FILE)
            text, size = self._end(reach)
            yield from reversed(list(_notes(text, is_whole=size <= reach)))

    def _end(self, reach: int) -> tuple[str, int]:
        """The last `reach` bytes of the file, and its size."""
        with self._told():
            try:
                with self._path.open("rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - reach))
                    return file.read(reach).decode("utf-8", errors="replace"), size
            except FileNotFoundError:
                return "", 0

    @property
    def _is_begun(self) -> bool:
        return self._places is not None and self.name in self._places

    @property
    def _is_empty(self) -> bool:
        try:
            return self._path.stat().st_size == 0
        except FileNotFoundError:
            return True

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                f"{self._path}: expected a file for copies of checkpoints, found: {error.strerror}; set "
                "audit.checkpoint_file to a file that this account can read and append to, or make this one so"
            ) from error


def _notes(text: str, *, is_whole: bool) -> Iterator[str]:
    """The notes in `text`, in its order; unless it `is_whole`, what its beginning cut off is none."""
    end = 0
    for found in _SIGNATURES.finditer(text):
        body = f"{text[end : found.start()]}\n"
        begin = body.rfind(f"{found['name']}\n")
        if begin >= 0 or end or is_whole:
            yield body[max(begin, 0) :].lstrip("\n") + f"\n{found[1]}"
        end = found.end()


def _append(path: Path, body: bytes, *, create: bool) -> None:
    """Append all of `body` and sync, or nothing. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | (os.O_CREAT if create else 0), 0o600)
    try:
        written = os.write(handle, body)
        if written != len(body):
            end = os.lseek(handle, 0, os.SEEK_CUR)
            if os.fstat(handle).st_size == end:  # nobody has appended since: what follows would be taken for its rest
                os.ftruncate(handle, end - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)
