"""What is offered at a place of a query, and what is not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.shop import Shop
from tests.warehouse.sql_strategies import SQL
from warehouse.authorizer import FUNCTIONS
from warehouse.catalogue import DatabaseInfo, catalogue
from warehouse.completion import Completion, complete
from warehouse.governed import Source
from warehouse.models import FACT


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> list[DatabaseInfo]:
    shop = Shop(tmp_path_factory.mktemp("shop")).with_master_data()
    return [catalogue(Source("warehouse", shop.path))]


class Desk:
    """An editor's text with the cursor at `|`."""

    def __init__(self, databases: list[DatabaseInfo]) -> None:
        self._databases = databases

    def items(self, text: str) -> tuple[Completion, ...]:
        return complete(text.replace("|", "", 1), text.index("|"), self._databases, "warehouse").items

    def texts(self, text: str) -> list[str]:
        return [item.text for item in self.items(text)]

    def start(self, text: str) -> int:
        return complete(text.replace("|", "", 1), text.index("|"), self._databases, "warehouse").start


@pytest.fixture
def desk(databases: list[DatabaseInfo]) -> Desk:
    return Desk(databases)


def test_behind_from_stand_tables_with_what_they_are(desk: Desk) -> None:
    items = desk.items("SELECT * FROM sto|")
    assert items[0] == Completion("Store_Table", "table", "dimension, 4 rows")
    assert {item.kind for item in items} == {"table"}
    assert desk.start("SELECT * FROM sto|") == 14
    assert "Store_Table" in desk.texts("SELECT 1 FROM Product_Table p, |")


def test_behind_join_stand_tables_with_their_condition(desk: Desk) -> None:
    texts = desk.texts(f"SELECT * FROM {FACT} f JOIN |")
    assert "Store_Table ON Store_Table.store_id = f.store_id" in texts[:4]
    assert desk.texts(f"SELECT * FROM {FACT} f JOIN Store_Table s |")[0] == "ON s.store_id = f.store_id"
    assert desk.texts(f"SELECT * FROM {FACT} f JOIN Store_Table s ON |")[0] == "s.store_id = f.store_id"
    assert desk.texts(f"SELECT * FROM {FACT} f JOIN Store_Table USING (|") == ["store_id"]
    assert desk.texts("SELECT * FROM Monthly_Sales_Aggregate_Table m JOIN Store_Table s ON |")[0] == (
        "s.store_id = m.store_id"
    )
    assert "JOIN Supplier_Table ON Supplier_Table.supplier_id = p.supplier_id" in desk.texts(
        "SELECT * FROM Product_Table p jo|"
    )


def test_a_dimension_offers_what_leads_to_it_behind_where_it_leads(desk: Desk) -> None:
    facts = f"{FACT} ON {FACT}.product_id = p.product_id"
    texts = desk.texts("SELECT * FROM Product_Table p JOIN |")
    assert texts.index("Supplier_Table ON Supplier_Table.supplier_id = p.supplier_id") < texts.index(facts)
    assert "Product_Table ON Product_Table.supplier_id = s.supplier_id" in desk.texts(
        "SELECT * FROM Supplier_Table s JOIN |"
    )
    assert not [text for text in desk.texts(f"SELECT * FROM Product_Table p JOIN {FACT} f USING (product_id) JOIN |")
                if text.startswith(f"{FACT} ON")]  # fmt: skip


def test_behind_a_dot_stand_the_columns_of_what_is_before_it(desk: Desk) -> None:
    items = desk.items(f"SELECT f.| FROM {FACT} f JOIN Store_Table s USING (store_id)")
    assert items[0].text == "transaction_id"
    assert Completion("store_id", "column", "INTEGER, key → Store_Table") in items
    assert {item.kind for item in items} == {"column"}
    assert desk.texts(f"SELECT {FACT}.qua| FROM {FACT}") == ["quantity_sold"]
    assert desk.texts("SELECT x.| FROM Store_Table s") == []
    assert Completion("address", "column", "masked, of Customer_Table") in desk.items(
        "SELECT c.| FROM Customer_Table c"
    )


def test_columns_are_those_of_the_tables_that_are_read_also_when_from_comes_later(desk: Desk) -> None:
    assert desk.texts("SELECT reg| FROM Store_Table") == ["region"]
    assert desk.texts("SELECT 1 FROM Store_Table WHERE reg|") == ["region"]
    assert desk.texts("SELECT tsc| FROM Sales_Transactions_Table")[0] == "total_sales_cents"
    shared = desk.texts(f"SELECT sto| FROM {FACT} f JOIN Store_Table s ON 1")
    assert {"f.store_id", "s.store_id", "store_name"} <= set(shared)
    assert "store_id" not in shared
    assert Completion("region", "column", "of 2 tables") in desk.items("SELECT reg|")


def test_names_of_with_subqueries_and_outer_queries_are_known(desk: Desk) -> None:
    assert desk.items("WITH top(a, b) AS (SELECT 1, 2) SELECT * FROM to|")[0] == Completion("top", "table", "of WITH")
    assert desk.texts("WITH top(a, b) AS (SELECT 1, 2) SELECT t.| FROM top t") == ["a", "b"]
    assert desk.texts("WITH top AS (SELECT *, 1 AS n FROM Supplier_Table) SELECT top.n| FROM top")[0] == "supplier_name"
    assert desk.texts("SELECT q.| FROM (SELECT region, count(*) AS n FROM Store_Table GROUP BY 1) q") == ["region", "n"]
    inner = f"SELECT 1 FROM Store_Table s WHERE EXISTS (SELECT 1 FROM {FACT} f WHERE f.store_id = s.sto|)"
    assert desk.texts(inner)[:2] == ["store_id", "store_name"]
    assert desk.texts("SELECT sum(quantity_sold) AS q FROM Sales_Transactions_Table GROUP BY 1 ORDER BY |")[0] == "q"


def test_a_with_takes_the_place_of_a_table_of_its_name(desk: Desk) -> None:
    assert desk.texts("WITH Store_Table AS (SELECT 1 AS only) SELECT Store_Table.| FROM Store_Table") == ["only"]


def test_only_functions_that_queries_may_call_are_offered(desk: Desk) -> None:
    offered = {item.text.rstrip("(") for item in desk.items("SELECT | FROM Store_Table") if item.kind == "function"}
    offered |= {item.text.rstrip("(") for item in desk.items("SELECT l| FROM Store_Table") if item.kind == "function"}
    assert offered <= FUNCTIONS
    assert {"sum", "lower"} <= offered
    assert desk.texts("SELECT load_ext|") == []


def test_keywords_fit_the_place_and_are_written_as_the_others(desk: Desk) -> None:
    assert desk.texts("|") == ["SELECT", "WITH", "VALUES"]
    assert desk.texts("sel|") == ["select"]
    assert desk.texts("SELECT 1 FROM Store_Table gr|") == ["GROUP BY"]
    assert desk.texts("select region from Store_Table where region = 'West' or|") == ["order by"]
    assert "HAVING" not in desk.texts("SELECT a |")
    assert desk.texts("SELECT a FROM Store_Table ORDER BY region d|") == ["DESC"]
    assert desk.texts("SELECT a FROM Store_Table LIMIT |") == []


@pytest.mark.parametrize(
    "text",
    ["SELECT 'a|", "SELECT 'a|' FROM t", "SELECT -- a|", "SELECT /* a|", 'SELECT "a|', "SELECT 12|", "SELECT :p|"],
)
def test_within_strings_comments_and_numbers_nothing_is_offered(desk: Desk, text: str) -> None:
    assert desk.texts(text) == []


def test_what_is_typed_in_full_and_other_statements_do_not_matter(desk: Desk) -> None:
    assert "region" not in desk.texts("SELECT region| FROM Store_Table")
    assert desk.texts("SELECT 1 FROM Store_Table; SELECT reg| FROM Time_Table; SELECT 2") == []


@given(SQL, st.integers(0, 300))
def test_no_text_makes_it_fail(databases: list[DatabaseInfo], text: str, offset: int) -> None:
    found = complete(text, offset, databases, "warehouse")
    assert 0 <= found.start <= max(0, min(offset, len(text)))
    assert len({(item.text, item.kind) for item in found.items}) == len(found.items)
    assert complete(text, offset, [], "none").start == found.start


def test_it_is_quick_in_a_long_text(databases: list[DatabaseInfo]) -> None:
    statement = f"SELECT s.region, sum(f.quantity_sold) FROM {FACT} f JOIN Store_Table s USING (store_id) GROUP BY 1;\n"
    text = statement * 1_000
    took = []
    for _ in range(5):
        started = time.perf_counter()
        assert complete(text, len(text) - len(statement) + 9, databases, "warehouse").items
        took.append(time.perf_counter() - started)
    assert min(took) < 0.1


def test_an_unknown_database_has_words_alone(tmp_path: Path) -> None:
    assert [item.kind for item in complete("SELECT su", 9, [], "warehouse").items] == ["function"] * 3
