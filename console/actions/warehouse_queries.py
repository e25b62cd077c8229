"""What people can ask of the warehouse: questions, governed SQL, the catalogue, diagrams, publishing.

Every method asks the permission port first, and raises `PermissionDenied` or a `WarehouseError`. A query is on record
before its first row is read and again before any of it is shown, or raises `AuditUnavailable`. Methods take as long as
the query, up to its limits, so a user interface calls them off its loop; `stop` ends them.

Customers' names and addresses are masked for everybody. With `unmask`, one query shows them in clear, if that is
permitted at this moment:
1. `unmask_customer` is decided, and on record, before a cell is opened. Each such query has sessions of its own, which
   are never kept for another.
2. Further pages of an open result belong to the use that opened it. To sort, filter or sum it up is a new query, and
   so a new decision.
3. What leaves the screen is masked: an export asks the query once more, and publishing never opens a cell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from console.actions.permissions import VIEW_PIPELINES, WEATHER_PIPELINE, Permissions
from console.actions.warehouse import MANAGE_WAREHOUSE, QUERY_WAREHOUSE, WAREHOUSE
from warehouse import diagram
from warehouse.browser import Browser
from warehouse.catalogue import DatabaseInfo, RowCounts, catalogue, row_counts, rows_of
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.errors import QueryRefused
from warehouse.explain import Explanation, explain
from warehouse.export import Exported, ExportKind, Progress, batches_of, export
from warehouse.facets import ColumnSummary, Facets
from warehouse.governed import Parameters, Session, Source
from warehouse.limits import Deadline, QueryLimits
from warehouse.models import Answer, Cell
from warehouse.opened import Database, Opened
from warehouse.ports import ColumnGuard
from warehouse.publish import Publication
from warehouse.question_draft import Draft, keep
from warehouse.question_files import FROM_AS_OF, BadQuestion, Question
from warehouse.questions import Questions, ask
from warehouse.shaping import PLAIN, Shape, shaped

if TYPE_CHECKING:
    from warehouse.engines.spark import SparkEngine

    Engine: TypeAlias = SqliteEngine | DuckdbEngine | SparkEngine

UNMASK_CUSTOMER = "unmask_customer"
EXPORT_TIMEOUT_S = 3600.0

_ASKING: Mapping[Database, tuple[str, str]] = {
    "warehouse": (QUERY_WAREHOUSE, WAREHOUSE),
    "weather": (VIEW_PIPELINES, WEATHER_PIPELINE),
}


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
    """The actions. What they work with is opened for each, with the guard of its query; without one, all is masked.

    `guard_of` makes the guard of what the permission port granted.
    """

    def __init__(
        self,
        *,
        sources: Mapping[Database, Callable[[], Source]],
        open_session: Callable[[Source], Session],
        open_sqlite: Callable[[Source, ColumnGuard | None], SqliteEngine],
        open_other: Callable[[str, str], DuckdbEngine | SparkEngine],
        open_browser: Callable[[Database, ColumnGuard | None], Browser],
        guard_of: Callable[[object], ColumnGuard],
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
        self._open_browser = open_browser
        self._guard_of = guard_of
        self._browsers: dict[Database, Browser] = {name: open_browser(name, None) for name in ("warehouse", "weather")}
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
        """Write a question that can be asked into the workspace, for everybody there: `manage_warehouse`.

        Raises `QueryRefused`, a `StoreError`, OSError, and FileExistsError unless `replace`.
        """
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
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
        unmask: bool = False,
        stop: threading.Event | None = None,
    ) -> Checked:
        """The answer to the question of that name."""
        with (
            self._query("warehouse", unmask=unmask, engine=how.engine) as guard,
            closing(self._engine(how, guard=guard)) as engine,
        ):
            question = self._questions.find(name)

            def once(engine: Engine, aggregates: bool) -> Answer:
                return ask(
                    engine, question, as_of=as_of, values=values, aggregates=aggregates, limits=how.limits, stop=stop
                )

            return self._checked(once(engine, how.aggregates), how, engine, once)

    def sql(
        self,
        text: str,
        how: Asked,
        *,
        database: Database = "warehouse",
        unmask: bool = False,
        stop: threading.Event | None = None,
    ) -> Checked:
        """The answer to one governed SELECT."""
        with (
            self._query(database, unmask=unmask, engine=how.engine) as guard,
            closing(self._engine(how, database, guard)) as engine,
        ):

            def once(engine: Engine, aggregates: bool) -> Answer:
                return engine.answer(text, aggregates=aggregates, limits=how.limits, stop=stop)

            return self._checked(once(engine, how.aggregates), how, engine, once)

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

        with closing(self._open_sqlite(source, None)) as engine:
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

        What the result shows in clear is masked in the file, and masked before it is sorted and filtered. `progress`
        is told the rows that are written and, where that is known, how many there are.
        """
        with self._query(opened.database):
            return self._exported(opened, kind, name or "result", progress, stop)

    def _exported(
        self,
        opened: Opened,
        kind: ExportKind,
        called: str,
        progress: Progress | None,
        stop: threading.Event | None,
    ) -> Exported:

        def write(batches: Iterator[list[tuple[Cell, ...]]], rows: int | None) -> Exported:
            return export(
                batches, opened.columns, opened.kinds, kind, self._exports_dir,
                name=called, now=self._now(), rows=rows, progress=progress, stop=stop,
            )  # fmt: skip

        if opened.result.complete and not opened.unmasked:
            return write(iter([opened.result.first]), len(opened.result.first))
        # Of one statement, so that a load meanwhile does not show in half of the file.
        sql, parameters = shaped(opened.sql, opened.columns, opened.shape, opened.parameters)
        deadline = Deadline(EXPORT_TIMEOUT_S, stop)
        with (
            self._open_session(self._sources[opened.database]()) as session,
            session.cursor(sql, parameters, deadline, rows=opened.limits.rows or None) as cursor,
        ):
            # A query with a LIMIT of its own ends there, and not at the rows that were allowed.
            known = None if opened.unmasked else opened.result.row_count()
            return write(batches_of(cursor, most=opened.limits.rows), known)

    def open(
        self,
        text: str,
        *,
        database: Database = "warehouse",
        shape: Shape = PLAIN,
        parameters: Parameters | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        unmask: bool = False,
        stop: threading.Event | None = None,
    ) -> Opened:
        """One governed SELECT, answered from the smallest table that is exact, as a result that the caller closes."""

        def once(browser: Browser) -> Opened:
            return browser.open(
                text, shape=shape, parameters=parameters, aggregates=aggregates, limits=limits, stop=stop
            )

        return self._opened(database, once, unmask=unmask)

    def open_question(
        self,
        name: str,
        *,
        as_of: date | None = None,
        values: Mapping[str, str] | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        unmask: bool = False,
        stop: threading.Event | None = None,
    ) -> Opened:
        """The answer to the question of that name as a result, which the caller closes."""

        def once(browser: Browser) -> Opened:
            return browser.open_question(
                self._questions.find(name), as_of=as_of, values=values, aggregates=aggregates, limits=limits, stop=stop
            )

        return self._opened("warehouse", once, unmask=unmask)

    def reshape(self, opened: Opened, shape: Shape, *, stop: threading.Event | None = None) -> Opened:
        """The same query sorted and filtered otherwise, as another result; both are closed by the caller."""

        def once(browser: Browser) -> Opened:
            return browser.reshape(opened, shape, stop=stop)

        return self._opened(opened.database, once, unmask=opened.unmasked)

    def facets(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> Facets:
        """The values of a column of an open result, counted from 0, with their rows."""
        with self._browsing(opened.database, unmask=opened.unmasked) as browser:
            return browser.facets(opened, column, stop=stop)

    def summary(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> ColumnSummary:
        """A column of an open result, counted from 0, in numbers."""
        with self._browsing(opened.database, unmask=opened.unmasked) as browser:
            return browser.summary(opened, column, stop=stop)

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
        with self._permissions.use(MANAGE_WAREHOUSE, WAREHOUSE):
            return self._publish(to, stop)

    def _require(self, database: Database) -> None:
        self._permissions.require(*_ASKING[database])

    @contextmanager
    def _query(
        self, database: Database, *, unmask: bool = False, engine: str = "sqlite"
    ) -> Iterator[ColumnGuard | None]:
        """Within it the session may ask one query, whose guard this is."""
        with ExitStack() as uses:
            guard = None
            if unmask:
                if database == "weather" or engine != "sqlite":
                    raise QueryRefused("customers are shown in clear by the sqlite engine from the warehouse alone")
                # First: where a fresh code is all that is missing, nothing else is on record for it.
                guard = self._guard_of(uses.enter_context(self._permissions.use(UNMASK_CUSTOMER, WAREHOUSE)))
            uses.enter_context(self._permissions.use(*_ASKING[database]))
            yield guard

    def _opened(self, database: Database, once: Callable[[Browser], Opened], *, unmask: bool) -> Opened:
        """What `once` opens; closed again where it cannot be recorded that it was."""
        opened = None
        try:
            with self._browsing(database, unmask=unmask) as browser:
                opened = once(browser)
        except BaseException:
            if opened is not None:
                opened.result.close()
            raise
        return opened

    @contextmanager
    def _browsing(self, database: Database, *, unmask: bool) -> Iterator[Browser]:
        """Within it the session may open one result, with this browser: one of its own if it shows what is sealed."""
        with self._query(database, unmask=unmask) as guard:
            if guard is None:
                yield self._browsers[database]
                return
            with closing(self._open_browser(database, guard)) as browser:
                yield browser

    def _checked(self, answer: Answer, how: Asked, engine: Engine, once: Callable[[Engine, bool], Answer]) -> Checked:
        """`answer` of `engine`, compared with what SQLite's facts give if that is asked for: within the same use.

        What another engine answers is confirmed by SQLite: its own facts are no witness.
        """
        if not how.check:
            return Checked(answer, None)
        if answer.truncated:
            return Checked(_noted(answer, "not compared: not all rows are shown, and the facts may show others"), None)
        if how.engine == "sqlite":
            base = once(engine, False)
            return _compared(answer, base, ", ".join(base.source), same=answer.columns == base.columns)
        with closing(self._engine(Asked())) as witness:
            base = once(witness, False)
        told = f"{how.engine} answered, and SQLite from {', '.join(base.source) or 'the same text'}"
        return _compared(answer, base, told, same=True)  # engines may name a column otherwise

    def _engine(self, how: Asked, database: Database = "warehouse", guard: ColumnGuard | None = None) -> Engine:
        if how.engine == "sqlite":
            return self._open_sqlite(self._sources[database](), guard)
        return self._open_other(how.engine, how.master)


def _compared(answer: Answer, base: Answer, told: str, *, same: bool) -> Checked:
    """`answer` with a note of whether `base` has the same rows; it is other rows unless `same`."""
    same = same and same_rows(answer, base)
    note = f"{told} gives {'the same' if same else 'OTHER ROWS'} ({base.elapsed_ms:.1f} ms)"
    return Checked(_noted(answer, note), same)


def _noted(answer: Answer, note: str) -> Answer:
    return replace(answer, notes=(*answer.notes, note))
