"""The process that carries out DuckDB's statements, from the side of who asks: started, asked, ended on time.

DuckDB itself bounds neither the texts that a query makes nor the time of one function. So it works in a process of
its own (`duckdb_worker`), whose memory the system bounds, and which is killed where a query has to end.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from warehouse.errors import QueryStopped, StoreError
from warehouse.limits import Deadline
from warehouse.models import Cell

WORKER = Path(__file__).with_name("duckdb_worker.py")
LOOKS_MS = 50
STARTING_S = 60.0
MOST_BYTES = 256_000_000  # of one answer
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
READ_AT_ONCE = 1 << 20
ENDED = (
    "the query needs more memory than one may use on this engine, or is nested too deeply, and was stopped; "
    "narrow or simplify it"
)


class WorkerError(Exception):
    """What DuckDB said: `kind` is the name of its error."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(said)
        self.kind = kind


class DuckdbProcess:
    """One worker, for one thread at a time. Once a query was stopped it is gone. Raises a `StoreError` at the start."""

    def __init__(self) -> None:
        # Its own session: a signal from the terminal is answered by who asks. None of the secrets of this process.
        environ = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and a file of the program
                [sys.executable, "-I", "-X", "utf8", str(WORKER)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env=environ, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise StoreError(f"DuckDB cannot be started: {error.strerror}") from error
        self._read = bytearray()
        try:
            list(self._parts(Deadline(STARTING_S)))
        except (QueryStopped, WorkerError) as error:
            self.close()
            raise StoreError(f"DuckDB cannot be started: {error}") from error

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def carry_out(self, statements: Sequence[str], deadline: Deadline) -> None:
        """Carry out statements of the program. Raises `WorkerError` or `QueryStopped`."""
        self._ask({"do": list(statements)})
        list(self._parts(deadline))

    def rows(
        self, text: str, values: Mapping[str, Cell], most: int, deadline: Deadline
    ) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
        """The columns and rows of one SELECT, at most `most`, 0 for all. Raises `WorkerError` or `QueryStopped`."""
        self._ask({"run": text, "values": dict(values), "rows": most})
        columns: tuple[str, ...] = ()
        rows: list[tuple[Cell, ...]] = []
        for part in self._parts(deadline):
            columns = tuple(part.get("columns", columns))
            rows += [tuple(map(_cell, row)) for row in part.get("rows", ())]
        return columns, rows

    def _ask(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            self.close()
            raise QueryStopped(ENDED) from error

    def _parts(self, deadline: Deadline) -> Iterator[dict[str, Any]]:
        """The parts of one answer as they come, without its end. Unless it is whole, the process is ended."""
        whole = False
        try:
            for line in self._lines(deadline):
                part = json.loads(line)
                whole = "error" in part or "done" in part
                if "error" in part:
                    raise WorkerError(part["error"], part["said"])
                if whole:
                    return
                yield part
        finally:
            if not whole:
                self.close()

    def _lines(self, deadline: Deadline) -> Iterator[bytes]:
        assert self._process.stdout is not None
        handle, taken = self._process.stdout.fileno(), 0
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        while True:
            end = self._read.find(b"\n")
            if end >= 0:
                line = bytes(self._read[:end])
                del self._read[: end + 1]
                yield line
                continue
            while not poll.poll(min(LOOKS_MS, deadline.left_s() * 1000)):
                if deadline.is_over():
                    raise deadline.error()
            if deadline.is_over():
                raise deadline.error()
            found = os.read(handle, READ_AT_ONCE)
            taken += len(found)
            if not found:
                raise QueryStopped(ENDED)
            if taken > MOST_BYTES:
                raise QueryStopped(
                    f"the answer has more than {MOST_BYTES / 1e6:.0f} MB and was stopped; ask for fewer rows or columns"
                )
            self._read += found


def _cell(cell: Any) -> Cell:
    return bytes.fromhex(cell[0]) if isinstance(cell, list) else cell
