"""Loads the dimensions: rows are checked one by one, sealed where they must be, and put in or brought up to date.

A product that changes its category, or a store its region, takes its sales along in the roll-ups. Days missing between
the first and the last of Time_Table follow from the calendar, so they are filled in.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from warehouse import aggregates, practice_dimensions
from warehouse.file_columns import ACCEPTED, FIRST_YEAR, LAST_YEAR, LEVELS, missing, optional, wanted
from warehouse.first_seen import FirstSeen
from warehouse.models import MASK, SENSITIVE
from warehouse.ports import CellCipher
from warehouse.readers import Chunk, Rejected, require_columns
from warehouse.rejects import RejectsFile
from warehouse.values import Unfit, all_of, amount, integer, is_given, shown, text

SPECIFIED: dict[str, tuple[str, ...]] = {
    "Store_Table": ("store_id", "store_name", "city", "state", "country", "region"),
    "Supplier_Table": ("supplier_id", "supplier_name", "supplier_address", "contact_number", "email_address"),
    "Product_Table": ("product_id", "product_name", "category", "brand", "unit_price_cents", "supplier_id"),
    "Customer_Table": ("customer_id", "customer_name", "address", "membership_level"),
    "Time_Table": ("time_id", "date", "day", "month", "quarter", "year", "weekday", "is_weekend"),
}
STORED = SPECIFIED | {
    "Product_Table": (*SPECIFIED["Product_Table"], "supplier_name"),
    "Time_Table": ("time_id", "date", "day", "month", "month_number", "quarter", "year", "weekday", "is_weekend"),
}
MAY_LACK = optional("Time_Table")
MOVES = {"Product_Table": ("product", "category"), "Store_Table": ("store", "region")}

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Row = tuple[Any, ...]


class DimensionLoad:
    """One batch of a dimension within a write transaction, of columns that `check_header` lets pass."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: str,
        names: Sequence[str],
        cipher: CellCipher,
        rejects: RejectsFile,
    ) -> None:
        self._connection = connection
        self._table = table
        self._names = tuple(names)
        self._cipher = cipher
        self._rejects = rejects
        self._columns = STORED[table]
        self._secret = [index for index, name in enumerate(self._columns) if (table, name) in SENSITIVE]
        self._parse: Callable[[dict[str, Any]], Row] = {
            "Product_Table": self._product, "Customer_Table": _customer, "Time_Table": _day,
        }.get(table, self._plain)  # fmt: skip
        self._first_seen = FirstSeen(connection, table, self._columns)
        self._good = self._superseded = 0

    def take(self, chunk: Chunk) -> None:
        """Check these rows, and put the good ones in."""
        good: dict[int, Row] = {}
        for line, *row in zip(chunk.lines, *chunk.columns, strict=True):
            try:
                parsed = self._parse(dict(zip(self._names, row, strict=True)))
            except Unfit as unfit:
                self._rejects.add([Rejected(line, str(unfit), row)])
                continue
            if (before := good.get(parsed[0])) is not None:  # the last line of a key counts
                self._superseded += before != parsed
            self._good += 1
            good[parsed[0]] = parsed
        if good:
            self._put(good)

    def finish(self) -> tuple[int, int, int, int]:
        """How many rows were new, have changed one, have changed nothing, were superseded by later ones."""
        new = self._first_seen.new()
        changed = sum(self._clear(before) != self._clear(now) for before, now in self._first_seen.changes())
        if self._table == "Time_Table" and new:
            self._fill_gaps()
        return new, changed, self._good - new - changed - self._superseded, self._superseded

    def _put(self, good: dict[int, Row]) -> None:
        stored = self._stored(good)
        changed = {key: row for key, row in good.items() if key in stored and stored[key] != row}
        new = {key: row for key, row in good.items() if key not in stored}
        self._superseded += len(self._first_seen.again(changed))
        self._first_seen.note(new, stored, changed)
        if self._table in MOVES:
            kind, column = MOVES[self._table]
            at = self._columns.index(column)
            moved = [key for key, row in changed.items() if row[at] != stored[key][at]]
            if moved:
                self._write_moving([*changed.values(), *new.values()], kind, moved)
                return
        self._write([*changed.values(), *new.values()])
        if self._table == "Supplier_Table" and changed:
            self._connection.executemany(
                "UPDATE Product_Table SET supplier_name = ? WHERE supplier_id = ?",
                [(row[1], key) for key, row in changed.items()],
            )

    def _stored(self, keys: dict[int, Row]) -> dict[int, Row]:
        """The rows that are there already, in clear."""
        sql = (
            f"SELECT {', '.join(self._columns)} FROM {self._table} "  # noqa: S608 - fixed names
            f"WHERE {self._columns[0]} IN (SELECT value FROM json_each(?))"
        )
        return {row[0]: self._clear(row) for row in self._connection.execute(sql, (json.dumps(list(keys)),))}

    def _clear(self, row: Row) -> Row:
        if not self._secret:
            return row
        clear = list(row)
        for index in self._secret:
            try:
                clear[index] = self._cipher.open(row[index], table=self._table, column=self._columns[index], row=row[0])
            except ValueError:
                clear[index] = None  # a cell that does not open differs from every text: it is sealed anew
        return tuple(clear)

    def _sealed(self, row: Row) -> Row:
        if not self._secret:
            return row
        sealed = list(row)
        for index in self._secret:
            sealed[index] = self._cipher.seal(row[index], table=self._table, column=self._columns[index], row=row[0])
        return tuple(sealed)

    def _write(self, rows: list[Row]) -> None:
        key, *rest = self._columns
        self._connection.executemany(
            f"INSERT INTO {self._table} ({', '.join(self._columns)}) "  # noqa: S608 - fixed names
            f"VALUES ({', '.join('?' * len(self._columns))}) ON CONFLICT ({key}) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in rest),
            map(self._sealed, rows),
        )

    def _write_moving(self, rows: list[Row], kind: str, moved: list[int]) -> None:
        self._connection.execute("DROP TABLE IF EXISTS temp.moved")
        self._connection.execute("CREATE TEMP TABLE moved (kind TEXT NOT NULL, key INTEGER NOT NULL)")
        self._connection.executemany("INSERT INTO temp.moved VALUES (?, ?)", [(kind, key) for key in moved])
        aggregates.take_from_roll_ups(self._connection)
        self._write(rows)
        aggregates.give_to_roll_ups(self._connection)

    def _plain(self, row: dict[str, Any]) -> Row:
        key, *rest = self._columns
        return all_of(lambda: integer(key, row[key]), *(partial(text, name, row[name]) for name in rest))

    def _product(self, row: dict[str, Any]) -> Row:
        prices = [(name, row[name]) for name in ("unit_price", "unit_price_cents") if name in row]
        *cells, supplier = all_of(
            lambda: integer("product_id", row["product_id"]),
            *(partial(text, name, row[name]) for name in ("product_name", "category", "brand")),
            lambda: amount(prices, low=0),
            lambda: self._supplier(row),
        )
        return (*cells, *supplier)

    def _supplier(self, row: dict[str, Any]) -> tuple[int, str]:
        """The supplier by id, by name, or by both if they agree."""
        where, parameters = [], []
        if "supplier_id" in row and (is_given(row["supplier_id"]) or not is_given(row.get("supplier_name"))):
            where.append("supplier_id = ?")
            parameters.append(integer("supplier_id", row["supplier_id"]))
        if is_given(row.get("supplier_name")):
            where.append("supplier_name = ?")
            parameters.append(text("supplier_name", row["supplier_name"]))  # type: ignore[arg-type]
        if not where:
            raise Unfit("supplier_name: expected a text, found nothing")
        found = self._connection.execute(
            f"SELECT supplier_id, supplier_name FROM Supplier_Table WHERE {' AND '.join(where)} LIMIT 2",  # noqa: S608
            parameters,
        ).fetchall()
        if len(found) != 1:
            asked = " and ".join(shown(value) for value in parameters)
            raise Unfit(f"supplier: expected one row of Supplier_Table with {asked}, found {len(found) or 'none'}")
        return int(found[0][0]), str(found[0][1])

    def _fill_gaps(self) -> None:
        first, last, count = self._connection.execute(
            "SELECT min(date), max(date), count(*) FROM Time_Table"
        ).fetchone()
        start, end = date.fromisoformat(first), date.fromisoformat(last)
        if (end - start).days + 1 != count:
            self._connection.executemany(
                "INSERT OR IGNORE INTO Time_Table VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(practice_dimensions.calendar_row, practice_dimensions.days(start, end)),
            )


def _customer(row: dict[str, Any]) -> Row:
    return all_of(
        lambda: integer("customer_id", row["customer_id"]),
        lambda: _private("customer_name", row["customer_name"]),
        lambda: _private("address", row["address"]),
        lambda: _level(row["membership_level"]),
    )


def _private(name: str, cell: Any) -> str:
    """A text that is to be sealed, and no mask that stands in place of one."""
    found = text(name, cell, secret=True)
    if found == MASK:
        what = name.removeprefix("customer_")
        raise Unfit(f"{name}: expected a customer's {what}, found a mask")
    return found


def _level(cell: Any) -> str:
    level = text("membership_level", cell).lower()
    if level not in LEVELS:
        # One that holds other lines was led into this column by a quotation, and may show what they hold.
        found = shown(level) if len(level.splitlines()) == 1 else f"{len(level.splitlines())} lines"
        raise Unfit(f"membership_level: expected {', '.join(LEVELS[:-1])} or {LEVELS[-1]}, found {found}")
    return level


def _day(row: dict[str, Any]) -> Row:
    """The day that `date` names; every other column must say the same."""
    words = text("date", row["date"])
    try:
        day = date.fromisoformat(words) if len(words) == 10 else None
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        none = ": no such date" if day is None and _DATE.fullmatch(words) else ""
        raise Unfit(f"date: expected YYYY-MM-DD in the years {FIRST_YEAR} to {LAST_YEAR}, found {shown(words)}{none}")
    expected = practice_dimensions.calendar_row(day)
    faults = [
        f"{name}: expected {value} for {words}{_among(name)}, found {shown(row[name])}"
        for name, value in zip(STORED["Time_Table"], expected, strict=True)
        if name in row and not _says(row[name], value) and (is_given(row[name]) or name not in MAY_LACK)
    ]
    if faults:
        raise Unfit("; ".join(faults))
    return expected


def _among(name: str) -> str:
    """The values that a column of the calendar takes, in words."""
    return f" ({name} is {ACCEPTED[name]})" if name in ACCEPTED else ""


def _says(cell: Any, value: object) -> bool:
    words = "" if cell is None else str(cell).strip()
    if isinstance(value, int):
        return words.lstrip("0") == str(value)
    return words.casefold() == str(value).casefold()


def check_header(table: str, header: Sequence[str]) -> None:
    """Return if these are the columns of a file of `table`. Raises `DataRefused`."""
    require_columns(header, missing(table, header), sorted(wanted(table)))
