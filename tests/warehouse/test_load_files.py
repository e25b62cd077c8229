"""Loading files as programs write them, and what odd, broken and hostile ones get."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.loads import GOOD, LINES, TEXT, assert_sound, counts
from tests.warehouse.shop import HEADER, MASTER, Shop
from warehouse.errors import DataRefused
from warehouse.models import FACT
from warehouse.readers import csv


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


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
        ('3,"' + "x\n" * 100_000, "a quotation that begins on this line does not end within 16,384 characters"),
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


STRAY = ('"6 inch', '""x', '"5" pipe"', '"a"b', '"wide; see below')  # each costs its own line
FINE = ("", "5 inch", 'say "x"', '5" pipe', '"6"" pipe"', '"two\nlines"', '"a, b"')


@given(
    st.lists(st.sampled_from(STRAY + FINE), max_size=30), st.sampled_from(["\n", "\r\n"]), st.sampled_from([64, 4_096])
)
def test_a_stray_quotation_mark_costs_its_line_and_no_other(notes: list[str], end: str, block: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "BLOCK", block)
        patch.setattr(csv, "PIECE", block)
        patch.setattr(csv, "PIECES_KEPT", 1_000)
        path = Path(folder) / "notes.csv"
        lines = ["id,note", *[f"{number},{note}" for number, note in enumerate(notes)]]
        path.write_bytes("".join(f"{line}{end}" for line in lines).encode())
        with closing(csv.CsvReader(path)) as reader:
            chunks = list(reader.chunks())
    read = [cell for chunk in chunks for cell in chunk.columns[0]]
    assert read == [str(number) for number, note in enumerate(notes) if note in FINE]
    before = [2 + number + notes[:number].count('"two\nlines"') for number in range(len(notes))]
    assert [line for chunk in chunks for line in chunk.lines] == [
        line for line, note in zip(before, notes, strict=True) if note in FINE
    ]
    rejected = [one.line for chunk in chunks for one in chunk.rejected]
    assert rejected == [line for line, note in zip(before, notes, strict=True) if note in STRAY]


@pytest.mark.parametrize("note", ['5,15","wide', '"5,"6"', '"x'])
def test_marks_that_end_each_other_cost_their_lines_alone_and_little_time(tmp_path: Path, note: str) -> None:
    lines = [f"{number},{note if number % 50 == 0 else 'good'}" for number in range(50_000)]
    path = tmp_path / "notes.csv"
    path.write_text("id,note\n" + "\n".join(lines) + "\n", encoding="utf-8")
    started_s = time.process_time()
    with closing(csv.CsvReader(path)) as reader:
        chunks = list(reader.chunks())
    assert time.process_time() - started_s < 10
    read = {int(cell) for chunk in chunks for cell in chunk.columns[0]}
    assert read == {number for number in range(50_000) if number % 50}
    assert {one.line for chunk in chunks for one in chunk.rejected} == {2 + number for number in range(0, 50_000, 50)}


def test_line_ends_of_all_kinds_in_a_quotation_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(b'id,note\n1,"x\ry\nz\rw\r\nv"\n2,"a"b\n3,c\n')
    with closing(csv.CsvReader(path)) as reader:
        chunks = list(reader.chunks())
    assert [line for chunk in chunks for line in chunk.lines] == [2, 8]
    assert [one.line for chunk in chunks for one in chunk.rejected] == [7]


def test_what_lies_too_far_behind_a_stray_mark_to_go_back_to_is_told(shop: Shop) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "BLOCK", 64)
        patch.setattr(csv, "PIECES_KEPT", 1)
        report = shop.load_bytes(FACT, (TEXT + '3,"2025\n' + "4,5\n" * 100 + '6"7\n').encode())
    (rejected,) = shop.rejects(report)
    assert rejected["line"] == "4"
    assert rejected["reason"].endswith("other text behind its end, on line 105: the lines until there were not read")


def test_the_greatest_id_closes_no_way_for_later_sales(shop: Shop) -> None:
    last = (2**63 - 1, *GOOD[1:])
    assert shop.load_rows(FACT, [HEADER, last]).new == 1
    assert shop.load_rows(FACT, [HEADER, GOOD]).new == 1
    assert shop.load_rows(FACT, [HEADER, GOOD]).same == 1
    assert_sound(shop)


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
