"""The values of the warehouse: its tables, what is sensitive in them, money, and the outcome of loads and queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

FACT = "Sales_Transactions_Table"
DIMENSIONS = ("Store_Table", "Product_Table", "Customer_Table", "Time_Table", "Supplier_Table")
AGGREGATES = (
    "Monthly_Sales_Aggregate_Table",
    "Yearly_Sales_Aggregate_Table",
    "Monthly_Store_Category_Aggregate_Table",
    "Yearly_Region_Product_Aggregate_Table",
)
SENSITIVE = {("Customer_Table", "customer_name"), ("Customer_Table", "address")}
MASK = "XXXXXXXX"

Cell = int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did with its rows; `rejects_file` names each rejected row with line and reason.

    Each row read is one of new, changed, same (it changed nothing), rejected, and superseded: a later line of the file
    with the same key and other content took its place. `rejects_as_before`: an earlier load wrote that very file.
    """

    table: str
    read: int
    new: int
    changed: int
    same: int
    rejected: int
    rejects_file: Path | None
    elapsed_s: float
    superseded: int = 0
    rejects_as_before: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a question or query. `source` names the tables that answered, `because` says why in words.

    `asked` is what was asked, where `sql`, which answered, is another way to it.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    truncated: bool
    source: tuple[str, ...]
    because: str
    sql: str
    elapsed_ms: float
    notes: tuple[str, ...] = field(default=())
    asked: str = ""
