"""Loading dimensions: what is put in, brought up to date, sealed, or rejected with which reason."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path

import pytest

from tests.warehouse.loads import assert_sound, counts
from tests.warehouse.shop import MASTER, Shop
from warehouse import dimensions, practice_dimensions
from warehouse.readers import csv


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


def test_of_several_lines_of_a_store_the_last_counts_and_the_others_are_told(shop: Shop) -> None:
    header, first, *_ = MASTER["Store_Table"]
    report = shop.load_rows("Store_Table", [header, (*first[:5], "North"), first, (*first[:5], "South"), first, first])
    assert (counts(report), report.superseded) == ((0, 0, 2, 0), 3)


@pytest.mark.parametrize("rows", [3, 12_000])
def test_lines_of_a_customer_far_apart_are_told_as_if_they_were_close(shop: Shop, rows: int) -> None:
    """Of those stored, 1 is changed and changed back, 2 changed twice; 9 is new, 10 new and then another."""

    def lines(*changes: tuple[int, str]) -> list[tuple[object, ...]]:
        return [(key, f"Customer Number {key}", where, "gold") for key, where in changes]

    header, home = MASTER["Customer_Table"][0], "1 Sample Street"
    between = lines(*((n, "far") for n in range(100, 100 + rows)))
    report = shop.load_rows(
        "Customer_Table",
        [
            header, *lines((1, "away"), (2, "first"), (9, "a"), (10, "a")), *between,
            *lines((1, home), (2, "second"), (9, "a"), (10, "b"), (3, "3 Sample Street")),
        ],
    )  # fmt: skip
    assert (counts(report), report.superseded) == ((rows + 2, 1, 3, 0), 3)
    sealed = shop.rows("SELECT customer_id, address FROM Customer_Table WHERE customer_id IN (1, 2, 10)")
    found = [shop.cipher.open(cell, table="Customer_Table", column="address", row=key) for key, cell in sealed]
    assert found == [home, "second", "b"]


def test_where_the_pieces_of_a_file_end_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products that move to and fro between categories, new ones among them: row by row as in one piece."""
    monkeypatch.setattr(csv, "ROWS_A_STEP", 1)
    chance = random.Random(4)
    shops = [Shop(tmp_path / name).with_master_data() for name in ("pieces", "whole")]
    for shop in shops:
        shop.load_sales(*[(n, 20251201, 1 + n % 4, 1 + n % 6, 1, 1, "2.00") for n in range(60)])
    for _ in range(6):
        lines = [
            (key, f"Product {key}", chance.choice(["Dairy", "Bakery"]), "Alder", "1.00", 1)
            for key in chance.choices(range(1, 10), k=15)
        ]
        found = []
        for shop, rows in zip(shops, (1, 5_000), strict=True):
            monkeypatch.setattr(csv, "ROWS_A_CHUNK", rows)
            report = shop.load_rows("Product_Table", [MASTER["Product_Table"][0], *lines])
            found.append((counts(report), report.superseded, shop.rows("SELECT * FROM Product_Table")))
            assert shop.aggregates() == shop.sums_of_facts()
        assert found[0] == found[1]


def test_every_fault_of_a_day_is_told_with_what_its_columns_take(shop: Shop) -> None:
    day = ("20260801", "2026-08-01", "1", "Aug", "3", "2026", "Saturday", "1")
    report = shop.load_rows("Time_Table", [dimensions.SPECIFIED["Time_Table"], day])
    (rejected,) = shop.rejects(report)
    assert rejected["reason"].split("; ") == [
        "month: expected August for 2026-08-01 (month is January to December), found 'Aug'",
        "quarter: expected Q3 for 2026-08-01 (quarter is Q1 to Q4), found '3'",
        "is_weekend: expected Yes for 2026-08-01 (is_weekend is Yes or No), found '1'",
    ]


def test_every_fault_of_a_customer_is_told_and_no_name(shop: Shop) -> None:
    header = dimensions.SPECIFIED["Customer_Table"]
    report = shop.load_rows("Customer_Table", [header, ("x", "Ada\x01Byron", "", "platinum")])
    (rejected,) = shop.rejects(report)
    assert [fault.partition(":")[0] for fault in rejected["reason"].split("; ")] == list(header)
    assert "Ada" not in rejected["reason"]


def test_every_dimension_loads_and_the_same_again_changes_nothing(shop: Shop) -> None:
    before = shop.hash()
    for table, rows in MASTER.items():
        assert counts(shop.load_rows(table, rows)) == (0, 0, len(rows) - 1, 0)
    assert shop.hash() == before
    assert shop.rows("SELECT count(*) FROM Time_Table") == [(90,)]
    assert_sound(shop)


def test_names_and_addresses_are_sealed_and_rejects_do_not_show_them(shop: Shop) -> None:
    rows = [
        ("customer_id", "customer_name", "address", "membership_level"),
        (50, "Somebody Private", "1 Hidden Lane", "gold"),
        (51, "Nobody Private", "2 Hidden Lane", "platinum"),
        (52, "Else Private", "3 Hidden Lane"),
    ]
    report = shop.load_rows("Customer_Table", rows)
    assert counts(report) == (1, 0, 0, 2)
    for path in [*shop.folder.glob("warehouse.db*"), *shop.exports.iterdir()]:
        body = path.read_bytes()
        assert b"Private" not in body, path
        assert b"Hidden" not in body, path
    ((name, address),) = shop.rows("SELECT customer_name, address FROM Customer_Table WHERE customer_id = 50")
    assert shop.cipher.open(name, table="Customer_Table", column="customer_name", row=50) == "Somebody Private"
    with pytest.raises(ValueError, match="cannot be opened"):
        shop.cipher.open(address, table="Customer_Table", column="address", row=51)


def test_a_customer_that_is_as_before_keeps_its_sealed_cells(shop: Shop) -> None:
    before = shop.rows("SELECT * FROM Customer_Table")
    rows = [MASTER["Customer_Table"][0], (1, "Customer Number 1", "moved", "silver"), *MASTER["Customer_Table"][2:]]
    assert counts(shop.load_rows("Customer_Table", rows)) == (0, 1, 2, 0)
    assert shop.rows("SELECT * FROM Customer_Table")[1:] == before[1:]


def test_a_product_or_store_that_moves_takes_its_sales_along(shop: Shop) -> None:
    shop.load_sales(
        *[(n, 20251201 + n % 31, 1 + n % 4, 1 + n % 6, 1, 1 + n % 3, f"{(1 + n % 3) * 2}.00") for n in range(200)]
    )
    product = [
        MASTER["Product_Table"][0],
        (1, "Product 1", "Garden", "Alder", "9.99", 1),
        (2, "Product 2", "Bakery", "Alder", "2.99", 1),
    ]
    assert shop.load_rows("Product_Table", product).changed >= 1
    assert_sound(shop)
    store = [
        MASTER["Store_Table"][0],
        (1, "Store 1", "Portland", "Maine", "United States", "East"),
        (9, "N", "c", "s", "c", "West"),
    ]
    assert counts(shop.load_rows("Store_Table", store)) == (1, 1, 0, 0)
    assert_sound(shop)
    assert {key[1] for key in shop.aggregates()["Yearly_Region_Product_Aggregate_Table"]} == {"East", "West"}


def test_a_supplier_is_found_by_id_or_name_and_renamed_everywhere(shop: Shop) -> None:
    header = ("product_id", "product_name", "category", "brand", "unit_price", "supplier_name")
    report = shop.load_rows(
        "Product_Table", [header, (50, "P", "C", "B", "1.5", "Cedar Supply"), (51, "P", "C", "B", "1", "Who")]
    )
    assert counts(report) == (1, 0, 0, 1)
    supplier = [MASTER["Supplier_Table"][0], (2, "Cedar & Sons", "2 Depot Road", "+1-555-0102", "c@supplier.example")]
    assert counts(shop.load_rows("Supplier_Table", supplier)) == (0, 1, 0, 0)
    assert shop.rows("SELECT supplier_name, unit_price FROM Product_Table WHERE product_id = 50") == [
        ("Cedar & Sons", 1.5)
    ]
    assert_sound(shop)


@pytest.mark.parametrize(
    "change",
    [
        {1: "2026-13-01"}, {1: "01/03/2026"}, {1: "1.3.2026"}, {1: "20260301"}, {1: "1 March 2026"}, {1: "0001-01-01"},
        {0: 20260302}, {2: 2}, {3: "April"}, {4: "Q2"}, {5: 2025}, {6: "Monday"}, {7: "No"},
    ],
)  # fmt: skip
def test_a_day_whose_columns_disagree_with_its_date_is_rejected(shop: Shop, change: dict[int, object]) -> None:
    row: list[object] = [20260301, "2026-03-01", 1, "March", "Q1", 2026, "Sunday", "Yes"]
    for index, value in change.items():
        row[index] = value
    assert counts(shop.load_rows("Time_Table", [MASTER["Time_Table"][0], row])) == (0, 0, 0, 1)


def test_a_month_number_may_be_empty(shop: Shop) -> None:
    row = (20260301, "2026-03-01", 1, "March", "", "Q1", 2026, "Sunday", "Yes")
    header = (*MASTER["Time_Table"][0][:4], "month_number", *MASTER["Time_Table"][0][4:])
    assert counts(shop.load_rows("Time_Table", [header, row])) == (1, 0, 0, 0)
    assert shop.rows("SELECT month_number FROM Time_Table WHERE time_id = 20260301") == [(3,)]


def test_a_date_that_the_calendar_does_not_have_is_told(shop: Shop) -> None:
    row = (20260229, "2026-02-29", 29, "February", "Q1", 2026, "Sunday", "Yes")
    (rejected,) = shop.rejects(shop.load_rows("Time_Table", [MASTER["Time_Table"][0], row]))
    assert rejected["reason"].endswith("found '2026-02-29': no such date")


def test_days_between_loaded_days_are_filled_in(shop: Shop) -> None:
    shop.load_rows(
        "Time_Table", [MASTER["Time_Table"][0], (20260401, "2026-04-01", 1, "April", "Q2", 2026, "wednesday", "no")]
    )
    assert shop.rows("SELECT count(*), max(date) FROM Time_Table") == [(122, "2026-04-01")]
    assert_sound(shop)


def test_a_price_on_the_shelf_and_its_cents_must_agree_and_one_is_enough(shop: Shop) -> None:
    header = ("product_id", "product_name", "category", "brand", "unit_price", "unit_price_cents", "supplier_id",
              "supplier_name")  # fmt: skip
    rows = [
        (50, "P", "C", "B", "1.50", 150, 1, ""),
        (51, "P", "C", "B", "", 150, "", "Alder Supply"),
        (52, "P", "C", "B", "1.50", 151, 1, "Alder Supply"),
    ]
    report = shop.load_rows("Product_Table", [header, *rows])
    assert counts(report) == (2, 0, 0, 1)
    assert shop.rows("SELECT unit_price_cents, supplier_id FROM Product_Table WHERE product_id > 49") == [(150, 1)] * 2
    assert shop.rejects(report)[0]["reason"] == (
        "unit_price: expected 1.51 as unit_price_cents has it, found '1.50'; both must agree"
    )


def test_the_practice_days_are_what_the_calendar_says() -> None:
    assert practice_dimensions.calendar_row(date(2024, 2, 29)) == (
        20240229, "2024-02-29", 29, "February", 2, "Q1", 2024, "Thursday", "No",
    )  # fmt: skip
