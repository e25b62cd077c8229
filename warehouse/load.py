"""Loads one file into one table: a batch, which is one transaction, with its rejects beside it."""

from __future__ import annotations

import gc
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from warehouse import dimensions, new_sales, sales
from warehouse.database import STOPPED, Warehouse, stamp
from warehouse.dimensions import DimensionLoad
from warehouse.errors import DataRefused, QueryStopped, StoreError
from warehouse.file_columns import wanted
from warehouse.models import DIMENSIONS, FACT, LoadReport
from warehouse.ports import CellCipher
from warehouse.readers import Reader
from warehouse.readers.csv import CsvReader
from warehouse.readers.parquet import ParquetReader
from warehouse.rejects import RejectsFile, RejectsReader, is_rejects
from warehouse.sales import SalesLoad

LOADABLE = (FACT, *DIMENSIONS)
PARQUET_MAGIC = b"PAR1"
PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip, as spreadsheets are too",
    b"BZh91AY&": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


def table_named(name: str) -> str:
    """The table of that name as it is spelled, whatever its case. Raises `DataRefused`."""
    for table in LOADABLE:
        if table.casefold() == name.casefold():
            return table
    raise DataRefused(f"expected one of the tables {', '.join(LOADABLE)}, found {name[:60]!r}")


def load(
    warehouse: Warehouse,
    table: str,
    path: Path,
    *,
    cipher: CellCipher,
    rejects_dir: Path,
    scratch_dir: Path,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    stop: threading.Event | None = None,
) -> LoadReport:
    """Load the CSV or Parquet file `path` into `table`, whole or not at all; the aggregates are current afterwards.

    A row whose key is there already changes what differs, or nothing; of several lines with one key the last counts.
    What is written meanwhile lies in `scratch_dir`; `progress` is told how much of the file is read. Raises
    `DataRefused` for a file that is not rows of this table, `EngineMissing` for Parquet without its extra,
    `QueryStopped`, and a `StoreError`.
    """
    started_s = time.monotonic()
    with closing(_open(path, table)) as reader, warehouse.writing(stop) as connection:
        batch_id = int(connection.execute("SELECT coalesce(max(batch_id), 0) + 1 FROM batch").fetchone()[0])
        try:
            with RejectsFile(rejects_dir, table, reader.names, now) as rejects:
                read, (new, changed, same, superseded) = _carry_out(
                    connection, table, reader, batch_id, cipher, rejects, scratch_dir, progress, stop
                )
                rejects_file = rejects.publish()
        except DataRefused as error:
            raise DataRefused(f"{path}: {error}") from error
        except OSError as error:
            where = error.filename or rejects_dir
            raise StoreError(f"{where}: cannot be read or written: {error.strerror}; nothing was changed") from error
        if new or changed:
            connection.execute(
                "INSERT INTO batch VALUES (?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, ?)",
                (batch_id, table, str(path.absolute()), stamp(now), read, new, changed, same + superseded,
                 rejects.count, None if rejects_file is None else str(rejects_file)),
            )  # fmt: skip
    if new or changed:
        warehouse.checkpoint()
    elapsed_s = time.monotonic() - started_s
    return LoadReport(
        table, read, new, changed, same, rejects.count, rejects_file, elapsed_s, superseded, rejects.as_before
    )


def _carry_out(
    connection: sqlite3.Connection,
    table: str,
    reader: Reader,
    batch_id: int,
    cipher: CellCipher,
    rejects: RejectsFile,
    scratch_dir: Path,
    progress: Callable[[int, int], None],
    stop: threading.Event | None,
) -> tuple[int, tuple[int, int, int, int]]:
    """Rows read; of the good ones how many were new, have changed a row, have changed nothing, were superseded."""
    if table == FACT:
        sales.check_header(reader.header)
        tell = _parts(progress)
        if taken := new_sales.take(connection, reader.relation(), batch_id, scratch_dir, tell, stop):
            return taken, (taken, 0, 0, 0)
    else:
        dimensions.check_header(table, reader.header)
    target: SalesLoad | DimensionLoad = (
        SalesLoad(connection, reader.names, batch_id, rejects)
        if table == FACT
        else DimensionLoad(connection, table, reader.names, cipher, rejects)
    )
    read = 0
    with _without_collection():
        for chunk in reader.chunks():
            if stop is not None and stop.is_set():
                raise QueryStopped(STOPPED)
            rejects.add(chunk.rejected)
            target.take(chunk)
            rejects.settle()
            read += len(chunk.lines) + len(chunk.rejected)
            progress(*reader.progress())
    return read, target.finish()


def _parts(progress: Callable[[int, int], None]) -> Callable[[float], None]:
    """Tells `progress` a part of the work in thousandths."""
    return lambda part: progress(round(1000 * part), 1000)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Rows are no cycles, but looking for some among millions of them takes a third of the time of reading."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _open(path: Path, table: str) -> Reader:
    """A reader by what the file holds, whatever it is called. Raises `DataRefused`, `EngineMissing`."""
    try:
        if not path.is_file():
            found = "a folder or device" if path.exists() else "no such file"
            raise DataRefused(f"{path}: expected a CSV or Parquet file, found {found}")
        with path.open("rb") as file:
            begins = file.read(8)
        if begins.startswith(PARQUET_MAGIC):
            return ParquetReader(path, wanted(table))
        if packed := next((name for magic, name in PACKED.items() if begins.startswith(magic)), ""):
            raise DataRefused(
                f"{path}: expected a CSV or Parquet file, found a compressed one ({packed}): unpack it first"
            )
        try:
            reader = CsvReader(path)
        except DataRefused as error:
            raise DataRefused(f"{path}: {error}") from error
        return RejectsReader(reader, wanted(table)) if is_rejects(reader.header) else reader
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataRefused(f"{path}: expected a file that can be read, found: {reason}") from error
