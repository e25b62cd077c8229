"""Results of any size, looked at through a window: the first rows at once, any other place without a walk to it.

1. The first rows come from the query with a limit, which lets SQLite sort only those.
2. Rows that each belong to one row of a table (`key_walk`) are never copied: a window is found by key, from the keys
   of every thousandth row (`Anchors`). If something else orders them, their last rows are the first of the opposite
   order; where the first rows take long, these are looked for beside them, or next where no processor is idle.
3. Anything that is not found by key is spooled, in a thread, into a TEMP table whose rows are numbered. Until that is
   done, a window comes from the query with an offset.

No transaction is held open, so that a result never keeps a load's log from being written back. Each window is of one
state of the data, never of half a load; `has_changed` says when that is no longer the state of the first rows.
"""

from __future__ import annotations

import _thread
import logging
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from warehouse.anchors import Anchors, find_anchors, row_count_of
from warehouse.errors import QueryStopped, StoreError, WarehouseError
from warehouse.governed import Parameters, Session, columns_of
from warehouse.key_walk import keyed_rows
from warehouse.keyed import KeyedRows
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import Cell
from warehouse.shaping import PLAIN, Shape, shaped, unused_name
from warehouse.sql_text import one_select

FIRST_ROWS = 100
SPOOL_TIMEOUT_S = 600.0
HEAD_START_S = 0.05  # the first rows are shown before the rest is worked at
PATIENCE_S = 0.01  # first rows that take longer come from a walk through much, and the last ones would too
ALL_ROWS = QueryLimits(rows=0)
CANCELLED = "the query was cancelled; nothing was changed"

Row = tuple[Cell, ...]
log = logging.getLogger(__name__)


class Result:
    """One open result. Any thread may call; `window` and `last` take their turn, `cancel` does not wait.

    `first` are its first rows, `complete` says that they are all. With `limits.rows`, the result ends there, and
    `truncated` says whether there were more. `shape` sorts and filters the query, whose columns are then `columns`.
    `session` is used instead of a new one, and given back. Methods raise as `Session` does.
    """

    def __init__(
        self,
        open_session: Callable[[], Session],
        sql: str,
        parameters: Parameters | None = None,
        *,
        shape: Shape = PLAIN,
        columns: Sequence[str] = (),
        limits: QueryLimits | None = None,
        first_rows: int = FIRST_ROWS,
        session: Session | None = None,
        give_back: Callable[[Session], None] = Session.close,
        stop: threading.Event | None = None,
    ) -> None:
        limits = limits or ALL_ROWS
        self._open_session = open_session
        self._give_back = give_back
        self._timeout_s = limits.timeout_s
        self._limit = limits.rows
        self._query, self._shape = sql, shape
        self._given = dict(parameters or {})
        self._turn, self._proof, self._spool_turn = threading.Lock(), threading.Lock(), threading.Lock()
        self._end_turn = threading.Lock()
        self._stop, self._done = threading.Event(), threading.Event()
        self._first_read, self._unneeded = threading.Event(), threading.Event()
        self._spool = ""  # the TEMP table that holds all rows
        self._anchors: Anchors | None = None
        self._count: int | None = None
        self._keyed: KeyedRows | None = None
        self._looked_for_keys = False
        self._end: list[Row] | None = None
        self._closed = self._changed = False
        self._started = False  # the thread that works at the rest
        self._ended = threading.Event()  # and whether it has ended
        self._spooler: Session | None = None
        self.first: list[Row] = []
        self.complete = self.truncated = False
        self.problem: WarehouseError | None = None
        self._session = session or open_session()
        try:
            self._read_first(columns, first_rows, stop)
        except BaseException:
            self._unneeded.set()
            self._first_read.set()
            self.close()
            raise

    def row_count(self) -> int | None:
        """How many rows there are; None while that is not known."""
        if self.complete:
            return len(self.first)
        return self._count

    @property
    def sql(self) -> str:
        """The statement that shows the result, as it is sorted and filtered."""
        return self._sql

    @property
    def parameters(self) -> Parameters:
        """What that statement binds."""
        return self._parameters

    def tables_read(self) -> frozenset[str]:
        """The tables that were read for the first rows, in lower case."""
        return self._tables

    def has_changed(self) -> bool:
        """Whether the data has been changed since the first rows were read; while a window is read, as of before."""
        if not self._changed and self._turn.acquire(blocking=False):
            try:
                self._changed = not self._closed and self._session.version() != self._version
            finally:
                self._turn.release()
        return self._changed

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the result can be looked at anywhere at once, or that has failed; whether it ended in time."""
        return self._done.wait(timeout_s)

    def window(self, offset: int, rows: int) -> list[Row]:
        """Rows `offset` to `offset + rows`, fewer at the end."""
        if self._limit:
            rows = max(0, min(rows, self._limit - offset))
        if offset + rows <= len(self.first) or self.complete:
            return self.first[offset : offset + rows]
        if self._spool:
            return self._from_spool(self._spool, offset, rows)
        if self._keyed and self._anchors:
            return self._by_key(self._keyed, self._anchors, offset, rows)
        return self._read(self._sql, rows, offset)

    def last(self, rows: int) -> list[Row]:
        """The last rows, in order. At once where rows are found by key; else when the result is spooled."""
        if self.complete:
            return self.first[-rows:] if rows else []
        if not self._spool and not self._limit and (keyed := self._find_keys(self._session, self._turn)):
            with self._end_turn:
                end = self._end
            if end is None or len(end) < rows:
                end = self._read(keyed.from_the_end(), rows, 0, keyed.values)
            return end[:rows][::-1]
        self.wait()
        if self.problem:
            raise self.problem
        count = self.row_count() or 0
        return self.window(max(0, count - rows), min(rows, count))

    def measure(self, about: str, stop: threading.Event | None = None) -> list[Row]:
        """What `about` says of all rows: what follows WITH, about `{rows}` of the columns c0, c1, …

        It reads what was spooled, else it carries the query out once more, in a session of its own.
        """
        deadline = Deadline(self._timeout_s, stop)
        deadline.also_ends(self._stop.is_set, CANCELLED)
        names = ", ".join(f"c{n}" for n in range(len(self.columns)))
        if self._spool and self._spooler:
            # The spool holds one row more than the limit, which tells that there are more.
            part = f" WHERE rowid <= {self._limit}" if self._limit else ""
            whole = f"shown_rows({names}) AS (SELECT {names} FROM {self._spool}{part})"  # noqa: S608 - own names
            text = f"WITH {whole}, {about.format(rows='shown_rows')}"
            with self._spool_turn:
                self._refuse_closed()
                with self._spooler.cursor(text, None, deadline) as cursor:
                    return cursor.fetchall()
        rows = unused_name("shown_rows", {token.name.lstrip(":@$") for token in one_select(self._sql)[1]})
        sql = f"SELECT * FROM (\n{self._sql}\n) LIMIT {self._limit}" if self._limit else self._sql  # noqa: S608 - the user's own SELECT, which it stays
        text = f"WITH {rows}({names}) AS NOT MATERIALIZED (\n{sql}\n), {about.format(rows=rows)}"
        with self._open_session() as session, session.cursor(text, self._parameters, deadline) as cursor:
            return cursor.fetchall()

    def cancel(self) -> None:
        """Stop whatever is at work for this result."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and give everything back."""
        self._stop.set()
        if self._started:
            self._ended.wait()
        with self._turn, self._spool_turn:
            self._release()
            if self._spooler:
                self._spooler.close()

    # ---- inside ------------------------------------------------------------

    def _read_first(self, columns: Sequence[str], first_rows: int, stop: threading.Event | None) -> None:
        deadline = Deadline(self._timeout_s, stop or self._stop)
        if self._shape != PLAIN and not columns:
            with self._session.cursor(self._query, self._given, deadline, rows=0) as cursor:
                columns = columns_of(cursor)
        self._sql, parameters = shaped(self._query, columns, self._shape, self._given)
        self._parameters = dict(parameters)
        self._version = self._session.version()
        wanted = first_rows + 1 if not self._limit else min(first_rows, self._limit) + 1
        if self._shape.order or "order" in self._query.lower():
            self._start(first_rows)
        with self._session.cursor(self._sql, self._parameters, deadline, rows=wanted) as cursor:
            self.columns = columns_of(cursor)
            rows = cursor.fetchmany(wanted)
        self._tables = self._session.tables_read(self._sql)
        self.first = rows[: wanted - 1]
        self.truncated = len(rows) == wanted and wanted - 1 == self._limit
        self.complete = len(rows) < wanted or self.truncated
        self._first_read.set()
        if self.complete:
            self._unneeded.set()
            self._done.set()
        elif not self._started:
            self._start(first_rows)

    def _read(self, sql: str, rows: int, offset: int, more: Parameters | None = None) -> list[Row]:
        deadline = Deadline(self._timeout_s, self._stop)
        parameters = self._parameters | dict(more or {})
        with self._turn:
            self._refuse_closed()
            with self._session.cursor(sql, parameters, deadline, rows=rows, offset=offset) as cursor:
                return cursor.fetchmany(rows)

    def _by_key(self, keyed: KeyedRows, anchors: Anchors, offset: int, rows: int) -> list[Row]:
        end = min(offset + rows, anchors.count)
        if offset >= end:
            return []
        start = anchors.count - end if keyed.backwards else offset
        key, skip = anchors.before(start)
        values = {**keyed.values, **dict(zip(keyed.from_key, key, strict=True))}
        found = self._read(keyed.window(), end - offset, skip, values)
        return found[::-1] if keyed.backwards else found

    def _from_spool(self, name: str, offset: int, rows: int) -> list[Row]:
        assert self._spooler is not None
        columns = ", ".join(f"c{n}" for n in range(len(self.columns)))
        sql = f"SELECT {columns} FROM {name} WHERE rowid > :after ORDER BY rowid"  # noqa: S608 - own name
        deadline = Deadline(self._timeout_s, self._stop)
        with self._spool_turn:
            self._refuse_closed()
            with self._spooler.cursor(sql, {"after": offset}, deadline, rows=rows) as cursor:
                return cursor.fetchmany(rows)

    def _find_keys(self, session: Session, turn: AbstractContextManager[object]) -> KeyedRows | None:
        """How the rows are found by key, found out once, by whoever needs it first; None if they are not."""
        with self._proof:
            if not self._looked_for_keys:
                with turn:
                    self._refuse_closed()
                    self._keyed = self._prove(session)
                self._looked_for_keys = True
            return self._keyed

    def _prove(self, session: Session) -> KeyedRows | None:
        deadline = Deadline(self._timeout_s, self._stop)
        with session.cursor(self._query, self._given, deadline, rows=0) as cursor:
            columns = len(columns_of(cursor))
        return keyed_rows(session, self._query, self._given, columns, shape=self._shape, shown=self._sql)

    def _start(self, first_rows: int) -> None:
        self._started = True
        # Thread.start() would wait until the thread runs, which on a busy machine takes longer than the first rows.
        _thread.start_new_thread(self._prepare, (first_rows,))

    def _prepare(self, first_rows: int) -> None:
        """Make every place of the result one that is found at once."""
        try:
            took_long = not self._first_read.wait(PATIENCE_S)
            if not took_long and (self._unneeded.is_set() or self._stop.wait(HEAD_START_S)):
                raise QueryStopped(CANCELLED)
            session = self._spooler = self._open_session()
            session.keep_little()
            with self._end_turn:
                keyed = self._find_keys(session, nullcontext())
                if took_long and keyed and keyed.ordered and not self._limit:
                    if not _has_time():
                        self._first_read.wait()
                    if not self._unneeded.is_set():
                        self._read_end(session, keyed, first_rows)
            if took_long:
                self._first_read.wait()
                if self._unneeded.is_set():
                    return
            self._find_places(session, keyed)
        except WarehouseError as error:
            self.problem = None if self._unneeded.is_set() else error
        except Exception as error:
            log.exception("the rest of a result could not be prepared")
            self.problem = StoreError(f"the rest of the result cannot be had: {error}")
        finally:
            self._done.set()
            self._ended.set()

    def _read_end(self, session: Session, keyed: KeyedRows, rows: int) -> None:
        """The last rows, while the first ones are still being looked for."""
        deadline = Deadline(self._timeout_s, self._unneeded)
        deadline.also_ends(self._stop.is_set, CANCELLED)
        try:
            parameters = self._parameters | dict(keyed.values)
            with session.cursor(keyed.from_the_end(), parameters, deadline, rows=rows) as cursor:
                self._end = cursor.fetchmany(rows)
        except QueryStopped:
            self._end = None  # it is not needed, or asked for again when somebody wants it

    def _find_places(self, session: Session, keyed: KeyedRows | None) -> None:
        deadline = Deadline(max(self._timeout_s, SPOOL_TIMEOUT_S), self._stop)
        if keyed and not keyed.ordered:
            parameters = self._parameters | dict(keyed.values)
            walked_to = 0 if keyed.backwards else self._limit
            anchors = find_anchors(session, keyed, parameters, deadline, limit=walked_to)
            if anchors:
                self._counted(anchors.count)
                self._anchors = anchors
                return
        elif keyed and not self._limit:
            self._count = row_count_of(session, keyed, self._parameters | dict(keyed.values), deadline)
        wanted = self._limit + 1 if self._limit else None
        name, count = session.spool(self._sql, self._parameters, deadline, len(self.columns), rows=wanted)
        self._counted(count)
        self._spool = name

    def _counted(self, rows: int) -> None:
        self.truncated = bool(self._limit) and rows > self._limit
        self._count = min(rows, self._limit or rows)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise QueryStopped("the result is closed: run the query again")

    def _release(self) -> None:
        if not self._closed:
            self._closed = True
            self._give_back(self._session)


def _has_time() -> bool:
    """Whether the machine has a processor left for rows that nobody has asked for yet."""
    return os.getloadavg()[0] < 2 * (os.cpu_count() or 1)
