"""Loading files: what is taken, what is corrected, what is rejected with which reason, and what hostile files get."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import sys
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.warehouse.shop import HEADER, MASTER, Shop
from warehouse import dimensions, new_sales, practice_dimensions
from warehouse.errors import DataRefused, EngineMissing, QueryStopped
from warehouse.models import LoadReport

FACT = "Sales_Transactions_Table"
GOOD = (1, 20251201, 1, 1, 1, 2, "3.98")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


def counts(report: LoadReport) -> tuple[int, int, int, int]:
    assert report.read == report.new + report.changed + report.same + report.superseded + report.rejected
    return report.new, report.changed, report.same, report.rejected


def facts(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows(
        "SELECT transaction_id, time_id, store_id, product_id, customer_id, quantity_sold, unit_price_cents, "
        "total_sales_cents FROM Sales_Transactions_Table ORDER BY transaction_id"
    )


def assert_sound(shop: Shop) -> None:
    assert shop.check().findings == ()
    assert shop.aggregates() == shop.sums_of_facts()


# ---- sales ----------------------------------------------------------------


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


def test_of_several_lines_of_a_store_the_last_counts_and_the_others_are_told(shop: Shop) -> None:
    header, first, *_ = MASTER["Store_Table"]
    report = shop.load_rows("Store_Table", [header, (*first[:5], "North"), first, (*first[:5], "South"), first, first])
    assert (counts(report), report.superseded) == ((0, 0, 2, 0), 3)


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


# ---- files ------------------------------------------------------------------

LINES = [",".join(HEADER), ",".join(map(str, GOOD)), ",".join(map(str, (2, *GOOD[1:])))]
TEXT = "\n".join(LINES) + "\n"


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.rstrip().encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        b"\r\n \t\n" + TEXT.encode(),
        b"\xff\xfe" + ("\n" + TEXT).encode("utf-16-le"),
        TEXT.replace("2,", '"2",').encode(),
    ],
)
def test_csv_as_programs_write_it(shop: Shop, body: bytes) -> None:
    assert counts(shop.load_bytes(FACT, body)) == (2, 0, 0, 0)


def test_bytes_that_are_not_utf8_reject_their_rows_alone(shop: Shop) -> None:
    body = b"store_id,store_name,city,state,country,region\n7,Caf\xe9,a,b,c,d\n8,Caf\xc3\xa9,a,b,c,d\n9,\x01,a,b,c,d\n"
    report = shop.load_bytes("Store_Table", body)
    assert counts(report) == (1, 0, 0, 2)
    assert shop.rows("SELECT store_name FROM Store_Table WHERE store_id > 6") == [("Café",)]
    assert [row["line"] for row in shop.rejects(report)] == ["2", "4"]


def test_rows_of_another_width_are_rejected_with_their_lines(shop: Shop) -> None:
    body = (
        TEXT
        + "3\n"
        + ",".join(map(str, (4, *GOOD[1:], "more")))
        + "\n"
        + "," * 100_000
        + "\n"
        + ",".join(map(str, (5, *GOOD[1:])))
    )
    report = shop.load_bytes(FACT, body.encode())
    assert counts(report) == (3, 0, 0, 3)
    assert [row["line"] for row in shop.rejects(report)] == ["4", "5", "6"]
    assert report.rejects_file is not None
    assert report.rejects_file.stat().st_size < 5_000


def test_lines_are_counted_through_quoted_line_ends(shop: Shop) -> None:
    body = 'store_id,store_name,city,state,country,region\n7,"two\nlines",a,b,c,d\nx,n,a,b,c,d\n'
    for blank in (0, 3):
        (rejected,) = shop.rejects(shop.load_bytes("Store_Table", b"\n" * blank + body.encode()))
        assert rejected["line"] == f"{4 + blank}"


def test_a_quote_that_never_ends_rejects_what_it_swallows_and_no_more(shop: Shop) -> None:
    body = TEXT + '3,"' + ("x" * 100 + "\n") * 3_000
    report = shop.load_bytes(FACT, body.encode())
    assert report.new == 2
    assert report.rejected >= 1
    assert_sound(shop)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ('3,"2025\n' + "4,5\n" * 50, "a quotation that begins on this line does not end"),
        (LINES[1].replace("3.98", '"3.98'), "a quotation that begins on this line does not end"),
        ('3,20251201,1,1,1,2,"3.98\n' + TEXT.partition("\n")[2], "a quotation that begins on this line does not end"),
        ('3,"2025\n4,5\n6",7\n', "expected 7 fields, found 3: a quotation that begins on this line ends on line 6"),
        ('3,"' + "x\n" * 100_000, "a quotation that begins on this line does not end within 131,072 characters"),
        ("3," + "x" * 200_000, "expected a line of CSV, found what is not (field larger than field limit (131072))"),
    ],
)
def test_a_quotation_that_takes_other_lines_is_the_reason(shop: Shop, rest: str, reason: str) -> None:
    rejected = shop.rejects(shop.load_bytes(FACT, (TEXT + rest).encode()))
    assert (rejected[0]["line"], rejected[0]["reason"]) == ("4", reason)
    assert_sound(shop)


def test_a_quotation_that_takes_other_lines_shows_nobody(shop: Shop) -> None:
    header = ",".join(MASTER["Customer_Table"][0])
    people = "61,Bob Private,2 Hidden Lane,gold\n"
    for end in ("", f'"\n{people}'):
        report = shop.load_bytes("Customer_Table", f'{header}\n60,Ann,1 Lane,"gold\n{people * 2}{end}'.encode())
        assert report.rejected == 1
        assert report.rejects_file is not None
        told = report.rejects_file.read_text(encoding="utf-8").lower()
        assert "bob" not in told
        assert "hidden" not in told


@pytest.mark.parametrize(
    ("table", "twice", "refused"),
    [
        (FACT, "Store_ID", True),
        (FACT, "total_sales_amount", True),
        (FACT, "note", False),
        ("Store_Table", "region", True),
        ("Store_Table", "note", False),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_used_column_that_is_there_twice_is_refused(
    shop: Shop, table: str, twice: str, refused: bool, kind: str
) -> None:
    row = GOOD if table == FACT else MASTER[table][1]
    names = [*(HEADER if table == FACT else MASTER[table][0]), *(["note"] if twice == "note" else []), twice]
    cells = [*row, *row[: len(names) - len(row)]]
    path = shop.file([names, cells]) if kind == "csv" else _parquet_of(shop.folder / "twice.parquet", names, cells)
    if refused:
        with pytest.raises(DataRefused, match=f"expected one column {twice.lower()}, found 2"):
            shop.load(table, path)
    else:
        assert shop.load(table, path).rejected == 0


def _parquet_of(path: Path, names: list[str], cells: list[object]) -> Path:
    """One row. DuckDB writes no two columns of one name, so the last is named in the file itself."""
    stands_in = "~" * len(names[-1])
    chosen = ", ".join(f"'{cell}' AS \"{name}\"" for cell, name in zip(cells, [*names[:-1], stands_in], strict=True))
    duckdb.sql(f"COPY (SELECT {chosen}) TO '{path}' (FORMAT parquet)")
    path.write_bytes(path.read_bytes().replace(stands_in.encode(), names[-1].encode()))
    return path


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "the file is empty: expected a header line with "),
        (b"\n\n", "the file is empty: expected a header line with "),
        (b"a,b\n1,2\n", "expected a column"),
        (",".join(f"c{n}" for n in range(100_000)).encode(), "at most 1000 columns, found 100000"),
        (b"x" * 3_000_000, "expected lines of at most"),
        (bytes(range(256)) * 40, "expected"),
        (b"PAR1 and then no Parquet", "expected a Parquet file"),
        (gzip.compress(TEXT.encode()), r"found a compressed one \(gzip\): unpack it first"),
        (b"PK\x03\x04" + b"x\n" * 9, r"found a compressed one \(zip, as spreadsheets are too\)"),
        (lzma.compress(TEXT.encode()), r"found a compressed one \(xz\)"),
        (bz2.compress(TEXT.encode()), r"found a compressed one \(bzip2\)"),
        (
            TEXT.encode("utf-16-le"),
            "line 1: expected a header line of text, found control .* UTF-16 needs its byte order",
        ),
        (b"\n\n\x01a,b\n", "line 3: expected a header line of text, found control characters"),
    ],
)
def test_a_file_that_is_no_rows_of_the_table_is_refused(shop: Shop, body: bytes, found: str) -> None:
    before = shop.hash()
    with pytest.raises(DataRefused, match=found):
        shop.load_bytes(FACT, body)
    assert shop.hash() == before
    assert not list(shop.exports.glob("*")) + list(shop.exports.glob(".*"))


def test_a_file_that_is_not_there_or_no_file_is_refused(shop: Shop) -> None:
    for path in (shop.folder / "none.csv", shop.folder):
        with pytest.raises(DataRefused, match="expected a CSV or Parquet file"):
            shop.load(FACT, path)


def test_the_rejects_file_holds_no_formula_a_spreadsheet_would_run(shop: Shop) -> None:
    header = (*HEADER, "note")
    report = shop.load_sales(
        *[(n, 1, 1, 1, 1, -5, "1.00", note) for n, note in enumerate(("=1+1", "+cmd", "-2+3", "@x", "\tx"))],
        header=header,
    )
    rejected = shop.rejects(report)
    assert [row["note"] for row in rejected] == ["'=1+1", "'+cmd", "'-2+3", "'@x", "'\tx"]
    assert {row["quantity_sold"] for row in rejected} == {"-5"}


# ---- dimensions ---------------------------------------------------------------


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


# ---- Parquet ------------------------------------------------------------------

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


def test_of_money_and_its_cents_one_is_enough_in_each_row(shop: Shop) -> None:
    header = (*HEADER, "total_sales_cents", "unit_price", "unit_price_cents")
    report = shop.load_sales(
        (*GOOD[:6], "", 398, "1.99", " "),
        (2, *GOOD[1:6], "3.98", "", "", 199),
        (3, *GOOD[1:6], "3.98", 398, "1.99", 199),
        (4, *GOOD[1:6], "", "", "1.99", 199),
        (5, *GOOD[1:6], "3.98", 398, "1.99", 198),
        (6, *GOOD[1:6], "3.98", 398, "1.99", "x"),
        header=header,
    )
    assert counts(report) == (3, 0, 0, 3)
    assert {row[6:] for row in facts(shop)} == {(199, 398)}
    assert [row["reason"] for row in shop.rejects(report)] == [
        "total_sales_amount: expected an amount in whole cents such as 12.50, from -1000000000.00 to 1000000000.00, "
        "found nothing",
        "unit_price: expected 1.98 as unit_price_cents has it, found '1.99'; both must agree",
        "unit_price_cents: expected a whole number from 0 to 100000000000, found 'x'",
    ]


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


# ---- stopping, readers ------------------------------------------------------------


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


def test_the_practice_days_are_what_the_calendar_says() -> None:
    assert practice_dimensions.calendar_row(date(2024, 2, 29)) == (
        20240229, "2024-02-29", 29, "February", 2, "Q1", 2024, "Thursday", "No",
    )  # fmt: skip
