"""What opens over the Warehouse screen: diagram, plan, questions, history. Each result goes to editor or desk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.query_history import Entry, QueryHistory
from console.tui.text import plain
from console.tui.warehouse.catalogue.diagram_screen import DiagramScreen, PreviewTable
from console.tui.warehouse.editor.plan_view import PlanView
from console.tui.warehouse.editor.query_history import HistoryDialog
from console.tui.warehouse.editor.question_form import Answers, QuestionForm, uses_as_of
from console.tui.warehouse.editor.question_list import ChosenQuestion, QuestionList
from console.tui.warehouse.editor.question_save import SaveQuestion
from console.tui.warehouse.query_desk import QueryDesk
from warehouse.catalogue import DatabaseInfo
from warehouse.errors import QueryRefused
from warehouse.explain import Explanation
from warehouse.governed import Parameters
from warehouse.joins import JoinText
from warehouse.opened import Database
from warehouse.question_draft import draft_of
from warehouse.question_files import Question

if TYPE_CHECKING:
    from console.actions.warehouse_queries import WarehouseQueries
    from console.tui.warehouse.screen import WarehouseScreen


class WarehouseDialogs:
    """Opens them for `screen`."""

    def __init__(
        self, screen: WarehouseScreen, desk: QueryDesk, *, queries: WarehouseQueries, history: QueryHistory
    ) -> None:
        self._screen = screen
        self._desk = desk
        self._queries = queries
        self._history = history
        self._diagram: DiagramScreen | None = None

    # ---- the diagram ------------------------------------------------------------------------------------------------

    def diagram(self, table: str | None) -> None:
        """Draw the schema; what is chosen there goes into the editor, or is previewed."""
        database = self._screen.catalogue.database("warehouse")
        self._diagram = DiagramScreen(database, chosen=table, practice=self._screen.practice)
        self._screen.app.push_screen(self._diagram, self._drawn)

    def know(self, databases: Sequence[DatabaseInfo]) -> None:
        """The catalogue was read, or counted."""
        for database in databases:
            if self._diagram is not None and self._diagram.is_attached and database.name == "warehouse":
                self._diagram.know(database)

    def _drawn(self, chosen: JoinText | PreviewTable | None) -> None:
        self._diagram = None
        if isinstance(chosen, PreviewTable):
            self._screen.preview("warehouse", chosen.table)
        elif chosen is not None:
            self._screen.open_join(chosen)

    # ---- the plan ---------------------------------------------------------------------------------------------------

    def explain(self, text: str, database: Database, parameters: Parameters | None = None) -> None:
        """Tell how a statement is answered."""

        def load(stop: threading.Event) -> Explanation:
            return self._queries.explain(text, database=database, parameters=parameters, stop=stop)

        def closed(error: Exception | None) -> None:
            if error is not None:
                self._refused(error)

        self._screen.app.push_screen(PlanView(load), closed)

    def _refused(self, error: Exception) -> None:
        position = error.position if isinstance(error, QueryRefused) else None
        if position is not None:
            self._screen.editor.mark_error(position)
        self._screen.view.show_problem(str(error) or type(error).__name__, position)

    # ---- questions --------------------------------------------------------------------------------------------------

    def questions(self) -> None:
        """Choose a saved question, and ask it or open its SQL."""
        self._screen.app.push_screen(QuestionList(self._queries.questions), self._chosen)

    def _chosen(self, chosen: ChosenQuestion | None) -> None:
        if chosen is None:
            return
        question = chosen.question
        if chosen.as_text:
            self._screen.editor.open_tab(question.sql, question.name)
            self._screen.to_editor()
            return

        if not question.parameters and not uses_as_of(question):
            self._ask(question, Answers())
            return

        def answered(answers: Answers | None) -> None:
            if answers is not None:
                self._ask(question, answers)

        self._screen.app.push_screen(QuestionForm(question, self._queries.last_day), answered)

    def _ask(self, question: Question, answers: Answers) -> None:
        self._desk.ask(question.name, answers.as_of, answers.values)
        self._screen.view.focus_content()

    def save_question(self, text: str) -> None:
        """Keep a statement as a question of the workspace."""

        def saved(path: object) -> None:
            if path is not None:
                self._screen.app.notify(f"Saved {plain(str(path))}; Ctrl+O opens it", markup=False)

        try:
            draft = draft_of(text)
        except QueryRefused as error:
            self._refused(error)
            return
        self._screen.app.push_screen(SaveQuestion(draft, self._queries.keep_question), saved)

    # ---- history ----------------------------------------------------------------------------------------------------

    def history(self) -> None:
        """Search what was run; the one that is chosen opens in the editor."""

        def chosen(entry: Entry | None) -> None:
            if entry is not None:
                self._screen.editor.open_tab(
                    entry.sql, database="weather" if entry.database == "weather" else "warehouse"
                )
                self._screen.to_editor()

        self._screen.app.push_screen(HistoryDialog(self._history), chosen)
