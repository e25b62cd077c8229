"""The key-encryption keys, a line each."""

from __future__ import annotations

from collections.abc import Sequence

from console.tui.text import plain
from console.tui.vault.words import age_of
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell
from etl.models import RunState
from security.vault.status import KekStatus, VaultStatus

WIDE, NARROW = 100, 70


class KeyTable(LineTable):
    """Newest last, as they were made."""

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._keks: tuple[KekStatus, ...] = ()
        self._rotating: str | None = None

    def show(self, status: VaultStatus) -> None:
        """Show these keys, the current one selected where they are others than before."""
        same = [kek.id for kek in status.keks] == [kek.id for kek in self._keks]
        self._keks, self._rotating = status.keks, status.rotating
        current = [index for index, kek in enumerate(self._keks) if kek.current]
        self.lines_changed(self.cursor if same or not current else current[-1])
        self.show_cursor()

    def line_count(self) -> int:
        return len(self._keks)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        since = Column("Since", 10) if width < NARROW else Column("In use since UTC", 20 if width >= WIDE else 16)
        columns = [Column("", 1), Column("Key", 14), since, Column("Age", 7, "right")]
        columns.append(Column("Data keys", 9, "right"))
        used = sum(column.width + 1 for column in columns)
        return (*columns, Column(" State", max(width - used, 10)))

    def empty_lines(self) -> Sequence[Part]:
        return (("No key is in use yet: the first patient's record makes one.", "muted"),)

    def cells(self, index: int) -> Sequence[Cell]:
        kek = self._keks[index]
        return (
            cell(self.glyphs.run[RunState.SUCCESS] if kek.current else "", "good"),
            cell(plain(kek.id), "strong" if kek.current else "text"),
            cell(
                f"{kek.first_used_at:%Y-%m-%d}" if self.columns[2].width < 16 else f"{kek.first_used_at:%Y-%m-%d %H:%M}"
            ),
            cell(age_of(kek.age)),
            cell(f"{kek.data_keys:,}", "text" if kek.data_keys else "faint"),
            self._state(kek),
        )

    def _state(self, kek: KekStatus) -> Cell:
        if kek.id == self._rotating:
            return cell(" current, rotation open", "wait")
        if kek.current:
            return cell(" current", "good")
        if kek.data_keys:
            return cell(" older: still wraps some", "wait" if self._rotating else "text")
        return cell(" older: wraps none", "muted")
