"""The grid of runs and tasks: a line a run or missed hour, unfolded into a line a city."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from console.tui.pipelines.run_lines import Line, Runs, counts_of, lines_of, loaded_of, row_key, states_of
from console.tui.text import duration_words, local_clock, plain, utc_hour
from console.tui.theme import CITY_TONE, RUN_TONE, TASK_TONE
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell
from etl.models import CityState, RunState, Task, TaskState

WIDE = 104
AHEAD = 25  # lines that are loaded beyond the window, so that scrolling does not wait
STATE_WIDTH = 9  # a glyph and `success`
OPTIONAL = ("Trigger", "Source", "Started", "Cities", "Took")
_FIRST_TO_GO = ("Trigger", "Took", "Cities")  # where all columns do not fit
_COUNT_ORDER = (
    TaskState.SUCCESS,
    TaskState.FAILED,
    TaskState.UP_FOR_RETRY,
    TaskState.RUNNING,
    TaskState.UPSTREAM_FAILED,
    TaskState.QUEUED,
    TaskState.SKIPPED,
)
_LEAST_TELLING = (TaskState.QUEUED, TaskState.SKIPPED, TaskState.UPSTREAM_FAILED)  # left out where all do not fit


class RunGrid(LineTable):
    """`Selected` and `Opened` are about `line`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open", "Details", id="runs.open", tooltip="Attempts, errors, files and log"),
        Binding("space", "unfold", "Cities", id="runs.unfold", tooltip="Unfold the run into its cities, or fold it"),
        Binding("right", "unfold(True)", "Unfold", show=False, id="runs.right", tooltip="Unfold the run"),
        Binding("left", "unfold(False)", "Fold", show=False, id="runs.left", tooltip="Fold the run"),
    ]

    class WantsMore(Message):
        """The end of what is loaded comes near: so many runs should be there."""

        def __init__(self, enough: int) -> None:
            super().__init__()
            self.enough = enough

    class Unfolded(Message):
        """Other runs are unfolded than before."""

        def __init__(self, runs: frozenset[str]) -> None:
            super().__init__()
            self.runs = runs

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._lines: list[Line] = []
        self._runs = Runs()
        self._asked: frozenset[str] = frozenset()
        self._now = datetime.now(UTC)
        self._hidden: frozenset[str] = frozenset()
        self.empty_text: tuple[Part, ...] = (("opening the workspace", "muted"),)

    @property
    def line(self) -> Line | None:
        """The selected line."""
        return self._lines[self.cursor] if self._lines else None

    @property
    def shown(self) -> list[Line]:
        """Every line that is loaded and passes the filter."""
        return self._lines

    def show(self, runs: Runs, now: datetime) -> None:
        """Show these; the selected line stays selected and in its place, unless it was the newest."""
        selected, top = self.line, int(self.scroll_offset.y)
        self._runs, self._now = runs, now
        self._lines = lines_of(runs)
        index = self._index_of(selected)
        moved = index - self.cursor
        self.lines_changed(index)
        if moved:
            self.scroll_to(y=max(top + moved, 0) if top else 0, animate=False, force=True)
            self.show_cursor()
        self.want_more()

    def hide_columns(self, titles: Sequence[str]) -> None:
        """Leave these optional columns out."""
        self._hidden = frozenset(titles) & frozenset(OPTIONAL)
        self.restyle()

    def _index_of(self, selected: Line | None) -> int:
        if selected is None or (self.cursor == 0 and not self.scroll_offset.y and selected.city is None):
            return 0
        nearest = 0
        for index, line in enumerate(self._lines):
            if line.key == selected.key:
                return index
            if row_key(line.run) == row_key(selected.run):
                nearest = index
        return nearest or min(self.cursor, max(len(self._lines) - 1, 0))

    # ---- loading and unfolding ------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.want_more()

    def want_more(self) -> None:
        """Ask for older runs when the end of the loaded ones comes near."""
        end = int(self.scroll_offset.y) + self.window + AHEAD
        if not self._runs.complete and end >= len(self._lines):
            shown = sum(1 for line in self._lines if line.city is None)
            self.post_message(self.WantsMore(shown + AHEAD + self.window))

    def action_last(self) -> None:
        super().action_last()
        self.want_more()

    def action_unfold(self, unfold: bool | None = None) -> None:
        """Unfold the selected run, or fold it; None is whichever it is not."""
        line = self.line
        if line is None or line.run.run_id is None:
            return
        run_id = line.run.run_id
        wanted = run_id not in self._asked if unfold is None else unfold
        if not wanted and line.city is not None:
            self.move_to(next(i for i, other in enumerate(self._lines) if row_key(other.run) == run_id))
        asked = self._asked | {run_id} if wanted else self._asked - {run_id}
        if asked != self._asked:
            self._asked = asked
            self.post_message(self.Unfolded(asked))

    def clicked(self, _x: int, _index: int) -> bool:
        if _x < 2 and self._lines[_index].city is None:
            self.action_unfold()
            return True
        return False

    # ---- what stands where ----------------------------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._lines)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        wide = width >= WIDE
        titles = {"Trigger": 8, "Source": 11, "Started": 8, "Cities": 9 if wide else 7, "Took": 5}
        if not wide:
            titles.pop("Source")
            titles.pop("Started")
        kept = {title: size for title, size in titles.items() if title not in self._hidden}
        hour = 19 if wide else 14
        task = 9 if wide else 7
        fixed = 2 + hour + 1 + 6 + 3 * (task + 1) + STATE_WIDTH
        for title in _FIRST_TO_GO:
            if fixed + sum(size + 1 for size in kept.values()) > width:
                kept.pop(title, None)
        columns = [Column("", 1), Column("Hour (UTC)", hour)]
        columns += [Column(title, kept[title]) for title in ("Trigger", "Source", "Started") if title in kept]
        columns += [Column("Check", 5), Column("Extract", task)]
        columns += [Column("Transform" if wide else "Transf.", task), Column("Load", task)]
        columns += [Column(title, kept[title], "right") for title in ("Cities", "Took") if title in kept]
        used = sum(column.width + 1 for column in columns)
        return (*columns, Column("State", max(width - used, STATE_WIDTH)))

    def empty_lines(self) -> Sequence[Part]:
        return self.empty_text

    def cells(self, index: int) -> Sequence[Cell]:
        line = self._lines[index]
        if line.city is not None:
            return self._city_cells(line)
        return self._missed_cells(line) if line.run.run_id is None else self._run_cells(line)

    def _run_cells(self, line: Line) -> Sequence[Cell]:
        row = line.run
        assert row.state is not None
        loaded, total = loaded_of(row)
        cities = f"{loaded}/{total}"
        width = next((c.width for c in self.columns if c.title == "Cities"), 0)
        if len(cities) > width:
            cities = f"{loaded / total:.1%}"
        took = duration_words(row.duration_s) if row.state is not RunState.RUNNING else self.glyphs.ellipsis
        texts: dict[str, Cell] = {
            "": cell(self.glyphs.unfolded if line.unfolded else self.glyphs.folded, "faint"),
            "Hour (UTC)": cell(self._hour(line)),
            "Trigger": cell(row.trigger.value if row.trigger else "", "muted"),
            "Source": cell(row.source, "wait" if row.source == "practice" else "muted"),
            "Started": cell(local_clock(row.started, seconds=True) if row.started else "", "muted"),
            "Cities": cell(cities, "text" if loaded == total else "wait"),
            "Took": cell(took, "muted"),
            "State": self._state(line),
        }
        return tuple(
            self._task_cell(counts_of(row, task), column.width)
            if (task := _TASK_OF.get(column.title))
            else texts[column.title]
            for column in self.columns
        )

    def _hour(self, line: Line) -> str:
        width = next(c.width for c in self.columns if c.title == "Hour (UTC)")
        return utc_hour(line.run.logical_time, self._now, width=width)

    def _state(self, line: Line) -> Cell:
        state = line.run.state
        assert state is not None
        if state is RunState.RUNNING and line.run.next_retry_at is not None:
            return cell(f"{self.glyphs.task[TaskState.UP_FOR_RETRY]} {local_clock(line.run.next_retry_at)}", "wait")
        return cell(f"{self.glyphs.run[state]} {state.value}", RUN_TONE[state])

    def _task_cell(self, found_in: Mapping[TaskState, int], width: int) -> Cell:
        """The most telling states with the number of cities in each; a glyph alone where there is but one city."""
        counts = [(state, found_in[state]) for state in _COUNT_ORDER if found_in.get(state)]
        if sum(count for _state, count in counts) <= 1:
            state = counts[0][0] if counts else TaskState.SKIPPED
            return cell(self.glyphs.task[state], TASK_TONE[state])
        for gap in (" ", ""):
            if sum(1 + len(str(count)) + len(gap) for _state, count in counts) - len(gap) <= width:
                break
        else:
            counts = [found for found in counts if found[0] not in _LEAST_TELLING] or counts
        parts = [
            (f"{gap if i else ''}{self.glyphs.task[state]}{count}", TASK_TONE[state])
            for i, (state, count) in enumerate(counts)
        ]
        return Cell(tuple(parts))

    def _missed_cells(self, line: Line) -> Sequence[Cell]:
        because = plain(line.run.missed_because or "")
        between = len(self.columns) - 3
        return (
            cell(""),
            cell(self._hour(line), "muted"),
            cell(because, "muted", span=between),
            cell(f"{self.glyphs.missed} missed", "wait"),
        )

    def _city_cells(self, line: Line) -> Sequence[Cell]:
        assert line.city is not None
        row = line.city.city
        states = states_of(row, line.city.tasks, running=line.run.state is RunState.RUNNING)
        branch = self.glyphs.branch if line.last else " "
        before = [column.title for column in self.columns].index("Check")
        cells = [cell(f" {branch} {plain(row.city)}", span=before)]
        for task in Task:
            state = states.get(task)
            again = row.attempts.get(task, 0)
            count = f" x{again}" if again > 1 else ""
            cells.append(cell(self.glyphs.task[state] + count, TASK_TONE[state]) if state else cell(""))
        cells.append(Cell(self._city_state(line).parts, len(self.columns) - before - len(Task)))
        return tuple(cells)

    def _city_state(self, line: Line) -> Cell:
        """Where the city stands, and in short what is wrong; the whole message is among the details."""
        assert line.city is not None
        row = line.city.city
        if row.retry_at is not None and row.state is CityState.RUNNING:
            glyph = self.glyphs.task[TaskState.UP_FOR_RETRY]
            state = (f"{glyph} {local_clock(row.retry_at, seconds=True)}", "wait")
        elif row.problem is not None and row.state is CityState.FAILED:
            state = (self.glyphs.city[row.state], CITY_TONE[row.state])
        else:
            return cell(f"{self.glyphs.city[row.state]} {row.state.value}", CITY_TONE[row.state])
        if row.problem is None:
            return Cell((state,))
        kind = row.problem.kind.replace("_", " ")
        return Cell((state, (f" {kind}", state[1]), (f"  {plain(row.problem.message)}", "muted")))


_TASK_OF = {"Check": Task.CHECK, "Extract": Task.EXTRACT, "Transform": Task.TRANSFORM, "Transf.": Task.TRANSFORM,
            "Load": Task.LOAD}  # fmt: skip
