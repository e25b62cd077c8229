"""Parquet through DuckDB, the optional extra: only the columns wanted, money as whole cents, a piece at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from warehouse.engines.duckdb_loading import load_duckdb, quoted
from warehouse.errors import DataRefused
from warehouse.readers import Chunk, Relation, identity

ROWS_A_CHUNK = 5_000
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
MONEY = {"unit_price": "unit_price_cents", "total_sales_amount": "total_sales_cents"}


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
        return Relation(sql, self._cells, self._whole, self._all, again=True, identity=partial(identity, self._path))

    def progress(self) -> tuple[int, int]:
        return self._done, self._all

    def close(self) -> None:
        self._connection.close()

    def _open(self, wanted: Collection[str]) -> None:
        described = self._connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(self._path)]).fetchall()
        named = [(str(row[0]), str(row[1])) for row in described if str(row[0]).strip().lower() in wanted]
        chosen = [_expression(name, kind) for name, kind in named]
        self.names = tuple(name for _, name, _ in chosen)
        self._cells = {name: expression for expression, name, _ in reversed(chosen)}
        self._whole = frozenset(name for _, name, whole in chosen if whole)
        self._all = int(
            self._connection.execute("SELECT count(*) FROM read_parquet(?)", [str(self._path)]).fetchone()[0]
        )
        if chosen:
            what = ", ".join(expression for expression, _, _ in chosen)
            self._connection.execute(f"SELECT {what} FROM read_parquet(?)", [str(self._path)])  # noqa: S608 - quoted

    def _fetch(self) -> list[tuple[Any, ...]]:
        if not self.names:
            return []
        try:
            rows: list[tuple[Any, ...]] = self._connection.fetchmany(ROWS_A_CHUNK)
        except self._error as error:
            raise DataRefused(f"{self._path}, after row {self._done}: {_first_line(error)}") from error
        return rows


def _expression(name: str, kind: str) -> tuple[str, str, bool]:
    """The SQL that gives a column, its name in lower case, and whether it gives integers; else it gives text.

    Money that is a number becomes whole cents, NULL where it is not whole: then the row is rejected.
    """
    column, lower = '"' + name.replace('"', '""') + '"', name.strip().lower()
    if lower in MONEY and kind in INTEGERS:
        return f"TRY_CAST({column} AS HUGEINT) * 100", MONEY[lower], True
    if lower in MONEY and kind.startswith("DECIMAL"):
        cents = f"CAST({column} AS DECIMAL(38, 10)) * 100"
        return f"CASE WHEN {cents} = round({cents}, 0) THEN TRY_CAST({cents} AS BIGINT) END", MONEY[lower], True
    if lower in MONEY and kind in {"DOUBLE", "FLOAT"}:
        cents = f"TRY_CAST(round(CAST({column} AS DOUBLE) * 100) AS BIGINT)"
        near = f"abs(CAST({column} AS DOUBLE) * 100 - {cents}) < {'0.000001' if kind == 'DOUBLE' else '0.01'}"
        return f"CASE WHEN {near} THEN {cents} END", MONEY[lower], True
    return (column, lower, True) if kind in INTEGERS else (f"CAST({column} AS VARCHAR)", lower, False)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
