"""Where the command line keeps its session between commands: one small file a workspace, for its owner alone.

`LAKEWARDEN_SESSION` names it; by default it lies under `$XDG_RUNTIME_DIR`, which ends with the login, else in the
account's cache folder. What is in it is worth nothing to another host account: the session is bound to this one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from console.actions.permissions import PermissionDenied
from etl.files import write_whole

SESSION_VARIABLE = "LAKEWARDEN_SESSION"
MOST_BYTES = 200


def session_path(home: Path, environ: Mapping[str, str]) -> Path:
    """The file of the workspace `home`."""
    if named := environ.get(SESSION_VARIABLE, ""):
        return Path(named).absolute()
    name = f"session-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_ours(Path(runtime)):
        return Path(runtime) / "lakewarden" / name
    account = environ.get("HOME", "") or os.path.expanduser("~")  # noqa: PTH111 – a text: it may be no path
    cache = environ.get("XDG_CACHE_HOME", "") or f"{account}/.cache"
    return Path(cache).absolute() / "lakewarden" / name


class TokenFile:
    """Keeps the token in a file, mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """The token, None without the file. Raises PermissionDenied for a file that others could have touched."""
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._refused(f"one that cannot be opened ({error.strerror})") from error
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise self._refused("something that is not a file")
            if found.st_uid != os.geteuid():
                raise self._refused("another account's")
            if found.st_mode & 0o077:
                raise self._refused(f"mode {stat.S_IMODE(found.st_mode):04o}")
            return os.read(handle, MOST_BYTES).decode("ascii", errors="replace").strip() or None
        finally:
            os.close(handle)

    def keep(self, token: str, /) -> None:
        write_whole(self.path, f"{token}\n".encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)

    def _refused(self, found: str) -> PermissionDenied:
        return PermissionDenied(
            f"{self.path}: expected a session file of this account, mode 0600, found {found}; remove it, then sign in"
        )


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
