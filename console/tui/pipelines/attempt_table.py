"""The attempts of a city's tasks, in the order of the pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from console.tui.pipelines.run_details import AttemptId, attempt_id
from console.tui.text import duration_words, local_clock, plain
from console.tui.theme import TASK_TONE
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from etl.history.queries import AttemptRow

TASK_WIDTH = 22  # check_api_availability
STATE_WIDTH = 17  # a glyph and `upstream_failed`


class AttemptTable(LineTable):
    """One line an attempt; the selected one's log is shown elsewhere."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._attempts: tuple[AttemptRow, ...] = ()

    def show(self, attempts: Sequence[AttemptRow], selected: AttemptId | None) -> None:
        """Show these and select one."""
        self._attempts = tuple(attempts)
        at = [i for i, attempt in enumerate(attempts) if attempt_id(attempt) == selected]
        self.lines_changed(at[0] if at else 0)

    @property
    def attempt(self) -> AttemptRow | None:
        """The selected attempt."""
        return self._attempts[self.cursor] if 0 <= self.cursor < len(self._attempts) else None

    def line_count(self) -> int:
        return len(self._attempts)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        columns = (
            Column("", 1),
            Column("Task", TASK_WIDTH),
            Column("Try", 3, "right"),
            Column("State", STATE_WIDTH),
            Column("Started", 8),
            Column("Took", 6, "right"),
        )
        used = sum(column.width + 1 for column in columns)
        return (*columns, Column("Error", width - used - 1)) if width - used > 8 else columns

    def cells(self, index: int) -> Sequence[Cell]:
        attempt = self._attempts[index]
        took = (attempt.ended - attempt.started).total_seconds() if attempt.started and attempt.ended else None
        tone = TASK_TONE[attempt.state]
        return (
            cell(""),
            cell(attempt.task.value),
            cell(str(attempt.attempt) if attempt.attempt else "", "muted"),
            cell(f"{self.glyphs.task[attempt.state]} {attempt.state.value}", tone),
            cell(local_clock(attempt.started, seconds=True) if attempt.started else "", "muted"),
            cell(duration_words(max(took, 0)) if took is not None else "", "muted"),
            cell(plain(attempt.problem.kind) if attempt.problem else "", "bad"),
        )[: len(self.columns)]
