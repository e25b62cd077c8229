"""The rejects file of a load: every row that was not loaded, with line and reason; there whole, or not at all.

Such a file may be corrected and loaded itself: `RejectsReader` gives back what was sent, so far as it stands in it.
"""

from __future__ import annotations

import csv
import filecmp
import hashlib
import os
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from warehouse.models import MASK, SENSITIVE
from warehouse.readers import Chunk, Reader, Rejected, Relation

MOST_FIELDS = 200
MARK = 16  # digits of the content's hash in the file's name
LED_BY = ("line", "reason")
MASKED = " (names and addresses are masked here: correct the line in the original file)"
_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")
_ESCAPED = re.compile(r"\\udc[89a-f][0-9a-f]|\\0")  # how a byte that is no UTF-8, and a NUL, are written


class RejectsFile:
    """Collects rejected rows of `table` in `folder`; the file is made with the first, and appears with `publish`.

    Where an earlier load wrote the same rows, its file stays the only one, and `as_before` is true. It is used while
    the warehouse's one writer holds its turn: an unfinished file beside it is that of a load that was killed.

    Cells of sensitive columns are masked in it, and every reason says so: the line leads back to the file they came
    from. A cell that a spreadsheet would run as a formula is led by an apostrophe.
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
            reason = row.reason + (MASKED if self._masked else "")
            self._writer.writerow([row.line, reason, *map(guarded, self._fields(row.fields))])
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
        self._writer.writerow([*LED_BY, *map(guarded, self._names[:MOST_FIELDS])])

    def _fields(self, fields: Sequence[Any]) -> list[Any]:
        known = len(fields) == len(self._names)
        return [
            MASK if self._masked and (not known or self._names[index] in self._masked or _has_lines(cell)) else cell
            for index, cell in enumerate(fields[:MOST_FIELDS])
        ]

    def __enter__(self) -> RejectsFile:
        for left in self._folder.glob(".rejects-*.csv.part"):
            left.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._part.unlink(missing_ok=True)
        if self._file is not None:
            with suppress(OSError):  # closing writes what waits, for which a full disk has no room
                self._file.close()


def _has_lines(cell: Any) -> bool:
    """Whether other lines stand in a cell, where a quotation has led them: nobody knows of which columns."""
    return isinstance(cell, str) and ("\n" in cell or "\r" in cell)


def guarded(cell: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    words = "" if cell is None else str(cell).replace("\0", "\\0")
    return "'" + words if _is_formula(words) else words


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given."""
    return cell[1:] if cell[:1] == "'" and _is_formula(cell) else cell


def _is_formula(words: str) -> bool:
    """Whether a formula stands in a cell, alone or behind apostrophes."""
    bare = words.lstrip("'")
    return bool(bare) and bare[0] in "=+-@\t\r\n" and not _NUMBER.fullmatch(bare)


class RejectsReader:
    """Reads a rejects file as the rows that were sent, without its own two columns.

    A row whose columns of `wanted` hold a byte that the file could only escape is rejected once more.
    """

    def __init__(self, reader: Reader, wanted: Collection[str]) -> None:
        self._reader = reader
        self._wanted = wanted
        self._led = 0  # fields of the file's own before those that were sent
        while reader.header[self._led : self._led + len(LED_BY)] == LED_BY:
            self._led += len(LED_BY)
        self.header = tuple(map(unguarded, reader.header[self._led :]))
        self.names = tuple(map(unguarded, reader.names[self._led :]))

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self._reader.chunks():
            yield self._as_sent(chunk)

    def relation(self) -> Relation:
        return self._reader.relation()

    def progress(self) -> tuple[int, int]:
        return self._reader.progress()

    def close(self) -> None:
        self._reader.close()

    def _as_sent(self, chunk: Chunk) -> Chunk:
        rejected = [
            Rejected(row.line, row.reason, [unguarded(cell) for cell in row.fields[self._led :]])
            for row in chunk.rejected
        ]
        lines, rows = [], []
        for line, *row in zip(chunk.lines, *chunk.columns[self._led :], strict=True):
            fields = [unguarded(cell) for cell in row]
            if fault := self._escaped(fields):
                rejected.append(Rejected(line, fault, fields))
            else:
                lines.append(line)
                rows.append(fields)
        return Chunk(lines, list(zip(*rows, strict=True)) if rows else [()] * len(self.names), rejected)

    def _escaped(self, fields: Sequence[str]) -> str:
        """Which cells hold what stands for a byte; empty if none does."""
        return "; ".join(
            f"{name}: expected text, found {escape[0]} in place of a byte that is no text: "
            "correct the line in the original file"
            for name, cell in zip(self.names, fields, strict=True)
            if name in self._wanted and (escape := _ESCAPED.search(cell))
        )


def is_rejects(header: Sequence[str]) -> bool:
    """Whether these are the columns of a rejects file."""
    return tuple(header[: len(LED_BY)]) == LED_BY
