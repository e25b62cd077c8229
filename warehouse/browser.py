"""Opening results of one database: through the navigator into a window, sorted and filtered, with what is told of it.

An engine that is not needed any more is kept for the next result, if a new one would be the same: opening one takes
longer than the first rows of many queries.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import date

from warehouse.browse import Result
from warehouse.engines.sqlite import SqliteEngine
from warehouse.facets import ColumnSummary, Facets, facets_of, summary_of
from warehouse.governed import Parameters, Session
from warehouse.limits import QueryLimits
from warehouse.navigator import Route
from warehouse.opened import BROWSING, Database, Kind, Opened, kinds
from warehouse.ports import Showing
from warehouse.question_files import Question, values_of
from warehouse.questions import as_of_notes, why
from warehouse.shaping import PLAIN, Shape

KEPT = 2


class Browser:
    """The results of one database. Any thread may call; methods raise as `Session` does."""

    def __init__(
        self, database: Database, *, open_engine: Callable[[], SqliteEngine], open_session: Callable[[], Session]
    ) -> None:
        self._database = database
        self._open_engine = open_engine
        self._open_session = open_session
        self._lock = threading.Lock()
        self._kept: list[SqliteEngine] = []
        self._closed = False

    def open(
        self,
        text: str,
        *,
        shape: Shape = PLAIN,
        parameters: Parameters | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Opened:
        """One SELECT as a result, which the caller closes. `stop` ends the wait for its first rows."""
        started_s = time.perf_counter()
        engine = self._take()
        try:
            route = engine.route(text, aggregates=aggregates)
        except BaseException:
            self._give(engine)
            raise
        return self._opened(engine, text, route, parameters, shape, limits, stop, started_s)

    def open_question(
        self,
        question: Question,
        *,
        as_of: date | None = None,
        values: Mapping[str, str] | None = None,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Opened:
        """The answer to a question as a result, which the caller closes; a note names its as-of date."""
        started_s = time.perf_counter()
        engine = self._take()
        try:
            day = as_of or engine.last_day()
            parameters = values_of(question, day, values or {})
            sql = question.sql if aggregates or question.facts_sql is None else question.facts_sql
            # A question that names its aggregate itself is not looked through for another.
            route = engine.route(sql, aggregates=aggregates and question.facts_sql is None)
        except BaseException:
            self._give(engine)
            raise
        opened = self._opened(engine, question.sql, route, parameters, PLAIN, limits, stop, started_s)
        if question.facts_sql is not None:
            opened.because = why(opened.source, from_facts=not aggregates)
        opened.notes = (*as_of_notes(question, day, asked=as_of is not None), *opened.notes)
        return opened

    def reshape(self, opened: Opened, shape: Shape, *, stop: threading.Event | None = None) -> Opened:
        """The same query sorted and filtered otherwise, as another result, which the caller closes."""
        started_s = time.perf_counter()
        route = Route(opened.sql, None, opened.because)
        new = self._opened(
            self._take(), opened.text, route, opened.parameters, shape, opened.limits, stop, started_s, opened.columns
        )
        new.kinds = tuple(
            old if old is not Kind.NONE else found for old, found in zip(opened.kinds, new.kinds, strict=True)
        )
        new.notes = opened.notes
        return new

    def facets(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> Facets:
        """The values of a column, counted from 0, with their rows."""
        return facets_of(opened, column, stop=stop)

    def summary(self, opened: Opened, column: int, *, stop: threading.Event | None = None) -> ColumnSummary:
        """A column, counted from 0, in numbers."""
        return summary_of(opened, column, stop=stop)

    def close(self) -> None:
        """Give back what is kept for the next result; open ones stay open."""
        with self._lock:
            self._closed, kept, self._kept = True, self._kept, []
        for engine in kept:
            engine.close()

    def _opened(
        self,
        engine: SqliteEngine,
        text: str,
        route: Route,
        parameters: Parameters | None,
        shape: Shape,
        limits: QueryLimits | None,
        stop: threading.Event | None,
        started_s: float,
        columns: tuple[str, ...] = (),
    ) -> Opened:
        result = Result(
            self._open_session,
            route.sql,
            parameters,
            shape=shape,
            columns=columns,
            limits=limits or BROWSING,
            session=engine.session,
            give_back=lambda _: self._give(engine),
            stop=stop,
        )
        return Opened(
            text=text,
            database=self._database,
            shape=shape,
            parameters=parameters,
            result=result,
            columns=result.columns,
            kinds=kinds(result.columns, result.first, text),
            source=engine.source(result.tables_read()),
            because=route.because,
            sql=route.sql,
            elapsed_ms=(time.perf_counter() - started_s) * 1000,
            limits=limits or BROWSING,
            unmasked=Showing.CLEAR in engine.session.showing.values(),
        )

    def _take(self) -> SqliteEngine:
        while True:
            with self._lock:
                engine = self._kept.pop() if self._kept else None
            if engine is None:
                return self._open_engine()
            if engine.session.still_holds():
                return engine
            engine.close()

    def _give(self, engine: SqliteEngine) -> None:
        with self._lock:
            if not self._closed and len(self._kept) < KEPT:
                self._kept.append(engine)
                return
        engine.close()
