"""Results of any size, looked at through a window: the first rows at once, any other place without a walk to it.

1. The first rows come from the query with a limit, which lets SQLite sort only those.
2. A plain look at one table is never copied: a window is found by key. Where the keys have gaps, every thousandth is
   remembered (`Anchors`).
3. Any other result is spooled, in a thread, into a TEMP table whose rows are numbered. Until that is done, a window
   comes from the query with an offset.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from warehouse.errors import WarehouseError
from warehouse.governed import Parameters, Session, columns_of
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import FACT, Cell
from warehouse.sql_text import Token, one_select

FIRST_ROWS = 100
ANCHOR_EVERY = 1_000
SPOOL_TIMEOUT_S = 600.0
HEAD_START_S = 0.05  # the first rows are shown before the rest is worked at
FACT_COUNT = "SELECT SUM(transaction_count) FROM Yearly_Region_Product_Aggregate_Table"

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where rows lie by key: `first` is the key of row 0; without gaps, row n has the key first + n.

    With gaps, `keys[i]` is the key of row i × ANCHOR_EVERY.
    """

    count: int
    first: int
    keys: tuple[int, ...]

    def before(self, offset: int) -> tuple[int, int]:
        """(a key at or before that row, rows to skip from there)."""
        if not self.keys:
            return self.first + offset, 0
        index = min(offset // ANCHOR_EVERY, len(self.keys) - 1)
        return self.keys[index], offset - index * ANCHOR_EVERY


@dataclass(frozen=True, slots=True)
class PlainScan:
    """A query that is `SELECT columns FROM table`, whose rows are those of the table in the order of its key."""

    select: str
    table: str
    key: tuple[str, ...]


class Result:
    """One open result. Any thread may call; `window` and `last` take their turn, `cancel` does not wait.

    `first` are its first rows, `complete` says that they are all. Methods raise as `Session` does.
    """

    def __init__(
        self,
        open_session: Callable[[], Session],
        sql: str,
        parameters: Parameters | None = None,
        *,
        limits: QueryLimits | None = None,
        first_rows: int = FIRST_ROWS,
    ) -> None:
        self._timeout_s = (limits or QueryLimits()).timeout_s
        self._sql, found = one_select(sql)
        self._parameters = parameters
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._done = threading.Event()
        self._spool: tuple[str, int] | None = None
        self._anchors: Anchors | None = None
        self._worker: threading.Thread | None = None
        self._spooler: Session | None = None
        self.problem: WarehouseError | None = None
        self._session = open_session()
        try:
            self._scan = _plain_scan(self._sql, found, self._session)
            rows = self._read_first(first_rows + 1)
        except BaseException:
            self._session.close()
            raise
        self.first: list[Row] = rows[:first_rows]
        self.complete = len(rows) <= first_rows
        if self.complete:
            self._done.set()
        else:
            self._start(open_session)

    def row_count(self) -> int | None:
        """How many rows there are; None while that is not known."""
        if self.complete:
            return len(self.first)
        if self._spool:
            return self._spool[1]
        return self._anchors.count if self._anchors else None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the result can be looked at anywhere at once, or that has failed; whether it ended in time."""
        return self._done.wait(timeout_s)

    def window(self, offset: int, rows: int) -> list[Row]:
        """Rows `offset` to `offset + rows`, fewer at the end."""
        if offset + rows <= len(self.first) or self.complete:
            return self.first[offset : offset + rows]
        if self._spool:
            return self._from_spool(offset, rows)
        if self._scan and self._anchors:
            if offset >= self._anchors.count:
                return []
            key, skip = self._anchors.before(offset)
            name = self._scan.key[0]
            return self._query(f"{self._scan.select} WHERE {name} >= {key} ORDER BY {name}", rows, skip)
        return self._query(self._sql, rows, offset)

    def last(self, rows: int) -> list[Row]:
        """The last rows, in order. At once for a plain scan; else when the result is spooled."""
        if self.complete:
            return self.first[-rows:] if rows else []
        if self._scan and self._scan.key:
            order = ", ".join(f"{name} DESC" for name in self._scan.key)
            return self._query(f"{self._scan.select} ORDER BY {order}", rows, 0)[::-1]
        self.wait()
        if self.problem:
            raise self.problem
        count = self.row_count() or 0
        return self.window(max(0, count - rows), min(rows, count))

    def cancel(self) -> None:
        """Stop whatever is at work for this result."""
        self._stop.set()
        self._session.cancel()

    def close(self) -> None:
        """Stop, and give everything back."""
        self.cancel()
        if self._worker:
            self._worker.join()
        with self._turn:
            self._session.close()
            if self._spooler:
                self._spooler.close()

    # ---- inside ------------------------------------------------------------

    def _read_first(self, rows: int) -> list[Row]:
        deadline = Deadline(self._timeout_s, self._stop)
        with self._session.cursor(self._sql, self._parameters, deadline, rows=rows) as cursor:
            self.columns = columns_of(cursor)
            return cursor.fetchmany(rows)

    def _query(self, sql: str, rows: int, offset: int) -> list[Row]:
        deadline = Deadline(self._timeout_s, self._stop)
        with (
            self._turn,
            self._session.cursor(sql, self._parameters, deadline, rows=rows, offset=offset) as cursor,
        ):
            return cursor.fetchmany(rows)

    def _from_spool(self, offset: int, rows: int) -> list[Row]:
        assert self._spool is not None
        assert self._spooler is not None
        columns = ", ".join(f"c{n}" for n in range(len(self.columns)))
        sql = f"SELECT {columns} FROM {self._spool[0]} WHERE rowid > :after ORDER BY rowid"  # noqa: S608 - own name
        deadline = Deadline(self._timeout_s, self._stop)
        with self._turn, self._spooler.cursor(sql, {"after": offset}, deadline, rows=rows) as cursor:
            return cursor.fetchmany(rows)

    def _start(self, open_session: Callable[[], Session]) -> None:
        self._worker = threading.Thread(target=self._prepare, args=(open_session,), name="result", daemon=True)
        self._worker.start()

    def _prepare(self, open_session: Callable[[], Session]) -> None:
        deadline = Deadline(max(self._timeout_s, SPOOL_TIMEOUT_S), self._stop)
        self._stop.wait(HEAD_START_S)
        try:
            session = self._spooler = open_session()
            if self._scan and len(self._scan.key) == 1:
                self._anchors = find_anchors(session, self._scan, deadline)
            else:
                self._spool = session.spool(self._sql, self._parameters, deadline, len(self.columns))
        except WarehouseError as error:
            self.problem = error
        finally:
            self._done.set()


def find_anchors(session: Session, scan: PlainScan, deadline: Deadline) -> Anchors:
    """Where the rows of a table lie by key. One look if the keys have no gaps, else one walk over them."""
    key, table = scan.key[0], scan.table
    # All text below is of the schema's own names and of one number.
    ends = f"SELECT min({key}), (SELECT max({key}) FROM {table}) FROM {table}"  # noqa: S608
    with session.cursor(ends, None, deadline) as found:
        first, last = found.fetchone()
    count_sql = FACT_COUNT if table.lower() == FACT.lower() else f"SELECT count(*) FROM {table}"  # noqa: S608
    with session.cursor(count_sql, None, deadline) as found:
        count = int(found.fetchone()[0] or 0)
    if count == last - first + 1:
        return Anchors(count, first, ())
    walk = f"SELECT {key}, n FROM (SELECT {key}, row_number() OVER (ORDER BY {key}) AS n FROM {table})"  # noqa: S608
    with session.cursor(f"{walk} WHERE n % {ANCHOR_EVERY} = 1 OR {key} = {last}", None, deadline) as found:
        rows = found.fetchall()
    keys = tuple(int(key) for key, number in rows if number % ANCHOR_EVERY == 1)
    return Anchors(int(rows[-1][1]), first, keys[: bisect_right(keys, last)])


def _plain_scan(text: str, found: list[Token], session: Session) -> PlainScan | None:
    """The scan that a query is, if it is `SELECT a, b FROM table [ORDER BY key]` or `SELECT * FROM table …`."""
    names = [token.name for token in found]
    if "from" not in names or found[0].name != "select":
        return None
    at = names.index("from")
    listed, rest = found[1:at], found[at + 1 :]
    if not rest or not all(
        token.text == "," if index % 2 else token.text == "*" or token.kind in ("word", "quoted")
        for index, token in enumerate(listed)
    ):
        return None
    if listed[0].name in ("distinct", "all", "case", "null") or len(listed) % 2 == 0:
        return None
    table = rest[0]
    key = session.keys.get(table.name, ())
    ordered = [token.name for token in rest[1:]]
    if not key or ordered not in ([], ["order", "by", key[0]], ["order", "by", key[0], "asc"]):
        return None
    if ordered and len(key) > 1:
        return None
    return PlainScan(text[: table.end], table.name, key)
