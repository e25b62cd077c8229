"""Where the rows of a keyed query lie: how many there are, and the keys at which every thousandth of them is found."""

from __future__ import annotations

import time
from dataclasses import dataclass

from warehouse.governed import Parameters, Session
from warehouse.keyed import KeyedRows
from warehouse.limits import Deadline
from warehouse.models import FACT, Cell

ANCHOR_EVERY = 1_000
SLOWEST_S = 0.02  # that a thousand rows may take to be walked past: so much does a window cost
FACT_COUNT = "SELECT SUM(transaction_count) FROM Yearly_Region_Product_Aggregate_Table"

Key = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where rows lie by key: without gaps, row n has the key `first` + n; with gaps, `keys[i]` is that of row i × 1000.

    `count` rows are known: all of them, or more than the limit up to which they were looked for.
    """

    count: int
    first: int
    keys: tuple[Key, ...]

    def before(self, offset: int) -> tuple[Key, int]:
        """(a key at or before that row, rows to skip from there)."""
        if not self.keys:
            return (self.first + offset,), 0
        index = min(offset // ANCHOR_EVERY, len(self.keys) - 1)
        return self.keys[index], offset - index * ANCHOR_EVERY


def row_count_of(session: Session, keyed: KeyedRows, parameters: Parameters, deadline: Deadline) -> int:
    """How many rows there are. With one for each fact, an aggregate knows."""
    whole_facts = keyed.one_for_each and keyed.table == FACT.lower()
    with session.cursor(FACT_COUNT if whole_facts else keyed.count(), parameters, deadline) as found:
        return int(found.fetchone()[0] or 0)


def find_anchors(
    session: Session, keyed: KeyedRows, parameters: Parameters, deadline: Deadline, *, limit: int = 0
) -> Anchors | None:
    """Where the rows lie: two looks if keys have no gaps, else one walk until more than `limit` rows are found.

    None where windows would be slow, since the rows lie too far apart.
    """
    if keyed.one_for_each and len(keyed.key) == 1 and (found := _without_gaps(session, keyed, parameters, deadline)):
        return found
    started_s = time.monotonic()
    keys = list[Key]()
    columns = ", ".join(f"k{n}" for n in range(len(keyed.key)))
    name = dict.fromkeys(keyed.from_key)
    next_keys = f"SELECT {columns} FROM (\n{keyed.keys()}\n)"  # noqa: S608 - of the query's own parts
    at = _one(session, f"SELECT {columns} FROM (\n{keyed.all_keys()}\n)", parameters, deadline, 0)  # noqa: S608
    while at is not None and (not limit or len(keys) * ANCHOR_EVERY <= limit):
        keys.append(at)
        at = _one(session, next_keys, {**parameters, **dict(zip(name, at, strict=True))}, deadline, ANCHOR_EVERY)
    if not keys:
        return Anchors(0, 0, ())
    if len(keys) > 1 and (time.monotonic() - started_s) / len(keys) > SLOWEST_S:
        return None
    last = {**parameters, **dict(zip(name, keys[-1], strict=True))}
    rest = f"SELECT count(*) FROM (\n{keyed.keys()}\nLIMIT {ANCHOR_EVERY})"  # noqa: S608
    with session.cursor(rest, last, deadline) as cursor:
        count = (len(keys) - 1) * ANCHOR_EVERY + int(cursor.fetchone()[0])
    return Anchors(count, 0, tuple(keys))


def _without_gaps(session: Session, keyed: KeyedRows, parameters: Parameters, deadline: Deadline) -> Anchors | None:
    """Where the rows lie if there is one for each key between the first and the last, told by their count."""
    column = keyed.key[0].rpartition(".")[2]
    # All text is of the schema's own names.
    ends = f"SELECT min({column}), (SELECT max({column}) FROM {keyed.table}) FROM {keyed.table}"  # noqa: S608
    with session.cursor(ends, None, deadline) as found:
        first, last = found.fetchone()
    count = row_count_of(session, keyed, parameters, deadline)
    return Anchors(count, first, ()) if count and count == last - first + 1 else None


def _one(session: Session, sql: str, parameters: Parameters, deadline: Deadline, offset: int) -> Key | None:
    with session.cursor(sql, parameters, deadline, rows=1, offset=offset) as cursor:
        found: Key | None = cursor.fetchone()
        return found
