"""The Pipelines screen: the pipeline at a glance, the cities with their weather, and the grid of runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input, Static

from console.tui.feed import Wish, Workspace
from console.tui.messages import Delivered, News, Snapshot, Trouble
from console.tui.off_loop import off_loop
from console.tui.pipelines.city_list import CityList
from console.tui.pipelines.run_grid import OPTIONAL, RunGrid
from console.tui.pipelines.run_lines import RunFilter
from console.tui.pipelines.signs import run_signs
from console.tui.pipelines.status_strip import StatusStrip
from console.tui.screens.help import Sign
from console.tui.shell import Shell
from console.tui.text import plain
from console.tui.theme import Glyphs
from console.tui.widgets.bars import Header, KeyHints
from console.tui.widgets.line_table import LineTable
from console.tui.widgets.section_title import SectionTitle
from etl.models import RunState

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.pipelines import Overview
    from console.tui.pipelines.actions import PipelineActions
    from etl.history.queries import Problem

NO_KEY = "there is no API key"  # so a problem begins that says it
SET_A_KEY = "no API key: `lakewarden secrets set openweather_api_key`"
FILTER_HELP = "failed (partial too), missed, manual … or a city's name"


def _bind(key: str, action: str, what: str, tooltip: str) -> Binding:
    name = action.removeprefix("do('").removesuffix("')")
    return Binding(key, action, what, id=f"pipelines.{name.replace('_', '-')}", tooltip=tooltip)


FILTER_KEYS = (Binding("enter", "apply_filter", "Apply"), Binding("escape", "clear_filter", "Leave"))


class PipelinesScreen(Screen[None]):
    """Shows what the feed tells; everything that is done goes through `PipelineActions`."""

    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "#runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        _bind("t", "do('run_now')", "Run now", "Start a run of all cities, stamped to this second"),
        _bind("r", "do('retry')", "Retry", "Run again what failed in the selected run"),
        _bind("f,slash", "filter", "Filter", "Show only some runs: by state, trigger or city"),
        _bind("c", "chart", "Chart", "Larger chart of the selected city"),
        _bind("p", "problem", "Problem", "Open the last problem"),
        _bind("s", "do('pause')", "Pause", "Pause or resume this workspace's scheduler"),
        _bind("h", "do('hurry')", "Hurry", "Let the selected waiting retry go now"),
        _bind("x", "do('cancel_retry')", "Drop retry", "Let the selected waiting retry never go"),
        _bind("X", "do('cancel_run')", "Cancel run", "End the run after the tasks at hand (asks first)"),
        _bind("a", "do('add_city')", "Add city", "Add a city, after a test if you like"),
        _bind("d", "do('remove_city')", "Remove city", "Remove the selected city (asks first)"),
        _bind("v", "do('test_city')", "Test city", "Ask the API for the selected city; stores nothing"),
        _bind("y", "do('copy')", "Copy", "Copy the object key, run id or city name"),
        _bind("e", "do('export')", "Export", "Write the runs shown to exports/ as CSV and JSON"),
        _bind("o", "columns", "Columns", "Choose the columns of the run grid"),
        _bind("escape", "clear_filter", "Show all", "Leave the filter"),
        Binding("tab", "app.focus_next", "Next panel", show=False, id="pipelines.next", tooltip="Runs or cities"),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._wish = Wish()
        self._filter = ""
        self._snapshot: Snapshot | None = None
        self._actions: PipelineActions | None = None
        self._denied: frozenset[str] = frozenset()  # what keys do that whoever is signed in may not

    def compose(self) -> ComposeResult:
        yield Header(practice=self._shell.practice, tabs=self._shell.tabs, here="pipelines", place=self._shell.place)
        yield Static("", id="trouble", markup=False)
        yield StatusStrip()
        yield SectionTitle("Cities", id="cities-title")
        yield CityList()
        yield SectionTitle("Runs", id="runs-title")
        field = Input(placeholder=FILTER_HELP, max_length=200, select_on_focus=False, id="filter")
        field.cursor_blink = False
        yield field
        yield RunGrid()
        yield KeyHints()

    def on_mount(self) -> None:
        self._grid = self.query_one(RunGrid)
        self._cities = self.query_one(CityList)
        self._grid.hide_columns(self._shell.ui.hidden_columns)
        self.query_one("#filter").display = False
        self.query_one("#trouble").display = False
        self._shell.feed.wish(self._wish)
        self.call_after_refresh(self._shell.listen, self)
        self._ask_permitted()

    def signed_in(self) -> None:
        """Selection, filter and news stay; other keys may do something."""
        self._ask_permitted()

    def _ask_permitted(self) -> None:
        """Once a sign-in; before it every key is offered, since a sign-in is what each leads to."""
        if self._shell.who is not None:
            from console.tui.pipelines.permitted import denied_keys  # the first paint does without

            off_loop(self, lambda: denied_keys(self._shell.open_office()), self._permit, lambda _error: None)

    def _permit(self, denied: frozenset[str]) -> None:
        self._denied = denied
        if self._snapshot is not None and self.is_current:
            self._show(self._snapshot)
        else:
            self._hint()

    # ---- news -------------------------------------------------------------------------------------------------------

    def on_news(self, event: News) -> None:
        self._snapshot = event.snapshot
        if self.is_current:
            self._show(event.snapshot)
        self._shell.feed.taken()

    def on_screen_resume(self) -> None:
        """What came while another screen lay on top is shown now: before, it would only have repainted that one."""
        if self._snapshot is not None:
            self._show(self._snapshot)

    def _show(self, snapshot: Snapshot) -> None:
        self._show_trouble("")
        self.query_one(StatusStrip).show(snapshot.overview, snapshot.read_at, any_run=bool(snapshot.runs.rows))
        self._fit_cities(len(snapshot.cities))
        self._cities.show(snapshot.cities, snapshot.read_at, known_problems(snapshot))
        filtered = snapshot.runs.wanted != RunFilter()
        self._grid.empty_text = empty_text(snapshot.overview, filtered=filtered, may_run="run_now" not in self._denied)
        self._grid.show(snapshot.runs, snapshot.read_at)
        self._title_panels()
        self._hint()

    def on_trouble(self, event: Trouble) -> None:
        self._show_trouble(str(event.error) or type(event.error).__name__)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def _show_trouble(self, message: str) -> None:
        """A workspace that cannot be read takes the place of the panels, until it can be."""
        trouble = self.query_one("#trouble", Static)
        if not message and not trouble.display:
            return
        lines = "\n".join(plain(line) for line in (message[:1].upper() + message[1:]).splitlines())
        trouble.update(
            f"The pipeline cannot be shown\n\n{lines}\n\n"
            "It is looked at again every few seconds. q leaves; `lakewarden doctor` checks everything."
        )
        trouble.display = bool(message)
        for name in ("#strip", "#cities-title", "#cities", "#runs-title", "#runs"):
            self.query_one(name).display = not message
        if message:
            self.query_one(KeyHints).show([])
        else:
            self.set_focus(self._grid)

    def on_resize(self) -> None:
        self._fit_cities(len(self._snapshot.cities) if self._snapshot else 1)

    def _fit_cities(self, count: int) -> None:
        """As many lines as there are cities, up to a third of the screen."""
        lines = max(min(count, self.size.height // 3 - 3, max(self.size.height - 15, 1)), 1) + 1
        height = self._cities.styles.height
        if height is None or height.value != lines:
            self._cities.styles.height = lines

    def _title_panels(self) -> None:
        snapshot = self._snapshot
        count = len(snapshot.cities) if snapshot else 0
        self.query_one("#cities-title", SectionTitle).say(f"{count}" if count > 1 else "")
        wanted = self._wish.wanted
        note = f"only: {self._filter}   Esc shows all" if wanted != RunFilter() else ""
        if note and snapshot and not snapshot.runs.complete and snapshot.runs.rows:
            note = f"back to {snapshot.runs.rows[-1].logical_time:%Y-%m-%d}   " + note
        self.query_one("#runs-title", SectionTitle).say(note)

    # ---- focus and keys -------------------------------------------------------------------------------------------

    def on_descendant_focus(self) -> None:
        """Of what has the focus now: it may have moved on since this was told."""
        self.query_one("#cities-title", SectionTitle).activate(self.focused is self._cities)
        self.query_one("#runs-title", SectionTitle).activate(self.focused is self._grid)
        self._hint()

    def _hint(self) -> None:
        """Hint at the way out of a filter, then at the keys of the panel with the focus, then at the screen's.

        Only those that can do something now.
        """
        focused = self.focused
        if focused is None:
            return
        idle = self._idle_keys()
        shown = [b for b in type(focused).BINDINGS if isinstance(b, Binding) and b.show]
        known = {binding.description for binding in shown}
        shown += [b for b in type(self).BINDINGS if isinstance(b, Binding) and b.show and b.description not in known]
        possible = [binding for binding in shown if binding.action not in idle]
        possible.sort(key=lambda binding: binding.action != "clear_filter")
        if focused.id == "filter":
            self.query_one(KeyHints).show(FILTER_KEYS)
        else:
            self.query_one(KeyHints).show(possible if isinstance(focused, LineTable) else [])

    def _idle_keys(self) -> set[str]:
        """The actions that have nothing to act on in the selected run, or are denied."""
        line = self._grid.line
        state = line.run.state if line else None
        waits = line is not None and state is RunState.RUNNING and line.run.next_retry_at is not None
        can = {
            "do('retry')": state in (RunState.FAILED, RunState.PARTIAL),
            "do('hurry')": waits,
            "do('cancel_retry')": waits,
            "do('cancel_run')": state is RunState.RUNNING,
            "clear_filter": self._wish.wanted != RunFilter(),
            "screen.open": line is not None,
            "unfold": line is not None and line.run.run_id is not None,
            "problem": self._snapshot is not None and self._snapshot.overview.last_problem is not None,
        }
        idle = {action for action, possible in can.items() if not possible}
        return idle | {f"do('{name}')" for name in self._denied}

    def on_line_table_selected(self) -> None:
        self._hint()

    def is_denied(self, action: str) -> bool:
        """For the help, which names these keys too: each tells who may."""
        return action in {f"do('{name}')" for name in self._denied}

    def help_signs(self, drawn: Glyphs) -> Sequence[Sign]:
        """Those of runs and tasks."""
        return run_signs(drawn)

    def action_do(self, name: str) -> None:
        """Everything that is done, rather than looked at."""
        if self._actions is None:
            from console.tui.pipelines.actions import PipelineActions  # the first paint does without

            self._actions = PipelineActions(
                self,
                self._grid,
                self._cities,
                shell=self._shell,
            )
        self._actions.do(name)

    def action_open(self) -> None:
        """Details of the selected run or city."""
        line, workspace = self._grid.line, self._shell.feed.workspace
        if line is None or workspace is None:
            return
        if line.run.run_id is None:
            told = f"Missed: {plain(line.run.missed_because or '')}. The API only tells the current weather."
            self.notify(told, severity="warning", markup=False)
            return
        self._show_details(workspace, line.run.run_id, line.city.city.slug if line.city else None)

    def action_problem(self) -> None:
        problem = self._snapshot.overview.last_problem if self._snapshot else None
        if problem is None or self._shell.feed.workspace is None:
            self.notify("There is no problem in the newest run.", markup=False)
            return
        self._show_details(self._shell.feed.workspace, problem.run_id, problem.slug)

    def _show_details(self, workspace: Workspace, run_id: str, slug: str | None) -> None:
        from console.tui.pipelines.task_detail import TaskDetail  # only when wanted: the first paint does without

        self.app.clear_notifications()
        self.app.push_screen(TaskDetail(self._shell, workspace, run_id, slug))

    def action_chart(self) -> None:
        city, workspace = self._cities.city, self._shell.feed.workspace
        if city is None or workspace is None:
            self.notify("There is no city to chart.", markup=False)
            return
        from console.tui.pipelines.city_chart import CityChart  # only when wanted: the first paint does without

        self.app.clear_notifications()
        self.app.push_screen(CityChart(workspace.pipelines, city.city, denied=self._denied))

    def on_line_table_opened(self, event: LineTable.Opened) -> None:
        if event.table is self._cities:
            self.action_chart()
        else:
            self.action_open()

    # ---- filter, unfolding, columns -------------------------------------------------------------------------------

    def on_run_grid_wants_more(self, event: RunGrid.WantsMore) -> None:
        self._ask(dataclasses.replace(self._wish, enough=max(event.enough, self._wish.enough)))

    def on_run_grid_unfolded(self, event: RunGrid.Unfolded) -> None:
        self._ask(dataclasses.replace(self._wish, unfolded=event.runs))

    def _ask(self, wish: Wish) -> None:
        self._wish = wish
        self._shell.feed.wish(wish)

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.action_select_all()
        self.set_focus(field)  # at once: the next key is meant for it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self._filter_by(event.value)

    def action_apply_filter(self) -> None:
        self._filter_by(self.query_one("#filter", Input).value)

    def action_clear_filter(self) -> None:
        self.query_one("#filter", Input).value = ""
        self._filter_by("")

    def action_only_city(self) -> None:
        """Show only the selected city's tasks; all again if that is so already."""
        status = self._cities.city
        if status is not None:
            text = RunFilter.text_for(status.city.name)
            self._filter_by("" if self._filter == text else text)

    def _filter_by(self, text: str) -> None:
        text = text.strip()
        field = self.query_one("#filter", Input)
        field.value = text
        field.display = False
        if self.focused is None or self.focused is field:
            self.set_focus(self._grid)
        self._filter = text
        self._ask(dataclasses.replace(self._wish, wanted=RunFilter.parse(text), enough=0))
        self._title_panels()
        self._grid.want_more()

    def action_columns(self) -> None:
        def apply(hidden: tuple[str, ...]) -> None:
            self._grid.hide_columns(hidden)
            self._shell.remember(hidden_columns=hidden)

        from console.tui.screens.dialogs import Columns  # only when wanted: the first paint does without

        self.app.push_screen(Columns(OPTIONAL, self._shell.ui.hidden_columns, apply))


def known_problems(snapshot: Snapshot) -> dict[str, str]:
    """What is wrong with cities in the newest run, in words by slug, as far as it is loaded."""
    newest = snapshot.runs.rows[0].run_id if snapshot.runs.rows else None
    detail = snapshot.runs.details.get(newest or "")
    found = [(of.city.slug, of.city.problem) for of in detail.cities] if detail else []
    last = snapshot.overview.last_problem
    if last is not None:
        found.append((last.slug, last.problem))
    return {slug: problem_words(problem) for slug, problem in found if problem is not None}


def problem_words(problem: Problem) -> str:
    """What is wrong, in the room of a line; where no API key is set, how to set one."""
    return SET_A_KEY if problem.message.startswith(NO_KEY) else problem.kind.replace("_", " ")


def empty_text(overview: Overview, *, filtered: bool, may_run: bool = True) -> tuple[tuple[str, str], ...]:
    """What stands where no run does: what happens next, or what to do, for who may do it."""
    if filtered:
        return (("No run passes the filter.", "text"), ("Esc shows all runs.", "muted"))
    if not may_run:
        comes = overview.next_run_at is not None
        first = "The first run is on its way." if comes else "No run yet, and the hourly scheduler does not run."
        return ((first, "text"), ("An operator starts one by hand.", "muted"))
    if overview.next_run_at is not None:
        return (
            ("The first run is on its way: the scheduler works here and starts within seconds.", "text"),
            ("After that one run an hour, on the hour. t starts one now, a adds a city, ? explains the rest.", "muted"),
        )
    return (
        ("No run yet, and the hourly scheduler does not run.", "text"),
        ("t starts a run now; s resumes a paused scheduler; ? explains the rest.", "muted"),
    )
