"""The plan of a query in words, with row counts, and the table that answers it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing

import pytest

from tests.warehouse.shop import Shop
from warehouse.catalogue import RowCounts, rows_of
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import QueryRefused
from warehouse.explain import Explanation, PlanNode, explain, plan_tree, tables_by_alias
from warehouse.governed import Source
from warehouse.models import FACT

ROWS = 2_000


class Explained:
    def __init__(self, shop: Shop) -> None:
        self._source = Source("warehouse", shop.path)
        self.engine = SqliteEngine(self._source)
        self._known = RowCounts()

    def __call__(self, sql: str, *, aggregates: bool = True) -> Explanation:
        def count(tables: Collection[str]) -> dict[str, int]:
            return rows_of(self._source, tables, known=self._known)

        return explain(self.engine, sql, count=count, aggregates=aggregates)


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explained]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=ROWS)
    found = Explained(shop)
    with closing(found.engine):
        yield found


def test_scans_lookups_groups_and_sorts_are_told_with_tables_and_rows(explained: Explained) -> None:
    plan = explained(
        f"SELECT s.region, sum(f.total_sales_amount) FROM {FACT} f JOIN Store_Table s USING (store_id) "
        "WHERE f.time_id BETWEEN 20250102 AND 20250201 GROUP BY s.region ORDER BY 2 DESC"
    )
    assert plan.lines() == [
        f"scans {FACT} (f): {ROWS:,} rows",
        "looks up Store_Table (s) by its key",
        "groups in a temporary tree",
        "sorts",
    ]
    assert [node.cost for node in plan.tree] == ["cheap", "cheap", "group", "sort"]
    assert plan.tree[0].rows == ROWS
    assert plan.answered_from == f"{FACT}, Store_Table"
    assert "answered from the facts because" in plan.because


def test_what_an_aggregate_answers_is_told_of_the_aggregate(explained: Explained) -> None:
    sql = f"SELECT region, SUM(total_sales_amount) FROM {FACT} JOIN Store_Table USING (store_id) GROUP BY region"
    plan = explained(sql)
    assert plan.answered_from == "Yearly_Region_Product_Aggregate_Table"
    assert "smallest" in plan.because
    assert plan.lines()[0].startswith("scans Yearly_Region_Product_Aggregate_Table")
    assert "Yearly_Region" in plan.sql
    assert explained(sql, aggregates=False).answered_from == f"{FACT}, Store_Table"


@pytest.mark.parametrize(
    ("sql", "lines"),
    [
        ("SELECT * FROM Time_Table WHERE date = '2025-01-01'", ["looks up Time_Table by date, with the unique index"]),
        ("SELECT * FROM Store_Table WHERE store_id > 3", ["reads a range of Store_Table by its key"]),
        ("SELECT max(transaction_id) FROM Sales_Transactions_Table", [f"reads one end of {FACT}"]),
        ("SELECT customer_name FROM Customer_Table WHERE customer_id = 5", ["looks up Customer_Table by its key"]),
        ("VALUES (1), (2)", ["makes 2 rows"]),
        ("SELECT * FROM json_each('[1]')", ["reads what json_each gives"]),
        (
            "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x LIMIT 9) SELECT * FROM x",
            ["works out x row by row", "  begins with", "    makes one row",
             "  goes on, as long as there are new rows, with", "    reads the rows of x", "reads the rows of x"],
        ),
        (
            "SELECT rank() OVER (ORDER BY city) FROM (SELECT city FROM Store_Table WHERE city > 'a' LIMIT 5) n",
            None,
        ),
    ],
)  # fmt: skip
def test_steps_are_told_in_words(explained: Explained, sql: str, lines: list[str] | None) -> None:
    found = explained(sql).lines()
    assert lines is None or found == lines
    assert not any(line.isupper() or "SCAN" in line or "SEARCH" in line or "cells_" in line for line in found)


def test_an_index_made_for_one_query_is_no_cheap_lookup(explained: Explained) -> None:
    plan = explained("SELECT * FROM Store_Table s LEFT JOIN Supplier_Table u ON u.supplier_name = s.city")
    assert plan.lines()[1].startswith("builds an index of Supplier_Table (u) by supplier_name for this query: ")
    assert plan.lines()[1].endswith("; rows without a match stay")


def test_names_that_stand_for_several_tables_are_told_as_they_are(explained: Explained) -> None:
    sql = "SELECT 1 FROM Store_Table x UNION ALL SELECT 1 FROM Time_Table x"
    assert tables_by_alias(sql) == {}
    assert "  " * 2 + "scans x" in explained(sql).lines()
    assert tables_by_alias("WITH a AS (SELECT 1) SELECT 1 FROM a b, main.Time_Table t, (SELECT 2) c") == {
        "b": "", "t": "Time_Table", "c": "",
    }  # fmt: skip


def test_a_name_of_the_masking_is_never_shown_and_an_unknown_step_is_as_sqlite_tells_it() -> None:
    hidden = "cells_" + "0af3" * 8
    tree = plan_tree([(1, 0, f"MATERIALIZE {hidden}"), (2, 0, f"SCAN {hidden}"), (3, 1, "SOMETHING NEW")], {}, {})
    assert tree == (
        PlanNode("works out a masked table and keeps it", None, "part", (PlanNode("SOMETHING NEW", None, "part", ()),)),
        PlanNode("reads the rows of a masked table", None, "cheap", ()),
    )


def test_a_bad_query_is_refused_as_when_it_is_run(explained: Explained) -> None:
    with pytest.raises(QueryRefused, match="there is no column missing at line 1, column 8"):
        explained("SELECT missing FROM Store_Table")
