"""The values and the summary of a column, against the same counted in Python, for every kind of cell."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.shop import Shop
from warehouse.browser import Browser
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.facets import BINS, FACETS, Facet
from warehouse.governed import Session, Source
from warehouse.limits import QueryLimits
from warehouse.models import MASK, Cell
from warehouse.opened import Kind, Opened

FACTS = "Sales_Transactions_Table"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=3_000)
    return shop


@pytest.fixture(scope="module")
def browser(shop: Shop) -> Iterator[Browser]:
    source = Source("warehouse", shop.path)
    with closing(
        Browser(
            "warehouse",
            open_engine=lambda: SqliteEngine(source, cipher=shop.cipher),
            open_session=lambda: Session(source, cipher=shop.cipher),
        )
    ) as browser:
        yield browser


def values(*cells: Cell) -> str:
    def written(cell: Cell) -> str:
        if cell is None:
            return "NULL"
        if isinstance(cell, bytes):
            return f"x'{cell.hex()}'"
        if isinstance(cell, str):
            return "'" + cell.replace("'", "''") + "'"
        return "9e999" if cell == math.inf else repr(cell)

    return "VALUES " + ", ".join(f"({written(cell)})" for cell in cells)


@contextmanager
def open_(browser: Browser, sql: str, limits: QueryLimits | None = None) -> Iterator[Opened]:
    opened = browser.open(sql, limits=limits)
    with closing(opened.result):
        yield opened


def test_facets_are_the_counts_of_all_rows(shop: Shop, browser: Browser) -> None:
    counts = Counter(row[0] for row in shop.rows(f"SELECT store_id FROM {FACTS}"))
    with open_(browser, f"SELECT transaction_id, store_id FROM {FACTS} ORDER BY quantity_sold") as opened:
        early = browser.facets(opened, 1)
        assert opened.result.wait(20)
        late = browser.facets(opened, 1)
    assert early == late
    assert (early.column, early.rows, early.nulls, early.distinct) == ("store_id", 3000, 0, len(counts))
    wanted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:FACETS]
    assert early.values == tuple(Facet(value, rows) for value, rows in wanted)
    assert early.more == (len(counts) > FACETS)


def test_values_beyond_the_most_frequent_are_told(browser: Browser) -> None:
    with open_(browser, f"SELECT transaction_id FROM {FACTS}") as opened:
        found = browser.facets(opened, 0)
    assert (found.distinct, found.more, len(found.values)) == (3000, True, FACETS)


def test_mixed_cells_duplicate_names_and_nulls_are_counted_each(browser: Browser) -> None:
    cells: list[Cell] = [1, 1.0, "1", None, None, b"1", "a", "A", "", b""]
    with open_(browser, f'SELECT column1 AS a, column1 AS a, 0 AS "" FROM ({values(*cells)})') as opened:
        found = browser.facets(opened, 1)
        summary = browser.summary(opened, 1)
    assert (found.column, found.rows, found.nulls, found.distinct) == ("a", 10, 2, 7)
    assert found.values[0] == Facet(1, 2)
    assert {(type(facet.value), facet.value) for facet in found.values[1:]} == {
        (str, "1"), (bytes, b"1"), (str, "a"), (str, "A"), (str, ""), (bytes, b""),
    }  # fmt: skip
    assert (summary.kind, summary.mean, summary.total, summary.least, summary.most) == (Kind.TEXT, 1.0, 2, 1, b"1")


FLOATS = st.floats(-1e12, 1e12).map(lambda number: round(number, 3))
CELLS = st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | FLOATS | st.text("ab", max_size=2)


@settings(max_examples=60, deadline=None)
@given(cells=st.lists(CELLS, min_size=1, max_size=60))
def test_a_summary_adds_up(browser: Browser, cells: list[Cell]) -> None:
    with open_(browser, values(*cells)) as opened:
        found = browser.summary(opened, 0)
    numbers = [cell for cell in cells if isinstance(cell, int | float)]
    assert (found.rows, found.nulls) == (len(cells), cells.count(None))
    assert sum(found.histogram) == len(numbers)
    assert len(found.histogram) in (0, BINS)
    if not numbers:
        assert (found.mean, found.total, found.histogram) == (None, None, ())
    elif all(isinstance(number, int) for number in numbers):
        assert found.total == sum(numbers)
    else:
        assert found.total is not None
        wanted = float(sum(map(Fraction, numbers)))
        assert math.isclose(found.total, wanted, rel_tol=1e-9, abs_tol=sum(map(abs, numbers)) * 1e-12 + 1e-6)


def test_money_adds_up_to_the_cent_and_dates_have_a_histogram(shop: Shop, browser: Browser) -> None:
    cents = shop.rows(f"SELECT total_sales_cents FROM {FACTS}")
    with open_(browser, f"SELECT total_sales_amount, date FROM {FACTS} JOIN Time_Table USING (time_id)") as opened:
        money, dates = browser.summary(opened, 0), browser.summary(opened, 1)
    assert money.kind is Kind.MONEY
    assert money.total == sum(row[0] for row in cents) / 100
    assert (dates.kind, dates.mean, dates.total, sum(dates.histogram)) == (Kind.DATE, None, None, 3000)
    assert dates.histogram[0]
    assert dates.histogram[-1]


def test_infinite_and_equal_numbers_have_a_histogram(browser: Browser) -> None:
    with open_(browser, values(math.inf, 1.5, 2.5)) as opened:
        assert sum(browser.summary(opened, 0).histogram) == 2
    with open_(browser, values(3, 3, None)) as opened:
        assert browser.summary(opened, 0).histogram == (2, *[0] * (BINS - 1))


def test_a_filtered_and_limited_result_is_summed_as_it_is_shown(browser: Browser) -> None:
    with open_(browser, f"SELECT transaction_id AS number FROM {FACTS}", limits=QueryLimits(rows=1_000)) as opened:
        found = browser.summary(opened, 0)
    assert (found.rows, found.least, found.most, found.total) == (1000, 1, 1000, 500_500)


def test_keys_are_not_added_up(browser: Browser) -> None:
    with open_(browser, f"SELECT store_id FROM {FACTS}") as opened:
        found = browser.summary(opened, 0)
    assert (found.mean, found.total, found.histogram) == (None, None, ())
    assert found.distinct > 1


@pytest.mark.parametrize("order", ["", " ORDER BY quantity_sold", " LIMIT 2500"])
def test_a_limited_result_is_counted_as_it_is_shown_when_all_of_it_is_kept(browser: Browser, order: str) -> None:
    sql = f"SELECT transaction_id AS number, quantity_sold FROM {FACTS}{order}"
    with open_(browser, sql, limits=QueryLimits(rows=1_000)) as opened:
        early = browser.facets(opened, 1)
        assert opened.result.wait(20)
        late, summary = browser.facets(opened, 1), browser.summary(opened, 0)
        shown = [row[0] for row in opened.result.window(0, 2_000)]
    assert early == late
    assert (late.rows, summary.rows, summary.total) == (1_000, 1_000, sum(map(int, map(str, shown))))


def test_a_masked_column_is_one_value(shop: Shop, browser: Browser) -> None:
    with open_(browser, "SELECT customer_name, customer_id FROM Customer_Table") as opened:
        found, summary = browser.facets(opened, 0), browser.summary(opened, 0)
    customers = shop.rows("SELECT count(*) FROM Customer_Table")[0][0]
    assert (found.values, found.distinct) == ((Facet(MASK, customers),), 1)
    assert (summary.least, summary.most, summary.histogram) == (MASK, MASK, ())


def test_a_long_count_is_cancelled_and_ends_at_the_time_limit(browser: Browser) -> None:
    sql = f"SELECT a.transaction_id FROM {FACTS} a, {FACTS} b, {FACTS} c"
    with open_(browser, sql, limits=QueryLimits(timeout_s=0.5, rows=0)) as opened:
        started = time.monotonic()
        with pytest.raises(QueryStopped, match=r"longer than 0\.5 s"):
            browser.facets(opened, 0)
        stop = threading.Event()
        timer = threading.Timer(0.1, stop.set)
        timer.start()
        with pytest.raises(QueryStopped, match="cancelled"):
            browser.summary(opened, 0, stop=stop)
        timer.join()
        assert time.monotonic() - started < 10
        with pytest.raises(QueryRefused, match="no column 2"):
            browser.facets(opened, 1)
