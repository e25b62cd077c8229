"""Keeps every statement that was run, over restarts and several consoles: `query_history.jsonl` in the workspace.

One line of JSON is one statement. Rules, in order:
1. A line is appended whole, in one write, while the lock is shared; so no rewrite can lose it.
2. A rewrite (one entry removed, all cleared, the oldest dropped) holds the lock alone and puts a whole file in place.
3. A line that is no entry, such as one that a killed process left half, is passed over.
A statement may hold personal data: the file is readable by its owner alone, and `clear` forgets everything. Each user
of the workspace has a file of their own, and so has whoever is not signed in: the next one at a terminal does not read
what the last one asked.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from etl.files import write_whole

MOST_ENTRIES = 5_000
MOST_BYTES = 20_000_000  # of the file; the oldest go first
MOST_CHARACTERS = 100_000  # of one statement
MOST_PROBLEM = 500
LOOK_EVERY = 50  # additions between two looks at how many entries there are


def kept_for(path: Path, user: str | None) -> Path:
    """The file of `user` where `path` is that of whoever is not signed in; the name tells a hash, and nobody's name."""
    if user is None:
        return path
    mark = hashlib.sha256(f"{path.parent.resolve()}\n{user}".encode()).hexdigest()[:16]
    return path.with_name(f"{path.stem}-{mark}{path.suffix}")


class Outcome(StrEnum):
    """How a statement ended."""

    DONE = "done"
    REFUSED = "refused"  # not one permitted SELECT
    STOPPED = "stopped"  # cancelled, or a limit was reached
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement that was run. `at` is aware UTC; `rows` None where they were not counted."""

    at: datetime
    sql: str
    database: str
    outcome: Outcome
    duration_ms: float | None = None
    rows: int | None = None
    problem: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def searchable(self) -> str:
        """What a search looks into, case folded."""
        return f"{self.sql}\n{self.database} {self.outcome.value} {self.problem}".casefold()


class QueryHistory:
    """The file. Every method may wait for a disk; those that write raise OSError where it refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path.with_name(f".{path.name}.lock")
        self._added = 0

    def add(self, entry: Entry) -> None:
        """Append `entry`; a statement that is too long is cut, with a mark."""
        line = _line_of(_bounded(entry))
        with self._locked(fcntl.LOCK_SH):
            handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.fchmod(handle, 0o600)
                os.write(handle, _newline_missing(handle) + line)
            finally:
                os.close(handle)
        if self._added % LOOK_EVERY == 0:
            self._drop_oldest()
        self._added += 1

    def entries(self) -> list[Entry]:
        """The newest `MOST_ENTRIES`, newest first.

        An entry that was added once more when its rows were counted is there once, with their number.
        """
        found: dict[str, Entry] = {}
        for entry in map(_entry_of, reversed(self._lines())):
            if entry is not None and (entry.id not in found or found[entry.id].rows is None):
                found[entry.id] = entry
        return sorted(found.values(), key=lambda entry: entry.at, reverse=True)[:MOST_ENTRIES]

    def remove(self, entry_id: str) -> None:
        """Forget one entry."""
        self._rewrite(lambda lines: [line for line in lines if not _is_entry(line, entry_id)])

    def clear(self) -> None:
        """Forget everything."""
        self._rewrite(lambda _lines: [])

    def _drop_oldest(self) -> None:
        lines = self._lines()
        if _newest(lines) != lines:
            self._rewrite(_newest)

    def _rewrite(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        with self._locked(fcntl.LOCK_EX):
            write_whole(self.path, b"".join(line + b"\n" for line in change(self._lines())))

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self.path.read_bytes().split(b"\n") if line]
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        handle = os.open(self._lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, how)
            yield
        finally:
            os.close(handle)


def matching(entries: Sequence[tuple[Entry, str]], text: str) -> list[Entry]:
    """The entries, each with its `searchable` text, that hold every word of `text`."""
    words = text.casefold().split()
    return [entry for entry, searchable in entries if all(word in searchable for word in words)]


def _bounded(entry: Entry) -> Entry:
    sql = entry.sql
    if len(sql) > MOST_CHARACTERS:
        sql = f"{sql[:MOST_CHARACTERS]}\n-- cut here: the statement had {len(sql):,} characters"
    return replace(entry, sql=sql, problem=entry.problem[:MOST_PROBLEM])


def _line_of(entry: Entry) -> bytes:
    document = {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "database": entry.database,
        "outcome": entry.outcome.value,
        "duration_ms": entry.duration_ms,
        "rows": entry.rows,
        "problem": entry.problem,
        "sql": entry.sql,
    }
    return json.dumps(document).encode("ascii") + b"\n"


def _entry_of(line: bytes) -> Entry | None:
    """The entry that a line holds, None for one that holds none."""
    try:
        found = json.loads(line)
        at = datetime.fromisoformat(found["at"])
        entry = Entry(
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            sql=found["sql"],
            database=found["database"],
            outcome=Outcome(found["outcome"]),
            duration_ms=found["duration_ms"],
            rows=found["rows"],
            problem=found["problem"],
            id=found["id"],
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    texts = (entry.sql, entry.database, entry.problem, entry.id)
    numbers = (entry.duration_ms, entry.rows)
    fits = all(isinstance(text, str) for text in texts) and all(
        number is None or isinstance(number, int | float) for number in numbers
    )
    return entry if fits else None


def _is_entry(line: bytes, entry_id: str) -> bool:
    entry = _entry_of(line)
    return entry is not None and entry.id == entry_id


def _newest(lines: list[bytes]) -> list[bytes]:
    """The newest lines that are within both bounds."""
    kept = lines[-MOST_ENTRIES:]
    size = sum(map(len, kept))
    first = 0
    while size > MOST_BYTES and first < len(kept) - 1:
        size -= len(kept[first])
        first += 1
    return kept[first:]


def _newline_missing(handle: int) -> bytes:
    """A line end, where a killed process left the last line without one."""
    size = os.fstat(handle).st_size
    return b"\n" if size and os.pread(handle, 1, size - 1) != b"\n" else b""
