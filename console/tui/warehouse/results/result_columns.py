"""How wide the columns of a result are, and which of them fit the screen. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from console.tui.text import plain
from console.tui.warehouse.results.result_cells import Look, shown
from warehouse.models import Cell

LEAST = 4
CAP = 32  # of a column that nobody adjusted
TITLE_CAP = 14  # what a title may claim where not all columns fit
ROOMY, ROOMY_CAP = 80, 20  # where there is so much room, it may claim more
WIDEST = 400
STEP = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A column on the screen: its number, its first cell, and how many cells of it are seen."""

    column: int
    x: int
    width: int


class ColumnWidths:
    """The widths of the columns of one result, from the rows seen so far."""

    def __init__(self, names: Sequence[str], looks: Sequence[Look], rows: Sequence[Sequence[Cell]]) -> None:
        self.titles = tuple(plain(name) or '""' for name in names)
        self._looks = looks
        self._titled = [cell_len(title) for title in self.titles]
        self._content = [LEAST] * len(names)
        self._adjusted: dict[int, int] = {}
        self.marks: dict[int, int] = {}  # cells that the signs behind a title take
        self._learn(rows, range(len(names)))

    def learn(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Make room for the first rows of the same columns, sorted or filtered otherwise."""
        self._learn(rows, range(len(self._looks)))

    def learn_numbers(self, rows: Sequence[Sequence[Cell]]) -> bool:
        """Make room for the numbers of further rows, which must never be cut; whether that changed anything."""
        return self._learn(rows, [column for column, look in enumerate(self._looks) if look.align == "right"])

    def _learn(self, rows: Sequence[Sequence[Cell]], columns: Sequence[int]) -> bool:
        before = list(self._content)
        for row in rows:
            for column in columns:
                size = cell_len(shown(row[column], self._looks[column])[0])
                if size > self._content[column]:
                    self._content[column] = min(size, WIDEST)
        return before != self._content

    def widths(self, space: int) -> list[int]:
        """The width of each column for so many cells: titles are cut before anything is hidden to the right.

        Where that is hidden even so, they are cut less.
        """
        for cap in (CAP, ROOMY_CAP, TITLE_CAP, ROOMY_CAP if space >= ROOMY else TITLE_CAP):
            found = [
                self._width(column, min(title, cap) + self.marks.get(column, 0))
                for column, title in enumerate(self._titled)
            ]
            if sum(found) + len(found) - 1 <= space:
                break
        return found

    def _width(self, column: int, title: int) -> int:
        if column in self._adjusted:
            return self._adjusted[column]
        return max(min(self._content[column], CAP), title)

    def adjust(self, column: int, steps: int, space: int) -> None:
        """Widen a column, or narrow it."""
        now = self.widths(space)[column]
        self._adjusted[column] = max(LEAST, min(now + steps * STEP, WIDEST, max(space, LEAST)))

    def fit(self, column: int, rows: Sequence[Sequence[Cell]], space: int) -> None:
        """As wide as its title and what it holds in these rows, up to the screen; back if it is so already."""
        self._learn(rows, [column])
        wanted = min(max(self._content[column], self._titled[column] + self.marks.get(column, 0)), max(space, LEAST))
        if self._adjusted.get(column) == wanted:
            del self._adjusted[column]
        else:
            self._adjusted[column] = wanted


def places(widths: Sequence[int], pinned: int, first: int, space: int) -> list[Place]:
    """The columns that are seen: the pinned ones, then those from `first` on; the last may be cut."""
    found: list[Place] = []
    x = 0
    for column in (*range(min(pinned, len(widths))), *range(max(first, pinned), len(widths))):
        if x >= space:
            break
        found.append(Place(column, x, min(widths[column], space - x)))
        x += widths[column] + 1
    return found


def first_for(column: int, widths: Sequence[int], pinned: int, first: int, space: int) -> int:
    """The first column to show right of the pinned ones, moved as little as needed to see all of `column`."""
    if column < pinned:
        return first
    if column < first:
        return column
    while first < column and not _whole(column, places(widths, pinned, first, space), widths):
        first += 1
    return first


def _whole(column: int, seen: Sequence[Place], widths: Sequence[int]) -> bool:
    return any(place.column == column and place.width == widths[column] for place in seen)
