"""The DuckDB engine: the same SQL over the published Parquet, or over SQLite's data where that is not current.

It reads no file but those, whatever the SQL says, and holds no personal data: sensitive columns are always masked.
It works in a process of its own, whose memory and time are bounded (`duckdb_process`), within limits like SQLite's.
Its arithmetic is set to SQLite's: whole numbers divide to whole numbers, by zero to NULL, and NULL sorts first. So is
what letters LIKE, upper and lower take for the same (`duckdb_letters`), what brackets, VALUES and CAST mean
(`duckdb_text`), and where text would be taken for a number (`duckdb_kinds`) it is refused.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import threading
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from warehouse.database import Warehouse
from warehouse.engines.aggregate_views import base_tables, view_select, views_named
from warehouse.engines.duckdb_letters import LETTERS
from warehouse.engines.duckdb_loading import MISSING, csv_relation, public_columns, quoted, write_csv
from warehouse.engines.duckdb_names import named_as_written
from warehouse.engines.duckdb_process import DuckdbProcess, WorkerError
from warehouse.engines.duckdb_text import WHOLE_OF, as_duckdb
from warehouse.engines.duckdb_words import in_words, refuse_inner
from warehouse.errors import EngineMissing, StoreError
from warehouse.governed import Parameters
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, MASK, SENSITIVE, Answer, Cell
from warehouse.publish import MONEY, mark_of, published_mark
from warehouse.questions import last_day_in_columns
from warehouse.scratch import ScratchFolder
from warehouse.sql_text import Token, one_select

COPYING_S = 3600.0
KINDS = {"INTEGER": "BIGINT", "REAL": "DOUBLE"}


class DuckdbEngine:
    """Answers on one connection, for one thread at a time; `cancel` may be called from any.

    What it copies or spills lies in `scratch_dir` meanwhile. Raises `EngineMissing`, `QueryRefused`, `QueryStopped`,
    `DataRefused` or a `StoreError`.
    """

    name = "duckdb"
    facts_only = True

    def __init__(self, warehouse: Warehouse, publication: Path, *, scratch_dir: Path) -> None:
        if importlib.util.find_spec("duckdb") is None:
            raise EngineMissing(MISSING)
        self._warehouse = warehouse
        self._publication = publication.resolve()
        self._there: set[str] = set()
        self._columns: dict[str, dict[str, str]] = {}
        self._deadline: Deadline | None = None
        self._process: DuckdbProcess | None = None
        with warehouse.reading() as connection:
            self._current = published_mark(self._publication) == mark_of(connection)
        self._scratch = ScratchFolder(scratch_dir.resolve(), "duckdb")

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
        self._scratch.close()

    def cancel(self) -> None:
        """End the running query."""
        if deadline := self._deadline:
            deadline.cancel()

    def last_day(self) -> date:
        """The last day with sales. Raises `DataRefused` if there are none."""
        return last_day_in_columns(self)

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        aggregates: bool = True,  # noqa: ARG002 - the port's; there are none here
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The first rows of one SELECT."""
        # Loading the parser takes about 0.1 s: only a query on this engine pays for it, and once.
        from warehouse.engines.duckdb_kinds import refuse_mixed

        limits = limits or QueryLimits()
        text, found = one_select(sql)
        refuse_inner(text, found)
        refuse_mixed(text, found, parameters or {}, self._schema())
        self._make_tables(found, stop)
        started = time.perf_counter()
        columns, rows = self._run(text, found, parameters or {}, limits, stop)
        most = limits.rows or len(rows)
        return Answer(
            columns=named_as_written(columns, text, found),
            rows=rows[:most],
            truncated=len(rows) > most,
            source=self._source(found),
            because=self._because(),
            sql=text,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    def _schema(self) -> dict[str, dict[str, str]]:
        """The tables and columns in lower case with their types, read once."""
        if not self._columns:
            with self._warehouse.reading() as connection:
                self._columns = {table.lower(): _kinds(connection, table) for table in (FACT, *DIMENSIONS, *AGGREGATES)}
        return self._columns

    def _source(self, found: list[Token]) -> tuple[str, ...]:
        named = base_tables({token.name for token in found})
        return (FACT,) if FACT in named else tuple(sorted(named))

    def _because(self) -> str:
        if self._current:
            return "answered by DuckDB from the published Parquet, which is current"
        return "answered by DuckDB from a copy of SQLite's data: `warehouse publish` saves copying"

    def _run(
        self,
        text: str,
        found: list[Token],
        parameters: Parameters,
        limits: QueryLimits,
        stop: threading.Event | None,
    ) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
        written = as_duckdb(text, found)
        deadline = self._deadline = Deadline(limits.timeout_s, stop)
        try:
            return self._working().rows(written, parameters, limits.rows + 1 if limits.rows else 0, deadline)
        except WorkerError as error:
            raise in_words(error, text, found) from error
        finally:
            self._deadline = None

    def _working(self) -> DuckdbProcess:
        """The process, a new one without tables where a query was stopped."""
        if self._process is None or not self._process.alive:
            self._there.clear()
            self._process = DuckdbProcess()
            self._process.carry_out(self._settings(), Deadline(COPYING_S))
        return self._process

    def _settings(self) -> tuple[str, ...]:
        return (
            "SET enable_progress_bar = false",
            f"SET temp_directory = {quoted(self._scratch.path)}",
            f"SET allowed_directories = [{quoted(self._publication)}, {quoted(self._scratch.path)}]",
            "SET python_enable_replacements = false",
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET enable_external_access = false",
            "SET integer_division = true",
            "SET default_null_order = 'nulls_first_on_asc_last_on_desc'",
            *(() if _zero_gives_null() else ("SET error_on_division_by_zero = false",)),
            "SET lock_configuration = true",
            *LETTERS,
            WHOLE_OF,
        )

    # ---- tables ------------------------------------------------------------

    def _make_tables(self, found: list[Token], stop: threading.Event | None) -> None:
        deadline = self._deadline = Deadline(COPYING_S, stop)
        names = {token.name for token in found}
        try:
            process = self._working()
            for table in sorted(base_tables(names) - self._there):
                self._make_table(process, table, deadline)
                self._there.add(table)
            for view in views_named(names):
                if view not in self._there:
                    process.carry_out([f"CREATE VIEW {view} AS {view_select(view)}"], deadline)
                    self._there.add(view)
        except WorkerError as error:
            raise StoreError(f"DuckDB cannot read the warehouse's data: {str(error)[:300]}") from error
        finally:
            self._deadline = None

    def _make_table(self, process: DuckdbProcess, table: str, deadline: Deadline) -> None:
        with self._warehouse.reading() as connection:
            columns = public_columns(connection, table)
            stored = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
            if self._current:
                kind, source = "VIEW", f"read_parquet({quoted(self._publication / table / '**' / '*.parquet')})"
            else:
                path = self._scratch.path / f"{table}.csv"
                write_csv(connection, table, columns, path)
                kind, source = "TABLE", csv_relation(path, columns)
        shown = [f"'{MASK}' AS {name}" if (table, name) in SENSITIVE else name for (name,) in stored] + [
            f"{cents}::DOUBLE / 100.0::DOUBLE AS {name}" for name, cents in MONEY.get(table, {}).items()
        ]
        process.carry_out([f"CREATE {kind} {table} AS SELECT {', '.join(shown)} FROM {source}"], deadline)  # noqa: S608
        if not self._current:
            path.unlink()


def _kinds(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    found = connection.execute("SELECT lower(name), type FROM pragma_table_xinfo(?)", (table,))
    return {name: next((KINDS[begin] for begin in KINDS if kind.startswith(begin)), "TEXT") for name, kind in found}


def _zero_gives_null() -> bool:
    """Whether this DuckDB divides by zero as SQLite does unless it is told to: those before version 2."""
    return int(version("duckdb").partition(".")[0]) < 2
