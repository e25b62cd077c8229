"""Loading Parquet: the same facts whatever its types, and rows that are told and can be corrected."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.loads import assert_sound, counts, facts
from tests.warehouse.shop import HEADER, MASTER, Shop
from warehouse import new_sales
from warehouse.errors import DataRefused, EngineMissing
from warehouse.models import FACT


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


PARQUET = (
    "(SELECT i AS transaction_id, 20251201 + i % 30 AS time_id, 1 + i % 4 AS store_id, 1 + i % 6 AS product_id, "
    "1 + i % 3 AS customer_id, 1 + i % 5 AS quantity_sold, {amount} AS total_sales_amount FROM range({rows}) t(i))"
)


@pytest.mark.parametrize("kind", ["DECIMAL(12, 2)", "DOUBLE", "FLOAT", "VARCHAR", "DECIMAL(18, 6)"])
def test_parquet_gives_the_same_facts_whatever_the_type_of_money(shop: Shop, kind: str) -> None:
    path = shop.folder / "sales.parquet"
    amount = f"CAST(CAST((1 + i % 5) * 1.99 AS DECIMAL(12, 2)) AS {kind})"
    duckdb.sql(f"COPY {PARQUET.format(amount=amount, rows=30_000)} TO '{path}' (FORMAT parquet)")
    assert counts(shop.load(FACT, path)) == (30_000, 0, 0, 0)
    assert shop.rows("SELECT DISTINCT unit_price_cents FROM Sales_Transactions_Table") == [(199,)]
    assert counts(shop.load(FACT, path)) == (0, 0, 30_000, 0)
    assert_sound(shop)


def test_bad_rows_of_parquet_are_rejected_with_their_number(shop: Shop) -> None:
    path = shop.folder / "sales.parquet"
    amount = "CASE WHEN i = 3 THEN NULL WHEN i = 4 THEN 1.999 ELSE (1 + i % 5) END::DOUBLE"
    duckdb.sql(f"COPY {PARQUET.format(amount=amount, rows=10)} TO '{path}' (FORMAT parquet)")
    report = shop.load(FACT, path)
    assert counts(report) == (8, 0, 0, 2)
    assert [row["line"] for row in shop.rejects(report)] == ["4", "5"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DOUBLE", "nan"), ("DOUBLE", "inf"), ("DOUBLE", "1e+300"), ("DOUBLE", "5.004"), ("DOUBLE", "1.999"),
        ("FLOAT", "1.999"), ("DECIMAL(12, 3)", "1.999"), ("BIGINT", "9000000000000000000"), ("VARCHAR", "3,98"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("least", [0, 10**9])
def test_money_of_parquet_that_is_none_is_told_and_kept_as_it_came(
    shop: Shop, kind: str, value: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_sales, "LEAST_ROWS", least)
    path = shop.folder / "sales.parquet"
    amount = f"CAST(CASE WHEN i = 3 THEN '{value}' ELSE CAST(2 * (1 + i % 5) AS VARCHAR) END AS {kind})"
    duckdb.sql(f"COPY {PARQUET.format(amount=amount, rows=10)} TO '{path}' (FORMAT parquet)")
    report = shop.load(FACT, path)
    (rejected,) = shop.rejects(report)
    assert rejected["reason"].startswith("total_sales_amount: expected an amount in whole cents such as 12.50")
    assert rejected["reason"].endswith(f"found '{value}'")
    assert list(rejected) == ["line", "reason", *HEADER]
    assert rejected["total_sales_amount"] == value
    assert facts(shop)[0][7] == 200


@pytest.mark.parametrize("least", [0, 10**9])
@pytest.mark.parametrize("kind", ["DECIMAL(12, 2)", "VARCHAR"])
@pytest.mark.parametrize("order", ["{amount}, {cents}", "{cents}, {amount}"])
def test_an_amount_and_its_cents_must_agree(
    shop: Shop, kind: str, order: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_sales, "LEAST_ROWS", least)
    path = shop.folder / "sales.parquet"
    money = f"CAST(CAST(2 * (1 + i % 5) AS DECIMAL(12, 2)) AS {kind}) AS total_sales_amount"
    both = order.format(amount=money, cents="CASE WHEN i = 3 THEN 9999 ELSE 200 * (1 + i % 5) END AS total_sales_cents")
    rows = PARQUET.format(amount="0", rows=10).replace("0 AS total_sales_amount", both)
    duckdb.sql(f"COPY {rows} TO '{path}' (FORMAT parquet)")
    report = shop.load(FACT, path)
    assert counts(report) == (9, 0, 0, 1)
    (rejected,) = shop.rejects(report)
    assert rejected["line"] == "4"
    assert rejected["reason"] == (
        "total_sales_amount: expected 99.99 as total_sales_cents has it, found '8.00'; both must agree"
    )
    assert {row[6] for row in facts(shop)} == {200}


@pytest.mark.parametrize("bad", [0, 3])
@pytest.mark.parametrize("least", [0, 10**9])
def test_whole_numbers_that_parquet_stores_as_floating_ones_are_whole(
    shop: Shop, bad: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_sales, "LEAST_ROWS", least)
    path = shop.folder / "sales.parquet"
    names = [*HEADER[:-1], "total_sales_cents"]
    rows = PARQUET.format(amount="0", rows=10).replace(
        "0 AS total", "200 * (1 + i % 5) AS total_sales_cents, 0 AS total"
    )
    kinds = dict.fromkeys(names, "DOUBLE") | {"store_id": "FLOAT"}
    chosen = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in kinds.items())
    odd = "CASE transaction_id WHEN 2 THEN 1.5 WHEN 4 THEN NULL WHEN 6 THEN 'nan' ELSE quantity_sold END::DOUBLE"
    source = f"(SELECT {chosen} FROM {rows})"
    if bad:
        source = f"(SELECT * REPLACE ({odd} AS quantity_sold) FROM {source})"
    duckdb.sql(f"COPY {source} TO '{path}' (FORMAT parquet)")
    report = shop.load(FACT, path)
    assert counts(report) == (10 - bad, 0, 0, bad)
    assert facts(shop)[1] == (1, 20251202, 2, 2, 2, 2, 200, 400)
    if bad:
        assert [row["reason"].rpartition("found ")[2] for row in shop.rejects(report)] == ["'1.5'", "nothing", "'nan'"]


def test_a_decimal_without_a_fraction_is_a_whole_number_of_any_size(shop: Shop) -> None:
    path = shop.folder / "stores.parquet"
    chosen = ", ".join(f"'a' AS {name}" for name in MASTER["Store_Table"][0][1:])
    ids = "unnest([7.00, 7.50, 9007199254740993, 9223372036854775808]::DECIMAL(38, 2)[])"
    duckdb.sql(f"COPY (SELECT {ids} AS store_id, {chosen}) TO '{path}' (FORMAT parquet)")
    report = shop.load("Store_Table", path)
    assert counts(report) == (2, 0, 0, 2)
    assert shop.rows("SELECT store_id FROM Store_Table WHERE store_id > 6") == [(7,), (9007199254740993,)]
    found = [row["reason"].rpartition("found ")[2] for row in shop.rejects(report)]
    assert found == ["'7.50'", "'9223372036854775808.00'"]


def test_an_id_that_a_floating_number_may_have_rounded_is_none(shop: Shop) -> None:
    path = shop.folder / "stores.parquet"
    chosen = ", ".join(f"'a' AS {name}" for name in MASTER["Store_Table"][0][1:])
    duckdb.sql(
        f"COPY (SELECT unnest([7.0, 9007199254740991, 9007199254740993]::DOUBLE[]) AS store_id, {chosen}) "
        f"TO '{path}' (FORMAT parquet)"
    )
    report = shop.load("Store_Table", path)
    assert counts(report) == (2, 0, 0, 1)
    assert shop.rows("SELECT store_id FROM Store_Table WHERE store_id > 6") == [(7,), (9007199254740991,)]


def test_rejects_of_parquet_can_be_corrected_and_loaded_as_they_are(shop: Shop) -> None:
    path = shop.folder / "sales.parquet"
    duckdb.sql(f"COPY {PARQUET.format(amount='CAST(2 * (1 + i % 5) AS DOUBLE)', rows=10)} TO '{path}' (FORMAT parquet)")
    shop.write("DELETE FROM Store_Table WHERE store_id = 2")
    report = shop.load(FACT, path)
    assert counts(report) == (7, 0, 0, 3)
    shop.load_rows("Store_Table", MASTER["Store_Table"])
    assert report.rejects_file is not None
    assert counts(shop.load(FACT, report.rejects_file)) == (3, 0, 0, 0)
    assert_sound(shop)


@pytest.mark.parametrize("least", [0, 10**9])
@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_S", "TIMESTAMPTZ", "DATE"])
def test_a_day_may_be_a_timestamp_without_a_time_of_day(
    shop: Shop, kind: str, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_sales, "LEAST_ROWS", least)
    path = shop.folder / "sales.parquet"
    zone = "+00" if kind == "TIMESTAMPTZ" else ""
    rows = PARQUET.format(amount="2 * (1 + i % 5)", rows=10).replace(
        "20251201 + i % 30", f"CAST('2025-12-0' || CAST(1 + i % 5 AS VARCHAR) || ' 00:00:00{zone}' AS {kind})"
    )
    duckdb.sql(f"COPY {rows} TO '{path}' (FORMAT parquet)")
    assert counts(shop.load(FACT, path)) == (10, 0, 0, 0)
    assert [row[1] for row in facts(shop)][:2] == [20251201, 20251202]


def test_a_timestamp_with_a_time_of_day_is_no_day(shop: Shop) -> None:
    path = shop.folder / "sales.parquet"
    rows = PARQUET.format(amount="2 * (1 + i % 5)", rows=3).replace(
        "20251201 + i % 30", "TIMESTAMP '2025-12-01 00:00:00' + to_hours(CAST(i AS INTEGER))"
    )
    duckdb.sql(f"COPY {rows} TO '{path}' (FORMAT parquet)")
    report = shop.load(FACT, path)
    assert counts(report) == (1, 0, 0, 2)
    assert shop.rejects(report)[0]["reason"] == (
        "time_id: expected a day as YYYYMMDD or YYYY-MM-DD, found '2025-12-01 01:00:00'"
    )


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("1 AS a, {'b': 2, 'c': [3]} AS s, 4 AS d", "a column transaction_id, .*, found the columns 'a', 's', 'd'"),
        (
            "1 AS Transaction_Id, 2 AS note, 5 AS total_sales_amount",
            "a column time_id, .*quantity_sold, found the columns 'transaction_id', 'note', 'total_sales_amount'",
        ),
    ],
)
def test_parquet_without_the_columns_says_which_are_missing_and_which_are_there(
    shop: Shop, columns: str, found: str
) -> None:
    path = shop.folder / "other.parquet"
    duckdb.sql(f"COPY (SELECT {columns}) TO '{path}' (FORMAT parquet)")
    with pytest.raises(DataRefused, match=found):
        shop.load(FACT, path)


def test_dimensions_load_from_parquet(shop: Shop) -> None:
    path = shop.folder / "customers.parquet"
    row = "SELECT 70 AS customer_id, 'N' AS customer_name, 'A' AS address, 'SILVER' AS membership_level"
    duckdb.sql(f"COPY ({row}) TO '{path}' (FORMAT parquet)")
    assert counts(shop.load("Customer_Table", path)) == (1, 0, 0, 0)


def test_parquet_without_its_extra_names_the_command_that_installs_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(EngineMissing, match=r"pip install"):
        shop.load_bytes(FACT, b"PAR1")
