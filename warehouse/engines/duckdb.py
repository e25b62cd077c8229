"""The DuckDB engine: the same SQL over the published Parquet, or over SQLite's data where that is not current.

It reads no file but those, whatever the SQL says, and holds no personal data: sensitive columns are always masked.
Its arithmetic is set to SQLite's: whole numbers divide to whole numbers, and NULL sorts first.
"""

from __future__ import annotations

import threading
import time
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from warehouse.database import Warehouse
from warehouse.engines.aggregate_views import base_tables, view_select, views_named
from warehouse.engines.duckdb_loading import csv_relation, load_duckdb, public_columns, quoted, write_csv
from warehouse.errors import QueryRefused
from warehouse.governed import Parameters
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import FACT, MASK, SENSITIVE, Answer, Cell
from warehouse.publish import MONEY, mark_of, published_mark
from warehouse.questions import last_day_in_columns
from warehouse.scratch import ScratchFolder
from warehouse.sql_text import Token, listed_columns, one_select, with_parameters_written


class DuckdbEngine:
    """Answers on one connection, for one thread at a time; `cancel` may be called from any.

    What it copies or spills lies in `scratch_dir` meanwhile. Raises `EngineMissing`, `QueryRefused`, `QueryStopped`,
    `DataRefused` or a `StoreError`.
    """

    name = "duckdb"
    facts_only = True

    def __init__(self, warehouse: Warehouse, publication: Path, *, scratch_dir: Path) -> None:
        self._duckdb = load_duckdb()
        self._warehouse = warehouse
        self._publication = publication.resolve()
        self._there: set[str] = set()
        self._deadline: Deadline | None = None
        with warehouse.reading() as connection:
            self._current = published_mark(self._publication) == mark_of(connection)
        self._scratch = ScratchFolder(scratch_dir.resolve(), "duckdb")
        self._engine = self._duckdb.connect(config={"threads": 2, "memory_limit": "1GB"})
        for setting in (
            "SET enable_progress_bar = false",
            f"SET temp_directory = {quoted(self._scratch.path)}",
            f"SET allowed_directories = [{quoted(self._publication)}, {quoted(self._scratch.path)}]",
            "SET enable_external_access = false",
            "SET integer_division = true",
            "SET default_null_order = 'nulls_first_on_asc_last_on_desc'",
            "SET lock_configuration = true",
        ):
            self._engine.execute(setting)

    def close(self) -> None:
        self._engine.close()
        self._scratch.close()

    def cancel(self) -> None:
        """End the running query."""
        if deadline := self._deadline:
            deadline.cancel()
            self._engine.interrupt()

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
        limits = limits or QueryLimits()
        text, found = one_select(sql)
        self._make_tables(found)
        started = time.perf_counter()
        columns, rows = self._run(with_parameters_written(text, sign="$"), parameters or {}, limits, stop)
        most = limits.rows or len(rows)
        return Answer(
            columns=_named_as_written(columns, text, found),
            rows=rows[:most],
            truncated=len(rows) > most,
            source=self._source(found),
            because=self._because(),
            sql=text,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    def _source(self, found: list[Token]) -> tuple[str, ...]:
        named = base_tables({token.name for token in found})
        return (FACT,) if FACT in named else tuple(sorted(named))

    def _because(self) -> str:
        if self._current:
            return "answered by DuckDB from the published Parquet, which is current"
        return "answered by DuckDB from a copy of SQLite's data: `warehouse publish` saves copying"

    def _run(
        self, text: str, parameters: Parameters, limits: QueryLimits, stop: threading.Event | None
    ) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
        deadline = self._deadline = Deadline(limits.timeout_s, stop)
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(deadline, ended), daemon=True)
        watch.start()
        try:
            kinds = [statement.type for statement in self._duckdb.extract_statements(text)]
            if kinds != [self._duckdb.StatementType.SELECT]:
                raise QueryRefused("only one SELECT is permitted")
            cursor = self._engine.execute(text, dict(parameters))
            names = tuple(str(column[0]) for column in cursor.description)
            return names, [
                tuple(map(_cell, row))
                for row in (cursor.fetchmany(limits.rows + 1) if limits.rows else cursor.fetchall())
            ]
        except self._duckdb.InterruptException as error:
            raise deadline.error() from error
        except self._duckdb.Error as error:
            if deadline.is_over():
                raise deadline.error() from error
            first = str(error).strip().splitlines()[0]
            raise QueryRefused(f"DuckDB cannot carry out the query: {first[:300]}") from error
        finally:
            ended.set()
            watch.join()
            self._deadline = None

    def _watch(self, deadline: Deadline, ended: threading.Event) -> None:
        while not ended.wait(min(0.05, deadline.left_s())):
            if deadline.is_over():
                self._engine.interrupt()
                ended.wait(0.01)

    # ---- tables ------------------------------------------------------------

    def _make_tables(self, found: list[Token]) -> None:
        names = {token.name for token in found}
        for table in sorted(base_tables(names) - self._there):
            self._make_table(table)
            self._there.add(table)
        for view in views_named(names):
            if view not in self._there:
                self._engine.execute(f"CREATE VIEW {view} AS {view_select(view)}")
                self._there.add(view)

    def _make_table(self, table: str) -> None:
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
        self._engine.execute(f"CREATE {kind} {table} AS SELECT {', '.join(shown)} FROM {source}")  # noqa: S608
        if not self._current:
            path.unlink()


def _named_as_written(names: tuple[str, ...], text: str, found: list[Token]) -> tuple[str, ...]:
    """The names as SQLite gives them: an expression without an alias is called as it was written."""
    items = listed_columns(found)
    if found[0].name != "select" or len(items) != len(names):
        return names
    return tuple(
        text[item[0].start : item[-1].end]
        if item and (item[-1].text == ")" or (len(item) > 1 and item[-2].kind == "operator" and item[-2].text != "."))
        else name
        for name, item in zip(names, items, strict=True)
    )


def _cell(value: Any) -> Cell:
    """A value of DuckDB as SQLite would give it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return float(value)
    if value is None or isinstance(value, int | float | str | bytes):
        return value
    return str(value)
