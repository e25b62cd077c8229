"""Large files of new sales, which DuckDB reads, checks and sums as sets: the facts are the same as row by row."""

from __future__ import annotations

import sys
import tempfile
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse.loads import GOOD, LINES, TEXT, assert_sound
from tests.warehouse.shop import HEADER, Shop
from tests.warehouse.test_aggregates import Sale, sales
from warehouse import new_sales
from warehouse.engines.arrow_integers import integers
from warehouse.errors import DataRefused, QueryStopped
from warehouse.models import FACT, LoadReport


@contextmanager
def least_rows(rows: int) -> Iterator[list[int | None]]:
    """Files from that many rows on are tried as sets; the list tells how many rows each one gave, None for none."""
    with pytest.MonkeyPatch.context() as patch:
        taken: list[int | None] = []
        real = new_sales.take

        def noted(*arguments: Any) -> int | None:
            taken.append(real(*arguments))
            return taken[-1]

        patch.setattr(new_sales, "LEAST_ROWS", rows)
        patch.setattr(new_sales, "take", noted)
        yield taken


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop").with_master_data()


@pytest.fixture
def taken() -> Iterator[list[int | None]]:
    with least_rows(0) as found:
        yield found


def outcome(report: LoadReport) -> tuple[int, int, int, int, int]:
    return report.read, report.new, report.changed, report.same, report.rejected


def many(rows: int) -> list[tuple[object, ...]]:
    return [
        (n, 20251201 + n % 30, 1 + n % 4, 1 + n % 6, 1 + n % 3, 1 + n % 7, f"{(1 + n % 7) * (1 + n % 9)}.00")
        for n in range(rows)
    ]


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.rstrip().encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        TEXT.replace("2,", '"2",').encode(),
        TEXT.replace("20251201", "2025-12-01").encode(),
        "\n".join(f'{line},"a ""note"", on\ntwo lines"' for line in LINES).encode(),
        "\n".join([LINES[0], LINES[2], LINES[1]]).encode(),
        "\n".join([f"{LINES[0]},unit_price", f"{LINES[1]},1.99", f"{LINES[2]},1.99"]).encode(),
        "\n".join([f"{LINES[0]},unit_price", f"{LINES[1]},", f'{LINES[2]},""']).encode(),
        "\n".join([f"{LINES[0]},unit_price_cents", f"{LINES[1]},", f"{LINES[2]},199"]).encode(),
        TEXT.replace("total_sales_amount", "total_sales_cents").replace("3.98", "398").encode(),
        "\n".join([f"total_sales_cents,{LINES[0]}", f"398,{LINES[1]}", f"398,{LINES[2]}"]).encode(),
    ],
)
def test_plain_new_sales_are_taken_as_sets_however_the_file_is_written(
    shop: Shop, taken: list[int | None], body: bytes
) -> None:
    assert outcome(shop.load_bytes(FACT, body)) == (2, 2, 0, 0, 0)
    assert taken == [2]
    assert shop.rows(f"SELECT quantity_sold, unit_price_cents, total_sales_cents FROM {FACT}") == [(2, 199, 398)] * 2
    assert_sound(shop)


@pytest.mark.parametrize("kind", ["DECIMAL(12, 2)", "DOUBLE", "FLOAT", "VARCHAR", "DECIMAL(18, 6)", "INTEGER"])
@pytest.mark.parametrize("day", ["20251201 + i % 30", "DATE '2025-12-01' + (i % 30)::INTEGER"])
def test_parquet_is_taken_as_sets_whatever_its_types(shop: Shop, taken: list[int | None], kind: str, day: str) -> None:
    path = shop.folder / "sales.parquet"
    amount = f"CAST(CAST((1 + i % 5) * 2 AS DECIMAL(12, 2)) AS {kind})"
    # As pandas writes whole numbers of which some are missing, and Spark those of a database.
    number = {"DOUBLE": "::DOUBLE", "DECIMAL(12, 2)": "::DECIMAL(9, 2)", "VARCHAR": "::DECIMAL(38, 10)"}.get(kind, "")
    duckdb.sql(
        f"COPY (SELECT i{number} AS transaction_id, {day} AS time_id, (1 + i % 4){number} AS store_id, "
        f"1 + i % 6 AS product_id, 1 + i % 3 AS customer_id, (1 + i % 5){number} AS quantity_sold, "
        f"{amount} AS total_sales_amount FROM range(5000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    assert outcome(shop.load(FACT, path)) == (5_000, 5_000, 0, 0, 0)
    assert taken == [5_000]
    assert_sound(shop)


@pytest.mark.parametrize(
    "bad",
    [
        (1, *GOOD[1:]),  # a transaction twice
        (0, *GOOD[1:]),  # one that is there
        ("+7", *GOOD[1:]),
        ("007", *GOOD[1:]),
        (7.5, *GOOD[1:]),
        (-7, *GOOD[1:]),
        (2**63, *GOOD[1:]),
        ("", *GOOD[1:]),
        (7, 20251131, *GOOD[2:]),
        (7, 20251201, 99, 1, 1, 2, "3.98"),
        (7, 20251201, 1, 99, 1, 2, "3.98"),
        (7, 20251201, 1, 1, 99, 2, "3.98"),
        (7, 20251201, 1, 1, 1, 0, "0.00"),
        (7, 20251201, 1, 1, 1, -2, "3.98"),
        (7, 20251201, 1, 1, 1, 2, "3.99"),
        (7, 20251201, 1, 1, 1, 2, "4"),
        (7, 20251201, 1, 1, 1, 2, "3.981"),
        (7, 20251201, 1, 1, 1, 1_000_001, "1000001.00"),
        (7, 20251201, 1, 1, 1, 1, "1000000000.01"),
        (7, 20251201, 1, 1, 1, 1, "99999999999999999999.00"),
        (7, 20251201, 1, 1, 1, 2),
        (*(7, *GOOD[1:]), "more"),
        (7, *GOOD[1:6], '3"98'),
    ],
)
def test_a_file_with_one_row_that_is_not_is_loaded_row_by_row(tmp_path: Path, bad: Sequence[object]) -> None:
    found = []
    for rows in (0, 10**9):
        with least_rows(rows) as taken:
            shop = Shop(tmp_path / f"shop{rows}").with_master_data()
            shop.load_sales((0, *GOOD[1:5], 1, "1.00"))
            found.append((outcome(shop.load_sales(GOOD, bad, (9, *GOOD[1:]))), shop.aggregates()))
            assert taken[-1] is None
            assert_sound(shop)
    assert found[0] == found[1]


PRICED = ((1, *GOOD[1:], "1.99"), (2, *GOOD[1:], None), (3, *GOOD[1:], "1.98"), (4, *GOOD[1:], "1.999"))


@pytest.mark.parametrize("rows", [0, 10**9])
@pytest.mark.parametrize("kind", ["csv", "DOUBLE", "VARCHAR", "DECIMAL(12, 3)"])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_price_that_a_row_lacks_is_amount_by_quantity_and_one_that_is_none_is_never_passed_over(
    shop: Shop, kind: str, rows: int, bad: int
) -> None:
    """Row 3 has a price that does not give the amount, row 4 one that is no price."""
    chosen = [*PRICED[:2], *PRICED[4 - bad :]]
    header = (*HEADER, "unit_price")
    path = shop.file([header, *chosen])
    if kind != "csv":
        path, source = shop.folder / "sales.parquet", path
        columns = (
            f"* REPLACE (unit_price::{kind} AS unit_price, total_sales_amount::DECIMAL(12, 2) AS total_sales_amount)"
        )
        duckdb.sql(
            f"COPY (SELECT {columns} FROM read_csv('{source}', types = {{'unit_price': 'VARCHAR'}})) "
            f"TO '{path}' (FORMAT parquet)"
        )
    with least_rows(rows) as taken:
        report = shop.load(FACT, path)
    assert outcome(report) == (2 + bad, 2, 0, 0, bad)
    assert taken == [None if bad or rows else 2]
    assert shop.rows(f"SELECT unit_price_cents FROM {FACT}") == [(199,)] * 2
    reasons = [rejected["reason"] for rejected in shop.rejects(report)] if bad else []
    assert all("found '1.999'" in reason or "2 × 1.98" in reason for reason in reasons)
    assert_sound(shop)


@given(batches=st.lists(st.lists(sales(), min_size=1, max_size=20), min_size=1, max_size=3))
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_random_batches_are_the_same_as_sets_and_row_by_row(batches: list[list[Sale]]) -> None:
    """Batches of ids of their own, of which some hold duplicates or keys that are not there."""
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for rows in (0, 10**9):
            shop = Shop(Path(folder) / str(rows)).with_master_data()
            with least_rows(rows):
                reports = [
                    outcome(shop.load_sales(*((100 * number + sale[0], *sale[1:]) for sale in batch)))
                    for number, batch in enumerate(batches)
                ]
            assert shop.aggregates() == shop.sums_of_facts()
            found.append((reports, shop.aggregates(), shop.rows(f"SELECT * FROM {FACT} ORDER BY transaction_id")))
        assert found[0] == found[1]


def test_a_second_file_adds_to_the_aggregates_of_the_first(shop: Shop, taken: list[int | None]) -> None:
    rows = many(20_000)
    shop.load_sales(*rows[:9_000])
    shop.load_sales(*rows[9_000:])
    assert taken == [9_000, 11_000]
    assert_sound(shop)
    assert outcome(shop.load_sales(*rows)) == (20_000, 0, 0, 20_000, 0)


@pytest.mark.parametrize("part", [0, 200, 600, 700])
def test_a_load_that_is_stopped_in_any_part_changes_nothing(shop: Shop, part: int, taken: list[int | None]) -> None:
    before, stop = shop.hash(), threading.Event()

    def told(done: int, _whole: int) -> None:
        if done >= part:
            stop.set()

    with pytest.raises(QueryStopped):
        shop.load(FACT, shop.file([HEADER, *many(300_000)]), progress=told, stop=stop)
    assert shop.hash() == before
    assert taken == []
    assert not list(shop.scratch.iterdir())


@pytest.mark.parametrize("written", ["in place", "by another file"])
def test_a_file_that_changes_while_it_is_read_changes_nothing(
    shop: Shop, taken: list[int | None], written: str
) -> None:
    path, other = _parquet(shop.folder / "sales.parquet", 1), _parquet(shop.folder / "other.parquet", 2)
    before = shop.hash()

    def told(done: int, _whole: int) -> None:
        if done >= 250 and other.exists():
            if written == "in place":
                path.write_bytes(other.read_bytes())
                other.unlink()
            else:
                other.replace(path)

    with pytest.raises(DataRefused, match="nobody writes while it is loaded"):
        shop.load(FACT, path, progress=told)
    assert shop.hash() == before
    assert taken == []


def _parquet(path: Path, quantity: int) -> Path:
    """Sales of that quantity as a file that is read piece by piece."""
    duckdb.sql(
        f"COPY (SELECT i AS transaction_id, 20251201 + i % 30 AS time_id, 1 + i % 4 AS store_id, 1 + i % 6 AS "
        f"product_id, 1 + i % 3 AS customer_id, {quantity} AS quantity_sold, {quantity * 200} AS total_sales_cents "
        f"FROM range(300000) t(i)) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 20000)"
    )
    return path


def test_what_a_load_needs_meanwhile_lies_in_the_workspace(
    shop: Shop, taken: list[int | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    (tmp_path / "system").mkdir()
    left = shop.scratch / "load-left-by-a-killed-process"
    left.mkdir(parents=True)
    seen: set[tuple[str, int]] = set()

    def told(_done: int, _whole: int) -> None:
        seen.update((path.name[:5], path.stat().st_mode & 0o777) for path in shop.scratch.iterdir())

    shop.load(FACT, shop.file([HEADER, *many(3_000)]), progress=told)
    assert taken == [3_000]
    assert seen == {("load-", 0o700)}
    assert not left.exists()
    assert [*shop.scratch.iterdir(), *(tmp_path / "system").iterdir()] == []


def test_progress_never_goes_back_and_ends_at_the_whole(shop: Shop, taken: list[int | None]) -> None:
    told: list[tuple[int, int]] = []
    shop.load(FACT, shop.file([HEADER, *many(2_000)]), progress=lambda done, whole: told.append((done, whole)))
    assert taken == [2_000]
    assert told == sorted(told)
    assert told[-1] == (1000, 1000)


def test_without_duckdb_the_same_file_is_loaded_row_by_row(
    shop: Shop, taken: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert outcome(shop.load_sales(*many(3_000))) == (3_000, 3_000, 0, 0, 0)
    assert taken == [None]
    assert_sound(shop)


def test_integers_come_whole_and_in_order_over_many_batches() -> None:
    with duckdb.connect() as engine:
        least, most = 1 - 2**63, 2**63 - 1
        engine.execute("CREATE TABLE n AS SELECT i, -i AS j FROM range(300000) t(i)")
        flat = array("q")
        pieces = 0
        for values in integers(engine, ("i", "j"), "n WHERE i % 7 <> 3"):
            flat += values
            pieces += 1
        expected = [value for i in range(300_000) if i % 7 != 3 for value in (i, -i)]
        assert pieces > 1
        assert flat.tolist() == expected
        (ends,) = integers(engine, (str(least), str(most)), "range(1)")
        assert ends.tolist() == [least, most]
        assert list(integers(engine, ("i", "j"), "n WHERE i < 0")) == []
