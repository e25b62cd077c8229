"""The check: every promise that is broken behind the program's back is found, and the row is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.shop import MASTER, Shop
from warehouse import aggregates, integrity
from warehouse.errors import StoreDamaged

SALES = [
    (n, 20251201 + n % 31, 1 + n % 4, 1 + n % 6, 1 + n % 3, 1 + n % 3, f"{(1 + n % 3) * 2}.00") for n in range(1, 61)
]


FACT, SEVEN = "Sales_Transactions_Table", "transaction_id = 7"


def update(table: str, change: str, where: str) -> str:
    return f"UPDATE {table} SET {change} WHERE {where}"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop").with_master_data()
    made.load_sales(*SALES)
    return made


def broken(shop: Shop, *changes: str) -> dict[str, tuple[str, ...]]:
    """What the check finds after these changes, which not even the table's own rules stop."""
    with shop.warehouse.writing() as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for change in changes:
            assert connection.execute(change).rowcount > 0
    return {finding.rule: finding.examples for finding in shop.check().findings}


def test_a_sound_store_has_no_findings(shop: Shop) -> None:
    report = shop.check()
    assert report.ok
    assert report.rules == 23
    assert report.rows["Sales_Transactions_Table"] == 60


@pytest.mark.parametrize(
    ("change", "rule", "named"),
    [
        (update(FACT, "store_id = 99", SEVEN), "store_id is in", "transaction_id=7: store_id=99"),
        (update(FACT, "product_id = 99", SEVEN), "product_id is in", "transaction_id=7"),
        (update(FACT, "customer_id = 99", SEVEN), "customer_id is in", "transaction_id=7"),
        (update(FACT, "time_id = 20301301", SEVEN), "time_id is in", "transaction_id=7"),
        (update(FACT, "batch_id = 99", SEVEN), "batch_id is in", "transaction_id=7"),
        (update(FACT, "total_sales_cents = 1", SEVEN), "quantity × price", "transaction_id=7"),
        (update(FACT, "quantity_sold = 2000000", SEVEN), "within their ranges", "transaction_id=7"),
        ("DELETE FROM Time_Table WHERE time_id = 20260110", "no day is missing", "after time_id=20260109"),
        (update("Time_Table", "weekday = 'Monday'", "time_id = 20260110"), "agrees with the date", "time_id=20260110"),
        (update("Customer_Table", "membership_level = 'lead'", "customer_id = 2"), "bronze, silver", "customer_id=2"),
        (update("Customer_Table", "address = customer_name", "customer_id = 2"), "sealed cells", "customer_id=2: a"),
        (update("Store_Table", "region = ''", "store_id = 2"), "Store_Table: no text", "store_id=2: region"),
        (update("Product_Table", "brand = char(9)", "product_id = 2"), "Product_Table: no text", "product_id=2: brand"),
        (update("Supplier_Table", "email_address = ' '", "supplier_id = 2"), "Supplier_Table: no text", "2: email"),
        (update("Product_Table", "supplier_name = 'x'", "product_id = 2"), "supplier is there", "product_id=2"),
        (update("Product_Table", "unit_price_cents = -1", "product_id = 2"), "not negative", "product_id=2"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_found_and_its_row_named(shop: Shop, change: str, rule: str, named: str) -> None:
    found = broken(shop, change)
    ((examples),) = [examples for name, examples in found.items() if rule in name]
    assert any(example.startswith(named) or named in example for example in examples)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("Monthly_Sales_Aggregate_Table", "year=2025 month_number=12 store_id=2 product_id=2"),
        ("Yearly_Sales_Aggregate_Table", "year=2025 store_id=2 product_id=2"),
        ("Monthly_Store_Category_Aggregate_Table", "year=2025 month_number=12 store_id=2 category=Snacks"),
        ("Yearly_Region_Product_Aggregate_Table", "year=2025 region=East product_id=2"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("change", ["cents", "count", "missing", "extra"])
def test_an_aggregate_off_by_a_cent_or_a_row_is_found_and_named(shop: Shop, table: str, key: str, change: str) -> None:
    where = " AND ".join("{} = '{}'".format(*part.split("=")) if part[0] in "rc" else part for part in key.split())
    sql = {
        "cents": f"UPDATE {table} SET total_sales_cents = total_sales_cents + 1 WHERE {where}",
        "count": f"UPDATE {table} SET transaction_count = transaction_count - 1 WHERE {where}",
        "missing": f"DELETE FROM {table} WHERE {where}",
        "extra": f"UPDATE {table} SET year = 2031 WHERE {where}",
    }[change]
    found = broken(shop, sql)
    assert list(found) == [f"{table}: equals the facts to the cent"]
    assert any(key in example for example in found[f"{table}: equals the facts to the cent"])


@pytest.mark.parametrize(("column", "table"), [("store_id", "Store_Table"), ("product_id", "Product_Table")])
def test_a_sale_of_no_store_or_product_is_one_finding_that_the_advice_mends(
    shop: Shop, column: str, table: str
) -> None:
    assert f"{FACT}: {column} is in {table}" in broken(shop, update(FACT, f"{column} = 99", SEVEN))
    aggregates.refresh(shop.warehouse)
    report = shop.check()
    assert [finding.rule for finding in report.findings] == [f"{FACT}: {column} is in {table}"]
    assert [("load the rows" in repair, "refresh" in repair) for repair in report.repairs] == [
        (True, False), (False, True),
    ]  # fmt: skip
    header, row, *_ = MASTER[table]
    shop.load_rows(table, [header, (99, *row[1:])])
    aggregates.refresh(shop.warehouse)
    assert shop.check().repairs == ()


def test_the_advice_is_that_of_the_rules_that_are_broken(shop: Shop) -> None:
    broken(shop, update("Yearly_Sales_Aggregate_Table", "transaction_count = 9", "product_id = 2"))
    assert ["refresh" in repair for repair in shop.check().repairs] == [True]
    broken(shop, update("Product_Table", "supplier_name = 'x'", "product_id = 2"))
    assert ["refresh" in repair for repair in shop.check().repairs] == [False, True]


def test_only_the_first_rows_are_named_but_all_are_counted(shop: Shop) -> None:
    broken(shop, "UPDATE Sales_Transactions_Table SET customer_id = 99")
    (finding,) = shop.check().findings
    assert (finding.rows, len(finding.examples)) == (60, integrity.MOST_SHOWN)


def test_a_damaged_file_is_said_to_be_damaged(shop: Shop) -> None:
    shop.warehouse.checkpoint()
    with shop.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 16_384)
    with pytest.raises(StoreDamaged, match="restore it from a backup"):
        shop.check()


def test_what_is_wrong_with_a_file_is_told_line_by_line(shop: Shop) -> None:
    shop.warehouse.checkpoint()
    with shop.path.open("r+b") as file:
        file.seek(-4000, 2)  # the cells of the last page, not what it says of itself
        file.write(bytes(3_000))
    problems = shop.warehouse.problems()
    assert problems
    assert not [line for line in problems if "\n" in line]
