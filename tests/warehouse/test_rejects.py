"""Rejects files that come back: corrected by hand, they load what was sent, and nothing that only stands for it."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.warehouse.shop import MASTER, Shop
from warehouse.models import LoadReport
from warehouse.rejects import guarded, unguarded

STORES = MASTER["Store_Table"][0]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


def columns(report: LoadReport) -> list[str]:
    assert report.rejects_file is not None
    with report.rejects_file.open(encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def corrected(report: LoadReport, *changes: tuple[str, str]) -> Path:
    """The rejects file, changed by hand."""
    assert report.rejects_file is not None
    text = report.rejects_file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = report.rejects_file.with_name("corrected.csv")
    path.write_text(text, encoding="utf-8")
    return path


FULL = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse.readers import Rejected
from warehouse.rejects import RejectsFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    with RejectsFile(Path(sys.argv[1]), "Store_Table", ["store_id"], datetime.now(UTC)) as rejects:
        rejects.add([Rejected(2, "expected a whole number", ["x" * 2_000])])
        rejects.settle()
        rejects.publish()
except OSError as error:
    print(error)
"""


def test_without_room_for_it_nothing_is_left(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (ended.stderr, "File too large" in ended.stdout) == ("", True), ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_load_left_is_removed_by_the_next(shop: Shop) -> None:
    report = shop.load_rows("Store_Table", [STORES, ("x",) * len(STORES)])
    assert report.rejects_file is not None
    left = report.rejects_file.with_name(".rejects-Store_Table-20260101T000000-00000000.csv.part")
    left.write_text("half")
    shop.load_rows("Store_Table", [STORES])
    assert (left.exists(), report.rejects_file.exists()) == (False, True)


def test_a_mask_is_never_loaded_as_a_name(shop: Shop) -> None:
    before = shop.rows("SELECT * FROM Customer_Table")
    header = MASTER["Customer_Table"][0]
    report = shop.load_rows("Customer_Table", [header, (1, "Customer Number 1", "1 Sample Street", "platinum")])
    (rejected,) = shop.rejects(report)
    assert rejected["reason"].endswith("(names and addresses are masked here: correct the line in the original file)")
    again = shop.load("Customer_Table", corrected(report, (",platinum", ",gold")))
    assert (again.changed, again.rejected) == (0, 1)
    (refused,) = shop.rejects(again)
    for what, column in (("name", "customer_name"), ("address", "address")):
        told = f"{column}: expected a customer's {what}, found a mask"
        assert told in refused["reason"]
    assert shop.rows("SELECT * FROM Customer_Table") == before


def test_what_the_file_led_with_an_apostrophe_is_loaded_as_it_was_sent(shop: Shop) -> None:
    header = MASTER["Supplier_Table"][0]
    sent = [
        (7, "=Sum & Sons", "'t Hooft 1", "+1-555-0107", "@g"),
        (8, "'=quoted", "-1,5", "''+1 555", "h"),
    ]
    report = shop.load_rows("Supplier_Table", [header, *((f"x{row[0]}", *row[1:]) for row in sent)])
    assert (report.new, report.rejected) == (0, 2)
    assert shop.rejects(report)[0]["contact_number"] == "'+1-555-0107"
    assert shop.load("Supplier_Table", corrected(report, (",x7,", ",7,"), (",x8,", ",8,"))).new == 2
    assert shop.rows("SELECT * FROM Supplier_Table WHERE supplier_id > 6") == sent


@given(st.text(st.sampled_from("'=+-@\t1a.")))
def test_guarding_a_cell_loses_nothing(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


def test_rejects_of_rejects_have_the_columns_that_were_sent(shop: Shop) -> None:
    rows = [("x", "=1", "a", "b", "c", "d"), ("y", "two", "a", "b")]
    first = shop.load_rows("Store_Table", [STORES, *rows])
    again = shop.load("Store_Table", corrected(first, (",x,", ",z,")))
    assert columns(first) == columns(again) == ["line", "reason", *STORES]
    found = {row["store_id"]: row for row in shop.rejects(again)}
    assert found["z"]["store_name"] == "'=1"
    assert (found["y"]["line"], found["y"]["city"]) == ("3", "a")


def test_a_byte_that_a_rejects_file_could_only_escape_is_not_loaded(shop: Shop) -> None:
    body = (
        b"store_id,store_name,city,state,country,region,note\n7,Caf\xe9,a,b,c,d,\n8,Nul\0,a,b,c,d,\nx,n,a,b,c,d,\xe9\n"
    )
    report = shop.load_bytes("Store_Table", body)
    assert report.rejected == 3
    again = shop.load("Store_Table", corrected(report, (",x,", ",9,")))
    assert (again.new, again.rejected) == (1, 2)
    assert [row["reason"] for row in shop.rejects(again)] == [
        f"store_name: expected text, found {escape} in place of a byte that is no text: "
        "correct the line in the original file"
        for escape in (r"\udce9", r"\0")
    ]
