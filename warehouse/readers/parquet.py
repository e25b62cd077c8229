"""Parquet through DuckDB, the optional extra: only the columns wanted, a piece at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from warehouse.engines.duckdb_loading import load_duckdb, quoted
from warehouse.errors import DataRefused
from warehouse.file_columns import whole_numbers
from warehouse.readers import Chunk, Relation, identity
from warehouse.shaping import quoted as as_identifier

ROWS_A_CHUNK = 5_000
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
EXACT_BELOW = {"DOUBLE": 2**53, "FLOAT": 2**24}
MONEY = {"unit_price", "total_sales_amount"}
WHOLE = whole_numbers()
DAYS = ("time_id", "date")
DAY_US = 86_400_000_000


class ParquetReader:
    """The columns `wanted` of a Parquet file. Raises `EngineMissing`, or `DataRefused` if it cannot be read."""

    def __init__(self, path: Path, wanted: Collection[str]) -> None:
        duckdb = load_duckdb()
        self._path = path
        self._error: type[Exception] = duckdb.Error
        self._connection: Any = duckdb.connect(":memory:", config={"threads": 1})
        self._done = 0
        try:
            self._open(wanted)
        except duckdb.Error as error:
            self._connection.close()
            raise DataRefused(f"{path}: expected a Parquet file, found what is not ({_first_line(error)})") from error

    def chunks(self) -> Iterator[Chunk]:
        while rows := self._fetch():
            first = self._done + 1
            self._done += len(rows)
            yield Chunk(range(first, self._done + 1), list(zip(*rows, strict=True)))

    def relation(self) -> Relation:
        sql = f"read_parquet({quoted(self._path)})"
        same = partial(identity, self._path)
        return Relation(sql, self._cells, self._given, self._whole, self._all, again=True, identity=same)

    def progress(self) -> tuple[int, int]:
        return self._done, self._all

    def close(self) -> None:
        self._connection.close()

    def _open(self, wanted: Collection[str]) -> None:
        file = [str(self._path)]
        self.header = _header(self._connection.execute("SELECT name, num_children FROM parquet_schema(?)", file))
        described = self._connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", file).fetchall()
        named = {str(row[0]): str(row[1]) for row in described if str(row[0]).strip().lower() in wanted}
        self.names = tuple(name.strip().lower() for name in named)
        self._cells, self._whole = _as_cells(named)
        self._given = {name.strip().lower(): f"CAST({as_identifier(name)} AS VARCHAR)" for name in named}
        self._all = int(self._connection.execute("SELECT count(*) FROM read_parquet(?)", file).fetchone()[0])
        if named:
            what = ", ".join(_shown(as_identifier(name), name.strip().lower(), kind) for name, kind in named.items())
            self._connection.execute(f"SELECT {what} FROM read_parquet(?)", file)  # noqa: S608 - quoted

    def _fetch(self) -> list[tuple[Any, ...]]:
        if not self.names:
            return []
        try:
            rows: list[tuple[Any, ...]] = self._connection.fetchmany(ROWS_A_CHUNK)
        except self._error as error:
            raise DataRefused(f"{self._path}, after row {self._done}: {_first_line(error)}") from error
        return rows


def _header(schema: Any) -> tuple[str, ...]:
    """The names of the columns as they are in the file, in lower case: DuckDB itself renames the second of two."""
    found, inner = [], 0
    schema.fetchone()  # the root
    for name, children in schema.fetchall():
        if inner:
            inner -= 1
        else:
            found.append(str(name).strip().lower())
        inner += children or 0
    return tuple(found)


def _as_cells(named: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
    """The SQL of each column for a load as sets, and which are integers; an amount among those is in whole cents."""
    cells, whole = {}, set()
    for name, kind in named.items():
        column, lower = as_identifier(name), name.strip().lower()
        amount, number = _money(column, kind) if lower in MONEY else "", _whole(column, lower, kind)
        if amount or number or kind in INTEGERS:
            whole.add(lower)
        cells[lower] = f"TRY_CAST({amount} * 100 AS BIGINT)" if amount else number or _shown(column, lower, kind)
    return cells, frozenset(whole)


def _shown(column: str, lower: str, kind: str) -> str:
    """The SQL of a column's cells, integers or text: money with two decimals, whole numbers without, days without time.

    What is neither stays as it is, so that the reason of its row shows what was found.
    """
    if lower in MONEY and (amount := _money(column, kind)):
        return f"coalesce(CAST({amount} AS VARCHAR), CAST({column} AS VARCHAR))"
    if number := _whole(column, lower, kind):
        return f"coalesce(CAST({number} AS VARCHAR), CAST({column} AS VARCHAR))"
    if lower in DAYS and kind.startswith("TIMESTAMP"):
        instant = f"make_timestamp(epoch_us({column}))"  # of one with a zone, UTC's
        midnight = f"epoch_us({column}) % {DAY_US} = 0"
        return f"CASE WHEN {midnight} THEN strftime({instant}, '%Y-%m-%d') ELSE CAST({instant} AS VARCHAR) END"
    return column if kind in INTEGERS else f"CAST({column} AS VARCHAR)"


def _money(column: str, kind: str) -> str:
    """The SQL that gives an amount as a DECIMAL of two decimals, NULL if that is not all of it; "" unless a number."""
    exact = f"TRY_CAST({column} AS DECIMAL(18, 2))"
    if kind in INTEGERS:
        return exact
    if kind.startswith("DECIMAL"):
        return f"CASE WHEN {exact} = {column} THEN {exact} END"
    if kind in {"DOUBLE", "FLOAT"}:
        near = f"abs(CAST({column} AS DOUBLE) * 100 - CAST({exact} AS DOUBLE) * 100)"
        return f"CASE WHEN {near} < {'0.000001' if kind == 'DOUBLE' else '0.01'} THEN {exact} END"
    return ""


def _whole(column: str, lower: str, kind: str) -> str:
    """The SQL that gives a whole number stored with a fraction, NULL if it is none or too large to be sure of; "" for
    other columns.
    """
    if lower not in WHOLE or not (kind in EXACT_BELOW or kind.startswith("DECIMAL")):
        return ""
    exact = f"trunc({column}) = {column}"
    if kind in EXACT_BELOW:
        exact += f" AND abs({column}) < {EXACT_BELOW[kind]}"
    return f"CASE WHEN {exact} THEN TRY_CAST({column} AS BIGINT) END"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
