"""The SQLite engine: governed queries and questions on `warehouse.db`, through the navigator where that is exact."""

from __future__ import annotations

import math
import threading
from datetime import date

from warehouse.governed import Parameters, Rows, Session, Source
from warehouse.limits import QueryLimits
from warehouse.models import AGGREGATES, DIMENSIONS, FACT, Answer, Cell
from warehouse.navigator import Navigator, Route
from warehouse.ports import CellCipher, ColumnGuard
from warehouse.questions import last_day_in_sqlite
from warehouse.sql_text import one_select

AS_WRITTEN = "answered as it is written"
LISTS = "answered from the facts because it lists single transactions"
ADDS_UP = frozenset(("sum", "count", "avg", "total", "min", "max", "group", "distinct", "with", "union", "over"))


class SqliteEngine:
    """Answers on one connection, for one thread at a time. Methods raise as `Session` does."""

    name = "sqlite"
    facts_only = False

    def __init__(self, source: Source, *, guard: ColumnGuard | None = None, cipher: CellCipher | None = None) -> None:
        self.session = Session(source, guard=guard, cipher=cipher)
        self._navigator = Navigator(self.session.rows_known) if source.sealed else None
        known = (FACT, *AGGREGATES, *DIMENSIONS, *(source.tables or ()), *(view for view, _ in source.views))
        self._tables = {name.lower(): name for name in known}
        self._last_day: tuple[int, date] | None = None  # with the version of the data in which it was found

    def close(self) -> None:
        self.session.close()

    def cancel(self) -> None:
        """End the running query, from any thread."""
        self.session.cancel()

    def last_day(self) -> date:
        """The last day with sales, looked for again after a change. Raises `DataRefused` if there are none."""
        version = self.session.version()
        if self._last_day is None or self._last_day[0] != version:
            self._last_day = version, last_day_in_sqlite(self)
        return self._last_day[1]

    def route(self, sql: str, *, aggregates: bool = True) -> Route:
        """Where a query is answered. Raises `QueryRefused` unless it is one SELECT."""
        text, found = one_select(sql)
        if not aggregates:
            return Route(text, None, "answered from the tables as written: aggregates are switched off")
        if self._navigator is None:
            return Route(text, None, AS_WRITTEN)
        if not any(token.name in ADDS_UP for token in found) and any(token.name == FACT.lower() for token in found):
            return Route(text, None, LISTS)  # what the navigator would say too, after parsing the query
        return self._navigator.route(text, found)

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        aggregates: bool = True,
        limits: QueryLimits | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """The first rows of one SELECT. With `aggregates`, from the smallest that gives the same to the cent."""
        route = self.route(sql, aggregates=aggregates)
        return self._answer(sql, route, self.session.run(route.sql, parameters, limits=limits, stop=stop))

    def source(self, read: frozenset[str]) -> tuple[str, ...]:
        """The tables that answered, of those that were read: the facts and aggregates, if there are any."""
        named = [self._tables.get(table, table) for table in sorted(read)]
        large = [table for table in named if table == FACT or table in AGGREGATES]
        return tuple(large or named)

    def _answer(self, asked: str, route: Route, rows: Rows) -> Answer:
        return Answer(
            columns=rows.columns,
            rows=rows.rows,
            truncated=rows.more,
            source=self.source(self.session.tables_read(route.sql)),
            because=route.because,
            sql=route.sql,
            elapsed_ms=rows.elapsed_ms,
            asked=asked,
        )


def same_rows(answer: Answer, base: Answer) -> bool:
    """Whether both have the same rows, in any order; numbers may differ in their last digits, unless both are whole."""
    if len(answer.rows) != len(base.rows):
        return False
    return all(
        len(ours) == len(theirs) and all(map(_same, ours, theirs))
        for ours, theirs in zip(sorted(answer.rows, key=_order), sorted(base.rows, key=_order), strict=True)
    )


def _same(ours: Cell, theirs: Cell) -> bool:
    if isinstance(ours, int) and isinstance(theirs, int):
        return ours == theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-6)
    return type(ours) is type(theirs) and ours == theirs


def _order(row: tuple[Cell, ...]) -> tuple[list[str], list[float]]:
    others = [repr(cell) for cell in row if not isinstance(cell, int | float)]
    return others, [cell for cell in row if isinstance(cell, int | float)]
