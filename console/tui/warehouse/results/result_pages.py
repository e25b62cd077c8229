"""The rows of one result that are at hand: a few pages around the window, and which page is wanted next.

Knows nothing of threads or screens: who draws asks for rows, who fetches asks what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.models import Cell

PAGE = 100
MOST_PAGES = 24
MOST_WEIGHT = 4_000_000  # characters and bytes of the pages that are kept

Row = tuple[Cell, ...]


class Pages:
    """`count` is how many rows there are, None while nobody knows; `first` are the first of them."""

    def __init__(self, first: Sequence[Row], *, complete: bool) -> None:
        self.count: int | None = len(first) if complete else None
        self.tail: Sequence[Row] | None = None
        self._first = first
        self._known = len(first)
        self._pages: dict[int, Sequence[Row]] = {}
        self._weights: dict[int, int] = {}
        self._failed: set[int] = set()

    def __len__(self) -> int:
        """How many lines the table has now."""
        if self.tail is not None:
            return len(self.tail)
        return self._known if self.count is None else self.count

    def row(self, index: int) -> Row | None:
        """The row of a line, None if it is not at hand."""
        if self.tail is not None:
            return self.tail[index]
        if index < len(self._first):
            return self._first[index]
        number, at = divmod(index, PAGE)
        page: Sequence[Row] = self._pages.get(number, ())
        return page[at] if at < len(page) else None

    def failed(self, index: int) -> bool:
        """Whether the row of a line could not be had."""
        return index // PAGE in self._failed

    def wanted(self, top: int, bottom: int, *, upwards: bool) -> int | None:
        """The page to fetch next for the lines `top` to `bottom`; then the next one in the direction of moving."""
        if self.tail is not None or self.count == len(self._first):
            return None
        first, last = top // PAGE, max(bottom - 1, top) // PAGE
        ahead = first - 1 if upwards else last + 1
        numbers: list[int] = [*range(first, last + 1), ahead]
        for number in numbers:
            if number in self._pages:
                self._pages[number] = self._pages.pop(number)  # the last to be given up
            elif self._is_there(number):
                return number
        return None

    def _is_there(self, number: int) -> bool:
        start, end = number * PAGE, (number + 1) * PAGE
        if number < 0 or number in self._failed or end <= len(self._first):
            return False
        return start <= self._known if self.count is None else start < self.count

    def put(self, number: int, rows: Sequence[Row]) -> None:
        """Keep a page that was fetched; a short one tells where the rows end."""
        self._pages[number] = rows
        self._weights[number] = sum(_weight(value) for row in rows for value in row)
        end = number * PAGE + len(rows)
        if len(rows) < PAGE and self.count is None and number * PAGE <= self._known:
            self.count = end
        self._known = max(self._known, end)
        while len(self._pages) > 3 and (len(self._pages) > MOST_PAGES or self._weight() > MOST_WEIGHT):
            oldest = next(iter(self._pages))
            del self._pages[oldest], self._weights[oldest]

    def fail(self, number: int) -> None:
        """A page could not be had: it is not asked for again until the rows are counted."""
        self._failed.add(number)

    def put_tail(self, rows: Sequence[Row]) -> None:
        """Until the rows are counted, the last ones stand alone."""
        if self.count is None:
            self.tail = rows

    def leave_tail(self) -> None:
        """Back to the rows that are counted from the start."""
        self.tail = None

    def counted(self, count: int) -> int:
        """The rows are counted: returns by how many lines those shown have moved."""
        moved = count - len(self.tail) if self.tail is not None else 0
        self.count, self.tail = count, None
        self._known = count
        self._failed.clear()
        return moved

    def _weight(self) -> int:
        return sum(self._weights.values())


def _weight(value: Cell) -> int:
    return len(value) if isinstance(value, str | bytes) else 8
