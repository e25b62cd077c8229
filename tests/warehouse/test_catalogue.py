"""The catalogue: tables, keys, sizes and marks, as they are in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.shop import Shop
from warehouse.catalogue import catalogue, document
from warehouse.errors import StoreError
from warehouse.governed import Source
from warehouse.models import AGGREGATES, DIMENSIONS, FACT


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
