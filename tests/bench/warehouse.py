"""Whether loading sales with every check, and all aggregates, keeps up with a bare import of the same rows.

The peer is the sqlite3 shell's `.import` of the facts alone, into a table without keys of others or aggregates.
`LAKEWARDEN_BENCH_ROWS` sets the rows (1,000,000).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import duckdb

from tests.bench import report
from tests.conftest import ROOT
from tests.warehouse.shop import Shop
from warehouse import aggregates, integrity

ROWS = int(os.environ.get("LAKEWARDEN_BENCH_ROWS", "1000000"))
BATCH = 100_000
PAIRS = 3 if ROWS <= 1_000_000 else 1
FACT = "Sales_Transactions_Table"
COLUMNS = "transaction_id, time_id, store_id, product_id, customer_id, quantity_sold"
MONEY = "printf('%.2f', total_sales_cents / 100.0) AS total_sales_amount"


_LOAD = """
import sys
from pathlib import Path
from tests.warehouse.shop import Shop
loaded = Shop(Path(sys.argv[1])).load("Sales_Transactions_Table", Path(sys.argv[2]))
# The peak of this process; ru_maxrss begins with that of whoever started it.
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(loaded.new, loaded.elapsed_s, int(peak) // 1024)
"""


def bench() -> None:
    report.print_title(f"Warehouse of {ROWS:,} sales, loads vs. the sqlite3 shell's .import of the facts alone")
    shell = shutil.which("sqlite3")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = Shop(folder / "built")
        started_s = time.perf_counter()
        marks: list[float] = []
        shop.build(rows=ROWS, progress=lambda _done, _all: marks.append(time.perf_counter()))
        facts_s = marks[-1] - marks[0]
        report.print_note(
            f"build: {ROWS / facts_s / 1000:,.0f} k facts/s, {time.perf_counter() - started_s:.1f} s with aggregates"
        )
        csv, batch = _export(shop, folder, f"transaction_id <= {ROWS}"), folder / "batch.csv"
        parquet = folder / "sales.parquet"
        with duckdb.connect() as engine:
            engine.execute(f"COPY (SELECT * FROM read_csv('{csv}')) TO '{parquet}' (FORMAT parquet)")
        empty = folder / "empty"
        _emptied(shop, empty)
        if shell is None:
            report.print_note("the sqlite3 shell is not installed: no peer")
        else:
            for path, target in ((csv, 2.0), (parquet, 1.25)):
                peaks: list[int] = []
                pairs = report.interleaved(
                    partial(_load_s, empty, folder, path, peaks), partial(_import_s, shell, folder, csv), pairs=PAIRS
                )
                report.print_pairs(f"load {path.suffix[1:]} vs .import", pairs, unit="s", target=target)
                report.print_note(f"memory of the loading process at its peak: {max(peaks)} MiB")
        _bench_batch(shop, batch)


def _bench_batch(shop: Shop, path: Path) -> None:
    """A batch of new rows, corrections and rows that are there already, on all others; and a rebuild."""
    with closing(shop.warehouse.connect()) as connection, path.open("w", encoding="ascii") as file:
        file.write(f"{COLUMNS.replace(' ', '')},total_sales_amount\n")
        rows = connection.execute(
            f"SELECT {COLUMNS}, unit_price_cents FROM {FACT} ORDER BY transaction_id DESC LIMIT {BATCH}"
        )
        for n, (old, *ids, sold, price) in enumerate(rows):
            key, quantity = old + (ROWS if n % 10 else 0), sold + (1 if sold > 0 and n % 20 == 0 else 0)
            file.write(f"{key},{','.join(map(str, ids))},{quantity},{quantity * price / 100:.2f}\n")
    loaded = shop.load(FACT, path)
    started_s = time.perf_counter()
    aggregates.refresh(shop.warehouse)
    refresh_s = time.perf_counter() - started_s
    report.print_value(f"batch of {BATCH:,} ({loaded.changed:,} changed)", [loaded.elapsed_s], unit="s", target=1.5)
    report.print_value("the same, in times of a rebuild", [loaded.elapsed_s / refresh_s], unit="×", target=0.05)
    checked = integrity.check(shop.warehouse, shop.cipher)
    report.print_note(f"check: {checked.elapsed_s:.1f} s, {'sound' if checked.ok else 'NOT SOUND'}")


def _export(shop: Shop, folder: Path, where: str) -> Path:
    path = folder / "sales.csv"
    with closing(shop.warehouse.connect()) as connection, path.open("w", encoding="ascii") as file:
        file.write(f"{COLUMNS.replace(' ', '')},total_sales_amount\n")
        for row in connection.execute(f"SELECT {COLUMNS}, {MONEY} FROM {FACT} WHERE {where}"):
            file.write(",".join(map(str, row)) + "\n")
    return path


def _emptied(shop: Shop, folder: Path) -> None:
    """A copy of the shop with its dimensions, and without a sale."""
    copy = Shop(folder)
    with closing(copy.warehouse.connect()) as connection:
        connection.execute("ATTACH ? AS built", (str(shop.path),))
        for table in ("Store", "Supplier", "Product", "Customer", "Time"):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table}_Table)"))
            connection.execute(f"INSERT INTO {table}_Table ({columns}) SELECT {columns} FROM built.{table}_Table")
    copy.warehouse.checkpoint()


def _load_s(empty: Path, folder: Path, path: Path, peaks: list[int]) -> float:
    """Load into a copy of `empty` in a process of its own; `peaks` gets the MiB it took."""
    target = folder / "loaded"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(empty, target)
    command = [sys.executable, "-c", _LOAD, str(target), str(path)]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    new, taken_s, peak = said.split()
    assert int(new) == ROWS, said
    peaks.append(int(peak))
    shutil.rmtree(target)
    return float(taken_s)


def _import_s(shell: str, folder: Path, csv: Path) -> float:
    path = folder / "peer.db"
    path.unlink(missing_ok=True)
    script = (
        f"CREATE TABLE f ({COLUMNS.replace(',', ' INTEGER,').replace('_id INTEGER', '_id INTEGER PRIMARY KEY', 1)} "
        f"INTEGER, total_sales_amount REAL);\n.mode csv\n.import --skip 1 {csv} f\n"
    )
    started_s = time.perf_counter()
    subprocess.run([shell, str(path)], input=script.encode(), check=True, capture_output=True)
    taken_s = time.perf_counter() - started_s
    path.unlink()
    return taken_s
