"""Which groups of a table may be told: none under 11, and none from which one under 11 could be worked out.

The tables of one projection are those by one column and by two; every one is decided from its counts alone, so that
every measure and every question that touches it hides the same groups. A hidden group and one that has nobody are not
told apart.

By one column (the total counts as known):
1. Groups of 1 to 10 are hidden.
2. While the hidden ones are together under 11, or one small one is alone, the smallest told one is hidden as well.

By two columns (the told groups of either column, and the total, count as known):
3. Cells of 1 to 10 are hidden, and so are all cells of a hidden group of either column.
4. While the hidden cells of a row or column come to 1 to 10 together, its smallest told cell is hidden as well.
5. While a hidden cell of 1 to 10 has but one possible value, the smallest told cell beside it is hidden as well. A cell
   has another possible value exactly if some cycle of hidden cells through it can be raised and lowered by one in turn
   without any cell falling under zero: then both tables have the same sums. (Rows that are hidden by rule 1 are one
   row here, since only their sum is known; so are such columns.)
6. What rules 4 and 5 hid is told after all, the largest first, where they hold without it.

What this promises: no group of 1 to 10 can be computed from a table, its margins and the total; and since two tables
have in common what their margins say, and the margins are counted as known, equations of several tables give no more.
What it does not: bounds can be narrowed, and two projections that differ by one patient can be compared.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping

SMALLEST = 11

Cell = tuple[str, str]
_Node = tuple[str, str]  # "row" or "column", and its name; "" for all that are hidden
_HIDDEN = ""


def told_groups(counts: Mapping[str, int]) -> frozenset[str] | None:
    """The groups of one column that may be told; None if not even the total may be."""
    if sum(counts.values()) < SMALLEST:
        return None
    by_size = sorted(counts, key=lambda group: (counts[group], group))
    hidden = [group for group in by_size if 0 < counts[group] < SMALLEST]
    rest = [group for group in by_size if counts[group] >= SMALLEST]
    while hidden and (len(hidden) < 2 or sum(counts[group] for group in hidden) < SMALLEST):
        hidden.append(rest.pop(0))
    return frozenset(rest)


def told_cells(counts: Mapping[Cell, int], rows: Collection[str], columns: Collection[str]) -> frozenset[Cell] | None:
    """The cells that may be told of a table by two columns whose told groups are `rows` and `columns`.

    `counts` has the cells with somebody in them. None if the table may not be told at all.
    """
    table = _Table(counts, rows, columns)
    while True:
        beside = table.too_small()
        if beside is None:
            beside = table.computable()
        if beside is None:
            return table.with_spared()
        if not table.told:
            return None
        table.hide_smallest(beside)


class _Table:
    def __init__(self, counts: Mapping[Cell, int], rows: Collection[str], columns: Collection[str]) -> None:
        self._rows, self._columns = rows, columns
        everything = [
            (row, column) for row in sorted({r for r, _ in counts}) for column in sorted({c for _, c in counts})
        ]
        self.counts = {cell: counts.get(cell, 0) for cell in everything}
        self.told = {
            cell for cell, count in self.counts.items() if count >= SMALLEST and cell[0] in rows and cell[1] in columns
        }
        self._added: set[Cell] = set()  # hidden although large

    def nodes(self, cell: Cell) -> tuple[_Node, _Node]:
        """The row and the column whose sums the cell counts in."""
        row = cell[0] if cell[0] in self._rows else _HIDDEN
        column = cell[1] if cell[1] in self._columns else _HIDDEN
        return ("row", row), ("column", column)

    def too_small(self) -> tuple[_Node, ...] | None:
        """Rule 4: a row or column whose hidden cells come to too few."""
        sums: defaultdict[_Node, int] = defaultdict(int)
        for cell in self.counts.keys() - self.told:
            for node in self.nodes(cell):
                sums[node] += self.counts[cell]
        return next(((node,) for node in sorted(sums) if 0 < sums[node] < SMALLEST and self._beside((node,))), None)

    def computable(self) -> tuple[_Node, ...] | None:
        """Rule 5: the row and column of a small cell that has but one possible value."""
        hidden = [cell for cell in self.counts if cell not in self.told]
        for cell in hidden:
            if 0 < self.counts[cell] < SMALLEST and not self._can_change(cell, hidden):
                return self.nodes(cell)
        return None

    def hide_smallest(self, nodes: Iterable[_Node]) -> None:
        """Hide the smallest told cell beside `nodes`, or of all if there is none."""
        candidates = self._beside(nodes) or self.told
        cell = min(candidates, key=lambda one: (self.counts[one], one))
        self.told.remove(cell)
        self._added.add(cell)

    def with_spared(self) -> frozenset[Cell]:
        """Rule 6: the told cells, and those that need not have been hidden."""
        while self._added:
            cell = max(self._added, key=lambda one: (self.counts[one], one))
            self._added.remove(cell)
            self.told.add(cell)
            if self.too_small() or self.computable():
                self.told.remove(cell)
        return frozenset(self.told)

    def _beside(self, nodes: Iterable[_Node]) -> set[Cell]:
        wanted = set(nodes)
        return {cell for cell in self.told if wanted & set(self.nodes(cell))}

    def _can_change(self, cell: Cell, hidden: list[Cell]) -> bool:
        """Whether some cycle through `cell` lets it rise or fall by one."""
        steps: defaultdict[_Node, set[_Node]] = defaultdict(set)
        for other in hidden:
            if other != cell:
                row, column = self.nodes(other)
                steps[row].add(column)  # it rises
                if self.counts[other]:
                    steps[column].add(row)  # it falls
        row, column = self.nodes(cell)
        return _leads(steps, column, row) or _leads(steps, row, column)


def _leads(steps: Mapping[_Node, set[_Node]], start: _Node, end: _Node) -> bool:
    seen, waiting = {start}, deque([start])
    while waiting:
        node = waiting.popleft()
        if node == end:
            return True
        fresh = steps.get(node, set()) - seen
        seen |= fresh
        waiting.extend(fresh)
    return False
