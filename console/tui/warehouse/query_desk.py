"""Carries out queries for the screen: one at a time, off the loop, each to be stopped, each kept in the history."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from time import monotonic
from typing import TYPE_CHECKING

from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied
from console.query_history import Entry, Outcome, QueryHistory
from console.tui.off_loop import off_loop
from console.tui.sign_in.words import refusal_words
from console.tui.warehouse.results.result_view import ResultView
from warehouse.browse import CANCELLED
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.opened import Database, Opened
from warehouse.sql_text import with_values

if TYPE_CHECKING:
    from textual.message_pump import MessagePump

    from console.actions.warehouse_queries import WarehouseQueries

log = logging.getLogger(__name__)

COUNTED_WITHIN_S = 600.0

Open = Callable[["WarehouseQueries", threading.Event], Opened]


class QueryDesk:
    """`answered` is called on the loop of `screen` when a query has ended, with its error if it has one.

    `explain` is called where a query was not permitted, with what asks it again.
    """

    def __init__(
        self,
        screen: MessagePump,
        view: ResultView,
        *,
        queries: Callable[[], WarehouseQueries],
        history: QueryHistory,
        now: Callable[[], datetime],
        answered: Callable[[Exception | None], None],
        explain: Callable[[Exception, Callable[[], None]], None],
    ) -> None:
        self._screen = screen
        self._view = view
        self._queries = queries
        self.history = history
        self._now = now
        self._answered = answered
        self._explain = explain
        self._stop: threading.Event | None = None

    @property
    def at_work(self) -> bool:
        """Whether a query runs."""
        return self._stop is not None

    def run(self, text: str, database: Database, *, keep: bool = True) -> None:
        """Show the result of a statement; `keep` puts it into the history."""
        limits = self._view.limits
        self._begin(
            text, database, lambda queries, stop: queries.open(text, database=database, limits=limits, stop=stop), keep
        )

    def ask(self, name: str, as_of: date | None, values: Mapping[str, str]) -> None:
        """Show the answer to a question; the history keeps its SQL with the values, which stands for itself."""
        limits = self._view.limits
        self._begin(
            f"the question {name}",
            "warehouse",
            lambda queries, stop: queries.open_question(name, as_of=as_of, values=values, limits=limits, stop=stop),
            keep=True,
            question=True,
        )

    def ask_again(self, shown: Opened, *, unmask: bool) -> None:
        """Show the result of the same query with its customers in clear, or masked."""
        self._begin(
            shown.text,
            shown.database,
            lambda queries, stop: queries.open(
                shown.text,
                database=shown.database,
                shape=shown.shape,
                parameters=shown.parameters,
                limits=shown.limits,
                unmask=unmask,
                stop=stop,
            ),
            keep=False,
        )

    def cancel(self) -> bool:
        """Stop the query that runs; whether there was one."""
        if self._stop is None:
            return False
        self._stop.set()
        return True

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _begin(self, text: str, database: Database, open_result: Open, keep: bool, *, question: bool = False) -> None:
        """`text` is the statement, or names a `question`, whose SQL is known once it is answered."""
        self.cancel()
        stop = self._stop = threading.Event()
        began, at = monotonic(), self._now()
        self._view.show_running(text)

        def remember(sql: str, outcome: Outcome, rows: int | None, problem: str) -> Entry:
            took_ms = (monotonic() - began) * 1000
            entry = Entry(at, sql, database, outcome, duration_ms=took_ms, rows=rows, problem=problem)
            self._keep(entry)
            return entry

        def work() -> Opened:
            try:
                opened = open_result(self._queries(), stop)
                if stop.is_set():  # just before its end: there may be no screen left that would close it
                    opened.result.close()
                    raise QueryStopped(CANCELLED)
            except Exception as error:
                if keep and not question:
                    remember(text, _outcome(error), None, str(error))
                raise
            if keep:
                sql = with_values(opened.text, opened.parameters or {}) if question else text
                entry = remember(sql, Outcome.DONE, opened.result.row_count(), "")
                if entry.rows is None:
                    self._count_later(opened, entry)
            return opened

        def again() -> None:
            self._begin(text, database, open_result, keep, question=question)

        def failed(error: Exception) -> None:
            self._fail(stop, error, again, question=question)

        off_loop(self._screen, work, lambda opened: self._show(stop, opened), failed)

    def _count_later(self, opened: Opened, entry: Entry) -> None:
        """Put the number of rows into the history once they are counted, if they ever are and it was not removed."""
        history = self.history

        def work() -> None:
            if not opened.result.wait(COUNTED_WITHIN_S) or (rows := opened.result.row_count()) is None:
                return
            if any(one.id == entry.id for one in history.entries()):
                self._keep(replace(entry, rows=rows), history)

        threading.Thread(target=work, name="history-count", daemon=True).start()

    def _show(self, stop: threading.Event, opened: Opened) -> None:
        if stop is not self._stop:  # another query was begun meanwhile
            off_loop(self._screen, opened.result.close, lambda _none: None, lambda _error: None)
            return
        self._stop = None
        self._view.show(opened)
        self._answered(None)

    def _fail(self, stop: threading.Event, error: Exception, again: Callable[[], None], *, question: bool) -> None:
        if stop is not self._stop:
            return
        self._stop = None
        if isinstance(error, PermissionDenied):
            self._view.show_problem(refusal_words(error), heading="Not permitted")
            self._answered(error)
            if isinstance(error, NotSignedIn | FreshCodeNeeded):
                self._explain(error, again)
            return
        # A place in the SQL of a question is none in the editor.
        position = error.position if isinstance(error, QueryRefused) and not question else None
        self._view.show_problem(str(error) or type(error).__name__, position)
        self._answered(None if question else error)

    def _keep(self, entry: Entry, history: QueryHistory | None = None) -> None:
        """A history that cannot be written is no reason to withhold an answer."""
        try:
            (history or self.history).add(entry)
        except OSError as error:
            log.warning("the query history cannot be written: %s", error)


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, QueryRefused):
        return Outcome.REFUSED
    return Outcome.STOPPED if isinstance(error, QueryStopped) else Outcome.FAILED
