"""Which columns are money: by what the SELECT says of them, and by their names where it cannot be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.money import money_columns
from warehouse.opened import Kind, kinds

FROM = "FROM Sales_Transactions_Table s JOIN Time_Table t USING (time_id)"


@pytest.mark.parametrize(
    "item",
    [
        "sum(total_sales_amount) r",
        "sum(s.total_sales_amount) AS r",
        'SUM("s"."total_sales_amount") AS "r"',
        "sum(DISTINCT total_sales_amount) r",
        "min(total_sales_amount) r",
        "max(s.unit_price) r",
        "avg(total_sales_amount) r",
        "total(total_sales_amount) r",
        "total_sales_amount r",
        "s.total_sales_amount AS r",
        "(total_sales_amount) AS r",
        "round(avg(unit_price), 3) r",
        "coalesce(sum(total_sales_amount), 0) r",
        "sum(total_sales_amount) FILTER (WHERE year = 2026) r",
        "sum(total_sales_amount) OVER (PARTITION BY year ORDER BY month_number) r",
        "sum(total_sales_cents) / 100.0 AS r",
        '(SUM("s".total_sales_cents) / 100.0) AS r',
        "sum(total_sales_amount) 'r'",
    ],
)
def test_an_amount_is_money_whatever_it_is_called(item: str) -> None:
    quiet = item.replace("'r'", "r")
    assert money_columns(("year", "r", "n"), f"SELECT year, {quiet}, count(*) AS n {FROM} GROUP BY 1") == (
        False, True, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "item",
    [
        "count(total_sales_amount) AS amount",
        "sum(quantity_sold) r",
        "total_sales_cents r",
        "sum(total_sales_cents) / 12 r",
        "total_sales_amount / 3 r",
        "total_sales_amount > 5 r",
        "length(total_sales_amount) r",
        "'total_sales_amount' r",
        "year total",
    ],
)
def test_what_is_no_amount_is_not(item: str) -> None:
    assert money_columns((item.split()[-1],), f"SELECT {item} {FROM}") == (False,)


def test_a_name_given_within_says_what_it_is_outside() -> None:
    sql = (
        "WITH b AS (SELECT year, m AS k FROM a), a AS (SELECT year, sum(total_sales_amount) AS m FROM x GROUP BY 1) "
        "SELECT year, k, max(k), b.k AS least, (SELECT 1) FROM b"
    )
    assert money_columns(("year", "k", "max(k)", "least", "(SELECT 1)"), sql) == (False, True, True, True, False)


def test_a_name_that_stands_for_two_things_decides_nothing() -> None:
    sql = "SELECT m FROM (SELECT total_sales_amount AS m FROM a) JOIN (SELECT store_id AS m FROM b)"
    assert money_columns(("m",), sql) == (False,)


@pytest.mark.parametrize(
    ("columns", "sql", "expected"),
    [
        (("a", "total_sales_amount", "r"), f"SELECT *, total_sales_amount AS r {FROM}", (False, True, True)),
        (("r", "a", "revenue"), f"SELECT total_sales_amount AS r, s.* {FROM}", (True, False, True)),
        (("total_sales_amount", "x"), f"SELECT s.*, t.* {FROM}", (True, False)),
        (("total_sales_amount",), "VALUES (1), (2)", (True,)),
        (("amount", "n"), "", (True, False)),
        (("amount", "n"), "SELECT 'unfinished", (True, False)),
        (("SUM(total_sales_amount)", "city_revenue"), "SELECT 1", (True, True)),
        (("r",), f"SELECT total_sales_amount AS r {FROM} UNION ALL SELECT 1 LIMIT 5", (True,)),
        (("r",), "SELECT " + "(" * 300 + "total_sales_amount" + ")" * 300 + " AS r FROM x", (False,)),
    ],
)
def test_names_decide_where_the_list_cannot_be_read(
    columns: tuple[str, ...], sql: str, expected: tuple[bool, ...]
) -> None:
    assert money_columns(columns, sql) == expected


def test_only_numbers_are_shown_as_money() -> None:
    sql = "SELECT total_sales_amount AS r, total_sales_amount AS t, total_sales_amount AS n FROM x"
    assert kinds(("r", "t", "n"), [(20, "XXXXXXXX", None)], sql) == (Kind.MONEY, Kind.TEXT, Kind.MONEY)


WORDS = st.sampled_from(
    ["SELECT", "FROM", "(", ")", ",", "*", "s", ".", "sum", "total_sales_amount", "AS", "/", "100.0", "WITH", "'", "1"]
)


@given(st.lists(WORDS, max_size=30), st.integers(0, 4))
def test_no_text_is_too_odd(words: list[str], columns: int) -> None:
    assert len(money_columns(["x"] * columns, "SELECT " + " ".join(words))) == columns
