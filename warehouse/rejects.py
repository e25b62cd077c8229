"""The rejects file of a load: every row that was not loaded, with line and reason; there whole, or not at all."""

from __future__ import annotations

import csv
import filecmp
import hashlib
import os
import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from warehouse.models import MASK, SENSITIVE
from warehouse.readers import Rejected

MOST_FIELDS = 200
MARK = 16  # digits of the content's hash in the file's name
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")


class RejectsFile:
    """Collects rejected rows of `table` in `folder`; the file is made with the first, and appears with `publish`.

    Where an earlier load wrote the same rows, its file stays the only one, and `as_before` is true.

    Cells of sensitive columns are masked in it: the line leads back to the file they came from. A cell that a
    spreadsheet would run as a formula is led by an apostrophe.
    """

    def __init__(self, folder: Path, table: str, names: Sequence[str], now: datetime) -> None:
        self._folder, self._table = folder, table
        self._stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%S}"
        self._part = folder / f".rejects-{table}-{self._stamp}-{uuid.uuid4().hex[:8]}.csv.part"
        self._names = names
        self._masked = {name for where, name in SENSITIVE if where == table}
        self._file: TextIO | None = None
        self._writer: Any = None
        self._waiting: list[Rejected] = []
        self.count = 0
        self.as_before = False

    def add(self, rows: Iterable[Rejected]) -> None:
        """Note these rows."""
        self._waiting += rows

    def settle(self) -> None:
        """Write what was noted, in the order of the lines. Raises OSError."""
        if self._waiting and self._file is None:
            self._begin()
        for row in sorted(self._waiting, key=lambda row: row.line):
            self._writer.writerow([row.line, row.reason, *map(guarded, self._fields(row.fields))])
        self.count += len(self._waiting)
        self._waiting = []

    def publish(self) -> Path | None:
        """The file, durable under its name; None if no row was rejected. Raises OSError."""
        if self._file is None:
            return None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        with self._part.open("rb") as written:
            mark = hashlib.file_digest(written, "sha256").hexdigest()[:MARK]
        for path in sorted(self._folder.glob(f"rejects-{self._table}-*-{mark}.csv")):
            if filecmp.cmp(path, self._part, shallow=False):
                self.as_before = True
                return path
        path = self._folder / f"rejects-{self._table}-{self._stamp}-{mark}.csv"
        self._part.replace(path)
        return path

    def _begin(self) -> None:
        self._part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(["line", "reason", *map(guarded, self._names[:MOST_FIELDS])])

    def _fields(self, fields: Sequence[Any]) -> list[Any]:
        known = len(fields) == len(self._names)
        return [
            MASK if self._masked and (not known or self._names[index] in self._masked or _has_lines(cell)) else cell
            for index, cell in enumerate(fields[:MOST_FIELDS])
        ]

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        self._part.unlink(missing_ok=True)


def _has_lines(cell: Any) -> bool:
    """Whether other lines stand in a cell, where a quotation has led them: nobody knows of which columns."""
    return isinstance(cell, str) and ("\n" in cell or "\r" in cell)


def guarded(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    words = "" if cell is None else str(cell).replace("\0", "\\0")
    if words[:1] in "=+-@\t\r\n" and words and not _NUMBER.fullmatch(words):
        return "'" + words
    return words
