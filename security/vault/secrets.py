"""The secret store: named secrets, such as API keys and passwords, each sealed in one file of the workspace.

The file is JSON: `{"version": 1, "secrets": {NAME: {"key": KEY_ID, "sealed": BASE64}}}`. A value is bound to
its name, so that sealed values cannot be exchanged.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from security.errors import SealBroken, SecretRefused, SecretStoreDamaged
from security.ports import WriteWhole
from security.vault.cipher import open_sealed, seal
from security.vault.keys import KeyRing
from security.vault.locking import locked

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
LONGEST_VALUE = 8_192  # bytes in UTF-8
LARGEST_FILE = 4_194_304  # bytes

Entries = dict[str, dict[str, str]]


class SecretStore:
    """The secrets in the file `path`, sealed with the current key of `keys`. Safe between processes."""

    def __init__(self, path: Path, keys: KeyRing, write_whole: WriteWhole) -> None:
        self._path = path
        self._keys = keys
        self._write_whole = write_whole

    def get(self, name: str) -> str | None:
        """The value of `name`, None if it is not set.

        Raises SecretRefused, SecretStoreDamaged, KeyUnknown, KeyFileRefused, OSError.
        """
        entry = self._read().get(_checked_name(name))
        if entry is None:
            return None
        key = self._keys.get(entry["key"])
        try:
            envelope = base64.b64decode(entry["sealed"], validate=True)
            return open_sealed(key.material, envelope, aad=_aad(name)).decode()
        except (SealBroken, ValueError) as error:
            what = f"the sealed value of {name} is damaged, or {key.id} is not the key that sealed it; set it again"
            raise self._damaged(what) from error

    def set(self, name: str, value: str) -> None:
        """Set `name` to `value`. Raises SecretRefused, SecretStoreDamaged, KeyFileRefused, OSError."""
        _checked_name(name)
        body = _checked_value(name, value)
        key = self._keys.current()
        sealed = base64.b64encode(seal(key.material, body, aad=_aad(name))).decode()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._lock):
            self._write({**self._read(), name: {"key": key.id, "sealed": sealed}})

    def remove(self, name: str) -> bool:
        """Forget `name`; False if it was not set. Raises SecretRefused, SecretStoreDamaged, OSError."""
        _checked_name(name)
        if not self._path.exists():
            return False
        with locked(self._lock):
            entries = self._read()
            if entries.pop(name, None) is None:
                return False
            self._write(entries)
            return True

    def names(self) -> list[str]:
        """The names that are set, sorted. Raises SecretStoreDamaged, OSError."""
        return sorted(self._read())

    def key_uses(self) -> dict[str, int]:
        """How many secrets each key has sealed, by its id. Raises SecretStoreDamaged, OSError."""
        return dict(sorted(Counter(entry["key"] for entry in self._read().values()).items()))

    @property
    def _lock(self) -> Path:
        return self._path.with_name(f".{self._path.name}.lock")

    def _read(self) -> Entries:
        """The sealed entries; none if there is no file. Raises SecretStoreDamaged, OSError."""
        try:
            with self._path.open("rb") as file:
                body = file.read(LARGEST_FILE + 1)
        except FileNotFoundError:
            return {}
        if len(body) > LARGEST_FILE:
            raise self._damaged(f"expected at most {LARGEST_FILE} bytes, found more")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._damaged("expected JSON, found something else") from error
        if not _is_store(document):
            raise self._damaged("expected the secrets of version 1, found other JSON")
        entries: Entries = document["secrets"]
        return entries

    def _write(self, entries: Entries) -> None:
        document = {"version": 1, "secrets": dict(sorted(entries.items()))}
        self._write_whole(self._path, json.dumps(document, indent=1).encode() + b"\n")

    def _damaged(self, what: str) -> SecretStoreDamaged:
        return SecretStoreDamaged(
            f"{self._path}: {what} (the file is left as it is: restore it from a backup, or move it away and "
            "set the secrets again)"
        )


def _is_store(document: Any) -> bool:
    if not isinstance(document, dict) or document.keys() != {"version", "secrets"} or document["version"] != 1:
        return False
    entries = document["secrets"]
    return isinstance(entries, dict) and all(
        NAME.fullmatch(name)
        and isinstance(entry, dict)
        and entry.keys() == {"key", "sealed"}
        and all(isinstance(part, str) for part in entry.values())
        for name, entry in entries.items()
    )


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SecretRefused(
            "expected a name of a to z, 0 to 9 and _, starting with a letter, at most 64 long "
            f"(such as openweather_api_key), found another text, of {len(name)} characters"
        )
    return name


def _checked_value(name: str, value: str) -> bytes:
    """The bytes of a value. Its content is never part of a message."""
    try:
        body = value.encode()
    except UnicodeEncodeError:
        raise SecretRefused(f"{name}: expected a text in UTF-8, found other bytes") from None
    if not value.strip():
        raise SecretRefused(f"{name}: expected a value, found nothing")
    if any(mark in value for mark in "\0\r\n"):
        raise SecretRefused(f"{name}: expected one line without NUL, found more")
    if len(body) > LONGEST_VALUE:
        raise SecretRefused(f"{name}: expected at most {LONGEST_VALUE} bytes, found {len(body)}")
    return body


def _aad(name: str) -> bytes:
    return b"lakewarden-secret\0" + name.encode()
