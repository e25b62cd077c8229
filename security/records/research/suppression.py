"""Which groups of a table may be told (cell suppression): none under 11, and none from which one under 11 follows.

The tables of one projection are those by one column and by two; every one is decided from its counts alone, so that
every measure and every question that touches it hides the same groups. A hidden group and one that has nobody are not
told apart.

By one column (the total counts as known):
1. Groups of 1 to 10 are hidden.
2. While the hidden ones are together under 11, or one small one is alone, the smallest told one is hidden as well.

By two columns (the told groups of either column, and the total, count as known):
3. Cells of 1 to 10 are hidden, and so are all cells of a hidden group of either column (primary suppression).
4. While a sum of 1 to 10 follows for some set of hidden cells, more are hidden (complementary suppression): on the way
   of fewest told cells, and of these the smallest, that leads out of the cut by which the sum follows.
5. What rule 4 hid is told after all, the largest first, where no such sum follows without it.

Rule 4 is decided exactly, on a graph: rows and columns are its nodes, hidden cells its edges. Rows that are hidden by
rule 1 are one node, since only their sum is known; so are such columns. Cells between the same two nodes are one edge:
as anybody could be in another of them, no sum follows for a part of them.
a. Two tables with the same told numbers differ by directed cycles: a cell rises from its row to its column, and one
   that has somebody falls from its column to its row. So a cell between two strongly connected components has nobody
   in all such tables, and is left out. Each of the others has somebody in one of them, hence in their average all
   have: there the sums that follow are those that adding and subtracting sums of rows and columns gives.
b. Such a sum gives each edge, as its row's weight less its column's, 1 or 0. So it is made of directed cuts: sets of
   nodes with no edge between a column within and a row outside. The edges between a row within and a column outside
   are together the rows' sums less the columns'. (A row alone is such a set, and all but one column.)
c. So a sum of 1 to 10 follows if and only if the minimum cut from the row of some cell of 1 to 10 to its column is
   under 11, where an edge holds its count from row to column, and any number from column to row.
d. With nothing told, the cuts are sums of margins, at least 11 each by the rules 1 and 2. So rule 4 comes to an end.

What this promises: no set of cells with 1 to 10 persons can be computed from their table, its margins and the total,
though no cell is negative. Since two tables have in common what their margins say, and the margins are counted as
known, equations of several tables give no more about such a set.
What it does not: bounds can be narrowed, most of all by those of several tables together; a set that three columns
tell apart can follow from their three tables; and two projections that differ by one patient can be compared.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Mapping, Sequence, Set

SMALLEST = 11

Cell = tuple[str, str]
_Node = tuple[str, str]  # what it is, and its name; all hidden rows or columns are one without a name
_Edge = tuple[_Node, _Node]  # row, column


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

    `counts` has the cells with somebody in them. None if `rows` and `columns` alone tell a small group, which those
    of `told_groups` do not.
    """
    table = _Table(counts, rows, columns)
    for edge in table.hidden.by_size():
        while (cut := table.hidden.small_cut(edge)) is not None:
            if not table.told:
                return None
            table.hide_across(cut)
    return table.with_spared()


class _Table:
    """The told cells, the smallest first, and the hidden ones."""

    def __init__(self, counts: Mapping[Cell, int], rows: Collection[str], columns: Collection[str]) -> None:
        row_nodes = {name: _node("row", name, rows) for name, _ in counts}
        column_nodes = {name: _node("column", name, columns) for _, name in counts}
        told: list[tuple[int, _Edge]] = []
        hidden: Counter[_Edge] = Counter()
        for row, column in itertools.product(row_nodes, column_nodes):
            count, edge = counts.get((row, column), 0), (row_nodes[row], column_nodes[column])
            if count >= SMALLEST and row in rows and column in columns:
                told.append((count, edge))
            else:
                hidden[edge] += count
        self.told = {edge: count for count, edge in sorted(told)}
        self.hidden = _Hidden(hidden)
        self._beside: defaultdict[_Node, list[tuple[int, _Node]]] = defaultdict(list)  # by cells told at first
        for (row_node, column_node), count in self.told.items():
            self._beside[row_node].append((count, column_node))
            self._beside[column_node].append((count, row_node))
        self._added: dict[_Edge, int] = {}  # hidden although large

    def hide_across(self, cut: Set[_Node]) -> None:
        """Rule 4: hide the cells that lead out of `cut`; the smallest of all where none do."""
        for edge in self._way_out(cut) or [next(iter(self.told))]:
            self._added[edge] = self.told.pop(edge)
            self.hidden.add(edge, self._added[edge])

    def with_spared(self) -> frozenset[Cell]:
        """Rule 5: the told cells, and those that need not have been hidden."""
        for count, edge in sorted(((count, edge) for edge, count in self._added.items()), reverse=True):
            if self.hidden.let_go(edge):
                self.told[edge] = count
        return frozenset((row[1], column[1]) for row, column in self.told)

    def _way_out(self, cut: Set[_Node]) -> list[_Edge]:
        """The told cells on the way from `cut` to the rest of its component: the fewest, and of these the smallest.

        It is found by Dijkstra's algorithm; hidden cells outside of the cut cost nothing.
        """
        ends = self.hidden.component(next(iter(cut))) - cut
        waiting = [(0, 0, node, node) for node in cut]  # cells and persons to hide, the node, the one before it
        heapq.heapify(waiting)
        came: dict[_Node, _Node] = {}
        while waiting:
            cells, persons, node, before = heapq.heappop(waiting)
            if node in came:
                continue
            came[node] = before
            if node in ends:
                steps = itertools.pairwise(_way(came, node))
                return [edge for one, other in steps for edge in ((one, other), (other, one)) if edge in self.told]
            for count, other in self._beside[node]:
                if other not in came and ((node, other) in self.told or (other, node) in self.told):
                    heapq.heappush(waiting, (cells + 1, persons + count, other, node))
            for other in self.hidden.onward(node) if node not in cut else ():
                if other not in came:
                    heapq.heappush(waiting, (cells, persons, other, node))
        return []


class _Hidden:
    """The hidden cells as a graph, and what follows about them; the letters are those of rule 4."""

    def __init__(self, counts: Mapping[_Edge, int]) -> None:
        self._counts: dict[_Edge, int] = {}
        self._changes: defaultdict[_Node, set[_Node]] = defaultdict(set)  # a: where cells rise or fall to
        self._onward: defaultdict[_Node, set[_Node]] = defaultdict(set)  # the reverse, and c: where persons flow to
        self._components: dict[_Node, Set[_Node]] = {}
        self._bound: dict[_Node, Set[_Node]] = {}  # nodes that no cut under 11 parts
        for edge, count in counts.items():
            self._put(edge, count)

    def by_size(self) -> list[_Edge]:
        """The edges that have somebody, the largest first."""
        return [edge for count, edge in sorted(((n, edge) for edge, n in self._counts.items() if n), reverse=True)]

    def onward(self, node: _Node) -> Set[_Node]:
        return self._onward[node]

    def add(self, edge: _Edge, count: int) -> None:
        self._put(edge, count)
        row, column = edge
        if column not in self._components.get(row, ()):
            self._find_component(row)

    def small_cut(self, edge: _Edge) -> Set[_Node] | None:
        """None if no small cut parts the edge's ends, else a side of one.

        Edges may be added after, not taken away: nodes that are bound stay so, and count as one from then on.
        """
        start, end = (self._bound.get(node) or frozenset((node,)) for node in edge)
        if start is end:
            return None
        cut = self._cut(start, end)
        if cut is None:
            both = start | end
            self._bound.update(dict.fromkeys(both, both))
        return cut

    def let_go(self, edge: _Edge) -> bool:
        """Take a large edge away if no small sum follows without it. Returns whether it was taken."""
        (row, column), component = edge, self.component(edge[0])
        count = self._take(edge)
        if self._reaches(row, column, component) and self._reaches(column, row, component):
            parted = [(row, column), (column, row)]  # the component is still one: new cuts are those between its ends
        else:
            self._components = {node: known for node, known in self._components.items() if known is not component}
            parted = [one for one, n in self._counts.items() if 0 < n < SMALLEST and one[0] in component]
        if all(self._cut({start}, {end}) is None for start, end in parted):
            return True
        self.add(edge, count)
        return False

    def component(self, node: _Node) -> Set[_Node]:
        """a: the nodes that are strongly connected with `node`."""
        return self._components.get(node) or self._find_component(node)

    def _find_component(self, node: _Node) -> Set[_Node]:
        everything = self._changes.keys() | self._onward.keys()
        after, before = (_search({node}, everything, steps.__getitem__) for steps in (self._changes, self._onward))
        found = after.keys() & before.keys()
        self._components.update(dict.fromkeys(found, found))
        return found

    def _cut(self, start: Set[_Node], end: Set[_Node]) -> Set[_Node] | None:
        """c: the start's side of a cut of under 11 persons, None if there is none.

        It is the least side of a minimum cut, the same whichever ways the flow takes.
        """
        component = self.component(next(iter(start)))
        room: dict[_Node, dict[_Node, int]] = {}  # of rows that the flow changed: how many can still go to a column

        def onward(node: _Node) -> Set[_Node]:
            return room[node].keys() if node in room else self._onward[node]

        flow = 0
        while flow < SMALLEST:
            came = _search(start, component, onward, end)
            reached = next(iter(end & came.keys()), None)
            if reached is None:
                return came.keys()
            flow += self._push(room, list(itertools.pairwise(_way(came, reached))))
        return None

    def _push(self, room: dict[_Node, dict[_Node, int]], steps: Sequence[_Edge]) -> int:
        """Send as many along the steps as can go, at most 11. Returns how many."""
        for row in {step[0] if step in self._counts else step[1] for step in steps} - room.keys():
            room[row] = {column: self._counts[row, column] for column in self._onward[row]}
        amount = min([SMALLEST, *(room[one][other] for one, other in steps if (one, other) in self._counts)])
        for one, other in steps:
            if (one, other) in self._counts:
                room[one][other] -= amount
                if not room[one][other]:
                    del room[one][other]
            else:  # from a column back to a row
                room[other][one] = room[other].get(one, 0) + amount
        return amount

    def _reaches(self, start: _Node, end: _Node, component: Set[_Node]) -> bool:
        return end in _search({start}, component, self._changes.__getitem__, {end})

    def _put(self, edge: _Edge, count: int) -> None:
        row, column = edge
        self._counts[edge] = count
        self._changes[row].add(column)
        self._onward[column].add(row)
        if count:
            self._changes[column].add(row)
            self._onward[row].add(column)

    def _take(self, edge: _Edge) -> int:
        row, column = edge
        for steps in (self._changes, self._onward):
            steps[row].discard(column)
            steps[column].discard(row)
        return self._counts.pop(edge)


def _node(kind: str, name: str, told: Collection[str]) -> _Node:
    return (kind, name) if name in told else (f"hidden {kind}s", "")


def _search(
    start: Set[_Node], inside: Set[_Node], onward: Callable[[_Node], Set[_Node]], end: Set[_Node] = frozenset()
) -> dict[_Node, _Node]:
    """The nodes that can be reached from `start`, each with the one before it; up to one of `end` if there is one."""
    came = {node: node for node in start}
    unseen = set(inside - start)
    waiting = deque(start)
    while waiting:
        node = waiting.popleft()
        fresh = unseen & onward(node)
        came.update(dict.fromkeys(fresh, node))
        if not end.isdisjoint(fresh):
            break
        unseen -= fresh
        waiting.extend(fresh)
    return came


def _way(came: Mapping[_Node, _Node], node: _Node) -> list[_Node]:
    """The nodes on the way to `node`."""
    way = [node]
    while came[way[-1]] != way[-1]:
        way.append(came[way[-1]])
    return way[::-1]
