"""Publishing the warehouse as Parquet for engines that read a lake: without personal data, whole or absent.

1. One read transaction of SQLite gives everything; a mark in the publication names the state it is of.
2. All files are written into a folder of their own, read back and compared, and made durable.
3. Only then does the published name, a symbolic link, move to that folder. The generation before stays, for readers
   that are at it; older ones and leftovers of killed processes are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse.database import Warehouse, stamp
from warehouse.engines.duckdb_loading import csv_relation, load_duckdb, public_columns, quoted, write_csv
from warehouse.errors import DataRefused, QueryStopped, StoreError
from warehouse.models import DIMENSIONS, FACT

MANIFEST = "_publication.json"
STALE_S = 3600.0
MONEY = {
    FACT: {"total_sales_amount": "total_sales_cents"},
    "Product_Table": {"unit_price": "unit_price_cents"},
}


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published: where, the rows of each table, files and bytes in all."""

    url: str
    rows: dict[str, int]
    files: int
    size: int
    mark: str
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class Published:
    """A whole publication that is there to read: where its tables lie, the state that it is of, and since when."""

    location: str
    mark: str
    at: str


def mark_of(connection: sqlite3.Connection) -> str:
    """The state of the warehouse in a few characters: it changes with every build and load."""
    row = connection.execute(
        "SELECT count(*), coalesce(max(batch_id), 0), coalesce(max(loaded_at), '') FROM batch"
    ).fetchone()
    return f"{row[0]}-{row[1]}-{row[2]}"


def published(folder: Path) -> Published | None:
    """What is published under the name `folder`, in the generation of this moment; None if nothing whole is."""
    whole = folder.resolve()
    try:
        manifest = json.loads((whole / MANIFEST).read_text(encoding="utf-8"))
        return Published(str(whole), str(manifest["mark"]), str(manifest["published_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def published_mark(folder: Path) -> str | None:
    """The mark of what is published in `folder`; None if nothing whole is."""
    found = published(folder)
    return found.mark if found else None


def publish(warehouse: Warehouse, folder: Path, *, now: datetime, stop: threading.Event | None = None) -> Publication:
    """Publish under the name `folder`. Raises `EngineMissing`, `QueryStopped`, `DataRefused` or a `StoreError`."""
    started = time.monotonic()
    load_duckdb()
    rows: dict[str, int] = {}
    mark = ""

    def fill(staging: Path) -> bool:
        nonlocal rows, mark
        rows, mark = write_tables(warehouse, staging, now, stop)
        return True

    sizes = put_in_place(folder, fill, now=now) or []
    return Publication(str(folder), rows, len(sizes), sum(sizes), mark, time.monotonic() - started)


def put_in_place(folder: Path, fill: Callable[[Path], bool], *, now: datetime) -> list[int] | None:
    """Let `fill` write a new generation, then move the name `folder` to it: the bytes of each file.

    None, and nothing changed, if `fill` says False. Raises `StoreError`, and what `fill` raises.
    """
    try:
        if folder.exists() and not folder.is_symlink():
            raise StoreError(f"{folder} is there and was not published by this program; move it away or use --to")
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = folder.parent / _name(folder, now)
        staging.mkdir(mode=0o700)
        filled = False
        try:
            if not fill(staging):
                return None
            sizes = _made_durable(staging)
            _swap(folder, staging)
            filled = True
        finally:
            if not filled:
                shutil.rmtree(staging, ignore_errors=True)
        _tidy(folder, staging)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from error
    return sizes


def write_tables(
    warehouse: Warehouse, staging: Path, now: datetime, stop: threading.Event | None
) -> tuple[dict[str, int], str]:
    """Write every table and the manifest into the empty folder `staging`: the rows of each table, and the mark.

    Raises `EngineMissing`, `QueryStopped`, `DataRefused` if it reads back as something else, or a `StoreError`.
    """
    duckdb = load_duckdb()
    rows: dict[str, int] = {}
    text = staging / ".text.csv"
    with warehouse.reading(stop) as connection, duckdb.connect(config={"threads": 2}) as engine:
        engine.execute("SET enable_progress_bar = false")  # it would draw on standard output
        mark = mark_of(connection)
        cents = int(connection.execute(f"SELECT coalesce(sum(total_sales_cents), 0) FROM {FACT}").fetchone()[0])  # noqa: S608
        for table in (*DIMENSIONS, FACT):
            go_on(stop)
            columns = public_columns(connection, table)
            rows[table] = write_csv(connection, table, columns, text)
            _write_table(engine, table, columns, text, staging)
            text.unlink()
    _compare(staging, rows, cents)
    files = {
        path.relative_to(staging).as_posix(): {"bytes": path.stat().st_size, "sha256": digest_of(path)}
        for path in sorted(staging.rglob("*.parquet"))
    }
    document = {"format": 1, "published_at": stamp(now), "mark": mark, "rows": rows, "total_sales_cents": cents}
    document["files"] = files
    (staging / MANIFEST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return rows, mark


def _write_table(engine: Any, table: str, columns: dict[str, str], text: Path, staging: Path) -> None:
    money = "".join(
        f", CAST({cents} / 100.0 AS DECIMAL(18, 2)) AS {name}" for name, cents in MONEY.get(table, {}).items()
    )
    relation = f"SELECT *{money} FROM {csv_relation(text, columns)}"  # noqa: S608 - own names
    if table == FACT:
        (staging / table).mkdir()
        engine.execute(
            f"COPY (SELECT *, time_id // 10000 AS year, time_id // 100 % 100 AS month FROM ({relation})) "  # noqa: S608
            f"TO {quoted(staging / table)} (FORMAT parquet, PARTITION_BY (year, month), OVERWRITE_OR_IGNORE)"
        )
    else:
        (staging / table).mkdir()
        engine.execute(f"COPY ({relation}) TO {quoted(staging / table / 'data.parquet')} (FORMAT parquet)")


def _compare(staging: Path, rows: dict[str, int], cents: int) -> None:
    """Read everything back. Raises `DataRefused` if it is not what SQLite gave."""
    with load_duckdb().connect() as engine:
        engine.execute("SET enable_progress_bar = false")
        for table, expected in rows.items():
            total = ", coalesce(sum(total_sales_cents), 0)" if table == FACT else ", 0"
            if not any((staging / table).rglob("*.parquet")):
                found = (0, 0)
            else:
                files = quoted(staging / table / "**" / "*.parquet")
                found = engine.execute(f"SELECT count(*){total} FROM read_parquet({files})").fetchone()  # noqa: S608
            if (int(found[0]), int(found[1])) != (expected, cents if table == FACT else 0):
                raise DataRefused(f"{table} was written wrongly: expected {expected:,} rows, found {found[0]:,}")


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_durable(staging: Path) -> list[int]:
    sizes = []
    for path in (*staging.rglob("*"), staging):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if path.is_file():
            sizes.append(path.stat().st_size)
    return sizes


def _swap(folder: Path, staging: Path) -> None:
    link = staging.with_name(f"{staging.name}.link")
    link.symlink_to(staging.name)
    link.replace(folder)


def _name(folder: Path, now: datetime) -> str:
    return f".{folder.name}-{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"


def _tidy(folder: Path, newest: Path) -> None:
    others = sorted((p for p in folder.parent.glob(f".{folder.name}-*") if p.is_dir() and p != newest), reverse=True)
    whole = [path for path in others if published_mark(path)]
    stale = [p for p in others if p not in whole and time.time() - p.stat().st_mtime > STALE_S]
    for path in (*whole[1:], *stale):
        if path.resolve() != folder.resolve():
            shutil.rmtree(path, ignore_errors=True)


def go_on(stop: threading.Event | None) -> None:
    """Raise `QueryStopped` once `stop` is set."""
    if stop is not None and stop.is_set():
        raise QueryStopped("stopped; nothing was published")
