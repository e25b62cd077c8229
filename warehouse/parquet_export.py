"""The Parquet of an export: typed by what the cells really are, written by DuckDB from a text file of the rows.

SQLite types cells, Parquet columns. So the rows go to a text file first, while the types that each column has are
noted: whole numbers stay BIGINT, others DOUBLE, money DECIMAL(18, 2), bytes BLOB; a column of several types is text.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from warehouse.engines.duckdb_loading import load_duckdb, quoted
from warehouse.errors import QueryStopped, StoreError
from warehouse.models import Cell
from warehouse.opened import Kind

NULL = "\\N"
LONGEST_LINE = 16_000_000  # bytes: a row has at most 1 MB, which hex digits and quotes at most double
MEMORY = "256MB"
MOST_MONEY = 10**15  # in currency units, what DECIMAL(18, 2) holds
ESCAPES = str.maketrans({"\\": "\\e", "\0": "\\0", "\r": "\\r", "\n": "\\n", '"': '""'})
CANCELLED = "the export was cancelled; nothing was written"


def write_parquet(
    batches: Iterable[Sequence[tuple[Cell, ...]]],
    columns: Sequence[str],
    kinds: Sequence[Kind],
    path: Path,
    stop: threading.Event | None,
) -> int:
    """Write rows to `path`; how many. Raises OSError, `QueryStopped` or `StoreError`."""
    text = path.with_name(f"{path.name}.text")
    types: list[set[type]] = [set() for _ in columns]
    largest = [0.0] * len(columns)
    rows = 0
    handle = os.open(text, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        for batch in batches:
            cells = []
            for index, column in enumerate(zip(*batch, strict=True)):
                types[index].update(map(type, column))
                if kinds[index] is Kind.MONEY:
                    numbers = [abs(cell) for cell in column if isinstance(cell, int | float)]
                    largest[index] = max([largest[index], *numbers])
                cells.append(list(map(_written, column)))
            file.write("".join(f"{','.join(row)}\n" for row in zip(*cells, strict=True)))
            rows += len(batch)
    money = [kind is Kind.MONEY and most < MOST_MONEY for kind, most in zip(kinds, largest, strict=True)]
    _copy(text, path, _selected(unique(columns), types, money), len(columns), rows, stop)
    return rows


def unique(columns: Sequence[str]) -> list[str]:
    """Names that Parquet takes: none empty, none twice, whatever the case."""
    seen: Counter[str] = Counter()
    names = []
    for number, column in enumerate(columns, 1):
        name = column or f"column_{number}"
        while seen[name.lower()]:
            seen[name.lower()] += 1
            name = f"{name}_{seen[name.lower()]}"
        seen[name.lower()] += 1
        names.append(name)
    return names


def _written(cell: Cell) -> str:
    """A cell as text: only NULL and numbers stand without quotes. What the reader stumbles over is escaped."""
    if cell is None:
        return NULL
    if isinstance(cell, str):
        return '"' + cell.translate(ESCAPES) + '"'
    return f'"{cell.hex()}"' if isinstance(cell, bytes) else repr(cell)


def _selected(names: Sequence[str], types: Sequence[set[type]], money: Sequence[bool]) -> str:
    return ", ".join(
        f'{_typed(f"c{number}", found - {type(None)}, two)} AS "{name.replace(chr(34), chr(34) * 2)}"'
        for number, (name, found, two) in enumerate(zip(names, types, money, strict=True))
    )


def _typed(column: str, types: set[type], money: bool) -> str:
    if types and types <= {int, float}:
        if money:
            return f"CAST({column} AS DECIMAL(18, 2))"
        return f"CAST({column} AS {'DOUBLE' if float in types else 'BIGINT'})"
    if types == {bytes}:
        return f"unhex({column})"
    # The backslash last: it was written as `\\e`, so that it makes no escape with what follows it.
    for sign, code in (("0", 0), ("r", 13), ("n", 10), ("e", 92)):
        column = f"replace({column}, '\\{sign}', chr({code}))"
    return column


def _copy(text: Path, path: Path, selected: str, columns: int, rows: int, stop: threading.Event | None) -> None:
    duckdb = load_duckdb()
    names = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(columns))
    source = (
        f"read_csv({quoted(text)}, header = false, auto_detect = false, delim = ',', quote = '\"', escape = '\"', "
        f"nullstr = '{NULL}', allow_quoted_nulls = false, parallel = false, max_line_size = {LONGEST_LINE}, "
        f"columns = {{{names}}})"
    )
    try:
        with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY}) as engine, _stoppable(engine, stop):
            engine.execute("SET enable_progress_bar = false")
            engine.execute(f"SET temp_directory = {quoted(path.with_name(f'{path.name}.spill'))}")
            # Of this program's own names, and of columns in quotes.
            engine.execute(f"COPY (SELECT {selected} FROM {source}) TO {quoted(path)} (FORMAT parquet)")  # noqa: S608
            found = engine.execute(f"SELECT count(*) FROM read_parquet({quoted(path)})").fetchone()[0]  # noqa: S608
    except duckdb.InterruptException as error:
        raise QueryStopped(CANCELLED) from error
    except duckdb.Error as error:
        if stop is not None and stop.is_set():
            raise QueryStopped(CANCELLED) from error
        first = str(error).strip().splitlines()[0][:300]
        raise StoreError(f"the Parquet file cannot be written: {first}; nothing was left") from error
    if found != rows:
        raise StoreError(
            f"the Parquet file was written wrongly: expected {rows:,} rows, found {found:,}; it was removed"
        )
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def _stoppable(engine: Any, stop: threading.Event | None) -> Iterator[None]:
    """Within it, the engine is interrupted when `stop` is set."""
    if stop is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if stop.wait(0.05):
                engine.interrupt()

    thread = threading.Thread(target=watch, name="export-stop", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
