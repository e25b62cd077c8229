"""Whole columns into a table at the speed SQLite has: a hundred rows a statement, a flat list of values at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

FACT_COLUMNS = (
    "transaction_id", "time_id", "store_id", "product_id", "customer_id",
    "quantity_sold", "unit_price_cents", "total_sales_cents",
)  # fmt: skip
ROWS_A_STATEMENT = 100
ROWS_HELD = 20_000


class Inserter:
    """Adds rows, given as columns, to `table`; `constants` are integers that every row has besides.

    Names come from the program, never from input. Used as a context manager: leaving it without an error writes
    what is still held.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: Sequence[str],
        *,
        constants: Mapping[str, int] | None = None,
        verb: str = "INSERT",
    ) -> None:
        fixed = dict(constants or {})
        self._connection = connection
        self._width = len(columns)
        self._head = f"{verb} INTO {table} ({', '.join([*columns, *fixed])}) VALUES "
        self._row = f"({', '.join(['?'] * len(columns) + [str(int(value)) for value in fixed.values()])})"
        self._full = self._head + ", ".join([self._row] * ROWS_A_STATEMENT)
        self._held: list[Any] = []

    def add(self, columns: Sequence[Sequence[Any]], count: int) -> None:
        """Add `count` rows; `columns` are in the order of the table's."""
        width = self._width
        flat: list[Any] = [None] * (count * width)
        for index, column in enumerate(columns):
            flat[index::width] = column
        self._held += flat
        if len(self._held) >= ROWS_HELD * width:
            self._write()

    def flush(self) -> None:
        """Write every row that is held."""
        self._write()
        rest = len(self._held) // self._width
        if rest:
            self._connection.execute(self._head + ", ".join([self._row] * rest), self._held)
            self._held = []

    def _write(self) -> None:
        step = ROWS_A_STATEMENT * self._width
        whole = len(self._held) // step * step
        held = self._held
        self._connection.executemany(self._full, (held[start : start + step] for start in range(0, whole, step)))
        self._held = held[whole:]

    def __enter__(self) -> Inserter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
