"""Sealed cells: one field of one row, under the data key of its subject, bound to where it stands.

A cell is 1 byte layout, 8 bytes data-key id, then an envelope of `cipher`. The associated data name layout, key id,
row, table, column and part, so that a cell opens nowhere but in its place and under its key.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from security.errors import SealBroken
from security.vault.cipher import KEY_BYTES, NONCE_BYTES, TAG_BYTES, VERSION, seal

LAYOUT = b"\x01"
KEY_ID_BYTES = 8
HEAD_BYTES = len(LAYOUT) + KEY_ID_BYTES
SHORTEST = HEAD_BYTES + len(VERSION) + NONCE_BYTES + TAG_BYTES

_NONCE_AT = HEAD_BYTES + len(VERSION)
_TEXT_AT = _NONCE_AT + NONCE_BYTES


class DataKey:
    """The key of one subject. `id` stands in each of its cells; `material` is never shown."""

    __slots__ = ("_aead", "_bound", "_head", "id", "material")

    def __init__(self, key_id: bytes, material: bytes) -> None:
        """A key of 8 bytes of id and 32 of material. Raises ValueError."""
        if len(key_id) != KEY_ID_BYTES or len(material) != KEY_BYTES:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes with an id of {KEY_ID_BYTES}, found another size")
        self.id = key_id
        self.material = material
        self._head = LAYOUT + key_id + VERSION
        self._bound = VERSION + LAYOUT + key_id + b"lakewarden-sealed\0"
        self._aead = AESGCM(material)

    def __repr__(self) -> str:
        return f"DataKey({self.id.hex()})"

    def seal(self, clear: str, *, row: str, table: str, column: str, part: str = "") -> bytes:
        """The cell for the text `clear` at its place; `part` tells apart the rows that one subject has in a table."""
        aad = self._bound[len(VERSION) :] + row.encode() + place(table, column, part)
        return self._head[:HEAD_BYTES] + seal(self.material, clear.encode(), aad=aad)

    def open(self, cell: bytes, *, row: str, table: str, column: str, part: str = "") -> str:
        """The text of a cell. Raises SealBroken, naming the place and what is wrong, for anything but that cell."""
        return self.open_all([cell], row.encode(), [place(table, column, part)])[0]

    def open_all(self, cells: Sequence[bytes], row: bytes, places: Sequence[bytes]) -> list[str]:
        """The texts of cells of one row at their places. Raises SealBroken, as `open`, for the first that is broken."""
        bound, decrypt = self._bound + row, self._aead.decrypt
        # The usual case first, with as little as possible for each cell; which cell it is matters only where one fails.
        if [cell[:_NONCE_AT] for cell in cells].count(self._head) == len(cells):
            try:
                return [
                    decrypt(cell[_NONCE_AT:_TEXT_AT], cell[_TEXT_AT:], bound + where).decode()
                    for cell, where in zip(cells, places, strict=True)
                ]
            except (InvalidTag, ValueError):
                pass
        return [self._open(cell, row, where) for cell, where in zip(cells, places, strict=True)]

    def _open(self, cell: bytes, row: bytes, where: bytes) -> str:
        _, table, column, part = where.decode().split("\0")
        named = f"{table}.{column} of {row.decode()}" + (f"/{part}" if part else "")
        if not cell.startswith(self._head) or len(cell) < SHORTEST:
            raise SealBroken(f"{named}: {self._what_is_wrong(cell)}")
        try:
            return self._aead.decrypt(cell[_NONCE_AT:_TEXT_AT], cell[_TEXT_AT:], self._bound + row + where).decode()
        except (InvalidTag, UnicodeDecodeError) as error:
            raise SealBroken(f"{named}: the sealed value was changed, or belongs to another key or place") from error

    def _what_is_wrong(self, cell: bytes) -> str:
        if len(cell) < SHORTEST:
            return f"expected a sealed value of at least {SHORTEST} bytes, found {len(cell)}"
        if cell[:1] != LAYOUT or cell[HEAD_BYTES:_NONCE_AT] != VERSION:
            return f"expected layout {LAYOUT[0]} and version {VERSION[0]}, found {cell[0]} and {cell[HEAD_BYTES]}"
        return f"expected a value sealed with data key {self.id.hex()}, found one of {cell[1:HEAD_BYTES].hex()}"


def place(table: str, column: str, part: str = "") -> bytes:
    """A place within a row, as `open_all` takes it. No name in it holds a NUL."""
    return f"\0{table}\0{column}\0{part}".encode()
