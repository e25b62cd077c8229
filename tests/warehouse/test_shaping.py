"""Sorting and filtering around a query: what people type, odd column names, and values that are never text."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.errors import QueryRefused
from warehouse.models import Cell
from warehouse.shaping import PLAIN, Compare, Condition, Order, Shape, order_of, parse_condition, shaped

ODD = ('say "x"', "", "a", "a", "SELECT", "c0", "naïve; DROP TABLE x --", "[b]", "n'ame", "x\ny")
TYPED = [
    (">= 100", Compare.AT_LEAST, 100),
    (">=1,000.5", Compare.AT_LEAST, 1000.5),
    ("<-3", Compare.LESS, -3),
    ("<=1e3", Compare.AT_MOST, 1000.0),
    ("> 2026-01-31", Compare.MORE, "2026-01-31"),
    ("=Oslo", Compare.IS, "Oslo"),
    ("== '7'", Compare.IS, "7"),
    ('="empty"', Compare.IS, "empty"),
    ("!= x", Compare.IS_NOT, "x"),
    ("<> 5", Compare.IS_NOT, 5),
    ("= 99999999999999999999", Compare.IS, 1e20),
    ("=٣", Compare.IS, "٣"),
    ("=.", Compare.IS, "."),
    ("oslo", Compare.CONTAINS, "oslo"),
    ("12", Compare.CONTAINS, "12"),
    ("' a '", Compare.CONTAINS, " a "),
    ("''", Compare.CONTAINS, "''"),
    ("Empty", Compare.EMPTY, None),
    ("not  empty", Compare.NOT_EMPTY, None),
]


@pytest.mark.parametrize(("text", "compare", "value"), TYPED)
def test_what_people_type_becomes_a_condition(text: str, compare: Compare, value: Cell) -> None:
    found = parse_condition(3, f" {text} ")
    assert (found.column, found.compare, found.value) == (3, compare, value)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no condition"), (" >= ", "value is missing behind >="), ("x" * 1001, "1,001 characters")],
)
def test_what_is_no_condition_is_refused(text: str, message: str) -> None:
    with pytest.raises(QueryRefused, match=message):
        parse_condition(0, text)


@pytest.mark.parametrize("text", ["> x", "<=abc", "< 1.2.3", ">= '5'"])
def test_what_is_more_or_less_than_numbers_is_one(text: str) -> None:
    with pytest.raises(QueryRefused, match=f"is not a number: expected one such as {text[:2].strip('ax ')}100"):
        parse_condition(0, text, numbers=True)
    assert isinstance(parse_condition(0, text).value, str)
    assert parse_condition(0, "= x", numbers=True).value == "x"
    assert parse_condition(0, ">= -1,000.5", numbers=True).value == -1000.5


def run(
    sql: str, columns: tuple[str, ...], shape: Shape, values: dict[str, Cell] | None = None
) -> list[tuple[Cell, ...]]:
    text, bound = shaped(sql, columns, shape, values)
    with closing(sqlite3.connect(":memory:")) as connection:
        cursor = connection.execute(text, bound)
        assert tuple(column[0] for column in cursor.description) == columns
        return cursor.fetchall()


def test_duplicate_empty_and_odd_names_stay_as_they_are() -> None:
    listed = ", ".join('{} AS "{}"'.format(n, name.replace('"', '""')) for n, name in enumerate(ODD))
    found = run(
        f"SELECT {listed} UNION ALL SELECT 1, 1, 1, 9, 1, 1, 1, 1, 1, 1 -- a comment",
        ODD,
        Shape((Order(3, descending=True),), (Condition(2, Compare.AT_LEAST, 1),)),
    )
    assert [row[3] for row in found] == [9, 3]


def test_nulls_come_last_either_way_and_first_in_the_opposite_order() -> None:
    sql = "VALUES (2), (NULL), (1), ('b'), (x'00')"
    assert run(sql, ("v",), Shape((Order(0),))) == [(1,), (2,), ("b",), (b"\0",), (None,)]
    assert run(sql, ("v",), Shape((Order(0, descending=True),))) == [(b"\0",), ("b",), (2,), (1,), (None,)]
    assert order_of(Shape((Order(0),)), 1, backwards=True) == "c0 DESC NULLS FIRST"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("åre", ["Åre", "åre"]), ("ÅRE", ["Åre", "åre"]), ("%", ["50%_'\\"]), ("_'\\", ["50%_'\\"]), ("12", [12.5]),
        ("empty", [None, ""]), ("not empty", ["Åre", "åre", "50%_'\\", 12.5]), ("=åre", ["åre"]),
        ("!= 12.5", ["Åre", "åre", "50%_'\\", None, ""]), ("'; DROP TABLE x; --", []),
    ],
)  # fmt: skip
def test_a_filter_finds_what_it_says(text: str, kept: list[Cell]) -> None:
    sql = "VALUES ('Åre'), ('åre'), ('50%_''\\'), (12.5), (NULL), ('')"
    assert [row[0] for row in run(sql, ("v",), Shape((), (parse_condition(0, text),)))] == kept


def test_names_and_parameters_of_the_query_are_left_alone() -> None:
    sql = "WITH shown_rows AS (SELECT :shape_0 AS a, :x AS shape) SELECT a, shape FROM shown_rows"
    shape = Shape((Order(1),), (Condition(0, Compare.IS, 7), Condition(1, Compare.NOT_EMPTY)))
    assert run(sql, ("a", "shape"), shape, {"shape_0": 7, "x": "y"}) == [(7, "y")]
    assert shaped(sql, ("a", "shape"), PLAIN, {"x": 1}) == (sql, {"x": 1})


def test_a_column_that_is_not_there_and_too_many_terms_are_refused() -> None:
    with pytest.raises(QueryRefused, match="no column 3: the result has 2"):
        shaped("SELECT 1, 2", ("a", "b"), Shape((Order(2),)))
    with pytest.raises(QueryRefused, match="no column 0"):
        shaped("SELECT 1", ("a",), Shape((), (Condition(-1, Compare.EMPTY),)))
    with pytest.raises(QueryRefused, match="at most 50"):
        shaped("SELECT 1", ("a",), Shape((), (Condition(0, Compare.EMPTY),) * 51))


CELLS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text("aÅ%'_ ", max_size=3)


@given(cells=st.lists(CELLS, min_size=1, max_size=20), value=CELLS)
def test_a_value_of_a_facet_finds_exactly_its_rows(cells: list[Cell], value: Cell) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (v)")
        connection.executemany("INSERT INTO t VALUES (?)", [(cell,) for cell in cells])
        for compare, wanted in ((Compare.IS, True), (Compare.IS_NOT, False)):
            text, bound = shaped("SELECT v FROM t", ("v",), Shape((), (Condition(0, compare, value),)))
            assert connection.execute(text, bound).fetchall() == [
                (cell,)
                for cell in cells
                if (cell == value and isinstance(cell, str) == isinstance(value, str)) is wanted
            ]
