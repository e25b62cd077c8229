"""Loads sales: checks them a column at a time, takes new ones straight in, and corrects those that have changed.

In order:
1. A piece of the file whose every value is plain and valid is taken as columns; any other is read row by row, and
   its bad rows are rejected with their reasons.
2. Rows whose transaction ids follow upon all others are new: they go straight to the facts. Others are staged, where
   the last line of a transaction counts.
3. In the end staged rows that are there already are forgotten; what the rest changes, and what is new, is summed by
   month, store and product, and that difference is added to all four aggregates.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import date
from operator import floordiv, lt, mul
from typing import Any

from warehouse import aggregates
from warehouse.bulk import FACT_COLUMNS, Inserter
from warehouse.database import script, statements
from warehouse.file_columns import missing, wanted
from warehouse.keys import KeySet
from warehouse.models import FACT
from warehouse.readers import Chunk, Rejected, require_columns
from warehouse.rejects import RejectsFile
from warehouse.values import (
    LARGEST_CENTS,
    LARGEST_ID,
    LARGEST_QUANTITY,
    Unfit,
    amount,
    integer,
    integers,
    is_given,
    monies,
    shown,
)

KEYS = {
    "time_id": "Time_Table",
    "store_id": "Store_Table",
    "product_id": "Product_Table",
    "customer_id": "Customer_Table",
}
IDS = ("transaction_id", *KEYS)
NEEDED = (*IDS, "quantity_sold")
AMOUNTS = ("total_sales_amount", "total_sales_cents")
PRICES = ("unit_price", "unit_price_cents")

Columns = list[list[int]]


class SalesLoad:
    """One batch of sales within a write transaction, of columns that `check_header` lets pass."""

    def __init__(
        self, connection: sqlite3.Connection, names: Sequence[str], batch_id: int, rejects: RejectsFile
    ) -> None:
        self._connection = connection
        self._batch_id = batch_id
        self._rejects = rejects
        self._at = {name: names.index(name) for name in wanted(FACT) if name in names}
        self._amounts, self._prices = ([name for name in both if name in names] for both in (AMOUNTS, PRICES))
        self._keys = {name: KeySet(connection, table, name) for name, table in KEYS.items()}
        top = connection.execute("SELECT max(transaction_id) FROM Sales_Transactions_Table").fetchone()[0]
        self._top = -1 if top is None else int(top)
        self._first, self._last = self._top, self._top - 1  # of what went straight to the facts: nothing yet
        for statement in statements(script("load/stage")):
            connection.execute(statement)
        self._direct = Inserter(connection, FACT, FACT_COLUMNS, constants={"batch_id": batch_id})
        self._staging = Inserter(connection, "temp.staged", FACT_COLUMNS, tail=f" {script('load/supersede')}")
        self._inserted = self._staged = 0

    def take(self, chunk: Chunk) -> None:
        """Check these rows, and take the good ones (1, 2)."""
        if not len(chunk.lines):
            return
        found = self._as_columns(chunk) or self._row_by_row(chunk)
        ids = found[0]
        if not ids:
            return
        if ids[0] > self._top and all(map(lt, ids, ids[1:])):
            if not self._inserted:
                self._first = ids[0]
            self._direct.add(found, len(ids))
            self._inserted += len(ids)
            self._last = ids[-1]
        else:
            self._staging.add(found, len(ids))
            self._staged += len(ids)
        self._top = max(self._top, *ids)

    def finish(self) -> tuple[int, int, int, int]:
        """Apply what was taken (3).

        How many rows were new, have changed a fact, have changed nothing, were superseded by a later one that differs.
        """
        self._direct.flush()
        self._staging.flush()
        corrected = superseded = of_batch = 0
        if self._staged:
            superseded = self._count("SELECT total(superseded) FROM temp.staged")
            self._run("forget_same")
            corrected, of_batch = self._connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE batch_id = ?) "
                "FROM temp.staged JOIN Sales_Transactions_Table USING (transaction_id)",
                (self._batch_id,),
            ).fetchone()
        effective = self._count("SELECT count(*) FROM temp.staged")
        if self._inserted or effective:
            aggregates.begin_differences(self._connection)
            self._run("difference", {"first": self._first, "last": self._last})
            self._run("apply", {"batch_id": self._batch_id})
            aggregates.apply_differences(self._connection, corrections=corrected > 0)
        same = self._staged - effective - superseded
        return self._inserted + effective - corrected, corrected - of_batch, same, superseded + of_batch

    def _as_columns(self, chunk: Chunk) -> Columns | None:
        """The chunk as columns of valid facts, None unless every row is plain and valid."""
        columns = [integers(chunk.columns[self._at[name]]) for name in NEEDED]
        amounts = self._money(chunk, self._given(chunk, self._amounts))
        if amounts is None or any(column is None for column in columns):
            return None
        *ids, quantities = [column for column in columns if column is not None]
        prices = self._prices_at_sale(chunk, quantities, amounts)
        if (
            prices is None
            or list(map(mul, quantities, prices)) != amounts
            or min(prices) < 0
            or max(map(abs, quantities)) > LARGEST_QUANTITY
            or max(map(abs, amounts)) > LARGEST_CENTS
            or max(prices) > LARGEST_CENTS
            or min(ids[0]) < 0
            or max(ids[0]) > LARGEST_ID
            or any(self._keys[name].missing(column) for name, column in zip(KEYS, ids[1:], strict=True))
        ):
            return None
        return [*ids, quantities, prices, amounts]

    def _prices_at_sale(self, chunk: Chunk, quantities: list[int], amounts: list[int]) -> list[int] | None:
        """The prices as given, or amount ÷ quantity where the whole chunk gives none; None unless all are plain."""
        if given := self._given(chunk, self._prices):
            return self._money(chunk, given)
        return None if 0 in quantities else list(map(floordiv, amounts, quantities))

    def _given(self, chunk: Chunk, names: Sequence[str]) -> list[str]:
        """Those of the columns `names` in which a cell has a value."""
        return [name for name in names if any(map(is_given, chunk.columns[self._at[name]]))]

    def _money(self, chunk: Chunk, names: Sequence[str]) -> list[int] | None:
        """The cents of the columns `names`, None unless every cell is plain and all columns say the same."""
        columns = [(integers if name.endswith("_cents") else monies, chunk.columns[self._at[name]]) for name in names]
        found = [read(column) for read, column in columns]
        return found[0] if found and all(other == found[0] for other in found) else None

    def _row_by_row(self, chunk: Chunk) -> Columns:
        """The good rows of the chunk as columns; the others are rejected."""
        rows, lines = list(zip(*chunk.columns, strict=True)), chunk.lines
        parsed: list[tuple[int, ...] | Unfit] = [self._parsed(row) for row in rows]
        good = [facts for facts in parsed if isinstance(facts, tuple)]
        unknown = {name: self._keys[name].missing(facts[index] for facts in good) for index, name in enumerate(KEYS, 1)}
        kept: list[tuple[int, ...]] = []
        for facts, row, line in zip(parsed, rows, lines, strict=True):
            reason = str(facts) if isinstance(facts, Unfit) else _unknown_key(facts, unknown)
            if reason or isinstance(facts, Unfit):
                self._rejects.add([Rejected(line, reason, row)])
            else:
                kept.append(facts)
        return [list(column) for column in zip(*kept, strict=True)] if kept else [[] for _ in FACT_COLUMNS]

    def _parsed(self, row: Sequence[Any]) -> tuple[int, ...] | Unfit:
        """The facts of a row, or why it has none."""
        try:
            ids = [_key(name, row[self._at[name]]) for name in IDS]
            quantity, paid = self._quantity(row), self._amount_of(row)
            return (*ids, quantity, self._price_at_sale(row, quantity, paid), paid)
        except Unfit:
            return Unfit("; ".join(self._faults(row)))

    def _faults(self, row: Sequence[Any]) -> list[str]:
        """All that is wrong with a row, as far as it can be read."""
        faults: list[str] = []

        def read(parse: Callable[[], int]) -> int | None:
            try:
                return parse()
            except Unfit as unfit:
                faults.append(str(unfit))
                return None

        for name in IDS:
            key = read(lambda name=name: _key(name, row[self._at[name]]))  # type: ignore[misc]
            if key is not None and name in KEYS and self._keys[name].missing([key]):
                faults.append(_unknown(name, key))
        quantity, paid = read(lambda: self._quantity(row)), read(lambda: self._amount_of(row))
        if quantity is not None and paid is not None:
            read(lambda: self._price_at_sale(row, quantity, paid))
        elif self._has_price(row):
            read(lambda: self._given_price(row))
        return faults

    def _quantity(self, row: Sequence[Any]) -> int:
        return integer("quantity_sold", row[self._at["quantity_sold"]], low=-LARGEST_QUANTITY, high=LARGEST_QUANTITY)

    def _amount_of(self, row: Sequence[Any]) -> int:
        return amount([(name, row[self._at[name]]) for name in self._amounts])

    def _has_price(self, row: Sequence[Any]) -> bool:
        return any(is_given(row[self._at[name]]) for name in self._prices)

    def _given_price(self, row: Sequence[Any]) -> int:
        return amount([(name, row[self._at[name]]) for name in self._prices], low=0)

    def _price_at_sale(self, row: Sequence[Any], quantity: int, paid: int) -> int:
        name = self._amounts[0]
        if self._has_price(row):
            price = self._given_price(row)
            if quantity * price != paid:
                found = f"{quantity} × {price / 100:.2f} = {quantity * price / 100:.2f}, and {paid / 100:.2f}"
                raise Unfit(f"{name}: expected quantity × price at sale, found {found}{_of_returns(quantity, paid)}")
            return price
        if quantity == 0 or paid % quantity or paid // quantity < 0:
            found = f"{paid / 100:.2f} for {quantity}{_of_returns(quantity, paid)}"
            raise Unfit(f"{name}: expected quantity × a price in whole cents, found {found}")
        return paid // quantity

    def _run(self, name: str, parameters: dict[str, int] | None = None) -> None:
        for statement in statements(script(f"load/{name}")):
            self._connection.execute(statement, parameters or {})

    def _count(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0])


def check_header(header: Sequence[str]) -> None:
    """Return if these are the columns of a file of sales. Raises `DataRefused`."""
    require_columns(header, missing(FACT, header), [*NEEDED, *AMOUNTS, *PRICES])


def _key(name: str, cell: Any) -> int:
    """An id; a day may also be written as a date."""
    if name != "time_id":
        return integer(name, cell)
    words = str(cell).strip() if cell is not None else ""
    if len(words) == 10 and words[4] == words[7] == "-":
        words = words.replace("-", "")
    try:
        return integer(name, words)
    except Unfit as unfit:
        raise Unfit(f"{name}: expected a day as YYYYMMDD or YYYY-MM-DD, found {shown(cell)}") from unfit


def _of_returns(quantity: int, cents: int) -> str:
    """What a return looks like, where only one of the two is below zero; else nothing."""
    if quantity * cents >= 0:
        return ""
    sold, paid = abs(quantity), abs(cents) / 100
    return (
        f", where a sale has both above zero ({paid:.2f} for {sold}) and a return both below (-{paid:.2f} for -{sold})"
    )


def _unknown_key(facts: Sequence[int], unknown: dict[str, set[int]]) -> str:
    """Which keys of a row their dimensions do not have; empty if they have all."""
    return "; ".join(
        _unknown(name, facts[index])
        for index, (name, missing) in enumerate(unknown.items(), 1)
        if facts[index] in missing
    )


def _unknown(name: str, key: int) -> str:
    if name == "time_id" and not _is_date(key):
        return f"{name}: expected a day as YYYYMMDD or YYYY-MM-DD, found {key}: no such date"
    return f"{name}: expected a row of {KEYS[name]}, found none with {key}"


def _is_date(day: int) -> bool:
    try:
        date(day // 10_000, day // 100 % 100, day % 100)
    except (ValueError, OverflowError):
        return False
    return True
