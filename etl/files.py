"""Whole files or none: every file of the pipeline is written here, so that a kill at any instant leaves no half."""

from __future__ import annotations

import contextlib
import errno
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

STALE_S = 3600.0


def write_temporary(folder: Path, body: bytes) -> Path:
    """`body`, written and fsynced under a temporary name in `folder` (made if missing). Raises OSError."""
    with _named(folder):
        return _write(folder, body)


def _write(folder: Path, body: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = folder / f".{uuid.uuid4().hex}.part"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Within it, an error that names no file, as of a full disk, names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError, except where a file system cannot sync folders."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def write_whole(path: Path, body: bytes, *, temporary_in: Path | None = None, durable_name: bool = True) -> None:
    """Put `body` at `path`, replacing what was there, whole or not at all. Raises OSError.

    `temporary_in` is where it is written first (same file system; default: the folder of `path`). Without
    `durable_name` a power failure may take the file away again, whole.
    """
    with _named(path):
        temporary = _write(temporary_in or path.parent, body)
        try:
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable_name:
            sync_folder(path.parent)


def temporaries_of(folder: Path) -> Path:
    """Where the unfinished files of a folder of many lie: apart, so that leftovers are found without reading it all."""
    return folder / ".partial"


def sweep_temporaries(folder: Path) -> None:
    """Remove what killed processes left unfinished in `folder` more than `STALE_S` ago."""
    with contextlib.suppress(OSError):  # mere tidying: a folder that cannot be read is told by the next write
        for path in temporaries_of(folder).iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()
