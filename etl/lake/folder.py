"""A data lake in a folder: an object is a file that appears whole, once, and is never overwritten.

Also home of the rules both lakes share: what a key may look like and what a conflict says.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from etl.errors import LakeRefused, LakeUnavailable, ObjectConflict
from etl.files import sweep_temporaries, sync_folder, temporaries_of, write_temporary
from etl.models import StoredObject

LOCK_NAME = ".lock"
LOCK_TIMEOUT_S = 10.0
LOCK_POLL_S = 0.01

# What link(2) answers where the file system has no hard links, or the most it can have.
NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}

# Errors that may be gone at the next attempt: room is made, a mount comes back, another process lets go.
_PASSING = {
    errno.ENOSPC: "make room on this file system",
    errno.EDQUOT: "make room within the quota of this user",
    errno.EIO: "check the disk, or the mount if it is a network folder",
    errno.ESTALE: "check the mount of this network folder",
    errno.ETIMEDOUT: "check the mount of this network folder",
    errno.ENOTCONN: "check the mount of this network folder",
    errno.EHOSTDOWN: "check the mount of this network folder",
    errno.ENOENT: "check whether another program removes or unmounts this folder",
    errno.EMFILE: "raise the limit of open files",
    errno.ENFILE: "raise the limit of open files",
    errno.ENOMEM: "free some memory",
    errno.EBUSY: "check what else uses this folder",
    errno.EAGAIN: "check what else uses this folder",
}
_LASTING = {
    errno.EACCES: "give this user write permission there, or choose another folder in [lake] url",
    errno.EPERM: "give this user write permission there, or choose another folder in [lake] url",
    errno.EROFS: "mount it writable, or choose another folder in [lake] url",
    errno.ENOTDIR: "a part of this path is a file: choose another folder in [lake] url",
    errno.EEXIST: "a part of this path is not a folder: choose another folder in [lake] url",
    errno.EISDIR: "a folder lies where the object belongs: move it away",
    errno.EFBIG: "raise the file size limit of this process (ulimit -f)",
    errno.ELOOP: "a symbolic link in this path points to itself: repair it",
}


def key_parts(key: str) -> list[str]:
    """The parts of an object key. Raises LakeRefused for an absolute key, or an empty, `.` or `..` part."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise LakeRefused(f"an object key is relative and has no empty, '.' or '..' part; found {key!r}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in key):
        raise LakeRefused(f"an object key has printable characters only; found {key!r}")
    return parts


def conflict(place: str, expected: bytes, found: bytes | None, found_size: int) -> ObjectConflict:
    """Another body lies at `place`; `found` is None if its size alone told."""

    def described(size: int, body: bytes | None) -> str:
        digest = "" if body is None else f", SHA-256 {hashlib.sha256(body).hexdigest()[:16]}…"
        return f"{size} bytes{digest}"

    return ObjectConflict(
        f"{place} holds other data: expected {described(len(expected), expected)}, "
        f"found {described(found_size, found)}. A loaded object is never overwritten: "
        "compare the two, and move the stored one away by hand if it is wrong"
    )


class FolderLake:
    """The `Lake` whose objects are files below `root`. Safe for many threads, processes and hosts at once.

    In this order, so that a kill at any instant leaves a whole object or none:
    1. the body is written and fsynced under a temporary name in the lake's folder of unfinished files;
    2. the final name is linked to it, which the file system refuses if the name is taken;
    3. the temporary name is removed; 4. the folder is fsynced.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        return self._root

    @property
    def url(self) -> str:
        return str(self._root)

    @property
    def on_this_machine(self) -> bool:
        return True

    def put(self, key: str, body: bytes) -> StoredObject:
        """Store `body` at `<root>/<key>`; an equal file there is success.

        Raises ObjectConflict, LakeUnavailable (disk full, I/O error) or LakeRefused (permissions, bad key).
        """
        parts = key_parts(key)
        if LOCK_NAME in parts or parts[0] == temporaries_of(self._root).name:
            raise LakeRefused(f"{key!r} has a name that this lake keeps for its own temporary files")
        target = self._root.joinpath(*parts)
        try:
            created = self._create(target, body)
        except OSError as error:
            raise folder_error(target.parent, error) from error
        return StoredObject(key, created)

    def sweep(self) -> None:
        """Remove what killed processes left unfinished more than an hour ago."""
        sweep_temporaries(self._root)

    def _create(self, target: Path, body: bytes) -> bool:
        """True if this call made the object, False if an equal one is there."""
        make_folder(target.parent)
        if target.exists():
            _compare(target, body)
            # The process that made it may have been killed before its own step 4.
            sync_folder(target.parent)
            return False
        make_folder(temporaries_of(self._root))
        temporary = write_temporary(temporaries_of(self._root), body)  # 1
        try:
            created = _name_once(temporary, target)  # 2
        finally:
            temporary.unlink(missing_ok=True)  # 3
        if not created:
            _compare(target, body)
        sync_folder(target.parent)  # 4
        return created


def _name_once(temporary: Path, target: Path) -> bool:
    """Give the file its final name if that is free; whether it was."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in NO_HARD_LINKS:
            raise
        return rename_locked(temporary, target)
    return True


def rename_locked(temporary: Path, target: Path) -> bool:
    """`_name_once` for file systems without hard links (exFAT, many network and FUSE mounts).

    A plain rename would replace an object that another writer has just made. So look and rename happen under
    a lock that every writer of this folder takes – all get here, since linking fails for all. The rename
    shows the whole file at once. The kernel gives the lock back when its holder dies. The lock file stays:
    removing it would let two writers hold locks on two different files.
    """
    with _lock(target.parent / LOCK_NAME):
        if os.path.lexists(target):
            return False
        temporary.rename(target)
        return True


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_up = time.monotonic() + LOCK_TIMEOUT_S
        while not _locked(handle):
            if time.monotonic() > give_up:
                raise LakeUnavailable(f"the lock {path} was not free within {LOCK_TIMEOUT_S:g} s: find what holds it")
            time.sleep(LOCK_POLL_S)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _compare(target: Path, body: bytes) -> None:
    """Raise ObjectConflict unless the file at `target` is equal to `body`."""
    # Without O_NONBLOCK, opening a named pipe would wait for ever.
    handle = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise LakeRefused(f"{target} is not a regular file, so no object can be stored there: move it away")
        if status.st_size != len(body):
            raise conflict(str(target), body, None, status.st_size)
        found = file.read(len(body) + 1)
    if found != body:
        raise conflict(str(target), body, found, len(found))


def make_folder(folder: Path) -> None:
    """Make `folder` and its missing parents (mode 0700), each one's name durable. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    sync_folder(folder.parent)


def folder_error(folder: Path, error: OSError) -> LakeUnavailable | LakeRefused:
    """What `error` means to the operator: LakeUnavailable where a retry may help, else LakeRefused."""
    number = error.errno or 0
    found = f"the lake folder {folder} cannot be used: {error.strerror or error}"
    if number in _PASSING:
        return LakeUnavailable(f"{found}; {_PASSING[number]}")
    return LakeRefused(f"{found}; {_LASTING.get(number, 'choose another folder in [lake] url')}")
