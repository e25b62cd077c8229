"""The process in which DuckDB works: without secrets, its memory bounded, ended with whoever started it.

It runs as a script and imports nothing of the program. A request is one line of JSON on its standard input:
`{"do": [SQL…]}`, or `{"run": SQL, "values": {…}, "rows": N}`. So is each part of an answer: `{"columns": […]}`,
`{"rows": [[…]…]}` as often as needed, and at the end `{"done": true}` or `{"error": KIND, "said": WORDS}`. Bytes are
a list of one text of hex digits. The first line says that it is ready.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

MEMORY_BYTES = 1_250_000_000  # all that the process may have: DuckDB itself does not count the texts it makes
COUNTED = "700MB"  # what DuckDB counts, and beyond which it sorts and joins on the disk
THREADS = 2
LONGEST_ROW = 1_000_000  # bytes, as in SQLite
BYTES_A_LINE = 1_000_000
ROWS_A_PIECE = 100


class NotAnswered(Exception):
    """What ends an answer though DuckDB would go on."""

    def __init__(self, kind: str, said: str = "") -> None:
        super().__init__(said)
        self.kind = kind


def main() -> None:
    """Answer requests, one after the other, until there are no more."""
    _limit()
    try:
        import duckdb
    except ImportError as error:
        _say({"error": "ImportError", "said": str(error)})
        return
    engine = duckdb.connect(config={"threads": THREADS, "memory_limit": COUNTED})
    _say({"done": True})
    for request in _requests():
        try:
            for part in _answer(duckdb, engine, json.loads(request)):
                _say(part)
        except NotAnswered as error:
            _say({"error": error.kind, "said": str(error)})
        except MemoryError:
            _say({"error": "OutOfMemoryException", "said": ""})
        except duckdb.Error as error:
            _say({"error": type(error).__name__, "said": str(error)[:20_000]})
        else:
            _say({"done": True})


def _limit() -> None:
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, MEMORY_BYTES)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is there already
            resource.setrlimit(kind, (most, most))


def _requests() -> Iterator[str]:
    """The lines of standard input, read beside the work: where they end, the whole process does, at once."""
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield waiting.get()


def _answer(duckdb: Any, engine: Any, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for statement in request.get("do", ()):
        engine.execute(statement)
    if "run" not in request:
        return
    kinds = [statement.type for statement in duckdb.extract_statements(request["run"])]
    if kinds != [duckdb.StatementType.SELECT]:
        raise NotAnswered("NotOneSelect")
    cursor = engine.execute(request["run"], request["values"])
    yield {"columns": [str(column[0]) for column in cursor.description]}
    yield from _rows(cursor, request["rows"])


def _rows(cursor: Any, most: int) -> Iterator[dict[str, Any]]:
    """The rows, at most `most` of them, 0 for all, in pieces of a bounded size."""
    held: list[list[Any]] = []
    size = given = 0
    while not most or given < most:
        piece = cursor.fetchmany(min(ROWS_A_PIECE, most - given) if most else ROWS_A_PIECE)
        if not piece:
            break
        given += len(piece)
        for row in piece:
            cells = list(map(_cell, row))
            length = sum(map(_length, cells))
            if length > LONGEST_ROW:
                raise NotAnswered("TooLong", str(length))
            if size + length > BYTES_A_LINE:
                yield {"rows": held}
                held, size = [], 0
            held.append(cells)
            size += length + len(cells)
    yield {"rows": held}


def _cell(value: Any) -> Any:
    """A value as SQLite would give it; bytes in a list."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, bytes):
        return [value.hex() if len(value) <= LONGEST_ROW else "00" * (LONGEST_ROW + 1)]
    if value is None or isinstance(value, int | float | str):
        return value
    return str(value)


def _length(cell: Any) -> int:
    if isinstance(cell, str):
        return len(cell) if cell.isascii() else len(cell.encode("utf-8", "replace"))
    return len(cell[0]) // 2 if isinstance(cell, list) else 8


def _say(part: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(part, ensure_ascii=False, separators=(",", ":")))
    sys.stdout.write("\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
