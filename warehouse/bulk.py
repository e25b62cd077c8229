"""Whole columns into a table at the speed SQLite has: a hundred rows a statement, flat sequences of values."""

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
    """Adds rows to `table`; `constants` are integers or texts that every row has besides, `tail` ends each statement.

    Names, texts and `tail` come from the program, never from input. Used as a context manager: leaving it without an
    error writes what is still held.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: Sequence[str],
        *,
        constants: Mapping[str, int | str] | None = None,
        verb: str = "INSERT",
        tail: str = "",
    ) -> None:
        fixed = dict(constants or {})
        self._connection = connection
        self._width = len(columns)
        self._head = f"{verb} INTO {table} ({', '.join([*columns, *fixed])}) VALUES "
        self._row = f"({', '.join(['?'] * len(columns) + [_literal(value) for value in fixed.values()])})"
        self._tail = tail
        self._full = self._statement(ROWS_A_STATEMENT)
        self._held: list[Any] = []

    def add(self, columns: Sequence[Sequence[Any]], count: int) -> None:
        """Hold `count` rows, and write when there are many; `columns` are in the order of the table's."""
        width = self._width
        flat: list[Any] = [None] * (count * width)
        for index, column in enumerate(columns):
            flat[index::width] = column
        self._held += flat
        if len(self._held) >= ROWS_HELD * width:
            self.flush()

    def flush(self) -> None:
        """Write every row that is held."""
        held, self._held = self._held, []
        self.write(held)

    def write(self, values: Sequence[Any]) -> int:
        """Write rows given as one flat sequence, row after row; returns how many they are."""
        step = ROWS_A_STATEMENT * self._width
        whole = len(values) // step * step
        self._connection.executemany(self._full, (values[start : start + step] for start in range(0, whole, step)))
        rest = (len(values) - whole) // self._width
        if rest:
            self._connection.execute(self._statement(rest), values[whole:])
        return len(values) // self._width

    def _statement(self, rows: int) -> str:
        return f"{self._head}{', '.join([self._row] * rows)}{self._tail}"

    def __enter__(self) -> Inserter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()


def _literal(value: int | str) -> str:
    return f"'{value}'" if isinstance(value, str) else str(int(value))
