"""Lines drawn with characters: four dots a cell in block elements, which every font has, or one ASCII sign a cell."""

from __future__ import annotations

BLOCKS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"  # by the bits of the dots: upper left 1, upper right 2, lower left 4, lower right 8
ASCII_SIGN = "*"


class Canvas:
    """`columns` x `rows` cells; points are dots from the top left, `width` x `height` of them."""

    def __init__(self, columns: int, rows: int, *, blocks: bool) -> None:
        self._signs = BLOCKS if blocks else " " + ASCII_SIGN
        self._dots = 2 if blocks else 1  # of a cell, in each direction
        self.width, self.height = columns * self._dots, rows * self._dots
        self._cells = [[0] * columns for _ in range(rows)]

    def point(self, x: int, y: int) -> None:
        """Set one dot; nothing outside."""
        if 0 <= x < self.width and 0 <= y < self.height:
            bit = 1 << (x % self._dots + 2 * (y % self._dots))
            self._cells[y // self._dots][x // self._dots] |= bit

    def line(self, x0: int, y0: int, x1: int, y1: int) -> None:
        """Set the dots of a straight line, both ends included."""
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            self.point(x0 + round((x1 - x0) * step / steps), y0 + round((y1 - y0) * step / steps))

    def row(self, y: int) -> list[str]:
        """The signs of a row of cells; '' where nothing is drawn."""
        return [self._signs[bits] if bits else "" for bits in self._cells[y]]
