"""Aggregates equal the facts to the cent, whatever comes in, in whatever order, and wherever a load is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.warehouse.shop import HEADER, MASTER, Shop
from warehouse import aggregates
from warehouse.models import AGGREGATES

FACT = "Sales_Transactions_Table"

Sale = tuple[int, int, int, int, int, int, str]

days = st.integers(20251201, 20251231) | st.integers(20260101, 20260131) | st.integers(20260201, 20260228)


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    """A sale or a return of few possible transactions, so that duplicates and corrections are many."""
    quantity = draw(st.integers(-3, 12).filter(bool))
    cents = quantity * draw(st.integers(0, 2_000))
    key = draw(st.integers(0, 40))
    amount = f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
    return (
        key, draw(days), draw(st.integers(1, 5)), draw(st.integers(1, 7)), draw(st.integers(1, 4)), quantity, amount,
    )  # fmt: skip


batches = st.lists(st.lists(sales(), max_size=40), min_size=1, max_size=5)


@given(batches=batches)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_random_batches_leave_aggregates_equal_to_the_facts(batches: list[list[Sale]]) -> None:
    """With duplicates, corrections, returns, late rows and keys that are not there (5, 7 and 4)."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder)).with_master_data()
        expected: dict[int, Sale] = {}
        for batch in batches:
            good = [sale for sale in batch if sale[2] < 5 and sale[3] < 7 and sale[4] < 4]
            report = shop.load_sales(*batch)
            assert report.rejected == len(batch) - len(good)
            assert report.read == report.new + report.changed + report.same + report.superseded + report.rejected
            expected |= {sale[0]: sale for sale in good}
            assert shop.aggregates() == shop.sums_of_facts()
            before = shop.hash()
            again = shop.load_sales(*batch)
            assert (again.new, again.changed) == (0, 0)
            assert shop.hash() == before
        stored = shop.rows(
            "SELECT transaction_id, time_id, store_id, product_id, customer_id, quantity_sold, "
            f"printf('%.2f', total_sales_amount) FROM {FACT} ORDER BY transaction_id"
        )
        assert stored == [expected[key] for key in sorted(expected)]
        assert shop.check().findings == ()


@given(
    batch=st.lists(sales(), min_size=1, max_size=40),
    moves=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["Dairy", "Garden", "Snacks"])), max_size=6),
    places=st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["East", "West", "North"])), max_size=4),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
def test_random_moves_of_products_and_stores_keep_the_roll_ups_right(
    batch: list[Sale], moves: list[tuple[int, str]], places: list[tuple[int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder)).with_master_data()
        shop.load_sales(*batch)
        products = [(n, f"Product {n}", category, "Alder", "1.00", 1) for n, category in moves]
        shop.load_rows("Product_Table", [MASTER["Product_Table"][0], *products])
        stores = [(n, f"Store {n}", "Portland", "Oregon", "United States", region) for n, region in places]
        shop.load_rows("Store_Table", [MASTER["Store_Table"][0], *stores])
        assert shop.aggregates() == shop.sums_of_facts()


_LOAD = """
import sys
from pathlib import Path
from tests.warehouse.shop import Shop
from warehouse import new_sales
new_sales.LEAST_ROWS = 0
print("ready", flush=True)
Shop(Path(sys.argv[1])).load("Sales_Transactions_Table", Path(sys.argv[2]))
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("new", [15_000, 30_000])
def test_a_load_killed_at_any_instant_is_there_whole_or_not_at_all(tmp_path: Path, new: int) -> None:
    """Twelve loads, each killed a little later than the one before; then the same batch again, to its end.

    Where only half of a batch is new, the other half corrects the one before; where all is, it is taken as a set.
    """
    shop = Shop(tmp_path / "shop").with_master_data()
    rows = 30_000

    def row(batch: int, n: int) -> tuple[object, ...]:
        quantity = 1 + (n + batch) % 5 - 2 * (n % 11 == 0)
        quantity = quantity or 1
        key = batch * new + n
        return key, 20251201 + n % 30, 1 + n % 4, 1 + (n + batch) % 6, 1 + n % 3, quantity, f"{quantity * 2}.00"

    for batch in range(12):
        path = shop.file([HEADER, *(row(batch, n) for n in range(rows))])
        before = shop.rows(f"SELECT count(*) FROM {FACT}")[0][0]
        killed = _load_and_kill(shop.folder, path, after_s=0.04 * batch)
        after = shop.rows(f"SELECT count(*) FROM {FACT}")[0][0]
        assert after in {before, rows + batch * new}, (killed, before, after)
        assert shop.aggregates() == shop.sums_of_facts()
        shop.load(FACT, path)
        assert shop.rows(f"SELECT count(*) FROM {FACT}")[0][0] == rows + batch * new
    assert shop.check().findings == ()


def _load_and_kill(folder: Path, path: Path, *, after_s: float) -> bool:
    """Load in a process of its own, killed `after_s` after it has begun; whether that was before its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LOAD, str(folder), str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        timer = threading.Timer(after_s, process.kill)
        timer.start()
        said = process.stdout.read()
        process.wait()
        timer.cancel()
    assert process.returncode in (0, -signal.SIGKILL)
    return said != "done\n"


def test_refresh_repairs_aggregates_and_changes_nothing_else(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=2_000)
    before = shop.hash()
    for table in AGGREGATES:
        shop.write(f"UPDATE {table} SET total_sales_cents = total_sales_cents + 1 WHERE total_quantity_sold > 1")
        shop.write(f"DELETE FROM {table} WHERE total_quantity_sold = 1")
    assert shop.hash() != before
    rows = aggregates.refresh(shop.warehouse)
    assert shop.hash() == before
    assert rows == {table: len(found) for table, found in shop.aggregates().items()}


def test_readers_see_the_old_aggregates_until_the_swap(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=2_000)
    with shop.warehouse.writing() as connection:
        aggregates.rebuild(connection)
        started_s = time.monotonic()
        assert shop.aggregates() == shop.sums_of_facts()
        assert time.monotonic() - started_s < 5
