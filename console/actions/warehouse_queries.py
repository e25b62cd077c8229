"""What an operator can ask of the warehouse: questions, governed SQL, the catalogue, diagrams, publishing.

Every method asks the permission port first, and raises `PermissionDenied` or a `WarehouseError`. Methods take as long
as the query, up to its limits, so a user interface calls them off its loop; `stop` ends them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from console.actions.permissions import VIEW_PIPELINES, WEATHER_PIPELINE, Permissions
from console.actions.warehouse import MANAGE_WAREHOUSE, QUERY_WAREHOUSE, WAREHOUSE
from warehouse import diagram
from warehouse.browser import Browser
from warehouse.catalogue import DatabaseInfo, RowCounts, catalogue, row_counts, rows_of
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.explain import Explanation, explain
from warehouse.export import Exported, ExportKind, Progress, batches_of, export
from warehouse.facets import ColumnSummary, Facets
from warehouse.governed import Parameters, Session, Source
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import Answer, Cell
from warehouse.opened import Database, Opened
from warehouse.publish import Publication
from warehouse.question_draft import Draft, keep
from warehouse.question_files import FROM_AS_OF, BadQuestion, Question
from warehouse.questions import Questions, ask
from warehouse.shaping import PLAIN, Shape, shaped

if TYPE_CHECKING:
    from warehouse.engines.spark import SparkEngine

EXPORT_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How to answer: the engine, whether aggregates may, and whether the facts are to confirm it.

    `master` is that of Spark; empty, it runs on this machine.
    """

    engine: str = "sqlite"
    master: str = ""
    aggregates: bool = True
    check: bool = False
    limits: QueryLimits = field(default_factory=QueryLimits)


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer; `same` is None unless the facts were asked too, else whether they give the same."""

    answer: Answer
    same: bool | None


class WarehouseQueries:
    """The actions. What they work with is opened for each."""

    def __init__(
        self,
        *,
        sources: Mapping[str, Callable[[], Source]],
        open_session: Callable[[Source], Session],
        open_sqlite: Callable[[Source], SqliteEngine],
        open_other: Callable[[str, str], DuckdbEngine | SparkEngine],
        browsers: Mapping[str, Browser],
        questions: Questions,
        publish: Callable[[str, threading.Event | None], Publication],
        permissions: Permissions,
        exports_dir: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._sources = sources
        self._open_session = open_session
        self._open_sqlite = open_sqlite
        self._open_other = open_other
        self._browsers = browsers
        self._questions = questions
        self._publish = publish
        self._permissions = permissions
        self._exports_dir = exports_dir
        self._now = now
        self._row_counts = RowCounts()

    def questions(self) -> tuple[dict[str, Question], list[BadQuestion]]:
        """Every question by name, and the files of the workspace that are none."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        return self._questions.all()

    def keep_question(self, name: str, draft: Draft, *, replace: bool = False) -> Path:
        """Write a question that can be asked into the workspace.

        Raises `QueryRefused`, a `StoreError`, OSError, and FileExistsError unless `replace`.
        """
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        with self._open_session(self._sources["warehouse"]()) as session:
            session.plan(draft.sql, dict.fromkeys((*draft.parameters, *FROM_AS_OF)))
        return keep(self._questions.folder, name, draft, replace=replace)

    def last_day(self) -> date:
        """The last day with sales, which questions are asked as of. Raises `DataRefused` if there are none."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        with closing(self._engine(Asked())) as engine:
            return engine.last_day()

    def ask(
        self,
        name: str,
        how: Asked,
        *,
        as_of: date | None = None,
        values: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
    ) -> Checked:
        """The answer to the question of that name."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        question = self._questions.find(name)
        with closing(self._engine(how)) as engine:

            def once(*, aggregates: bool) -> Answer:
                return ask(
                    engine, question, as_of=as_of, values=values, aggregates=aggregates, limits=how.limits, stop=stop
                )

            answer = once(aggregates=how.aggregates)
            if not how.check:
                return Checked(answer, None)
            return _checked(answer, once(aggregates=False))

    def sql(
        self, text: str, how: Asked, *, database: Database = "warehouse", stop: threading.Event | None = None
    ) -> Checked:
        """The answer to one governed SELECT."""
        self._require(database)
        with closing(self._engine(how, database)) as engine:
            answer = engine.answer(text, aggregates=how.aggregates, limits=how.limits, stop=stop)
            if not how.check:
                return Checked(answer, None)
            return _checked(answer, engine.answer(text, aggregates=False, limits=how.limits, stop=stop))

    def explain(
        self,
        text: str,
        *,
        database: Database = "warehouse",
        parameters: Parameters | None = None,
        aggregates: bool = True,
        stop: threading.Event | None = None,
    ) -> Explanation:
        """How one SELECT is answered: from which table, why, and in which steps. Nothing of it is carried out."""
        self._require(database)
        source = self._sources[database]()

        def count(tables: Collection[str]) -> dict[str, int]:
            return rows_of(source, tables, known=self._row_counts, stop=stop)

        with closing(self._open_sqlite(source)) as engine:
            return explain(engine, text, parameters, count=count, aggregates=aggregates)

    def export(
        self,
        opened: Opened,
        kind: ExportKind,
        *,
        name: str | None = None,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Exported:
        """Write an open result, all of it as sorted and filtered, to the workspace's exports, whole or not at all.

        `progress` is told the rows that are written and, where that is known, how many there are.
        """
        self._require(opened.database)
        called = name or "result"

        def write(batches: Iterator[list[tuple[Cell, ...]]], rows: int | None) -> Exported:
            return export(
                batches, opened.columns, opened.kinds, kind, self._exports_dir,
                name=called, now=self._now(), rows=rows, progress=progress, stop=stop,
            )  # fmt: skip

        if opened.result.complete:
            return write(iter([opened.result.first]), len(opened.result.first))
        # Of one statement, so that a load meanwhile does not show in half of the file.
        sql, parameters = shaped(opened.sql, opened.columns, opened.shape, opened.parameters)
        deadline = Deadline(EXPORT_TIMEOUT_S, stop)
        with (
            self._open_session(self._sources[opened.database]()) as session,
            session.cursor(sql, parameters, deadline, rows=opened.limits.rows or None) as cursor,
        ):
            # A query with a LIMIT of its own ends there, and not at the rows that were allowed.
            return write(batches_of(cursor, most=opened.limits.rows), opened.result.row_count())

    def open(
        self,
        text: str,
        *,
        database: Database = "warehouse",
        shape: Shape = PLAIN,
        parameters: Parameters | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Opened:
        """One governed SELECT, answered from the smallest table that is exact, as a result that the caller closes."""
        self._require(database)
        return self._browsers[database].open(
            text, shape=shape, parameters=parameters, aggregates=aggregates, limits=limits, stop=stop
        )

    def open_question(
        self,
        name: str,
        *,
        as_of: date | None = None,
        values: Mapping[str, str] | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Opened:
        """The answer to the question of that name as a result, which the caller closes."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        return self._browsers["warehouse"].open_question(
            self._questions.find(name), as_of=as_of, values=values, aggregates=aggregates, limits=limits, stop=stop
        )

    def reshape(self, opened: Opened, shape: Shape, *, stop: threading.Event | None = None) -> Opened:
        """The same query sorted and filtered otherwise, as another result; both are closed by the caller."""
        self._require(opened.database)
        return self._browsers[opened.database].reshape(opened, shape, stop=stop)

    def facets(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> Facets:
        """The values of a column of an open result, counted from 0, with their rows."""
        self._require(opened.database)
        return self._browsers[opened.database].facets(opened, column, stop=stop)

    def summary(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> ColumnSummary:
        """A column of an open result, counted from 0, in numbers."""
        self._require(opened.database)
        return self._browsers[opened.database].summary(opened, column, stop=stop)

    def close(self) -> None:
        """Give back what is kept for the next result; open ones stay open."""
        for browser in self._browsers.values():
            browser.close()

    def catalogue(
        self, *, database: Database = "warehouse", counts: bool = True, stop: threading.Event | None = None
    ) -> DatabaseInfo:
        """The tables of a database; without `counts` at once, since no table is walked over."""
        self._require(database)
        source = self._sources[database]()
        with self._open_session(source) as session:
            showing = session.showing
        return catalogue(source, counts=counts, known=self._row_counts, showing=showing, stop=stop)

    def row_counts(
        self, *, database: Database = "warehouse", stop: threading.Event | None = None
    ) -> Iterator[tuple[str, int]]:
        """(table, rows) of every table as they are counted, the quick ones first."""
        self._require(database)
        return row_counts(self._sources[database](), known=self._row_counts, stop=stop)

    def diagram(self, kind: str, *, ascii_only: bool = False) -> diagram.Drawing:
        """The `star` or the `snowflake`."""
        self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)
        return diagram.draw(kind, ascii_only=ascii_only)

    def publish(self, to: str, *, stop: threading.Event | None = None) -> Publication:
        """Write the warehouse as Parquet to a folder or `s3://…`; empty: into the workspace's lake."""
        self._permissions.require(MANAGE_WAREHOUSE, WAREHOUSE)
        return self._publish(to, stop)

    def _require(self, database: Database) -> None:
        if database == "weather":
            self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        else:
            self._permissions.require(QUERY_WAREHOUSE, WAREHOUSE)

    def _engine(self, how: Asked, database: Database = "warehouse") -> SqliteEngine | DuckdbEngine | SparkEngine:
        if how.engine == "sqlite":
            return self._open_sqlite(self._sources[database]())
        return self._open_other(how.engine, how.master)


def _checked(answer: Answer, base: Answer) -> Checked:
    same = answer.columns == base.columns and same_rows(answer, base)
    note = f"{', '.join(base.source)} gives {'the same' if same else 'OTHER ROWS'} ({base.elapsed_ms:.1f} ms)"
    return Checked(replace(answer, notes=(*answer.notes, note)), same)
