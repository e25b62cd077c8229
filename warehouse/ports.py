"""What the warehouse needs from outside: a cipher for cells and decisions about columns, whoever gives them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class CellCipher(Protocol):
    """Seals and opens single cells; each sealed cell carries the id of its key."""

    def seal(self, clear: str, *, table: str, column: str, row: int) -> bytes:
        """The sealed cell, bound to its table, column and primary key."""
        ...

    def open(self, sealed: bytes, *, table: str, column: str, row: int) -> str:
        """The clear text. Raises ValueError if the cell was changed, moved, or its key is not there."""
        ...


class Showing(StrEnum):
    """How a session may see a sensitive column."""

    CLEAR = "clear"
    MASKED = "masked"


class ColumnGuard(Protocol):
    """Decides for the session at hand, once a query."""

    def showing(self, table: str, column: str) -> Showing:
        """How the session sees a sensitive column; the mask is the default of every doubt."""
        ...

    def unreadable(self) -> None:
        """Told, once a session, that a cell which it may see does not open; what this raises ends the query."""
        ...
