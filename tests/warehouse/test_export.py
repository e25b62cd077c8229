"""Exports: what is in the file, that it is there whole or not at all, and that memory does not grow with it."""

from __future__ import annotations

import csv
import itertools
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse.errors import EngineMissing, QueryStopped, StoreError
from warehouse.export import STALE_S, Exported, ExportKind, export
from warehouse.models import Cell
from warehouse.opened import kinds

NOW = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)
KINDS: tuple[ExportKind, ...] = ("csv", "json", "parquet")
COLUMNS = ["id", "note", "empty", "share", "raw", "total_sales_amount"]
ROWS: list[tuple[Cell, ...]] = [
    (1, "plain", None, 1.5, b"\x00\xff", 10.126),
    (2, '=1+1,"q"\nx', "", -2.0, b"", None),
    (-(2**63), "nul\0, \\0 \\N \\", "\\N", -0.0, None, 3),
    (2**63 - 1, "é\U0010fffd\r\n", "NULL", 1e300, b"z", -5),
]


def write(folder: Path, kind: ExportKind, cells: Any = None, columns: list[str] = COLUMNS, **options: Any) -> Exported:
    cells = ROWS if cells is None else cells
    batches = options.pop("batches", [cells[:2], cells[2:]])
    return export(batches, columns, kinds(columns, cells), kind, folder, **{"name": "My Query!", "now": NOW, **options})


def parquet(path: Path) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    with duckdb.connect() as engine:
        engine.execute("SELECT * FROM read_parquet($1)", [str(path)])
        return [(str(d[0]), str(d[1])) for d in engine.description or []], engine.fetchall()


def test_csv_is_that_of_rfc_4180_with_formulas_defused_and_numbers_as_they_are(tmp_path: Path) -> None:
    done = write(tmp_path, "csv")
    assert (done.path.name, done.rows) == ("my-query-20261123T211705Z.csv", 4)
    assert done.bytes == done.path.stat().st_size
    assert done.path.stat().st_mode & 0o777 == 0o600
    body = done.path.read_bytes()
    assert body.startswith(b"id,note,empty,share,raw,total_sales_amount\r\n1,plain,,1.5,00ff,10.13\r\n")
    rows = list(csv.reader(body.decode().splitlines(keepends=True)))
    assert rows[2] == ["2", '\'=1+1,"q"\nx', "", "-2.0", "", ""]
    assert rows[4] == [str(2**63 - 1), "é\U0010fffd\r\n", "NULL", "1e+300", "7a", "-5.00"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_every_beginning_of_a_formula_is_defused_in_cells_and_names(tmp_path: Path, first: str) -> None:
    done = write(tmp_path, "csv", [(first + "1",), (None,)], [first + "name"])
    with done.path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["'" + first + "name"], ["'" + first + "1"], [""]]


def test_json_has_columns_and_rows_and_money_with_two_decimals(tmp_path: Path) -> None:
    done = write(tmp_path, "json")
    text = done.path.read_text(encoding="utf-8")
    assert '[1, "plain", null, 1.5, "00ff", 10.13]' in text
    found = json.loads(text)
    assert found["columns"] == COLUMNS
    assert found["rows"][2] == [-(2**63), "nul\0, \\0 \\N \\", "\\N", -0.0, None, 3.0]
    infinite = write(tmp_path, "json", [(float("inf"),), (1.0,)], ["x"])
    assert json.loads(infinite.path.read_text())["rows"] == [[None], [1.0]]


def test_parquet_keeps_types_and_every_cell(tmp_path: Path) -> None:
    columns, rows = parquet(write(tmp_path, "parquet").path)
    assert columns == [
        ("id", "BIGINT"), ("note", "VARCHAR"), ("empty", "VARCHAR"), ("share", "DOUBLE"), ("raw", "BLOB"),
        ("total_sales_amount", "DECIMAL(18,2)"),
    ]  # fmt: skip
    assert [row[:5] for row in rows] == [row[:5] for row in ROWS]
    assert [row[5] for row in rows] == [Decimal("10.13"), None, Decimal("3.00"), Decimal("-5.00")]


def test_parquet_gives_columns_names_of_their_own_and_mixed_ones_text(tmp_path: Path) -> None:
    rows: list[tuple[Cell, ...]] = [(1, 2, 3, None), ("x", 2.5, 4, None)]
    columns, found = parquet(write(tmp_path, "parquet", rows, ["a", "A", "", 'q"uote']).path)
    assert [name for name, _ in columns] == ["a", "A_2", "column_3", 'q"uote']
    assert found == [("1", 2.0, 3, None), ("x", 2.5, 4, None)]


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LINES = st.lists(
    st.tuples(st.one_of(st.none(), TEXTS), st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))), max_size=6
)


@settings(deadline=None, max_examples=25)
@given(LINES)
@example([("\r", None), ("\\r\n", 1)])
def test_any_text_and_number_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Cell, ...]]) -> None:
    folder = tmp_path_factory.mktemp("exports")
    columns = ["text", "number"]
    assert parquet(write(folder, "parquet", rows, columns).path)[1] == rows
    assert json.loads(write(folder, "json", rows, columns).path.read_bytes())["rows"] == [list(row) for row in rows]
    with write(folder, "csv", rows, columns).path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1:] == [
            ["'" + text if text and text[0] in "=+-@\t\r" else text or "", "" if number is None else str(number)]
            for text, number in rows
            if text is None or isinstance(text, str)
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_result_is_a_whole_file(tmp_path: Path, kind: ExportKind) -> None:
    done = write(tmp_path, kind, [], ["a", "b"])
    assert done.rows == 0
    if kind == "parquet":
        assert parquet(done.path) == ([("a", "VARCHAR"), ("b", "VARCHAR")], [])


def test_an_export_never_takes_the_place_of_another(tmp_path: Path) -> None:
    names = [write(tmp_path, "csv", [(n,)], ["n"], name="../etc/Día 1").path.name for n in range(3)]
    assert names == [f"etc-d-a-1-20261123T211705Z{end}.csv" for end in ("", "-2", "-3")]
    assert [(tmp_path / name).read_text() for name in names] == [f"n\n{n}\n" for n in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cancelled_export_leaves_nothing(tmp_path: Path, kind: ExportKind) -> None:
    stop = threading.Event()
    seen: list[tuple[int, int | None]] = []

    def progress(done: int, whole: int | None) -> None:
        seen.append((done, whole))
        if done >= 4:
            stop.set()

    with pytest.raises(QueryStopped, match="cancelled"):
        write(tmp_path, kind, batches=itertools.repeat(ROWS[:2]), rows=1_000, progress=progress, stop=stop)
    assert seen == [(2, 1_000), (4, 1_000)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_query_leaves_nothing(tmp_path: Path, kind: ExportKind) -> None:
    def broken() -> Iterator[list[tuple[Cell, ...]]]:
        yield ROWS[:2]
        raise QueryStopped("the query took longer")

    with pytest.raises(QueryStopped, match="longer"):
        write(tmp_path, kind, batches=broken())
    assert list(tmp_path.iterdir()) == []


FULL = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from warehouse.errors import StoreError
from warehouse.export import export
from warehouse.opened import Kind
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
rows = [("x" * 1_000,)] * 1_000
try:
    export([rows], ["a"], [Kind.TEXT], sys.argv[2], Path(sys.argv[1]), name="full", now=datetime.now(UTC))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_without_room_it_is_said_and_nothing_is_left(tmp_path: Path, kind: ExportKind) -> None:
    folder = tmp_path / "exports"
    ended = subprocess.run([sys.executable, "-c", FULL, str(folder), kind], capture_output=True, text=True, timeout=60)
    assert ended.stderr == ""
    assert "there is no room for the export in" in ended.stdout
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the export cannot be written to"):
        write(tmp_path / "file", "csv")


def test_parquet_without_its_package_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)  # as Python has it where a package is not installed
    with pytest.raises(EngineMissing, match="pip install '\\.\\[warehouse\\]'"):
        write(tmp_path, "parquet")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_is_removed_and_what_is_at_work_stays(tmp_path: Path) -> None:
    old, new = tmp_path / ".export-old.part.text", tmp_path / ".export-new.part"
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (0, NOW.timestamp() - 2 * STALE_S - 10**8))
    write(tmp_path, "csv")
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, kind: ExportKind) -> None:
    batch: list[tuple[Cell, ...]] = [(n, f"text {n}", None, n / 3, b"", n * 1.0) for n in range(1_000)]
    peaks = []
    for batches in (5, 50):
        tracemalloc.start()
        write(tmp_path, kind, batch, batches=itertools.repeat(batch, batches))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 1_000_000
