"""Loading sales: what is taken, corrected, or rejected with which reason, and what readers see meanwhile."""

from __future__ import annotations

import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.loads import GOOD, assert_sound, counts, facts
from tests.warehouse.shop import HEADER, Shop
from warehouse.errors import QueryStopped
from warehouse.models import FACT


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


def test_a_price_at_sale_that_is_not_there_is_amount_by_quantity(shop: Shop) -> None:
    assert counts(shop.load_sales(GOOD, (2, 20251202, 2, 3, 2, -3, "-6.00"))) == (2, 0, 0, 0)
    assert facts(shop) == [(1, 20251201, 1, 1, 1, 2, 199, 398), (2, 20251202, 2, 3, 2, -3, 200, -600)]
    assert_sound(shop)


def test_with_a_price_at_sale_quantity_times_price_must_be_the_amount(shop: Shop) -> None:
    returned = (3, *GOOD[1:5], -2, "3.98", "1.99")
    report = shop.load_sales((*GOOD, "1.99"), (2, *GOOD[1:], "2.00"), returned, header=(*HEADER, "unit_price"))
    assert counts(report) == (1, 0, 0, 2)
    rejected, half_returned = shop.rejects(report)
    assert (rejected["line"], rejected["transaction_id"]) == ("3", "2")
    assert rejected["reason"].endswith("2 × 2.00 = 4.00, and 3.98")
    assert half_returned["reason"].endswith("and a return both below (-3.98 for -2)")


def test_columns_are_mapped_by_name_in_any_case_and_order(shop: Shop) -> None:
    header = (
        "TOTAL_SALES_AMOUNT",
        "note",
        " Quantity_Sold ",
        "customer_id",
        "product_id",
        "store_id",
        "time_id",
        "transaction_ID",
    )
    assert counts(shop.load_sales(("3.98", "x", 2, 1, 1, 1, "2025-12-01", 1), header=header)) == (1, 0, 0, 0)
    assert facts(shop) == [(1, 20251201, 1, 1, 1, 2, 199, 398)]


def test_the_same_batch_twice_changes_nothing_not_even_the_list_of_batches(shop: Shop) -> None:
    rows = [(n, 20251201 + n % 5, 1 + n % 4, 1 + n % 6, 1 + n % 3, 1 + n % 3, f"{1 + n % 3}.00") for n in range(300)]
    assert counts(shop.load_sales(*rows)) == (300, 0, 0, 0)
    before, batches = shop.hash(), shop.rows("SELECT * FROM batch")
    assert counts(shop.load_sales(*rows)) == (0, 0, 300, 0)
    assert (shop.hash(), shop.rows("SELECT * FROM batch")) == (before, batches)


def test_a_changed_transaction_corrects_facts_and_aggregates_by_its_difference(shop: Shop) -> None:
    shop.load_sales(GOOD, (2, *GOOD[1:]))
    report = shop.load_sales((1, 20260101, 2, 4, 3, 5, "10.00"), (2, *GOOD[1:]), (3, *GOOD[1:]))
    assert counts(report) == (1, 1, 1, 0)
    assert facts(shop)[0] == (1, 20260101, 2, 4, 3, 5, 200, 1000)
    assert_sound(shop)
    shop.load_sales((2, 20260101, 2, 4, 3, 5, "10.00"), (3, 20260101, 2, 4, 3, 5, "10.00"))
    assert set(shop.aggregates()["Yearly_Sales_Aggregate_Table"]) == {(2026, 2, 4)}
    assert_sound(shop)


def test_of_several_lines_of_a_transaction_the_last_counts(shop: Shop) -> None:
    report = shop.load_sales(GOOD, (5, *GOOD[1:]), (1, *GOOD[1:5], 1, "7.00"), (1, *GOOD[1:5], 1, "8.00"))
    assert (counts(report), report.superseded) == ((2, 0, 0, 0), 2)
    assert [(row[0], row[7]) for row in facts(shop)] == [(1, 800), (5, 398)]
    assert_sound(shop)
    again = shop.load_sales((1, *GOOD[1:5], 1, "8.00"), (1, *GOOD[1:5], 1, "8.00"), (1, *GOOD[1:5], 1, "9.00"))
    assert (counts(again), again.superseded) == ((0, 1, 1, 0), 1)


def test_a_line_superseded_far_behind_is_told_and_no_fact_was_changed_by_it(shop: Shop) -> None:
    rows = [(n, *GOOD[1:]) for n in range(1, 12_001)]
    report = shop.load_sales(*rows, (3, *GOOD[1:5], 1, "7.00"), (4, *GOOD[1:]))
    assert (counts(report), report.superseded) == ((12_000, 0, 1, 0), 1)
    assert facts(shop)[2][7] == 700
    assert_sound(shop)


def test_a_bad_line_does_not_displace_a_good_one(shop: Shop) -> None:
    report = shop.load_sales(GOOD, (1, 20251201, 99, 1, 1, 2, "5.00"))
    assert counts(report) == (1, 0, 0, 1)
    assert facts(shop)[0][7] == 398


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("transaction_id", "", "expected a whole number"),
        ("transaction_id", "-1", "expected a whole number"),
        ("transaction_id", "1.5", "expected a whole number"),
        ("transaction_id", "9223372036854775808", "expected a whole number"),
        ("transaction_id", "1_000", "expected a whole number"),
        ("transaction_id", "１２", "expected a whole number"),
        ("time_id", "20251131", "expected a day as YYYYMMDD or YYYY-MM-DD, found 20251131: no such date"),
        ("time_id", "2025-02-29", "found 20250229: no such date"),
        ("time_id", "9223372036854775807", "no such date"),
        ("time_id", "2027-01-01", "expected a row of Time_Table, found none with 20270101"),
        ("time_id", "01/12/2025", "expected a day as YYYYMMDD or YYYY-MM-DD, found '01/12/2025'"),
        ("time_id", "1.12.2025", "expected a day as YYYYMMDD or YYYY-MM-DD"),
        ("time_id", "2025-13-01", "found 20251301: no such date"),
        ("store_id", "77", "expected a row of Store_Table"),
        ("product_id", "77", "expected a row of Product_Table"),
        ("customer_id", "77", "expected a row of Customer_Table"),
        ("quantity_sold", "two", "expected a whole number"),
        ("quantity_sold", "0", "expected quantity × a price"),
        ("quantity_sold", "1000001", "expected a whole number"),
        ("quantity_sold", "-2", "whole cents, found 3.98 for -2, where a sale has both above zero (3.98 for 2) and a "
         "return both below (-3.98 for -2)"),
        ("total_sales_amount", "-3.98", "found -3.98 for 2, where a sale has both above zero (3.98 for 2) and a"),
        ("total_sales_amount", "3.99", "in whole cents"),
        ("total_sales_amount", "3.981", "expected an amount"),
        ("total_sales_amount", "3,98", "expected an amount"),
        ("total_sales_amount", "1e3", "expected an amount"),
        ("total_sales_amount", "NaN", "expected an amount"),
        ("total_sales_amount", "99999999999999999999", "expected an amount"),
        ("total_sales_amount", "=1+1", "expected an amount"),
        ("total_sales_amount", "$3.98", "expected an amount"),
        ("total_sales_amount", "€3.98", "found '€3.98'"),
        ("total_sales_amount", "3\u200b.98", r"found '3\u200b.98'"),
        ("store_id", "1\n1", "expected a whole number"),
        ("store_id", "1\x00", "expected a whole number"),
    ],
)  # fmt: skip
def test_a_bad_value_rejects_its_row_alone(shop: Shop, column: str, value: str, reason: str) -> None:
    bad = [str(cell) for cell in (7, *GOOD[1:])]
    bad[HEADER.index(column)] = value
    report = shop.load_sales(GOOD, bad, (9, *GOOD[1:]))
    assert counts(report) == (2, 0, 0, 1)
    (rejected,) = shop.rejects(report)
    assert rejected["line"] == "3"
    assert rejected["reason"].startswith(
        f"{column if 'quantity ×' not in reason and 'whole cents' not in reason else 'total_sales_amount'}: "
    )
    assert reason in rejected["reason"]
    assert_sound(shop)


def test_every_fault_of_a_row_is_told(shop: Shop) -> None:
    report = shop.load_sales(GOOD, ("x", 20251201, 77, 1, 1, "two", "3,98"), (3, 20251201, 77, 1, 78, 2, "3.98"))
    assert counts(report) == (1, 0, 0, 2)
    first, second = (rejected["reason"].split("; ") for rejected in shop.rejects(report))
    assert [fault.partition(":")[0] for fault in first] == [
        "transaction_id", "store_id", "quantity_sold", "total_sales_amount",
    ]  # fmt: skip
    assert [fault.partition(":")[0] for fault in second] == ["store_id", "customer_id"]


def test_plain_and_odd_spellings_of_the_same_value_are_the_same(shop: Shop) -> None:
    shop.load_sales(GOOD)
    spelled = (" 1 ", "2025-12-01", "+1", "01", "1", "2", "3.980")
    assert counts(shop.load_sales(spelled)) == (0, 0, 1, 0)


def test_new_and_old_transactions_in_any_order_in_large_files(shop: Shop) -> None:
    def row(n: int) -> tuple[object, ...]:
        return n, 20251201 + n % 30, 1 + n % 4, 1 + n % 6, 1 + n % 3, 1 + n % 7, f"{(1 + n % 7) * (1 + n % 9)}.00"

    shop.load_sales(*map(row, range(10_000, 20_000)))
    report = shop.load_sales(*map(row, range(50_000)), *map(row, range(60_000, 30_000, -1)))
    assert (report.new, report.changed) == (50_001, 0)
    assert len(facts(shop)) == 60_001
    assert_sound(shop)


def test_a_dimension_that_is_missing_rejects_every_row(tmp_path: Path) -> None:
    report = Shop(tmp_path).load_sales(GOOD)
    assert counts(report) == (0, 0, 0, 1)


def test_the_batch_is_recorded_with_its_rejects(shop: Shop) -> None:
    report = shop.load_sales(GOOD, (2,))
    (row,) = shop.rows(
        "SELECT table_name, rows_read, rows_new, rows_rejected, rejects_file FROM batch ORDER BY batch_id DESC LIMIT 1"
    )
    assert row == (FACT, 2, 1, 1, str(report.rejects_file))
    assert report.rejects_file is not None
    assert stat.S_IMODE(report.rejects_file.stat().st_mode) == 0o600


def test_the_same_rejects_again_leave_one_file_and_others_get_their_own(shop: Shop) -> None:
    first = shop.load_sales(GOOD, (2,))
    later = datetime(2026, 11, 24, tzinfo=UTC)
    again = shop.load(FACT, shop.file([HEADER, GOOD, (2,)]), now=later)
    assert (first.rejects_as_before, again.rejects_as_before) == (False, True)
    assert again.rejects_file == first.rejects_file
    other = shop.load(FACT, shop.file([HEADER, GOOD, (3,)]), now=later)
    assert first.rejects_file is not None
    first.rejects_file.write_text("corrected by hand")
    anew = shop.load(FACT, shop.file([HEADER, GOOD, (2,)]), now=later)
    assert not anew.rejects_as_before
    assert {*shop.exports.iterdir()} == {first.rejects_file, other.rejects_file, anew.rejects_file}


def test_of_money_and_its_cents_one_is_enough_in_each_row(shop: Shop) -> None:
    header = (*HEADER, "total_sales_cents", "unit_price", "unit_price_cents")
    report = shop.load_sales(
        (*GOOD[:6], "", 398, "1.99", " "),
        (2, *GOOD[1:6], "3.98", "", "", 199),
        (3, *GOOD[1:6], "3.98", 398, "1.99", 199),
        (4, *GOOD[1:6], "", "", "1.99", 199),
        (5, *GOOD[1:6], "3.98", 398, "1.99", 198),
        (6, *GOOD[1:6], "3.98", 398, "1.99", "x"),
        (7, *GOOD[1:6], "", 398, "", None),
        header=header,
    )
    assert counts(report) == (4, 0, 0, 3)
    assert {row[6:] for row in facts(shop)} == {(199, 398)}
    assert [row["reason"] for row in shop.rejects(report)] == [
        "total_sales_amount: expected an amount in whole cents such as 12.50, from -1000000000.00 to 1000000000.00, "
        "found nothing",
        "unit_price: expected 1.98 as unit_price_cents has it, found '1.99'; both must agree",
        "unit_price_cents: expected a whole number from 0 to 100000000000, found 'x'",
    ]


@pytest.mark.parametrize("price", ["unit_price", "unit_price_cents"])
def test_a_column_of_prices_may_be_empty(shop: Shop, price: str) -> None:
    assert counts(shop.load_sales((*GOOD, ""), (2, *GOOD[1:], ""), header=(*HEADER, price))) == (2, 0, 0, 0)
    report = shop.load_sales((3, *GOOD[1:5], 0, "3.98", ""), (4, "x", *GOOD[2:], ""), header=(*HEADER, price))
    assert [row["reason"].partition(":")[0] for row in shop.rejects(report)] == ["total_sales_amount", "time_id"]
    assert {row[6] for row in facts(shop)} == {199}


def test_a_load_that_is_stopped_changes_nothing(shop: Shop) -> None:
    shop.load_sales(GOOD)
    before, stop = shop.hash(), threading.Event()
    rows = [(n, *GOOD[1:]) for n in range(2, 60_000)]
    with pytest.raises(QueryStopped):
        shop.load(FACT, shop.file([HEADER, *rows, (1, 2)]), progress=lambda _done, _all: stop.set(), stop=stop)
    assert shop.hash() == before
    assert not list(shop.exports.glob(".*"))


def test_progress_ends_at_the_whole_of_the_file(shop: Shop) -> None:
    told: list[tuple[int, int]] = []
    path = shop.file([HEADER, GOOD])
    shop.load(FACT, path, progress=lambda done, whole: told.append((done, whole)))
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_readers_see_whole_batches_only(shop: Shop) -> None:
    """While batches of 500 rows come in, every look finds facts and aggregates of the same batches."""
    ended = threading.Event()
    looks: list[tuple[int, int]] = []

    def look() -> None:
        while not ended.is_set():
            with shop.warehouse.reading() as connection:
                facts = connection.execute("SELECT count(*) FROM Sales_Transactions_Table").fetchone()[0]
                lines = connection.execute(
                    "SELECT total(transaction_count) FROM Yearly_Sales_Aggregate_Table"
                ).fetchone()[0]
                looks.append((facts, int(lines)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for batch in range(6):
            shop.load_sales(*[(batch * 500 + n, *GOOD[1:]) for n in range(500)])
    finally:
        ended.set()
        thread.join()
    assert looks
    assert all(facts == lines and facts % 500 == 0 for facts, lines in looks)
