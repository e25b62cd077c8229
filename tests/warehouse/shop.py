"""A small shop for the tests: a store of the workspace, real cells, files of rows, and sums made without SQL."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from console.wiring.cells import VaultCells
from etl.files import write_whole
from security.vault.keys import KeyRing
from warehouse import integrity, practice_data
from warehouse.database import Warehouse, open_warehouse
from warehouse.load import load
from warehouse.models import AGGREGATES, LoadReport
from warehouse.practice_data import PracticeSpec

NOW = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)
UNTIL = date(2026, 10, 31)
HEADER = (
    "transaction_id", "time_id", "store_id", "product_id", "customer_id", "quantity_sold", "total_sales_amount",
)  # fmt: skip
MASTER: dict[str, list[tuple[Any, ...]]] = {
    "Supplier_Table": [
        ("supplier_id", "supplier_name", "supplier_address", "contact_number", "email_address"),
        (1, "Alder Supply", "1 Depot Road", "+1-555-0101", "a@supplier.example"),
        (2, "Cedar Supply", "2 Depot Road", "+1-555-0102", "c@supplier.example"),
    ],
    "Store_Table": [
        ("store_id", "store_name", "city", "state", "country", "region"),
        *[(n, f"Store {n}", "Portland", "Oregon", "United States", "West" if n % 2 else "East") for n in range(1, 5)],
    ],
    "Product_Table": [
        ("product_id", "product_name", "category", "brand", "unit_price", "supplier_id"),
        *[
            (n, f"Product {n}", ("Dairy", "Bakery", "Snacks")[n % 3], "Alder", f"{n}.99", 1 + n % 2)
            for n in range(1, 7)
        ],
    ],
    "Customer_Table": [
        ("customer_id", "customer_name", "address", "membership_level"),
        *[(n, f"Customer Number {n}", f"{n} Sample Street", "gold") for n in range(1, 4)],
    ],
    "Time_Table": [
        ("time_id", "date", "day", "month", "quarter", "year", "weekday", "is_weekend"),
        (20251201, "2025-12-01", 1, "December", "Q4", 2025, "Monday", "No"),
        (20260228, "2026-02-28", 28, "February", "Q1", 2026, "Saturday", "Yes"),
    ],
}  # fmt: skip


@dataclass
class Shop:
    """A warehouse in a folder of its own."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "warehouse.db"
        self.exports = self.folder / "exports"
        self.scratch = self.folder / "tmp"
        self.cipher = VaultCells(KeyRing(self.folder / "keys", write_whole))
        self.warehouse = self.opened()
        self._files = 0

    def opened(self, *, read_only: bool = False) -> Warehouse:
        return open_warehouse(self.path, lock_file=self.folder / "lock", now=lambda: NOW, read_only=read_only)

    def with_master_data(self) -> Shop:
        for table, rows in MASTER.items():
            report = self.load_rows(table, rows)
            assert report.rejected == 0, report
        return self

    def build(self, rows: int = 3_000, seed: int = 1, until: date = UNTIL, **options: Any) -> practice_data.BuildReport:
        spec = PracticeSpec(rows, seed, until)
        return practice_data.build(
            self.warehouse, spec, **{"practice": True, "cipher": self.cipher, "now": NOW, **options}
        )

    def load(self, table: str, path: Path, **options: Any) -> LoadReport:
        how = {"cipher": self.cipher, "rejects_dir": self.exports, "scratch_dir": self.scratch, "now": NOW, **options}
        return load(self.warehouse, table, path, **how)

    def load_rows(self, table: str, rows: Iterable[Sequence[object]]) -> LoadReport:
        """Load rows, the first of which is the header, as a CSV file."""
        return self.load(table, self.file(rows))

    def load_sales(self, *rows: Sequence[object], header: Sequence[str] = HEADER) -> LoadReport:
        return self.load_rows("Sales_Transactions_Table", [header, *rows])

    def load_bytes(self, table: str, body: bytes) -> LoadReport:
        self._files += 1
        path = self.folder / f"in{self._files}.csv"
        path.write_bytes(body)
        return self.load(table, path)

    def file(self, rows: Iterable[Sequence[object]]) -> Path:
        self._files += 1
        path = self.folder / f"in{self._files}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
        return path

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with closing(self.warehouse.connect(read_only=True)) as connection:
            return connection.execute(sql, parameters).fetchall()

    def write(self, sql: str, *parameters: object) -> None:
        """Change the store behind the program's back."""
        with self.warehouse.writing() as connection:
            connection.execute(sql, parameters)

    def hash(self) -> str:
        with closing(self.warehouse.connect(read_only=True)) as connection:
            return integrity.content_hash(connection, self.cipher)

    def check(self) -> integrity.CheckReport:
        return integrity.check(self.warehouse, self.cipher)

    def rejects(self, report: LoadReport) -> list[dict[str, str]]:
        assert report.rejects_file is not None
        with report.rejects_file.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def aggregates(self) -> dict[str, dict[tuple[Any, ...], tuple[int, int, int]]]:
        """What the four aggregates hold: (cents, quantity, transactions) by key."""
        keys = {
            "Monthly_Sales_Aggregate_Table": "year, month_number, store_id, product_id",
            "Yearly_Sales_Aggregate_Table": "year, store_id, product_id",
            "Monthly_Store_Category_Aggregate_Table": "year, month_number, store_id, category",
            "Yearly_Region_Product_Aggregate_Table": "year, region, product_id",
        }
        return {
            table: {
                tuple(row[:-3]): (row[-3], row[-2], row[-1])
                for row in self.rows(
                    f"SELECT {keys[table]}, total_sales_cents, total_quantity_sold, transaction_count FROM {table}"
                )
            }
            for table in AGGREGATES
        }

    def sums_of_facts(self) -> dict[str, dict[tuple[Any, ...], tuple[int, int, int]]]:
        """What the aggregates should hold, added up in Python from the facts."""
        category: Mapping[int, str] = dict(self.rows("SELECT product_id, category FROM Product_Table"))
        region: Mapping[int, str] = dict(self.rows("SELECT store_id, region FROM Store_Table"))
        sums: dict[str, dict[tuple[Any, ...], list[int]]] = {
            table: defaultdict(lambda: [0, 0, 0]) for table in AGGREGATES
        }
        for day, store, product, quantity, price in self.rows(
            "SELECT time_id, store_id, product_id, quantity_sold, unit_price_cents FROM Sales_Transactions_Table"
        ):
            year, month = day // 10_000, day // 100 % 100
            for table, key in zip(
                AGGREGATES,
                (
                    (year, month, store, product),
                    (year, store, product),
                    (year, month, store, category[product]),
                    (year, region[store], product),
                ),
                strict=True,
            ):
                for index, value in enumerate((quantity * price, quantity, 1)):
                    sums[table][key][index] += value
        return {
            table: {key: (cents, quantity, lines) for key, (cents, quantity, lines) in found.items()}
            for table, found in sums.items()
        }
