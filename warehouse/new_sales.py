"""Takes a large file of sales as sets, through DuckDB, if every row of it is plain, valid and new.

In order:
1. DuckDB keeps what it sums in a folder of the workspace that goes afterwards, so memory stays bounded. A file that
   is as fast to read again is never copied there; if it changes meanwhile, nothing is taken.
2. Unless every row passes, and all ids are beyond those of the facts, nothing is taken: `SalesLoad` then finds out
   which rows are odd, bad or there already, and why.
3. Facts go into SQLite in the order of their ids while DuckDB sums them by month; those sums while it rolls them up;
   then the other aggregates. Each takes its sums in the order of its key.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from warehouse import aggregates
from warehouse.bulk import FACT_COLUMNS, Inserter
from warehouse.database import STOPPED, script, statements
from warehouse.engines.arrow_integers import integers
from warehouse.engines.duckdb_loading import INTEGER, TEXT, csv_relation, load_duckdb, write_csv
from warehouse.errors import DataRefused, EngineMissing, QueryStopped, StoreError
from warehouse.models import AGGREGATES, FACT
from warehouse.practice_dimensions import MONTHS
from warehouse.readers import Relation
from warehouse.sales import AMOUNTS, KEYS, NEEDED, PRICES
from warehouse.scratch import ScratchFolder
from warehouse.values import LARGEST_CENTS, LARGEST_QUANTITY

LEAST_ROWS = 200_000  # below, starting DuckDB costs more than it saves
MEMORY = "192MB"
ROWS_AT_ONCE = 10_000
LOOK_S = 0.1
READ, SOLD, BY_MONTH = 0.1, 0.6, 0.9  # the parts of the whole work that are done with each; the rest are roll-ups

MONTHLY, YEARLY, BY_CATEGORY, BY_REGION = AGGREGATES
ROLLED_UP_BY = {"product_id": "category", "store_id": "region"}

SUMS = ("cents", "quantity", "lines")

Tell = Callable[[float], None]
Piece = tuple[Inserter, Sequence[Any]]  # rows, flat, and what they go into


def take(
    connection: sqlite3.Connection,
    relation: Relation,
    batch_id: int,
    scratch_dir: Path,
    tell: Tell,
    stop: threading.Event | None,
) -> int | None:
    """Put the sales of a file, and what they add to the aggregates, into SQLite: how many, None if that cannot be.

    `scratch_dir` is where that folder is made; `tell` hears which part of the work is done. Raises `DataRefused` for a
    file that changes meanwhile, `QueryStopped`, a `StoreError`, and OSError.
    """
    if relation.rows < LEAST_ROWS or (sale := _sale(relation)) is None:
        return None
    try:
        duckdb = load_duckdb()
    except EngineMissing:
        return None
    with ScratchFolder(scratch_dir, "load") as folder, _opened(duckdb, folder) as engine:
        sales = NewSales(connection, engine, folder, tell, stop)
        before = relation.identity()
        try:
            taken = sales.put(batch_id) if sales.read(sale, copied=not relation.again) else None
            if relation.identity() != before:
                raise DataRefused("expected a file that nobody writes while it is loaded, found another than at first")
            return taken
        except duckdb.Error as error:
            reason = str(error).splitlines()[0][:200]
            raise StoreError(f"DuckDB, which sums the sales, broke off: {reason}; nothing was changed") from error
        finally:
            sales.close()


class NewSales:
    """One file of sales as DuckDB's table `sale`. Raises `QueryStopped`, a `StoreError`, and DuckDB's `Error`."""

    def __init__(
        self, connection: sqlite3.Connection, engine: Any, folder: Path, tell: Tell, stop: threading.Event | None
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._behind = engine.cursor()  # what runs on it, another thread waits for
        self._folder = folder
        self._tell = tell
        self._stop = stop
        self._threads = ThreadPoolExecutor(2)
        self._rows = 0
        self._in_order = True

    def close(self) -> None:
        """End what still runs."""
        self._behind.interrupt()
        self._engine.interrupt()
        self._threads.shutdown(cancel_futures=True)

    def read(self, sale: str, *, copied: bool) -> bool:
        """Read the file with the SELECT `sale` (1), and whether every row of it may be taken (2)."""
        for name, table in KEYS.items():
            self._copy_dimension(name, table)
        asked = {"largest_quantity": LARGEST_QUANTITY, "largest_cents": LARGEST_CENTS}
        checked_from = READ if copied else 0.0
        try:
            self._await(self._begun(f"CREATE {'TABLE' if copied else 'VIEW'} sale AS {sale}"), 0.0, checked_from)
            found = self._await(self._begun(script("load/check_new"), asked=asked), checked_from, READ)
        except load_duckdb().Error:  # not what it seemed, or a product beyond all integers
            return False
        self._rows, good, behind, least, bounded = found[0]
        top = self._connection.execute(f"SELECT max(transaction_id) FROM {FACT}").fetchone()[0]  # noqa: S608
        if not self._rows or good != self._rows or not bounded or (top is not None and least <= top):
            return False
        self._in_order = not behind
        return self._in_order or self._count("DISTINCT transaction_id", "sale") == self._rows

    def put(self, batch_id: int) -> int:
        """Put facts and sums into SQLite (3); returns the facts."""
        by_month, *coarser = statements(script("load/sum_new"))
        summing = self._begun(by_month)
        self._write(self._facts(batch_id), self._rows, READ, SOLD)
        self._await(summing, SOLD, SOLD)
        rolling_up = self._begun(*coarser)
        self._write(self._month_sums(), self._count("*", "month_sum"), SOLD, BY_MONTH)
        self._await(rolling_up, BY_MONTH, BY_MONTH)
        rows = sum(self._count("*", f"{part}_sum") for part in ("year", "category", "region"))
        self._write(self._roll_ups(), rows, BY_MONTH, 1.0)
        return self._rows

    def _write(self, pieces: Iterator[Piece], rows: int, start: float, end: float) -> None:
        """Write these `rows` rows; DuckDB makes a piece while SQLite takes the one before."""
        done = 0
        coming = self._threads.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = self._threads.submit(next, pieces, None)
            into, values = piece
            done += into.write(values)
            self._reached(start + (end - start) * done / rows)

    def _facts(self, batch_id: int) -> Iterator[Piece]:
        into = Inserter(self._connection, FACT, FACT_COLUMNS, constants={"batch_id": batch_id})
        order = "" if self._in_order else " ORDER BY transaction_id"
        yield from self._integers(into, FACT_COLUMNS, f"sale{order}")

    def _month_sums(self) -> Iterator[Piece]:
        key = ("store_id", "product_id")
        for month in self._months():
            into = aggregates.adder(self._connection, MONTHLY, key, **_named(month))
            yield from self._integers(into, (*key, *SUMS), f"month_sum WHERE year_month = {month}")

    def _roll_ups(self) -> Iterator[Piece]:
        key: tuple[str, ...] = ("year", "store_id", "product_id")
        yield from self._integers(aggregates.adder(self._connection, YEARLY, key), (*key, *SUMS), "year_sum")
        key = ("store_id", "category")
        for month in self._months():
            into = aggregates.adder(self._connection, BY_CATEGORY, key, **_named(month))
            yield from self._cells(into, (*key, *SUMS), f"category_sum WHERE year_month = {month}")
        key = ("year", "region", "product_id")
        yield from self._cells(aggregates.adder(self._connection, BY_REGION, key), (*key, *SUMS), "region_sum")

    def _months(self) -> list[int]:
        """Those with sales: year and month are the same for so many rows that they are part of the SQL."""
        found = self._engine.execute("SELECT DISTINCT year_month FROM month_sum ORDER BY 1").fetchall()
        return [month for (month,) in found]

    def _integers(self, into: Inserter, columns: tuple[str, ...], source: str) -> Iterator[Piece]:
        return ((into, values) for values in integers(self._engine, columns, source))

    def _cells(self, into: Inserter, columns: tuple[str, ...], source: str) -> Iterator[Piece]:
        found = self._engine.execute(f"SELECT {', '.join(columns)} FROM {source}")  # noqa: S608 - names of ours
        while rows := found.fetchmany(ROWS_AT_ONCE):
            yield into, list(chain.from_iterable(rows))

    def _copy_dimension(self, key: str, table: str) -> None:
        """The keys of a dimension, and what the roll-ups take of it."""
        columns = {key: INTEGER} | {name: TEXT for at, name in ROLLED_UP_BY.items() if at == key}
        path = self._folder / f"{table}.csv"
        write_csv(self._connection, table, columns, path)
        self._engine.execute(f"CREATE TABLE {table} AS FROM {csv_relation(path, columns)}")
        path.unlink()

    def _begun(self, *sql: str, asked: Mapping[str, int] | None = None) -> Future[list[Any]]:
        """These statements, running; in the end the rows of the last one."""

        def run() -> list[Any]:
            found: list[Any] = []
            for statement in sql:
                found = self._behind.execute(statement, asked).fetchall()
            return found

        return self._threads.submit(run)

    def _await(self, running: Future[list[Any]], start: float, end: float) -> list[Any]:
        """Wait for what is running, which is the work from part `start` to part `end` of the whole."""
        while True:
            try:
                return running.result(LOOK_S)
            except TimeoutError:
                self._reached(start + (end - start) * max(0.0, self._behind.query_progress()) / 100)

    def _reached(self, part: float) -> None:
        if self._stop is not None and self._stop.is_set():
            raise QueryStopped(STOPPED)
        self._tell(part)

    def _count(self, what: str, table: str) -> int:
        return int(self._engine.execute(f"SELECT count({what}) FROM {table}").fetchall()[0][0])  # noqa: S608


@contextmanager
def _opened(duckdb: Any, folder: Path) -> Iterator[Any]:
    config = {"threads": 2, "memory_limit": MEMORY, "temp_directory": str(folder)}
    with duckdb.connect(str(folder / "sales.duckdb"), config=config) as engine:
        engine.execute("SET enable_progress_bar = true")
        engine.execute("SET enable_progress_bar_print = false")  # on standard output
        yield engine


def _named(year_month: int) -> dict[str, int | str]:
    year, number = divmod(year_month, 100)
    return {"year": year, "month_number": number, "month": MONTHS[number - 1]}


def _sale(relation: Relation) -> str | None:
    """The SELECT that gives `FACT_COLUMNS`, NULL where a cell is not plain; None if a column is missing."""
    amount, price = _cents(relation, AMOUNTS), _cents(relation, PRICES)
    if not amount or not {*NEEDED} <= set(relation.cells):
        return None
    cells = {name: _integer(relation, name) for name in NEEDED} | {"total_sales_cents": amount}
    cells |= {"given_price": price, "has_price": _is_given(relation, PRICES)} if price else {}
    plain = ", ".join(f"{expression} AS {name}" for name, expression in cells.items())
    by_quantity = "total_sales_cents // quantity_sold"
    given = f"CASE WHEN has_price THEN given_price ELSE {by_quantity} END" if price else by_quantity
    columns = ", ".join(f"{given} AS {name}" if name == "unit_price_cents" else name for name in FACT_COLUMNS)
    return f"SELECT {columns} FROM (SELECT {plain} FROM {relation.sql})"  # noqa: S608 - names of ours, quoted paths


def _cents(relation: Relation, names: Sequence[str]) -> str:
    """Money in cents, of the column of `names` that is there, or of both where they say the same; "" without one."""
    first, *others = [_integer(relation, name) for name in names if name in relation.cells] or [""]
    return f"CASE WHEN {first} = {others[0]} THEN {first} END" if others else first


def _is_given(relation: Relation, names: Sequence[str]) -> str:
    """Whether a row has a value in one of the columns `names`, plain or not."""
    return " OR ".join(f"coalesce({relation.given[name]}, '') <> ''" for name in names if name in relation.given)


def _integer(relation: Relation, name: str) -> str:
    """A cell as a BIGINT, money in cents; text only if it is spelled as DuckDB would spell it."""
    cell = relation.cells[name]
    if name in relation.whole:
        return f"TRY_CAST({cell} AS BIGINT)"
    if name in (AMOUNTS[0], PRICES[0]):
        money = f"TRY_CAST({cell} AS DECIMAL(16, 2))"
        return f"CASE WHEN CAST({money} AS VARCHAR) = {cell} THEN CAST({money} * 100 AS BIGINT) END"
    if name == "time_id":  # may also be a date
        dated = f"length({cell}) = 10 AND {cell}[5] = '-' AND {cell}[8] = '-'"
        cell = f"(CASE WHEN {dated} THEN replace({cell}, '-', '') ELSE {cell} END)"
    number = f"TRY_CAST({cell} AS BIGINT)"
    return f"CASE WHEN CAST({number} AS VARCHAR) = {cell} THEN {number} END"
