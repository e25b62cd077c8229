"""The catalogue: tables, keys, sizes and marks, as they are in the file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.shop import Shop
from warehouse.catalogue import RowCounts, catalogue, document, row_counts, rows_of
from warehouse.errors import QueryStopped, StoreDamaged, StoreError
from warehouse.governed import Source
from warehouse.models import AGGREGATES, DIMENSIONS, FACT
from warehouse.ports import Showing


def test_tables_are_told_with_kinds_sizes_keys_and_marks(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=2_000)
    tables = {table.name: table for table in catalogue(Source("warehouse", shop.path)).tables}
    assert set(tables) == {FACT, *DIMENSIONS, *AGGREGATES, "migration", "batch"}
    for name, table in tables.items():
        assert table.rows == shop.rows(f"SELECT COUNT(*) FROM {name}")[0][0]
    assert next(iter(tables)) == FACT
    customer = {column.name: column for column in tables["Customer_Table"].columns}
    assert [name for name, column in customer.items() if column.sensitive] == ["customer_name", "address"]
    assert customer["customer_id"].primary_key
    fact = {column.name: column for column in tables[FACT].columns}
    assert fact["store_id"].references == "Store_Table.store_id"
    assert (fact["total_sales_amount"].type, fact["total_sales_amount"].computed) == ("REAL", True)
    yearly = tables["Yearly_Region_Product_Aggregate_Table"]
    assert yearly.compression == 2_000 / (yearly.rows or 0)
    assert tables[FACT].compression is None


def test_a_document_can_be_made_without_counting(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    found = document(catalogue(Source("warehouse", shop.path), counts=False))
    assert found["database"] == "warehouse"
    assert all(table["rows"] is None for table in found["tables"])  # type: ignore[attr-defined]


def test_an_empty_warehouse_and_a_missing_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    tables = catalogue(Source("warehouse", shop.path)).tables
    assert {table.rows for table in tables if table.kind != "bookkeeping"} == {0}
    with pytest.raises(StoreError, match="there is no"):
        catalogue(Source("warehouse", tmp_path / "none.db"))


def test_what_leads_where_is_told_for_facts_dimensions_and_aggregates(tmp_path: Path) -> None:
    joins = {join.words("->") for join in catalogue(Source("warehouse", Shop(tmp_path).path)).joins}
    assert f"{FACT}.time_id -> Time_Table.time_id" in joins
    assert "Product_Table.supplier_id -> Supplier_Table.supplier_id" in joins
    assert "Monthly_Sales_Aggregate_Table.product_id -> Product_Table.product_id" in joins
    assert len(joins) == 4 + 1 + 2 + 2 + 1 + 1


def test_sealed_columns_are_masked_unless_they_are_shown(tmp_path: Path) -> None:
    source = Source("warehouse", Shop(tmp_path).path)

    def masked(**options: Any) -> set[str]:
        tables = catalogue(source, counts=False, **options).tables
        return {column.name for table in tables for column in table.columns if column.masked}

    assert masked() == {"customer_name", "address"}
    assert masked(showing={("Customer_Table", "address"): Showing.CLEAR}) == {"customer_name"}


def test_rows_are_counted_once_for_each_state_the_quick_tables_first(tmp_path: Path) -> None:
    shop = Shop(tmp_path).with_master_data()
    source, known = Source("warehouse", shop.path), RowCounts()
    names = [name for name, _ in row_counts(source, known=known)]
    assert names[-1] == "Monthly_Sales_Aggregate_Table"
    assert rows_of(source, ["STORE_TABLE", "none"], known=known) == {"store_table": 4}
    shop.write("DELETE FROM Store_Table WHERE store_id = 4")  # behind the program's back: no batch tells of it
    assert rows_of(source, ["Store_Table"], known=known) == {"store_table": 4}
    shop.load_sales((1, 20251201, 1, 1, 1, 2, "3.98"))
    assert rows_of(source, ["Store_Table", FACT], known=known) == {"store_table": 3, FACT.lower(): 1}


def test_counting_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=20_000)
    stop = threading.Event()
    stop.set()
    with pytest.raises(QueryStopped, match="cancelled"):
        catalogue(Source("warehouse", shop.path), stop=stop)


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamaged, match="restore it from a backup"):
        catalogue(Source("warehouse", path))
