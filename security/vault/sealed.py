"""Sealed cells: one field of one row, under the data key of its subject, bound to where it stands.

A cell is 1 byte layout, 8 bytes data-key id, then an envelope of `cipher`. The associated data name layout, key id,
table, column and row, so that a cell opens nowhere but in its place and under its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

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


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one subject. `id` stands in each of its cells; `material` is never shown."""

    id: bytes
    material: bytes = field(repr=False)
    _head: bytes = field(repr=False)
    _aead: AESGCM = field(repr=False)

    @classmethod
    def of(cls, key_id: bytes, material: bytes) -> Self:
        """The key of 8 bytes of id and 32 of material. Raises ValueError."""
        if len(key_id) != KEY_ID_BYTES or len(material) != KEY_BYTES:
            raise ValueError(f"expected a key of {KEY_BYTES} bytes with an id of {KEY_ID_BYTES}, found another size")
        return cls(key_id, material, LAYOUT + key_id + VERSION, AESGCM(material))

    def seal(self, clear: str, *, table: str, column: str, row: str) -> bytes:
        """The cell for the text `clear` at its place."""
        return self._head[:HEAD_BYTES] + seal(self.material, clear.encode(), aad=_place(self.id, table, column, row))

    def open(self, cell: bytes, *, table: str, column: str, row: str) -> str:
        """The text of a cell. Raises SealBroken, naming the place and what is wrong, for anything but that cell."""
        if cell[:_NONCE_AT] != self._head or len(cell) < SHORTEST:
            raise SealBroken(f"{table}.{column} of {row}: {self._what_is_wrong(cell)}")
        place = VERSION + _place(self.id, table, column, row)
        try:
            return self._aead.decrypt(cell[_NONCE_AT:_TEXT_AT], cell[_TEXT_AT:], place).decode()
        except (InvalidTag, UnicodeDecodeError) as error:
            raise SealBroken(
                f"{table}.{column} of {row}: the sealed value was changed, or belongs to another key or place"
            ) from error

    def _what_is_wrong(self, cell: bytes) -> str:
        if len(cell) < SHORTEST:
            return f"expected a sealed value of at least {SHORTEST} bytes, found {len(cell)}"
        if cell[:1] != LAYOUT or cell[HEAD_BYTES:_NONCE_AT] != VERSION:
            return f"expected layout {LAYOUT[0]} and version {VERSION[0]}, found {cell[0]} and {cell[HEAD_BYTES]}"
        return f"expected a value sealed with data key {self.id.hex()}, found one of {cell[1:HEAD_BYTES].hex()}"


def _place(key_id: bytes, table: str, column: str, row: str) -> bytes:
    return LAYOUT + key_id + f"lakewarden-sealed\0{table}\0{column}\0{row}".encode()
