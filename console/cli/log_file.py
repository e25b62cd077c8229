"""The log file that several processes share: every record whole, rotated by one of them, never lost.

A record is one `write` to a file opened for appending, which the kernel keeps whole. Only rotation takes a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import stat
import sys
from pathlib import Path

from console.cli.output import safe

LARGEST = 1_048_576  # bytes of the newest file
KEPT = 5  # older files


class SharedLogFile(logging.Handler):
    """Appends formatted records to `path` (0600), opened with the first one.

    Rules, in order: (1) if `path` is no longer the open file, another process has rotated: open the new one;
    (2) if the record would not fit, rotate, unless another process is rotating now; (3) write the record whole.
    A failure is told once on stderr; later records are still tried, since the disk may have room again.
    """

    def __init__(self, path: Path, *, largest: int = LARGEST, kept: int = KEPT) -> None:
        super().__init__()
        self._path = path
        self._largest = largest
        self._kept = kept
        self._handle: int | None = None
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        try:
            self._append(line)
        except OSError as error:
            self._tell(error)

    def close(self) -> None:
        with self.lock or contextlib.nullcontext():
            self._close_file()
        super().close()

    def _append(self, line: bytes) -> None:
        handle = self._current()  # (1)
        if os.fstat(handle).st_size + len(line) > self._largest and self._rotate():  # (2)
            handle = self._current()
        view = memoryview(line)
        while view:  # (3) more than one turn only on a full disk
            view = view[os.write(handle, view) :]

    def _current(self) -> int:
        """The open file, if `path` still names it, else what `path` names now, made if missing."""
        if self._handle is not None:
            if self._is_current(self._handle):
                return self._handle
            self._close_file()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if stat.S_IMODE(os.fstat(self._handle).st_mode) != 0o600:
            os.fchmod(self._handle, 0o600)
        return self._handle

    def _is_current(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> bool:
        """Move every file one place back, if it is still needed; False if another process does so now."""
        lock = os.open(self._numbered(0, suffix=".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._handle is not None and self._is_current(self._handle) and os.fstat(self._handle).st_size:
                for number in range(self._kept, 0, -1):
                    with contextlib.suppress(FileNotFoundError):
                        self._numbered(number - 1).replace(self._numbered(number))
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True

    def _numbered(self, number: int, *, suffix: str = "") -> Path:
        return self._path.with_name(self._path.name + (f".{number}" if number else "") + suffix)

    def _close_file(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _tell(self, error: OSError) -> None:
        if self._told:
            return
        self._told = True
        reason = error.strerror or type(error).__name__
        path = safe(str(self._path))
        note = f"lakewarden: {path}: expected a log file that can be written, found: {reason}; going on\n"
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(note)
            sys.stderr.flush()
