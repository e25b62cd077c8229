"""Publishing: whole or absent, without personal data, and the same for DuckDB as for SQLite."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.warehouse.shop import Shop
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.errors import EngineMissing, QueryRefused, QueryStopped, StoreError
from warehouse.governed import Source
from warehouse.limits import QueryLimits
from warehouse.models import DIMENSIONS, FACT
from warehouse.publish import publish, published_mark

NOW = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=3_000)
    return shop


def test_the_parquet_holds_every_row_by_year_and_month_and_nobody_s_name(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "warehouse"
    done = publish(shop.warehouse, folder, now=NOW)
    assert done.rows == {table: shop.rows(f"SELECT COUNT(*) FROM {table}")[0][0] for table in (FACT, *DIMENSIONS)}
    with duckdb.connect() as engine:
        glob = folder / FACT / "year=*" / "month=*" / "*.parquet"
        sql = f"SELECT count(*), sum(total_sales_amount), count(DISTINCT (year, month)) FROM read_parquet('{glob}')"
        count, amount, months = engine.execute(sql).fetchall()[0]
        columns = engine.execute(f"DESCRIBE SELECT * FROM '{folder}/Customer_Table/*.parquet'").fetchall()
    cents = shop.rows(f"SELECT SUM(total_sales_cents) FROM {FACT}")[0][0]
    assert (count, int(amount * 100), months) == (3_000, cents, 34)
    assert [column[0] for column in columns] == ["customer_id", "membership_level"]
    (sealed,) = shop.rows("SELECT customer_name FROM Customer_Table WHERE customer_id = 1")[0]
    name = shop.cipher.open(sealed, table="Customer_Table", column="customer_name", row=1).encode()
    for path in folder.rglob("*"):
        if path.is_file():
            assert name not in path.read_bytes()
            assert sealed not in path.read_bytes()


def test_a_new_publication_takes_the_place_of_the_old_at_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").with_master_data()
    shop.load_sales((1, 20260201, 1, 1, 1, 2, "3.98"))
    folder = tmp_path / "warehouse"
    marks = []
    for number in range(4):
        publish(shop.warehouse, folder, now=NOW)
        marks.append(published_mark(folder))
        shop.load_sales((number + 2, 20260201, 1, 1, 1, 2, "3.98"))
    assert len(set(marks)) == 4
    assert folder.is_symlink()
    assert len([path for path in tmp_path.glob(".warehouse-*") if path.is_dir()]) == 2


def test_stopped_it_leaves_what_was_published_and_nothing_else(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "warehouse"
    stop = threading.Event()
    stop.set()
    with pytest.raises(QueryStopped):
        publish(shop.warehouse, folder, now=NOW, stop=stop)
    assert list(tmp_path.iterdir()) == []
    mark = publish(shop.warehouse, folder, now=NOW).mark
    with pytest.raises(QueryStopped):
        publish(shop.warehouse, folder, now=NOW, stop=stop)
    assert published_mark(folder) == mark


def test_a_folder_of_somebody_else_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="was not published by this program"):
        publish(shop.warehouse, tmp_path / "mine", now=NOW)
    (tmp_path / "plain").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError):
        publish(shop.warehouse, tmp_path / "plain" / "warehouse", now=NOW)
    assert (tmp_path / "mine" / "file").read_text(encoding="utf-8") == "mine"


SAME = [
    "SELECT COUNT(*), SUM(total_sales_cents), MIN(total_sales_amount) FROM Sales_Transactions_Table",
    "SELECT quantity_sold / 2, COUNT(*) FROM Sales_Transactions_Table GROUP BY 1 ORDER BY 1",
    "SELECT * FROM Product_Table ORDER BY product_id LIMIT 20",
    "SELECT * FROM Customer_Table ORDER BY customer_id LIMIT 20",
    "SELECT t.month, SUM(s.total_sales_amount) AS a FROM Sales_Transactions_Table s "
    "JOIN Time_Table t ON t.time_id = s.time_id GROUP BY t.month ORDER BY t.month",
    "SELECT year, region, product_id, total_sales_cents FROM Yearly_Region_Product_Aggregate_Table ORDER BY 1, 2, 3",
    "SELECT year, month, store_id, category, total_quantity_sold FROM Monthly_Store_Category_Aggregate_Table "
    "ORDER BY year, month_number, store_id, category",
]


@pytest.mark.parametrize("published", [False, True])
def test_duckdb_answers_as_sqlite_does(shop: Shop, tmp_path: Path, published: bool) -> None:
    if published:
        publish(shop.warehouse, tmp_path / "warehouse", now=NOW)
    with (
        closing(SqliteEngine(Source("warehouse", shop.path))) as ours,
        closing(DuckdbEngine(shop.warehouse, tmp_path / "warehouse", scratch_dir=shop.scratch)) as other,
    ):
        for sql in SAME:
            base = ours.answer(sql, aggregates=False)
            answer = other.answer(sql)
            assert answer.columns == base.columns
            assert same_rows(answer, base), sql


def test_duckdb_gives_as_many_rows_as_are_wanted(shop: Shop, tmp_path: Path) -> None:
    with closing(DuckdbEngine(shop.warehouse, tmp_path / "none", scratch_dir=shop.scratch)) as engine:
        some = engine.answer(f"SELECT transaction_id FROM {FACT}", limits=QueryLimits(rows=7))
        every = engine.answer(f"SELECT transaction_id FROM {FACT}", limits=QueryLimits(rows=0))
    assert (len(some.rows), some.truncated) == (7, True)
    assert (len(every.rows), every.truncated) == (3_000, False)


def test_a_publication_that_is_not_current_is_not_used(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop").with_master_data()
    shop.load_sales((1, 20260201, 1, 1, 1, 2, "3.98"))
    publish(shop.warehouse, tmp_path / "warehouse", now=NOW)
    shop.load_sales((2, 20260201, 1, 1, 1, 2, "3.98"))
    with closing(DuckdbEngine(shop.warehouse, tmp_path / "warehouse", scratch_dir=shop.scratch)) as engine:
        answer = engine.answer("SELECT COUNT(*) FROM Sales_Transactions_Table")
    assert (answer.rows, "copy of SQLite" in answer.because) == ([(2,)], True)


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT * FROM read_csv('/etc/passwd')", QueryRefused),
        ("SELECT * FROM read_text('/etc/hostname')", QueryRefused),
        ("COPY (SELECT 1) TO 'x'", QueryRefused),
        ("SELECT 1; SELECT 2", QueryRefused),
        ("WITH x AS (SELECT 1) DELETE FROM Store_Table", QueryRefused),
        ("SELECT nosuch FROM Store_Table", QueryRefused),
        ("SELECT COUNT(*) FROM range(100000000000) a, range(100000000000) b WHERE a.range = b.range + 1", QueryStopped),
    ],
)
def test_duckdb_is_governed_too(shop: Shop, tmp_path: Path, sql: str, error: type[Exception]) -> None:
    with closing(DuckdbEngine(shop.warehouse, tmp_path / "none", scratch_dir=shop.scratch)) as engine:
        with pytest.raises(error) as raised:
            engine.answer(sql, limits=QueryLimits(timeout_s=0.5))
        assert "\n" not in str(raised.value)
        assert engine.answer("SELECT 1").rows == [(1,)]


def test_without_the_package_the_message_says_how_to_get_it(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(EngineMissing, match=r"pip install '\.\[warehouse\]'"):
        publish(shop.warehouse, tmp_path / "warehouse", now=NOW)
    assert list(tmp_path.iterdir()) == []
