"""The navigator: whatever it rewrites gives the rows of the facts, and what it cannot prove it leaves alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse.shop import Shop
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.governed import Source
from warehouse.models import Answer
from warehouse.navigator import Navigator, Route
from warehouse.sql_text import one_select

JOINS = {
    "st": "JOIN Store_Table st ON st.store_id = s.store_id",
    "p": "JOIN Product_Table p USING (product_id)",
    "t": "LEFT JOIN Time_Table t ON s.time_id = t.time_id",
    "su": "JOIN Supplier_Table su ON su.supplier_id = p.supplier_id",
}
GROUPS = [
    "s.store_id", "s.product_id", "st.region", "st.state", "st.store_id", "p.category", "p.brand", "su.supplier_name",
    "t.year", "t.quarter", "t.month_number", "t.month", "s.time_id / 10000", "s.time_id / 100", "p.unit_price",
    "t.year * 100 + t.month_number", "st.region || '/' || st.country", "t.weekday",
]  # fmt: skip
MEASURES = [
    "SUM(s.quantity_sold)", "sum( s.total_sales_amount )", "SUM(total_sales_cents)", "COUNT(*)", "count(s.customer_id)",
    "AVG(s.quantity_sold)", "AVG(total_sales_amount)", "SUM(quantity_sold) * 2 + COUNT(*)", "MAX(s.store_id)",
    "COUNT(DISTINCT s.store_id)", "SUM(total_sales_cents) / SUM(quantity_sold)", "ROUND(AVG(total_sales_cents), 2)",
    "CASE WHEN SUM(s.quantity_sold) > 40 THEN 'many' ELSE 'few' END", "MIN(p.category)", "MAX(s.quantity_sold)",
    "ROUND(SUM(total_sales_amount), 2)", "SUM(total_sales_amount) / COUNT(*)",
]  # fmt: skip
FILTERS = [
    "t.year = 2026", "t.year IN (2024, 2025)", "t.quarter <> 'Q2'", "s.time_id >= 20250301", "s.time_id < 20260100",
    "s.time_id BETWEEN 20250101 AND 20251231", "t.date >= '2025-06-01'", "t.date <= '2026-02-28'",
    "20250731 < s.time_id",
    "st.region = 'West'", "st.region LIKE 'Mid%'", "NOT p.category IN ('Dairy', 'Meat')", "s.store_id % 3 = 1",
    "p.unit_price > 5.5", "(t.year = 2025 OR st.region = 'South')", "s.time_id / 100 = 202604", "su.supplier_id < 40",
    "t.month IS NOT NULL", "s.quantity_sold > 1", "s.time_id > 20250615", "t.is_weekend = 'Yes'", "1 = 0",
]  # fmt: skip
HAVINGS = ["COUNT(*) > 3", "SUM(s.quantity_sold) >= 10", "AVG(s.quantity_sold) < 2", "MAX(s.store_id) > 50"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=4_000)
    return shop


def checked(engine: SqliteEngine, sql: str) -> tuple[Answer, bool]:
    """The answer, and whether the facts give the same rows to the cent."""
    answer, base = engine.answer(sql), engine.answer(sql, aggregates=False)
    return answer, answer.columns == base.columns and same_rows(answer, base)


@pytest.fixture(scope="module")
def engine(shop: Shop) -> Iterator[SqliteEngine]:
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        yield engine


@pytest.fixture(scope="module")
def base(shop: Shop) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{shop.path.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


@st.composite
def queries(draw: st.DrawFn) -> str:
    groups = draw(st.lists(st.sampled_from(GROUPS), max_size=3, unique=True))
    measures = draw(st.lists(st.sampled_from(MEASURES), min_size=1, max_size=3, unique=True))
    filters = draw(st.lists(st.sampled_from(FILTERS), max_size=3, unique=True))
    having = draw(st.sampled_from([*HAVINGS, "", ""])) if groups else ""
    named = draw(st.booleans())
    items = [f"{text} AS g{n}" if named else text for n, text in enumerate(groups)]
    items += [f"{text} AS total_quantity_sold{n}" if named else text for n, text in enumerate(measures)]
    used = " ".join([*items, *filters])
    aliases = [alias for alias in JOINS if f"{alias}." in used or (alias == "p" and "su." in used)]
    sql = f"SELECT {', '.join(items)} FROM Sales_Transactions_Table AS s "
    sql += " ".join(JOINS[alias] for alias in ("st", "p", "t", "su") if alias in aliases)
    if filters:
        sql += " WHERE " + draw(st.sampled_from([" AND ", " OR "])).join(filters)
    if groups:
        by = draw(st.sampled_from(["text", "number"]))
        sql += " GROUP BY " + ", ".join(
            (f"g{n}" if named and draw(st.booleans()) else text) if by == "text" else str(n + 1)
            for n, text in enumerate(groups)
        )
    return sql + (f" HAVING {having}" if having else "")


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sql=queries())
def test_every_answer_equals_that_of_the_facts(engine: SqliteEngine, base: sqlite3.Connection, sql: str) -> None:
    cursor = base.execute(sql)
    expected, names = cursor.fetchall(), tuple(column[0] for column in cursor.description)
    answer = engine.answer(sql)
    assert answer.columns == names
    assert same_rows(answer, replace(answer, rows=expected))


def route(sql: str) -> Route:
    return Navigator().route(*one_select(sql))


@pytest.mark.parametrize(
    ("sql", "aggregate"),
    [
        ("SELECT COUNT(*) FROM Sales_Transactions_Table", "Yearly_Region_Product"),
        ("SELECT store_id, SUM(quantity_sold) FROM sales_transactions_table GROUP BY 1", "Monthly_Store_Category"),
        (
            "SELECT region, SUM(total_sales_amount) a FROM Sales_Transactions_Table "
            "JOIN Store_Table USING (store_id) GROUP BY region ORDER BY a DESC LIMIT 2",
            "Yearly_Region_Product",
        ),
        (
            "SELECT year, brand, SUM(quantity_sold) FROM Sales_Transactions_Table JOIN Time_Table USING (time_id) "
            "JOIN Product_Table USING (product_id) JOIN Store_Table USING (store_id) WHERE city = 'x' GROUP BY 1, 2",
            "Yearly_Sales",
        ),
        (
            "SELECT p.brand, SUM(f.quantity_sold) FROM Sales_Transactions_Table f, Product_Table p "
            "WHERE f.product_id = p.product_id AND f.time_id >= 20260301 GROUP BY p.brand",
            "Monthly_Sales",
        ),
        ("SELECT DISTINCT store_id FROM Sales_Transactions_Table", "Monthly_Store_Category"),
    ],
)
def test_the_smallest_exact_aggregate_answers(sql: str, aggregate: str) -> None:
    found = route(sql)
    assert found.aggregate == f"{aggregate}_Aggregate_Table"
    assert aggregate in found.because


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM Sales_Transactions_Table", "single transactions"),
        ("SELECT quantity_sold FROM Sales_Transactions_Table", "single transactions"),
        ("SELECT store_id, COUNT(*) FROM Sales_Transactions_Table", "store_id is not determined"),
        ("SELECT MAX(quantity_sold) FROM Sales_Transactions_Table", "keeps quantity_sold"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table WHERE time_id >= 20260302", "keeps time_id"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table WHERE customer_id = 1", "keeps customer_id"),
        ("SELECT ROUND(AVG(total_sales_amount), 2) FROM Sales_Transactions_Table", "how amounts are rounded"),
        ("SELECT ROUND(SUM(total_sales_amount)) FROM Sales_Transactions_Table", "how amounts are rounded"),
        ("SELECT SUM(unit_price_cents) FROM Sales_Transactions_Table", "does not add up"),
        ("SELECT SUM(DISTINCT quantity_sold) FROM Sales_Transactions_Table", "does not add up"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table NATURAL JOIN Store_Table", "NATURAL"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table, Store_Table", "not joined by its key"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table a JOIN Sales_Transactions_Table b USING (store_id)", "twice"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table WHERE random() > 0", "not looked through"),
        ("SELECT store_id, COUNT(*) FROM Sales_Transactions_Table GROUP BY 1 LIMIT 3", "LIMIT without ORDER BY"),
        ("SELECT COUNT(*) FROM Store_Table LEFT JOIN Sales_Transactions_Table USING (store_id)", "begin at the facts"),
        ("WITH x AS (SELECT 1) SELECT COUNT(*) FROM Sales_Transactions_Table", "single SELECT"),
        ("SELECT SUM(quantity_sold) OVER () FROM Sales_Transactions_Table", "not looked through"),
        ("SELECT COUNT(*) FROM Sales_Transactions_Table WHERE " + "(" * 500 + "1" + ")" * 500, "looked through"),
    ],
)
def test_what_is_not_proven_runs_as_typed_and_says_why(sql: str, reason: str) -> None:
    found = route(sql)
    assert (found.sql, found.aggregate) == (sql, None)
    assert reason in found.because


def test_no_rows_count_as_zero_and_add_up_to_nothing(engine: SqliteEngine) -> None:
    sql = "SELECT COUNT(*), SUM(quantity_sold), AVG(quantity_sold) FROM Sales_Transactions_Table WHERE store_id = -1"
    answer = engine.answer(sql)
    assert answer.rows == [(0, None, None)]
    assert answer.source == ("Monthly_Store_Category_Aggregate_Table",)


def test_checking_finds_an_aggregate_that_is_wrong(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=200)
    sql = "SELECT SUM(total_sales_amount) FROM Sales_Transactions_Table"
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        assert checked(engine, sql)[1]
        shop.write("UPDATE Yearly_Region_Product_Aggregate_Table SET total_sales_cents = total_sales_cents + 1")
        assert not checked(engine, sql)[1]


def test_a_route_is_remembered() -> None:
    navigator = Navigator()
    parts = one_select("SELECT COUNT(*) FROM Sales_Transactions_Table")
    assert navigator.route(*parts) is navigator.route(*parts)
