"""Who works on a claim, and whether that process still lives.

An owner is a file that its process keeps locked. The kernel drops the lock when the process ends, however it ends, so
a dead owner is known at once, and neither a recycled process id nor a stepping clock can be mistaken for it.

Where each task is a process of its own, as under Airflow, nobody lives between two tasks: such a claim is a lease,
which names its holder and lasts until an instant.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import uuid
from datetime import datetime
from pathlib import Path

from etl.errors import HistoryError
from etl.models import ts_of

LEASE = "lease-"
STALE_S = 3600.0


class Owner:
    """A claim-holder of this process. `release()` it when its work is recorded."""

    def __init__(self, folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self._path = _path(folder, self.id)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            unseen = self._path.with_suffix(".new")  # locked before it can be found by its name
            self._handle = os.open(unseen, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._handle, f"{os.getpid()}\n".encode())
            unseen.rename(self._path)
        except OSError as error:
            raise HistoryError(
                f"the owner's lock {self._path} cannot be made: {error.strerror}. "
                "Check that the disk is not full and that the workspace is writable."
            ) from error

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


def is_alive(folder: Path, owner: str) -> bool:
    """Whether the process behind the owner id still holds its lock."""
    try:
        handle = os.open(_path(folder, owner), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who ask do not mistake each other
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def lease(holder: str, until: datetime) -> str:
    """A new owner id that holds without a process until `until`; `holder` (no `-`) may take its own leases over."""
    return f"{LEASE}{ts_of(until)}-{holder}-{uuid.uuid4().hex}"


def is_held(folder: Path, owner: str, *, now: datetime, holder: str = "") -> bool:
    """Whether somebody else than `holder` works on what `owner` claimed: its process lives, or its lease lasts."""
    if not owner.startswith(LEASE):
        return is_alive(folder, owner)
    until, leased_by, _ = owner.removeprefix(LEASE).split("-")
    return leased_by != holder and ts_of(now) < until


def pid_of(folder: Path, owner: str) -> int | None:
    """The owner's process id, for messages only."""
    try:
        return int(_path(folder, owner).read_text())
    except (OSError, ValueError):
        return None


def sweep(folder: Path) -> None:
    """Remove the lock files that dead owners left behind."""
    for path in folder.glob("owner-*.lock"):
        if not is_alive(folder, path.name.removeprefix("owner-").removesuffix(".lock")):
            path.unlink(missing_ok=True)
    for path in folder.glob("owner-*.new"):  # killed between making the file and giving it its name
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()


def _path(folder: Path, owner: str) -> Path:
    return folder / f"owner-{owner}.lock"
