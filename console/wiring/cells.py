"""The warehouse's cell cipher over the vault's keys: each sealed cell starts with the id of the key that sealed it."""

from __future__ import annotations

from security.errors import SecurityError
from security.vault.cipher import open_sealed, seal
from security.vault.keys import Key, KeyRing

ID_BYTES = 13  # of a key id such as 0001-9f3a2c44


class VaultCells:
    """Seals under the current key of `keys`, opens under the one named in the cell; keys are read once.

    A cell is bound to its table, column and row, so that cells cannot be exchanged.
    """

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._current: Key | None = None
        self._known: dict[bytes, Key] = {}

    def seal(self, clear: str, *, table: str, column: str, row: int) -> bytes:
        """The sealed cell. Raises KeyFileRefused, OSError."""
        if self._current is None:
            self._current = self._keys.current()
        return self._current.id.encode() + seal(self._current.material, clear.encode(), aad=_place(table, column, row))

    def open(self, sealed: bytes, *, table: str, column: str, row: int) -> str:
        """The clear text. Raises ValueError if the cell was changed, moved, or its key is not there."""
        named = bytes(sealed[:ID_BYTES])
        try:
            key = self._known.get(named)
            if key is None:
                key = self._known[named] = self._keys.get(named.decode("ascii"))
            return open_sealed(key.material, sealed[ID_BYTES:], aad=_place(table, column, row)).decode()
        except (SecurityError, UnicodeDecodeError) as error:
            raise ValueError(f"{table}.{column} of row {row} cannot be opened: {error}") from error


def _place(table: str, column: str, row: int) -> bytes:
    return f"lakewarden-cell\0{table}\0{column}\0{row}".encode()
