"""The practice data: the same values for the same arguments, and sales that look like a supermarket's."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest

from tests.warehouse.shop import UNTIL, Shop
from warehouse import practice_dimensions as dimensions
from warehouse.errors import DataRefused, HoldsLoads, NotForPractice, QueryStopped, StoreNotEmpty
from warehouse.practice_data import last_day_of_previous_month


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("built"))
    shop.build(rows=60_000)
    return shop


def test_the_same_arguments_give_the_same_values_in_every_table(tmp_path: Path) -> None:
    one, other, third = (Shop(tmp_path / name) for name in ("one", "other", "third"))
    one.build(rows=2_000, seed=7)
    other.build(rows=500, seed=3)
    other.build(rows=2_000, seed=7)
    third.build(rows=2_000, seed=8)
    assert one.hash() == other.hash() != third.hash()


def test_the_default_last_day_is_of_the_newest_month_that_is_over() -> None:
    assert last_day_of_previous_month(date(2026, 3, 1)) == date(2026, 2, 28)
    assert last_day_of_previous_month(date(2026, 1, 31)) == date(2025, 12, 31)


def test_every_promise_holds(built: Shop) -> None:
    assert built.check().findings == ()
    assert built.aggregates() == built.sums_of_facts()


def test_sizes(built: Shop) -> None:
    sizes = [
        built.rows(f"SELECT count(*) FROM {name}_Table")[0][0]
        for name in ("Store", "Product", "Supplier", "Customer", "Sales_Transactions")
    ]
    assert sizes == [200, 5_000, 120, 600, 60_000]
    assert built.rows("SELECT min(date), max(date) FROM Time_Table") == [("2024-01-01", "2026-12-31")]
    assert built.rows("SELECT max(time_id) FROM Sales_Transactions_Table") == [(20261031,)]


def test_a_fifth_of_the_products_makes_most_of_the_sales(built: Shop) -> None:
    rows = built.rows(
        "SELECT count(*) AS n FROM Sales_Transactions_Table GROUP BY product_id ORDER BY n DESC LIMIT 1000"
    )
    assert 0.6 < sum(n for (n,) in rows) / 60_000 < 0.95


def test_weekends_and_december_are_busier(built: Shop) -> None:
    counts = "count(*) FROM Sales_Transactions_Table JOIN Time_Table USING (time_id)"
    by_day = dict(built.rows(f"SELECT weekday, {counts} GROUP BY 1"))
    assert by_day["Saturday"] > 1.4 * by_day["Monday"]
    by_month = dict(built.rows(f"SELECT month_number, {counts} WHERE year = 2025 GROUP BY 1"))
    assert by_month[12] > 1.3 * by_month[1]


def test_regions_differ_in_what_they_buy(built: Shop) -> None:
    sql = (
        "SELECT region, sum(category = 'Produce') * 1.0 / count(*) FROM Sales_Transactions_Table "
        "JOIN Store_Table USING (store_id) JOIN Product_Table USING (product_id) GROUP BY region"
    )
    share = dict(built.rows(sql))
    assert share["West"] > 1.2 * share["South"]


def test_prices_change_and_returns_and_late_rows_are_there(built: Shop) -> None:
    prices = "SELECT count(DISTINCT unit_price_cents) AS n FROM Sales_Transactions_Table GROUP BY product_id"
    assert built.rows(f"SELECT max(n) FROM ({prices})")[0][0] > 3
    returned = built.rows("SELECT avg(quantity_sold < 0) FROM Sales_Transactions_Table")[0][0]
    assert 0.01 < returned < 0.04
    before = "SELECT time_id, lag(time_id) OVER (ORDER BY transaction_id) AS before FROM Sales_Transactions_Table"
    assert built.rows(f"SELECT count(*) FROM ({before}) WHERE time_id < before")[0][0] > 300


def test_names_and_addresses_are_nowhere_in_clear(built: Shop) -> None:
    name, address = next(iter(dimensions.customers(60_000)))[1:3]
    for path in built.folder.iterdir():
        if path.is_file():
            body = path.read_bytes()
            assert name.encode() not in body, path
            assert address.encode() not in body, path


@pytest.mark.parametrize("until", [date(2024, 1, 1), date(2026, 1, 15), date(2025, 12, 31)])
def test_any_last_day_will_do(tmp_path: Path, until: date) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=301, until=until)
    assert shop.check().ok
    assert shop.rows("SELECT count(*) FROM Sales_Transactions_Table") == [(301,)]


def test_a_production_workspace_is_refused_and_keeps_its_data(tmp_path: Path) -> None:
    shop = Shop(tmp_path).with_master_data()
    before = shop.hash()
    with pytest.raises(NotForPractice, match="practice workspace only"):
        shop.build(practice=False)
    assert shop.hash() == before


def test_what_was_loaded_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    shop = Shop(tmp_path).with_master_data()
    shop.load_sales((1, "2026-02-28", 1, 1, 1, 2, "3.98"))
    before = shop.hash()
    told = r"6 loaded batches: Sales_Transactions_Table from 'in6.csv' \(1\), .*, and 3 more; nothing was changed"
    with pytest.raises(HoldsLoads, match=told):
        shop.build(rows=301)
    with pytest.raises(StoreNotEmpty):
        shop.build(rows=301, only_if_empty=True)
    assert shop.hash() == before
    shop.build(rows=301, replace=True)
    shop.build(rows=302)
    assert shop.rows("SELECT count(*) FROM Sales_Transactions_Table") == [(302,)]
    assert shop.check().ok


@pytest.mark.parametrize(("rows", "until"), [(0, UNTIL), (-1, UNTIL), (10, date(1, 1, 1)), (10, date(9999, 1, 1))])
def test_what_cannot_be_built_is_refused(tmp_path: Path, rows: int, until: date) -> None:
    with pytest.raises(DataRefused, match="expected"):
        Shop(tmp_path).build(rows=rows, until=until)


def test_a_build_that_is_stopped_changes_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=1_000)
    before, stop, told = shop.hash(), threading.Event(), []

    def progress(done: int, whole: int) -> None:
        told.append((done, whole))
        stop.set()

    with pytest.raises(QueryStopped):
        shop.build(rows=50_000, progress=progress, stop=stop)
    assert shop.hash() == before
    assert told[0][1] == 50_000
