"""Parquet through DuckDB, the optional extra: only the columns wanted, money as whole cents, a piece at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from warehouse.errors import DataRefused, EngineMissing
from warehouse.readers import Chunk

ROWS_A_CHUNK = 5_000
INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
MONEY = {"unit_price": "unit_price_cents", "total_sales_amount": "total_sales_cents"}
PIP = 'pip install "lakewarden[warehouse]"'


class ParquetReader:
    """The columns `wanted` of a Parquet file. Raises `EngineMissing`, or `DataRefused` if it cannot be read."""

    def __init__(self, path: Path, wanted: Collection[str]) -> None:
        try:
            import duckdb  # the extra is large, and nothing else of a load needs it
        except ImportError as error:
            raise EngineMissing(f"reading Parquet needs DuckDB, which is not installed: {PIP}") from error
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

    def progress(self) -> tuple[int, int]:
        return self._done, self._all

    def close(self) -> None:
        self._connection.close()

    def _open(self, wanted: Collection[str]) -> None:
        described = self._connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(self._path)]).fetchall()
        named = [(str(row[0]), str(row[1])) for row in described if str(row[0]).strip().lower() in wanted]
        chosen = [_expression(name, kind) for name, kind in named]
        self.names = tuple(name for _, name in chosen)
        self._all = int(
            self._connection.execute("SELECT count(*) FROM read_parquet(?)", [str(self._path)]).fetchone()[0]
        )
        if chosen:
            what = ", ".join(expression for expression, _ in chosen)
            self._connection.execute(f"SELECT {what} FROM read_parquet(?)", [str(self._path)])  # noqa: S608 - quoted

    def _fetch(self) -> list[tuple[Any, ...]]:
        if not self.names:
            return []
        try:
            rows: list[tuple[Any, ...]] = self._connection.fetchmany(ROWS_A_CHUNK)
        except self._error as error:
            raise DataRefused(f"{self._path}, after row {self._done}: {_first_line(error)}") from error
        return rows


def _expression(name: str, kind: str) -> tuple[str, str]:
    """The SQL that gives a column as integers or text, and its name in lower case.

    Money that is a number becomes whole cents, NULL where it is not whole: then the row is rejected.
    """
    quoted, lower = '"' + name.replace('"', '""') + '"', name.strip().lower()
    if lower in MONEY and kind in INTEGERS:
        return f"TRY_CAST({quoted} AS HUGEINT) * 100", MONEY[lower]
    if lower in MONEY and kind.startswith("DECIMAL"):
        cents = f"CAST({quoted} AS DECIMAL(38, 10)) * 100"
        return f"CASE WHEN {cents} = round({cents}, 0) THEN TRY_CAST({cents} AS BIGINT) END", MONEY[lower]
    if lower in MONEY and kind in {"DOUBLE", "FLOAT"}:
        cents = f"TRY_CAST(round(CAST({quoted} AS DOUBLE) * 100) AS BIGINT)"
        near = f"abs(CAST({quoted} AS DOUBLE) * 100 - {cents}) < {'0.000001' if kind == 'DOUBLE' else '0.01'}"
        return f"CASE WHEN {near} THEN {cents} END", MONEY[lower]
    return (quoted if kind in INTEGERS else f"CAST({quoted} AS VARCHAR)"), lower


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
