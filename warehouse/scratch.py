"""Folders for what a piece of work writes beside the database while it lasts: in the workspace, and gone with it.

1. Whoever works in a folder holds a lock on it, which ends with the process, however that ends.
2. Before a folder is made, those of its kind that nobody holds are removed: killed processes left them.
3. Making and sweeping take turns, so that no folder is swept before its lock is taken.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from warehouse.errors import StoreError


class ScratchFolder:
    """A folder `KIND-…` in `parent`, for this account alone; `close` removes it. Raises `StoreError`."""

    def __init__(self, parent: Path, kind: str) -> None:
        try:
            parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _locked(parent):
                _sweep(parent, kind)
                self.path = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=parent))
                self._held: int | None = _hold(self.path, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError(
                f"no folder for temporary files can be made in {parent}: {error.strerror}. "
                "Check that the disk is not full and that the workspace is writable."
            ) from error

    def close(self) -> None:
        """Remove the folder with what is in it."""
        held, self._held = self._held, None
        if held is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(held)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _sweep(parent: Path, kind: str) -> None:
    for left in parent.glob(f"{kind}-*"):
        with contextlib.suppress(OSError):  # held by a process that works in it, or gone meanwhile
            held = _hold(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(held)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = _hold(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(held)


def _hold(folder: Path, how: int) -> int:
    """An open file that locks `folder` until it is closed. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, how)
    except OSError:
        os.close(handle)
        raise
    return handle
