"""Files of rows as columns: what a load reads, a bounded piece at a time, whatever the format."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from warehouse.errors import DataRefused
from warehouse.values import shown

MOST_NAMED = 20  # columns in a message


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not loaded: its 1-based line (in Parquet its row), why not, and its fields as they came."""

    line: int
    reason: str
    fields: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows as columns in the order of the reader's `names`, the line of each, and rows without that shape."""

    lines: Sequence[int]
    columns: Sequence[Sequence[Any]]
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Relation:
    """A file as DuckDB reads it: the table function, and the expression that gives each column's cells.

    Those in `whole` are integers, amounts among them in cents; the others are text. `given` has the text of each cell
    as it came, NULL or empty where there is none. `rows` is about how many there are. `again` says that reading it
    several times costs less than keeping a copy; `identity` differs once the file is another one, or was written to.
    """

    sql: str
    cells: Mapping[str, str]
    given: Mapping[str, str]
    whole: frozenset[str]
    rows: int
    again: bool
    identity: Callable[[], Hashable]


class Reader(Protocol):
    """A file being read. `header` are its columns in lower case, `names` those read; cells are text, int, None."""

    header: tuple[str, ...]
    names: tuple[str, ...]

    def chunks(self) -> Iterator[Chunk]:
        """The rows, once. Raises `DataRefused` where the file cannot be read on."""
        ...

    def relation(self) -> Relation:
        """The same rows for DuckDB, which refuses a file of another shape; it does not say which line."""
        ...

    def progress(self) -> tuple[int, int]:
        """How much is read, and of how much."""
        ...

    def close(self) -> None: ...


def require_columns(header: Sequence[str], missing: Sequence[str], used: Iterable[str]) -> None:
    """Return if no needed column is `missing`, and none that is `used` is there twice. Raises `DataRefused`."""
    if missing and not header:
        raise DataRefused(f"the file is empty: expected a header line with {', '.join(missing)}")
    if missing:
        rest = len(header) - MOST_NAMED
        found = ", ".join(shown(name) for name in header[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        raise DataRefused(f"expected a column {', '.join(missing)}, found the columns {found}")
    for name in used:
        if (times := header.count(name)) > 1:
            raise DataRefused(f"expected one column {name}, found {times}: leave in the file the one that counts")


def identity(path: Path) -> tuple[int, int, int, int]:
    """Differs once the file is another one, or was written to. Raises OSError."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
