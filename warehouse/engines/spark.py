"""The Spark engine: the same questions over the published Parquet, on one machine or on a cluster.

What is typed never reaches Spark: its tree, of which every part is known, is written anew in Spark's SQL. It reads
no file but the publication, which holds no personal data: sensitive columns are always masked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from warehouse.database import Warehouse
from warehouse.engines.aggregate_views import base_tables, view_select, views_named
from warehouse.engines.portable_sql import column_names, portable
from warehouse.engines.spark_session import SparkSession
from warehouse.engines.spark_sql import spark_sql
from warehouse.errors import QueryRefused, QueryStopped, StoreError
from warehouse.governed import Parameters
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, MASK, SENSITIVE, Answer, Cell
from warehouse.publish import MONEY, Published, mark_of
from warehouse.questions import last_day_in_columns
from warehouse.sql_text import Token, one_select

LOOK_EVERY_S = 0.05
STARTS_WITHIN_S = 300.0
ENDS_WITHIN_S = 5.0  # after it was cancelled, a query that goes on ends with Spark's process


class SparkEngine:
    """Answers from `published`, for one thread at a time; `cancel` may be called from any.

    `keep_session` leaves the session to the caller. Raises `EngineMissing`, `QueryRefused`, `QueryStopped`,
    `DataRefused` or a `StoreError`.
    """

    name = "spark"
    facts_only = True

    def __init__(
        self, warehouse: Warehouse, published: Published, session: SparkSession, *, keep_session: bool = False
    ) -> None:
        self._published = published
        self._session = session
        self._keep_session = keep_session
        self._there: set[str] = set()
        self._views_in: Any = None
        self._deadline: Deadline | None = None
        with warehouse.reading() as connection:
            self._is_current = published.mark == mark_of(connection)
            self._columns: dict[str, dict[str, str]] = {
                table: dict(connection.execute("SELECT name, type FROM pragma_table_xinfo(?)", (table,)).fetchall())
                for table in (FACT, *DIMENSIONS, *AGGREGATES)
            }

    def close(self) -> None:
        if not self._keep_session:
            self._session.dispose()

    def cancel(self) -> None:
        """End the running query."""
        if deadline := self._deadline:
            deadline.cancel()

    def last_day(self) -> date:
        """The last day with sales. Raises `DataRefused` if there are none."""
        advice = "load some with `lakewarden warehouse load`, then publish" if self._is_current else "publish"
        return last_day_in_columns(
            self,
            otherwise=f"what was published at {self._published.at} has no sales: {advice} again with "
            "`lakewarden warehouse publish`",
        )

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        aggregates: bool = True,  # noqa: ARG002 - the port's; there are none here
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The first rows of one SELECT. The time limit counts from when Spark has started."""
        limits = limits or QueryLimits()
        text, found = one_select(sql)
        tree = portable(text, found, parameters or {}, self._schema())
        columns = column_names(text, found, tree.named_selects)
        written = spark_sql(tree)
        self._start(stop)
        started = time.perf_counter()
        rows = self._run(written, {token.name for token in found}, limits, stop)
        most = limits.rows or len(rows)
        return Answer(
            columns=columns,
            rows=rows[:most],
            truncated=len(rows) > most,
            source=self._source(found),
            because=self._because(),
            sql=text,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            notes=() if self._is_current else (self._stale(),),
        )

    def _schema(self) -> Mapping[str, Mapping[str, str]]:
        kinds = {"INTEGER": "BIGINT", "REAL": "DOUBLE"}
        return {
            table.lower(): {name: kinds.get(kind, "TEXT") for name, kind in columns.items()}
            for table, columns in self._columns.items()
        }

    def _source(self, found: list[Token]) -> tuple[str, ...]:
        named = base_tables({token.name for token in found})
        return (FACT,) if FACT in named else tuple(sorted(named))

    def _because(self) -> str:
        return f"answered by Spark ({self._session.master}) from {self._published.location}"

    def _stale(self) -> str:
        return (
            f"AS PUBLISHED at {self._published.at}: the warehouse has changed since; `lakewarden warehouse publish` "
            "publishes it anew"
        )

    # ---- running -----------------------------------------------------------

    def _start(self, stop: threading.Event | None) -> None:
        deadline = Deadline(STARTS_WITHIN_S, stop)
        with self._watched(deadline):
            try:
                self._session.session()
            except StoreError as error:
                if deadline.is_over():
                    self._session.abandon()
                    raise deadline.error() from error
                raise

    def _run(
        self, written: str, names: set[str], limits: QueryLimits, stop: threading.Event | None
    ) -> list[tuple[Cell, ...]]:
        deadline = Deadline(limits.timeout_s, stop)
        try:
            with self._watched(deadline):
                session = self._with_tables(names)
                frame = session.sql(written)
                if limits.rows:
                    frame = frame.limit(limits.rows + 1)
                return [tuple(map(_cell, row)) for row in frame.collect()]
        except (*self._session.sql_errors, *self._session.lost_errors) as error:
            raise self._told(error, deadline) from error

    def _told(self, error: Exception, deadline: Deadline) -> Exception:
        if deadline.is_over():
            self._session.abandon()
            return deadline.error()
        if not isinstance(error, self._session.sql_errors) or "OutOfMemory" in str(error):
            self._session.abandon()
            return QueryStopped(
                "Spark ended before it had answered: the query may need more memory than it has; narrow it, "
                "or give --master a cluster"
            )
        first = str(error).strip().splitlines()[0]
        return QueryRefused(f"Spark cannot carry out the query: {first[:300]}")

    @contextmanager
    def _watched(self, deadline: Deadline) -> Iterator[None]:
        """What is within ends soon after `deadline` is over, with an error of Spark's."""
        self._deadline = deadline
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(deadline, ended), daemon=True)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()
            self._deadline = None

    def _watch(self, deadline: Deadline, ended: threading.Event) -> None:
        while not ended.wait(min(LOOK_EVERY_S, deadline.left_s())):
            if deadline.is_over():
                break
        # On this machine, what was cancelled would go on for a while; planning cannot be cancelled anywhere.
        kill_at = time.monotonic() + (0.0 if self._session.is_local else ENDS_WITHIN_S)
        while not ended.is_set():
            if time.monotonic() >= kill_at:
                self._session.kill()
            else:
                self._session.cancel()
            ended.wait(LOOK_EVERY_S)

    # ---- tables ------------------------------------------------------------

    def _with_tables(self, names: set[str]) -> Any:
        """Spark's session with the tables that are named."""
        session = self._session.session()
        if session is not self._views_in:
            self._views_in, self._there = session, set()
        for table in sorted(base_tables(names) - self._there):
            self._make_table(session, table)
            self._there.add(table)
        for view in views_named(names):
            if view not in self._there:
                shown = ", ".join(self._columns[view])
                session.sql(f"SELECT {shown} FROM ({view_select(view)})").createOrReplaceTempView(view)  # noqa: S608
                self._there.add(view)
        return session

    def _make_table(self, session: Any, table: str) -> None:
        money = MONEY.get(table, {})
        stored = {n: k for n, k in self._columns[table].items() if n not in money and (table, n) not in SENSITIVE}
        schema = ", ".join(f"{name} {'BIGINT' if kind == 'INTEGER' else 'STRING'}" for name, kind in stored.items())
        frame = session.read.schema(schema).parquet(f"{self._published.location.rstrip('/')}/{table}")
        shown = [
            f"'{MASK}' AS {name}"
            if (table, name) in SENSITIVE
            else f"CAST({money[name]} AS DOUBLE) / CAST(100 AS DOUBLE) AS {name}"
            if name in money
            else name
            for name in self._columns[table]
        ]
        frame.selectExpr(*shown).createOrReplaceTempView(table)


def _cell(value: Any) -> Cell:
    """A value of Spark as SQLite would give it."""
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | str):
        return value
    return str(value)
