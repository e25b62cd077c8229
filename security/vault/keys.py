"""Key-encryption keys as files: the ring makes the first, finds the current one and refuses exposed ones.

A key is `kek-<number>-<8 hex digits>.key` in the workspace's key folder: 32 random bytes, mode 0600. The
highest number is current; the digits keep two keys apart even if a lost folder starts again at one. A ring of
another purpose has its own first word: `audit-…` are the keys of the audit log.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from security.errors import KeyFileRefused, KeyUnknown
from security.ports import WriteWhole
from security.vault.locking import locked

KEY_BYTES = 32
PURPOSE = "kek"  # of the key-encryption keys
ID = re.compile(r"[0-9]{4}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key-encryption key. `id` goes beside what it seals; `material` is never shown."""

    id: str
    material: bytes = field(repr=False)


class KeyRing:
    """The keys of one purpose in `folder`. Safe between threads and processes."""

    def __init__(
        self,
        folder: Path,
        write_whole: WriteWhole,
        *,
        purpose: str = PURPOSE,
        may_make: Callable[[], None] = lambda: None,
    ) -> None:
        """`may_make` returns if a key may be made here; what it raises is raised where one would have been."""
        self._folder = folder
        self._may_make = may_make
        self._write_whole = write_whole
        self._purpose = purpose
        self._file = re.compile(rf"{re.escape(purpose)}-({ID.pattern})\.key")

    def current(self) -> Key:
        """The key to seal with; the first is made here if there is none. Raises KeyFileRefused, OSError."""
        ids = self.ids()
        if ids:
            return self.get(ids[-1])
        self._may_make()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()
        with locked(self._folder / ".lock"):
            ids = self.ids()
            return self.get(ids[-1] if ids else self._make(number=1))

    def add(self) -> Key:
        """A new key, current from now on; the older ones stay. Raises KeyFileRefused, OSError."""
        self._may_make()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder()
        with locked(self._folder / ".lock"):
            newest = max((int(key_id[:4]) for key_id in self.ids()), default=0)
            return self.get(self._make(number=newest + 1))

    def get(self, key_id: str) -> Key:
        """The key `key_id`. Raises KeyUnknown, KeyFileRefused, OSError."""
        path = self.file(key_id)
        if not ID.fullmatch(key_id):
            raise KeyUnknown(f"expected a key id such as 0001-9f3a2c44, found {key_id[:40]!r}")
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise KeyUnknown(
                f"{path}: expected the key that sealed this, found no such file; restore it from a backup"
            ) from error
        except PermissionError as error:
            raise _refused(path, "a file its owner can read", "one that cannot be read", _fix_mode(path)) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _refused(path, "a file", "a symbolic link", "put the key file itself there") from error
            raise
        try:
            self._check_folder()
            _check_file(path, os.fstat(handle))
            return Key(key_id, os.read(handle, KEY_BYTES))
        finally:
            os.close(handle)

    def file(self, key_id: str) -> Path:
        """Where the key `key_id` lies, or would."""
        return self._folder / f"{self._purpose}-{key_id}.key"

    def ids(self) -> list[str]:
        """The ids of all keys, oldest first. Raises OSError."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(match[1] for match in map(self._file.fullmatch, names) if match)

    def _make(self, *, number: int) -> str:
        key_id = f"{number:04d}-{os.urandom(4).hex()}"
        self._write_whole(self.file(key_id), os.urandom(KEY_BYTES))
        return key_id

    def _check_folder(self) -> None:
        status = self._folder.stat()
        if status.st_uid != os.geteuid():
            _refuse_owner(self._folder, status.st_uid)
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            raise _refused(self._folder, "a folder of mode 0700", f"mode {mode:04o}", f"chmod 700 {self._folder}")


def _check_file(path: Path, status: os.stat_result) -> None:
    """Refuse what is not a private file of one key. Raises KeyFileRefused."""
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "a file", "something else of that name", "put the key file there")
    if status.st_uid != os.geteuid():
        _refuse_owner(path, status.st_uid)
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise _refused(path, "mode 0600", f"mode {mode:04o}", _fix_mode(path))
    if not mode & 0o400:
        raise _refused(path, "a file its owner can read", f"mode {mode:04o}", _fix_mode(path))
    if status.st_size != KEY_BYTES:
        fix = "restore it from a backup"
        raise _refused(path, f"{KEY_BYTES} bytes", f"{status.st_size} bytes", fix)


def _fix_mode(path: Path) -> str:
    return f"chmod 600 {path}, and rotate the key if others could read it"


def _refuse_owner(path: Path, owner: int) -> None:
    user = os.geteuid()
    raise _refused(path, f"the owner {user}", f"the owner {owner}", f"chown {user} {path}, if you trust it")


def _refused(path: Path, expected: str, found: str, fix: str) -> KeyFileRefused:
    return KeyFileRefused(f"{path}: expected {expected}, found {found}; {fix}")
