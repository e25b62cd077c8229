"""The columns of the files that a load takes, table by table: what they hold, and which a file must have.

It alone says so: the loads read by it, `described` is what help and documentation show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warehouse.models import DIMENSIONS, FACT
from warehouse.values import LARGEST_CENTS, LARGEST_QUANTITY, LONGEST_TEXT

LEVELS = ("bronze", "silver", "gold")
ACCEPTED = {
    "month": "January to December",
    "quarter": "Q1 to Q4",
    "weekday": "Monday to Sunday",
    "is_weekend": "Yes or No",
}
FIRST_YEAR, LAST_YEAR = 1900, 2199

ID = "id"
TEXT = "text"
MONEY = "money"
CENTS = "cents"
NUMBER = "number"
DAY = "day"


@dataclass(frozen=True, slots=True)
class FileColumn:
    """One column: what kind of value it holds, which of them, and whether a file must have it.

    One that stands `instead` of another is enough in its place.
    """

    name: str
    kind: str
    values: str = ""
    needed: bool = True
    instead: str = ""

    @property
    def need(self) -> str:
        """Required or optional, in a word."""
        if self.instead:
            return "instead"
        return "required" if self.needed else "optional"


def _texts(*names: str) -> tuple[FileColumn, ...]:
    return tuple(FileColumn(name, TEXT) for name in names)


def _in_place(name: str, kind: str, instead: str, values: str) -> FileColumn:
    return FileColumn(name, kind, values, needed=False, instead=instead)


FILE_COLUMNS: dict[str, tuple[FileColumn, ...]] = {
    FACT: (
        FileColumn("transaction_id", ID),
        FileColumn("time_id", DAY, "YYYYMMDD or YYYY-MM-DD, in Time_Table"),
        FileColumn("store_id", ID, "in Store_Table"),
        FileColumn("product_id", ID, "in Product_Table"),
        FileColumn("customer_id", ID, "in Customer_Table"),
        FileColumn("quantity_sold", NUMBER, f"at most {LARGEST_QUANTITY:,}; below 0: a return"),
        FileColumn("total_sales_amount", MONEY, "quantity × price; below 0: a return"),
        _in_place("total_sales_cents", CENTS, "total_sales_amount", "of total_sales_amount; both must agree"),
        FileColumn("unit_price", MONEY, "at sale, from 0; or amount ÷ quantity", needed=False),
        _in_place("unit_price_cents", CENTS, "unit_price", "of unit_price; both must agree"),
    ),
    "Store_Table": (FileColumn("store_id", ID), *_texts("store_name", "city", "state", "country", "region")),
    "Product_Table": (
        FileColumn("product_id", ID),
        *_texts("product_name", "category", "brand"),
        FileColumn("unit_price", MONEY, "on the shelf, from 0"),
        _in_place("unit_price_cents", CENTS, "unit_price", "of unit_price; both must agree"),
        FileColumn("supplier_id", ID, "in Supplier_Table"),
        _in_place("supplier_name", TEXT, "supplier_id", "of supplier_id; both must agree"),
    ),
    "Customer_Table": (
        FileColumn("customer_id", ID),
        *(FileColumn(name, TEXT, "sealed as it enters") for name in ("customer_name", "address")),
        FileColumn("membership_level", TEXT, f"{', '.join(LEVELS[:-1])} or {LEVELS[-1]}"),
    ),
    "Time_Table": (
        FileColumn("time_id", NUMBER, "the date as YYYYMMDD"),
        FileColumn("date", "date", "YYYY-MM-DD; all others must agree"),
        FileColumn("day", NUMBER, "1 to 31"),
        FileColumn("month", TEXT, ACCEPTED["month"]),
        FileColumn("month_number", NUMBER, "1 to 12", needed=False),
        FileColumn("quarter", TEXT, ACCEPTED["quarter"]),
        FileColumn("year", NUMBER, f"{FIRST_YEAR} to {LAST_YEAR}"),
        FileColumn("weekday", TEXT, ACCEPTED["weekday"]),
        FileColumn("is_weekend", TEXT, ACCEPTED["is_weekend"]),
    ),
    "Supplier_Table": (
        FileColumn("supplier_id", ID),
        *_texts("supplier_name", "supplier_address", "contact_number", "email_address"),
    ),
}
KINDS = f"""\
id: a whole number from 0; the first column of a table is its key
number: whole; money: such as 12.50, up to {LARGEST_CENTS // 100:,} below or above 0,
without currency or thousands separators; cents: the same as a whole number
text: 1 to {LONGEST_TEXT:,} characters in UTF-8
instead: enough in a row in place of the column that it is of
optional: a file may lack the column, and a row its value
Columns are found by name, in any order and case; others are passed over."""


def wanted(table: str) -> set[str]:
    """The columns that are read of a file of `table`."""
    return {column.name for column in FILE_COLUMNS[table]}


def whole_numbers() -> set[str]:
    """The columns of any table whose values are whole numbers."""
    kinds = {ID, NUMBER, CENTS, DAY}
    return {column.name for columns in FILE_COLUMNS.values() for column in columns if column.kind in kinds}


def optional(table: str) -> set[str]:
    """The columns that may be empty in a row, or lacking in the file."""
    return {column.name for column in FILE_COLUMNS[table] if not column.needed and not column.instead}


def missing(table: str, header: Sequence[str]) -> list[str]:
    """The columns that a file of `table` with this header lacks."""
    columns = FILE_COLUMNS[table]
    replaced = {column.instead for column in columns if column.name in header}
    return [column.name for column in columns if column.needed and column.name not in {*header, *replaced}]


def described() -> str:
    """All of it in lines of at most 78 characters."""
    tables = [
        "\n".join([table, *(f"  {_line(column)}" for column in FILE_COLUMNS[table])]) for table in (FACT, *DIMENSIONS)
    ]
    return "\n\n".join([*tables, KINDS])


def _line(column: FileColumn) -> str:
    return f"{column.name:<20}{column.kind:<8}{column.need:<10}{column.values}".rstrip()
