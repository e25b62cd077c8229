"""Writing a whole result to a file: CSV, JSON or Parquet, complete or absent, in memory that does not grow with it.

1. Everything is written under a temporary name in the same folder, fsynced, and then linked to a name that nothing has.
2. CSV is that of RFC 4180 in UTF-8 with a header; NULL is an empty field. A text that a spreadsheet would take for a
   formula gets an apostrophe before it, as OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection);
   numbers are as they are. JSON is `{"columns": […], "rows": [[…], …]}`. Bytes are written as hex digits in both.
3. Money has two decimals. A masked cell is written as it is seen: masked.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import math
import os
import re
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json.encoder import encode_basestring
from pathlib import Path
from typing import Literal, TextIO

from warehouse.engines.duckdb_loading import load_duckdb
from warehouse.errors import QueryStopped, StoreError
from warehouse.models import Cell
from warehouse.opened import Kind
from warehouse.parquet_export import write_parquet

ExportKind = Literal["csv", "json", "parquet"]
Progress = Callable[[int, int | None], None]
Batch = Sequence[tuple[Cell, ...]]

ROWS_A_BATCH = 5_000
STALE_S = 3600.0
FORMULA = frozenset("=+-@\t\r")
CANCELLED = "the export was cancelled; nothing was written"


@dataclass(frozen=True, slots=True)
class Exported:
    """The file, its rows without the header, and its size."""

    path: Path
    rows: int
    bytes: int


def export(
    batches: Iterable[Batch],
    columns: Sequence[str],
    kinds: Sequence[Kind],
    kind: ExportKind,
    folder: Path,
    *,
    name: str,
    now: datetime,
    rows: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Exported:
    """Write rows, as `batches` gives them, to `folder/NAME-TIME.KIND`. `rows` is how many there will be, if known.

    Raises `QueryStopped` when `stop` is set, `EngineMissing` for Parquet without its package, `StoreError` where the
    file cannot be written, and what `batches` raises; then nothing is left.
    """
    write = _writer(kind)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder)
        part = folder / f".export-{uuid.uuid4().hex}.part"
        try:
            done = write(_counted(batches, rows, progress, stop), columns, kinds, part, stop)
            size = part.stat().st_size
            path = _publish(part, folder, f"{_slug(name)}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}", kind)
        finally:
            for left in folder.glob(f"{part.name}*"):
                left.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(_cannot(folder, error)) from error
    return Exported(path, done, size)


def _writer(kind: ExportKind) -> Callable[..., int]:
    if kind == "parquet":
        load_duckdb()
        return write_parquet
    return _write_csv if kind == "csv" else _write_json


def _counted(
    batches: Iterable[Batch], rows: int | None, progress: Progress | None, stop: threading.Event | None
) -> Iterator[Batch]:
    done = 0
    for batch in batches:
        if stop is not None and stop.is_set():
            raise QueryStopped(CANCELLED)
        if not batch:
            continue
        yield batch
        done += len(batch)
        if progress is not None:
            progress(done, rows)
    if stop is not None and stop.is_set():
        raise QueryStopped(CANCELLED)


def _write_csv(
    batches: Iterable[Batch], columns: Sequence[str], kinds: Sequence[Kind], path: Path, _stop: object
) -> int:
    done = 0
    with _opened(path) as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([_defused(column) for column in columns])
        for batch in batches:
            cells = [_csv_cells(column, kind) for column, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
            writer.writerows(zip(*cells, strict=True))
            done += len(batch)
    return done


def _write_json(
    batches: Iterable[Batch], columns: Sequence[str], kinds: Sequence[Kind], path: Path, _stop: object
) -> int:
    done = 0
    with _opened(path) as file:
        file.write(f'{{"columns": [{", ".join(map(encode_basestring, columns))}],\n"rows": [')
        for batch in batches:
            cells = [_json_cells(column, kind) for column, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
            lines = ",\n".join(map("[%s]".__mod__, map(", ".join, zip(*cells, strict=True))))
            file.write((",\n" if done else "\n") + lines if lines else "")
            done += len(batch)
        file.write("\n]}\n")
    return done


def _csv_cells(cells: Sequence[Cell], kind: Kind) -> Sequence[object]:
    """A column's cells as the CSV writer takes them; most columns are of one type and pass as they are."""
    types = set(map(type, cells))
    if kind is Kind.MONEY and types & {int, float}:
        return [f"{cell:.2f}" if isinstance(cell, int | float) else _csv_cell(cell) for cell in cells]
    if types <= {int, float, type(None)}:
        return cells
    if types == {str}:
        return ["'" + cell if cell[:1] in FORMULA else cell for cell in cells if isinstance(cell, str)]
    return list(map(_csv_cell, cells))


def _csv_cell(cell: Cell) -> object:
    if isinstance(cell, bytes):
        return cell.hex()
    return _defused(cell) if isinstance(cell, str) else cell


def _defused(text: str) -> str:
    return "'" + text if text[:1] in FORMULA else text


def _json_cells(cells: Sequence[Cell], kind: Kind) -> Iterable[str]:
    types = set(map(type, cells))
    if types == {int} and kind is not Kind.MONEY:
        return map(str, cells)
    if types == {str}:
        return map(encode_basestring, cells)  # type: ignore[arg-type]  # they are all text
    return [_json_cell(cell, kind) for cell in cells]


def _json_cell(cell: Cell, kind: Kind) -> str:
    match cell:
        case None:
            return "null"
        case str():
            return encode_basestring(cell)
        case bytes():
            return f'"{cell.hex()}"'
    if not math.isfinite(cell):
        return "null"
    return f"{cell:.2f}" if kind is Kind.MONEY else repr(cell)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """A new file for this account alone, durable when it is left without an error."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _publish(part: Path, folder: Path, stem: str, kind: ExportKind) -> Path:
    """Give the file a name that nothing has, and make the name durable."""
    for number in range(1, 1_000):
        path = folder / (f"{stem}.{kind}" if number == 1 else f"{stem}-{number}.{kind}")
        try:
            os.link(part, path)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK) or path.exists():
                raise
            part.replace(path)  # a file system without hard links
        _sync(folder)
        return path
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder / stem))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync folders
            raise
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for path in folder.glob(".export-*.part*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_S:
                path.unlink()


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "result"


def _cannot(folder: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"there is no room for the export in {folder} ({reason}); nothing was left. Make room, or narrow the query."
        )
    return f"the export cannot be written to {folder}: {reason}; nothing was left. Check that the folder is writable."


def batches_of(cursor: sqlite3.Cursor, *, most: int = 0, rows: int = ROWS_A_BATCH) -> Iterator[list[tuple[Cell, ...]]]:
    """The rows of a running query, a batch of `rows` at a time; `most` of them, 0 for all."""
    left = most
    while batch := cursor.fetchmany(min(rows, left) if most else rows):
        yield batch
        left -= len(batch)
        if most and not left:
            return
