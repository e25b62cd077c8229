"""Read-only sessions in which people may type SQL: one SELECT, within limits, with sealed columns masked.

Everything that such SQL passes, in order:
1. The text is one SELECT (`sql_text`), of bounded length.
2. The file is open read-only, with SQLite's limits lowered (`limits`): nothing else can be attached.
3. The authorizer permits reading of known tables and harmless functions, and nothing else (`authorizer`).
4. Sealed columns are constants or opened cells of a TEMP view (`masking`).
5. A deadline and a cancellation are asked for from within SQLite; rows are fetched up to a limit.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from warehouse.authorizer import Authorizer
from warehouse.database import DAMAGED
from warehouse.errors import QueryRefused, QueryStopped, StoreBusy, StoreDamaged, StoreError
from warehouse.limits import CACHE_KIB, Deadline, QueryLimits, apply_limits, limit_temp
from warehouse.masking import PATHS, decide, install_views, reads_sealed, refuse_sealed
from warehouse.models import Cell
from warehouse.ports import CellCipher, ColumnGuard, Showing
from warehouse.printf import install_printf
from warehouse.sql_errors import Names, in_words
from warehouse.sql_text import REMEMBERED_CHARACTERS, Token, at_most, one_select
from warehouse.temp_room import room_for_one

BUSY_TIMEOUT_S = 5.0
PLANNING_S = 10.0
WALKING_CACHE_KIB = 4_096
REMEMBERED = 64  # texts that were found to be permitted, more than SQLite's statements that are kept
Parameters = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query gave; `more` says whether there were more rows than asked for."""

    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    more: bool
    elapsed_ms: float


@dataclass(frozen=True, slots=True)
class Layout:
    """One table: its key, its columns, and of those that refer to another table its name; all in lower case."""

    key: tuple[str, ...]
    columns: frozenset[str]
    references: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Source:
    """A database that may be queried. `tables` are the only ones seen, None for all; `views` are made for a session.

    `sealed` says that it has the warehouse's sensitive columns.
    """

    name: str
    path: Path
    tables: tuple[str, ...] | None = None
    views: tuple[tuple[str, str], ...] = ()
    sealed: bool = True


class Session:
    """One connection of one session, for one thread at a time; only `cancel` may be called from another.

    Raises `QueryRefused`, `QueryStopped` or a `StoreError`.
    """

    def __init__(
        self,
        source: Source,
        *,
        guard: ColumnGuard | None = None,
        cipher: CellCipher | None = None,
        cache_kib: int = CACHE_KIB,
    ) -> None:
        self.source = source
        self.showing = decide(guard) if source.sealed else {}
        self._guard = guard
        self._cipher = cipher
        self._cache_kib = cache_kib
        self.rows_known: dict[str, int] = {}
        self.keys: dict[str, tuple[str, ...]] = {}  # of each table, in lower case
        self._deadline: Deadline | None = None
        self._untold: Exception | None = None  # why an unreadable cell could not be put on record
        self._read: dict[str, frozenset[str]] = {}
        self._permitted_before: dict[str, tuple[str, list[Token]]] = {}
        self._layouts: dict[str, Layout | None] = {}
        # Of each table that only its view reads: its root page, and the numbers of the columns that nobody reads.
        self._roots: dict[str, tuple[int, frozenset[int]]] = {}
        self._file = _identity(source.path)
        self._connection, self.authorizer = self._open()
        self._opened_at = self.version()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def version(self) -> int:
        """A number that is another one after any other process or connection has changed the database."""
        with self._own_statement() as connection:
            return int(connection.execute("PRAGMA main.data_version").fetchone()[0])

    def still_holds(self) -> bool:
        """Whether a session opened now would be the same: of the same file, unchanged, with the same decisions."""
        if self.source.sealed and decide(self._guard) != self.showing:
            return False
        try:
            return _identity(self.source.path) == self._file and self.version() == self._opened_at
        except StoreError:
            return False

    def keep_little(self) -> None:
        """Let this session keep less in memory: it walks through much, once."""
        with self._own_statement() as connection:
            connection.execute(f"PRAGMA cache_size = -{WALKING_CACHE_KIB}")

    def layout(self, table: str) -> Layout | None:
        """How a table of the schema is built; None for a view or what is not there. The name is in lower case."""
        if table not in self._layouts:
            with self._own_statement() as connection:
                self._layouts[table] = _layout(connection, table) if table in self.keys else None
        return self._layouts[table]

    def cancel(self) -> None:
        """End the running query, from any thread; without one, nothing happens."""
        if deadline := self._deadline:
            deadline.cancel()

    def run(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Rows:
        """The first rows of one SELECT, at most `limits.rows`; all of them if that is 0."""
        limits = limits or QueryLimits()
        started = time.perf_counter()
        wanted = limits.rows + 1 if limits.rows else None
        with self.cursor(sql, parameters, Deadline(limits.timeout_s, stop), rows=wanted) as cursor:
            rows = cursor.fetchmany(wanted) if wanted else cursor.fetchall()
            columns = columns_of(cursor)
        shown = rows[: limits.rows] if limits.rows else rows
        return Rows(columns, shown, len(rows) > len(shown), (time.perf_counter() - started) * 1000)

    def plan(self, sql: str, parameters: Parameters | None = None) -> list[tuple[int, int, str]]:
        """SQLite's plan of one SELECT: (step, the step it belongs to, what it does)."""
        text, _ = self._permitted(sql, parameters)
        with self.governed(text, Deadline(PLANNING_S)) as connection:
            # Of a query that passed `one_select`: EXPLAIN QUERY PLAN carries nothing out.
            rows = connection.execute("EXPLAIN QUERY PLAN " + text, parameters or {}).fetchall()
        return [(int(row[0]), int(row[1]), str(row[3])) for row in rows]

    def tables_read(self, sql: str) -> frozenset[str]:
        """The tables, in lower case, that a query read when it was last run here."""
        return self._read.get(one_select(sql)[0], frozenset())

    @contextmanager
    def cursor(
        self, sql: str, parameters: Parameters | None, deadline: Deadline, *, rows: int | None = None, offset: int = 0
    ) -> Iterator[sqlite3.Cursor]:
        """The running query, at most `rows` rows of it; what goes wrong within is told in words."""
        text, found = self._permitted(sql, parameters)
        limited = at_most(text, found, rows, offset)
        with self.governed(text, deadline) as connection:
            cursor = connection.execute(limited, parameters or {})
            before = self._read.pop(text, frozenset())  # SQLite asks once for a statement that it keeps
            self._read[text] = frozenset(table for table, _ in self.authorizer.read) or before
            if len(self._read) > REMEMBERED:
                del self._read[next(iter(self._read))]
            try:
                yield cursor
            finally:
                cursor.close()

    def spool(
        self, sql: str, parameters: Parameters | None, deadline: Deadline, columns: int, *, rows: int | None = None
    ) -> tuple[str, int]:
        """Keep the result of one SELECT for this session, at most `rows` of it: the TEMP table's name, and its rows.

        Its columns are c0, c1, …, and its rows are numbered from 1. Raises `QueryStopped` if the disk has no room.
        """
        text, found = self._permitted(sql, parameters)
        limited = at_most(text, found, rows)
        name = f"spool_{secrets.token_hex(16)}"
        with self._own_statement() as connection:
            connection.execute(f"CREATE TEMP TABLE {name} ({', '.join(f'c{n}' for n in range(columns))})")
        self.authorizer.spool = name
        with self.governed(text, deadline) as connection, room_for_one(deadline):
            kept = connection.execute(f"INSERT INTO temp.{name}\n{limited}", parameters or {}).rowcount
        return name, kept

    @contextmanager
    def governed(self, text: str, deadline: Deadline) -> Iterator[sqlite3.Connection]:
        """The connection while a deadline watches it; an error of SQLite about `text` is told in words."""
        self._deadline = deadline
        self.authorizer.begin()
        deadline.watch(self._connection)
        try:
            if deadline.is_over():
                raise deadline.error()
            yield self._connection
        except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError, UnicodeError) as error:
            raise self._told(text, error, deadline) from error
        finally:
            self._connection.set_progress_handler(None, 0)
            self._deadline = None

    def _permitted(self, sql: str, parameters: Parameters | None) -> tuple[str, list[Token]]:
        """The one SELECT that `sql` is and its tokens, if it reaches no sealed cell but through the views."""
        if known := self._permitted_before.get(sql):
            return known
        text, found = one_select(sql)
        refuse_sealed(found, self._roots, text)
        if any(token.name in self._roots for token in found if token.kind != "operator"):
            with self.governed(text, Deadline(PLANNING_S)) as connection:
                program = connection.execute("EXPLAIN " + text, parameters or {}).fetchall()
            for root_page, columns in self._roots.values():
                if reads_sealed(program, root_page, columns):
                    raise QueryRefused("not permitted: the query reads sealed cells")
        if len(self._permitted_before) >= REMEMBERED:
            self._permitted_before.clear()
        if len(sql) <= REMEMBERED_CHARACTERS:
            self._permitted_before[sql] = text, found
        return text, found

    @contextmanager
    def _own_statement(self) -> Iterator[sqlite3.Connection]:
        """The connection for a statement of the program itself, about which the authorizer is not asked."""
        self.authorizer.ours = True
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise self._of_the_store(error) from error
        finally:
            self.authorizer.ours = False

    def _unreadable(self) -> None:
        """Tell the guard of a cell that does not open; what it raises is kept, as SQLite says only that it failed."""
        try:
            if self._guard is not None:
                self._guard.unreadable()
        except Exception as error:
            self._untold = error
            raise

    def _told(self, text: str, error: Exception, deadline: Deadline) -> Exception:
        if self._untold is not None:
            return self._untold
        if "interrupted" in str(error):
            return deadline.error()
        if isinstance(error, MemoryError):
            return QueryStopped("the query needs more memory than there is; narrow it")
        if isinstance(error, sqlite3.Error) and any(sign in str(error) for sign in (*DAMAGED, "locked")):
            return self._of_the_store(error)
        if "disk I/O error" in str(error):
            return QueryStopped("the disk failed, or has no room for what the query keeps there; nothing was changed")
        return in_words(text, error, self.authorizer.reason, self._parses, self._names)

    def _names(self) -> Names:
        """What the authorizer lets a query name; the inner views are none of it."""
        with self._own_statement() as connection:
            found = connection.execute(
                "SELECT m.name, c.name FROM (SELECT name FROM main.sqlite_master"
                " UNION SELECT name FROM sqlite_temp_master) AS m JOIN pragma_table_xinfo(m.name) AS c"
            ).fetchall()
        mine = [(str(table), str(column)) for table, column in found if str(table).lower() in self._seen]
        tables, columns = (tuple(dict.fromkeys(part)) for part in zip(*mine, strict=True)) if mine else ((), ())
        return Names(self.source.name, tables, columns)

    def _of_the_store(self, error: sqlite3.Error) -> StoreError:
        if any(sign in str(error) for sign in DAMAGED):
            return StoreDamaged(f"{self.source.path} is damaged ({error}); restore it from a backup")
        if "locked" in str(error):
            return StoreBusy(f"another process holds {self.source.path}; try again")
        return StoreError(f"{self.source.path} cannot be read: {error}")

    def _parses(self, text: str) -> str:
        """What SQLite says when it only parses `text`."""
        try:
            self._connection.execute("EXPLAIN " + text).close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error)
        return ""

    def _open(self) -> tuple[sqlite3.Connection, Authorizer]:
        path = self.source.path
        if not path.exists():
            raise StoreError(f"there is no {self.source.name} database {path} yet: nothing has been loaded")
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=BUSY_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=32,
            )
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        try:
            return connection, self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            kind = StoreDamaged if any(sign in str(error) for sign in DAMAGED) else StoreError
            raise kind(f"{path} cannot be read: {error}") from error

    def _prepare(self, connection: sqlite3.Connection) -> Authorizer:
        apply_limits(connection)
        connection.execute(f"PRAGMA cache_size = -{self._cache_kib}")
        install_printf(connection)
        names = {str(row[0]).lower() for row in connection.execute("SELECT name FROM main.sqlite_master")}
        if "sqlite_stat1" in names:
            found = connection.execute("SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl")
            self.rows_known = {str(table): int(rows) for table, rows in found if rows}
        if self.source.tables is not None:
            names &= {name.lower() for name in self.source.tables}
        self.keys = {name: _key(connection, name) for name in names}
        inner: dict[str, str] = {}
        if self.source.sealed and any(table.lower() in names for table, _ in self.showing):
            if Showing.CLEAR in self.showing.values():
                # What was opened is not sorted on a disk. This drops all that is TEMP, so it comes first.
                connection.execute("PRAGMA temp_store = MEMORY")
                limit_temp(connection)
            inner = install_views(connection, self.showing, self._cipher, self._unreadable)
        for name, select in self.source.views:
            connection.execute(f"CREATE TEMP VIEW {name} AS {select}")
            names.add(name.lower())
        self._seen = frozenset(names)
        masked = {column for column, showing in self.showing.items() if showing is not Showing.CLEAR}
        masked |= PATHS if self._cipher is not None else PATHS.union(self.showing)
        for table in inner:
            page = connection.execute("SELECT rootpage FROM main.sqlite_master WHERE lower(name) = ?", (table,))
            columns = connection.execute("SELECT cid, name FROM pragma_table_info(?, 'main')", (table,)).fetchall()
            hidden = {number for number, name in columns if (table, name) in {(t.lower(), c) for t, c in masked}}
            self._roots[table] = (int(page.fetchone()[0]), frozenset(hidden))
        authorizer = Authorizer(
            tables=frozenset(names),
            sealed=frozenset((table.lower(), column.lower()) for table, column in masked),
            inner=inner,
        )
        connection.set_authorizer(authorizer)
        return authorizer


def _key(connection: sqlite3.Connection, table: str) -> tuple[str, ...]:
    found = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
    return tuple(str(row[0]) for row in found)


def _layout(connection: sqlite3.Connection, table: str) -> Layout:
    columns = connection.execute("SELECT lower(name) FROM pragma_table_xinfo(?, 'main')", (table,)).fetchall()
    key = connection.execute("SELECT lower(name) FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk", (table,))
    # Only columns that are never null: with sound keys, each row has its row of the other table.
    parents = connection.execute(
        """SELECT lower(f."from"), lower(f."table") FROM pragma_foreign_key_list(?, 'main') AS f
           JOIN pragma_table_info(?, 'main') AS c ON c.name = f."from" AND c."notnull" = 1""",
        (table, table),
    )
    return Layout(tuple(row[0] for row in key), frozenset(row[0] for row in columns), dict(parents.fetchall()))


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells the file at `path` from another one; the file itself is never opened for that."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def columns_of(cursor: sqlite3.Cursor) -> tuple[str, ...]:
    """The names of a running query's columns."""
    return tuple(str(column[0]) for column in cursor.description or ())
