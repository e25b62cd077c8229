"""Suppression, attacked: small groups are sought in each table by enumeration, and in all together by algebra."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.records.research.suppression import SMALLEST, Cell, told_cells, told_groups

PRIME = 2_147_483_647
Person = tuple[str, str, str]

counts = st.one_of(st.integers(0, 3), st.integers(4, 14), st.integers(11, 40))
one_column = st.lists(counts, min_size=1, max_size=8).map(
    lambda found: {f"g{n}": count for n, count in enumerate(found)}
)


@st.composite
def two_columns(draw: st.DrawFn, *, rows: int = 4, columns: int = 4) -> dict[Cell, int]:
    shape = itertools.product(range(draw(st.integers(1, rows))), range(draw(st.integers(1, columns))))
    table = {(f"r{row}", f"c{column}"): draw(counts) for row, column in shape}
    return {cell: count for cell, count in table.items() if count}


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    kinds = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from("123")), max_size=14)
    )
    return [kind for kind in kinds for _ in range(draw(st.integers(1, 25)))]


def margins(table: Mapping[Cell, int], place: int) -> dict[str, int]:
    found: Counter[str] = Counter()
    for cell, count in table.items():
        found[cell[place]] += count
    return dict(found)


def told_table(table: Mapping[Cell, int]) -> tuple[frozenset[Cell], frozenset[str], frozenset[str]] | None:
    """(told cells, told rows, told columns), None where nothing is told."""
    rows, columns = told_groups(margins(table, 0)), told_groups(margins(table, 1))
    if rows is None or columns is None:
        return None
    cells = told_cells(table, rows, columns)
    return None if cells is None else (cells, rows, columns)


@given(one_column)
def test_no_small_group_is_told_and_none_is_the_rest(groups: dict[str, int]) -> None:
    told = told_groups(groups)
    if sum(groups.values()) < SMALLEST:
        assert told is None
        return
    assert told is not None
    hidden = {group: count for group, count in groups.items() if group not in told and count}
    assert all(groups[group] >= SMALLEST for group in told)
    assert not hidden or (len(hidden) >= 2 and sum(hidden.values()) >= SMALLEST)


@given(
    one_column.filter(
        lambda groups: not any(0 < count < SMALLEST for count in groups.values()) and sum(groups.values())
    )
)
def test_where_no_group_is_small_all_are_told(groups: dict[str, int]) -> None:
    assert told_groups(groups) == frozenset(group for group, count in groups.items() if count)


@given(two_columns())
def test_no_small_cell_is_told_and_no_rest_of_a_row_or_column_is_small(table: dict[Cell, int]) -> None:
    found = told_table(table)
    if found is None:
        return
    told, rows, columns = found
    assert all(table[cell] >= SMALLEST for cell in told)
    for place, groups in ((0, rows), (1, columns)):
        rest = margins({cell: count for cell, count in table.items() if cell not in told}, place)
        assert not any(0 < rest.get(group, 0) < SMALLEST for group in groups)
        assert all(cell[place] in groups for cell in told)


@settings(max_examples=150, deadline=None)
@given(two_columns(rows=3, columns=3))
def test_no_small_cell_has_but_one_value_in_all_tables_with_the_same_told_numbers(table: dict[Cell, int]) -> None:
    found = told_table(table)
    if found is None:
        return
    told, rows, columns = found
    small = {cell for cell, count in table.items() if count < SMALLEST}
    wanted = {cell: {table[cell]} for cell in small}
    for world in itertools.islice(_worlds(table, told, rows, columns), 200_000):
        for cell in small:
            wanted[cell].add(world.get(cell, 0))
        if all(len(values) > 1 for values in wanted.values()):
            break
    assert {cell: values for cell, values in wanted.items() if len(values) < 2} == {}


@settings(max_examples=60, deadline=None)
@given(people())
def test_no_equation_of_all_tables_together_gives_a_small_group(everybody: list[Person]) -> None:
    # Who attacks knows which groups there are, not which of them come together.
    space = list(itertools.product(*(sorted({one[place] for one in everybody}) for place in range(3))))
    known: list[list[int]] = [[1] * len(space)]
    secret: list[list[int]] = []
    told_of = {place: told_groups(dict(Counter(one[place] for one in everybody))) for place in range(3)}
    if None in told_of.values():
        return
    for place in range(3):
        for group, count in Counter(one[place] for one in everybody).items():
            vector = [int(point[place] == group) for point in space]
            if group in (told_of[place] or ()):
                known.append(vector)
            elif count < SMALLEST:
                secret.append(vector)
    for first, second in itertools.combinations(range(3), 2):
        table = dict(Counter((one[first], one[second]) for one in everybody))
        told = told_cells(table, told_of[first] or (), told_of[second] or ())
        for cell, count in table.items():
            vector = [int((point[first], point[second]) == cell) for point in space]
            if told is not None and cell in told:
                known.append(vector)
            elif count < SMALLEST:
                secret.append(vector)
    basis = _eliminated(known)
    assert [vector for vector in secret if _follows(basis, vector)] == []


@pytest.mark.parametrize(
    ("table", "told"),
    [
        # Nothing is small.
        ({("a", "x"): 20, ("a", "y"): 30, ("b", "x"): 11, ("b", "y"): 12}, "ax ay bx by"),
        # One small cell: the rest of its row and of its column would tell it, and so would the fourth cell's.
        ({("a", "x"): 5, ("a", "y"): 30, ("b", "x"): 25, ("b", "y"): 40}, ""),
        # A third row that has no small cell stays.
        ({("a", "x"): 5, ("a", "y"): 30, ("b", "x"): 25, ("b", "y"): 40, ("c", "x"): 50, ("c", "y"): 60}, "cx cy"),
    ],
)
def test_known_tables(table: dict[Cell, int], told: str) -> None:
    found = told_table(table)
    assert found is not None
    assert {row + column for row, column in found[0]} == set(told.split())


def test_the_algebra_finds_what_only_the_small_cells_hide() -> None:
    """Without complementary suppression the attack works: so the test above can fail."""
    space = list(itertools.product("ab", "xy"))
    rows = [[int(point[0] == group) for point in space] for group in "ab"]
    told = [[int(point == cell) for point in space] for cell in (("a", "y"), ("b", "x"), ("b", "y"))]
    assert _follows(_eliminated(rows + told), [1, 0, 0, 0])
    assert not _follows(_eliminated(rows), [1, 0, 0, 0])


def _worlds(
    table: Mapping[Cell, int], told: frozenset[Cell], rows: frozenset[str], columns: frozenset[str]
) -> Iterator[dict[Cell, int]]:
    """Every table of counts with the same told cells, told margins and total, one cell after the other."""
    hidden = [
        (row, column)
        for row in sorted({row for row, _ in table})
        for column in sorted({column for _, column in table})
        if (row, column) not in told
    ]

    def sums_of(cell: Cell) -> tuple[str, str]:
        return (
            f"row {cell[0]}" if cell[0] in rows else "hidden rows",
            f"column {cell[1]}" if cell[1] in columns else "hidden columns",
        )

    left: Counter[str] = Counter()
    last: dict[str, int] = {}
    for number, cell in enumerate(hidden):
        for name in sums_of(cell):
            left[name] += table.get(cell, 0)
            last[name] = number

    def fill(number: int, world: dict[Cell, int]) -> Iterator[dict[Cell, int]]:
        if number == len(hidden):
            yield dict(world)
            return
        cell = hidden[number]
        names = sums_of(cell)
        most = min(left[name] for name in names)
        for count in range(most + 1):
            for name in names:
                left[name] -= count
            if all(left[name] == 0 for name in names if last[name] == number):
                yield from fill(number + 1, world | {cell: count})
            for name in names:
                left[name] += count

    return fill(0, {})


def _eliminated(vectors: Sequence[Sequence[int]]) -> dict[int, list[int]]:
    """A basis of the span of `vectors` modulo a prime, by leading place."""
    basis: dict[int, list[int]] = {}
    for vector in vectors:
        rest = _reduced(basis, vector)
        lead = next((place for place, value in enumerate(rest) if value), None)
        if lead is not None:
            inverse = pow(rest[lead], -1, PRIME)
            basis[lead] = [value * inverse % PRIME for value in rest]
    return basis


def _reduced(basis: Mapping[int, list[int]], vector: Sequence[int]) -> list[int]:
    rest = [value % PRIME for value in vector]
    for lead in range(len(rest)):
        if rest[lead] and lead in basis:
            factor = rest[lead]
            rest = [(value - factor * other) % PRIME for value, other in zip(rest, basis[lead], strict=True)]
    return rest


def _follows(basis: Mapping[int, list[int]], vector: Sequence[int]) -> bool:
    return not any(_reduced(basis, vector))
