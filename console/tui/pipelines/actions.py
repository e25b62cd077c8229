"""What the keys of the Pipelines screen do: each asks, acts off the loop, and tells the result or why it cannot be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from textual.screen import Screen

from console.actions.permissions import TRIGGER_RUN, WEATHER_PIPELINE
from console.tui.clipboard import copy
from console.tui.feed import Workspace
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop, post
from console.tui.pipelines.city_list import CityList
from console.tui.pipelines.run_grid import RunGrid
from console.tui.pipelines.run_lines import Line, exported, waiting_cities
from console.tui.screens.dialogs import AddCity, Confirm, Dialog, answer_text
from console.tui.shell import Shell
from console.tui.text import plain
from console.tui.toasts import FAILURE_S, ended_words, nothing_done
from etl.files import write_whole
from etl.models import City, RunState
from etl.run import RunOutcome

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from etl.history.queries import GridRow
    from etl.run import RunRequest

T = TypeVar("T")
OnEnd = Callable[[RunOutcome | Exception], None]


class PipelineActions:
    """The actions on what is selected in `grid` and `cities`. Every method returns at once."""

    def __init__(
        self,
        screen: Screen[Any],
        grid: RunGrid,
        cities: CityList,
        *,
        shell: Shell,
    ) -> None:
        self._screen = screen
        self._grid = grid
        self._cities = cities
        self._shell = shell
        self._feed = shell.feed
        self._exports_dir = shell.settings.exports_dir
        self._now = shell.now

    def do(self, name: str) -> None:
        """Carry out the action of that name."""
        workspace = self._feed.workspace
        if workspace is None:
            self._tell("The workspace is not open yet.", severity="warning")
            return
        actions: dict[str, Callable[[Workspace], None]] = {
            "run_now": self._run_now,
            "retry": self._retry,
            "hurry": lambda opened: self._ask_retry(opened, "hurry"),
            "cancel_retry": lambda opened: self._ask_retry(opened, "cancel"),
            "cancel_run": self._cancel_run,
            "pause": self._pause,
            "add_city": self._add_city,
            "remove_city": self._remove_city,
            "test_city": self._test_city,
            "copy": self._copy,
            "export": self._export,
        }
        actions[name](workspace)

    # ---- runs -------------------------------------------------------------------------------------------------------

    def _run_now(self, opened: Workspace) -> None:
        self._start(opened, opened.background.trigger)

    def _retry(self, opened: Workspace) -> None:
        row = self._selected_run("retry")
        if row is None or row.run_id is None:
            return
        if row.state is RunState.RUNNING:
            self._tell("This run is still at work; what fails in it can be retried when it has ended.", "warning")
        elif row.state is RunState.SUCCESS:
            self._tell("Nothing failed in this run, so there is nothing to retry.", "warning")
        else:
            run_id = row.run_id
            self._start(opened, lambda on_end: opened.background.retry_failed(run_id, on_end))

    def _start(self, opened: Workspace, begin: Callable[[OnEnd], RunRequest]) -> None:
        """Begin a run; that it started is told before how it ended, and not at all where another process has it."""
        early: list[RunOutcome | Exception] = []
        begun = False

        def started(request: RunRequest) -> None:
            nonlocal begun
            begun = True
            if not any(isinstance(outcome, RunOutcome) and nothing_done(outcome) for outcome in early):
                self._started(request)
            for outcome in early:
                self._ended(outcome)

        def ended(outcome: RunOutcome | Exception) -> None:
            if begun:
                self._ended(outcome)
            else:
                early.append(outcome)

        def permitted() -> RunRequest:
            opened.permissions.require(TRIGGER_RUN, WEATHER_PIPELINE)  # a refusal is told in place of a start
            return begin(lambda outcome: post(self._screen, Delivered(ended, outcome)))

        self._off_loop(permitted, started)

    def _started(self, request: RunRequest) -> None:
        count = len(request.cities)
        self._tell(f"Run started: {plain(request.cities[0].name) if count == 1 else f'{count} cities'}.")
        self._feed.look_again()

    def _ended(self, outcome: RunOutcome | Exception) -> None:
        if isinstance(outcome, Exception):
            self._shell.explain(outcome)
            return
        self._feed.look_again(outcome.run_id)
        if nothing_done(outcome):
            self._screen.app.call_later(self._screen.app.clear_notifications)  # that it started is not so
        self._tell(*ended_words(outcome))

    def _ask_retry(self, opened: Workspace, request: str) -> None:
        line = self._selected_line(f"{request} a retry")
        if line is None or line.run.run_id is None:
            return
        run_id, slug = line.run.run_id, line.city.city.slug if line.city else None

        def ask() -> list[str]:
            waiting = waiting_cities(opened.pipelines.run(run_id).cities)
            chosen = [city for city in waiting if slug in (None, city.slug)]
            for city in chosen:
                if request == "hurry":
                    opened.pipelines.hurry_retry(run_id, city.slug)
                else:
                    opened.pipelines.cancel_retry(run_id, city.slug)
            return [city.city for city in chosen]

        def told(cities: list[str]) -> None:
            self._feed.look_again(run_id)
            if not cities:
                self._tell("No retry waits here, so there is none to hurry or cancel.", "warning")
                return
            names = plain(cities[0]) if len(cities) == 1 else f"{len(cities)} cities"
            done = "The retry goes now" if request == "hurry" else "The retry is cancelled"
            self._tell(f"{done}: {names}.")

        self._off_loop(ask, told)

    def _cancel_run(self, opened: Workspace) -> None:
        row = self._selected_run("cancel")
        if row is None or row.run_id is None:
            return
        if row.state is not RunState.RUNNING:
            self._tell("This run is not at work, so there is nothing to cancel.", "warning")
            return
        run_id = row.run_id

        def decided(yes: bool | None) -> None:
            if yes:
                self._off_loop(
                    lambda: opened.pipelines.cancel_run(run_id),
                    lambda _none: self._tell("The run ends after the tasks at hand."),
                    run_id,
                )

        text = "The tasks at hand are finished, the other cities are skipped. A later call of the hour can load them."
        self._screen.app.push_screen(Confirm("Cancel this run?", text, "Cancel the run"), decided)

    # ---- the schedule ---------------------------------------------------------------------------------------------

    def _pause(self, opened: Workspace) -> None:
        def switch() -> bool:
            paused = opened.pipelines.overview().paused_since is None
            opened.pipelines.pause_schedule(paused=paused)
            return paused

        def told(paused: bool) -> None:
            self._feed.look_again()
            text = (
                "The scheduler is paused, in every process of this workspace." if paused else "The scheduler goes on."
            )
            self._tell(text)

        self._off_loop(switch, told)

    # ---- cities ---------------------------------------------------------------------------------------------------

    def _add_city(self, opened: Workspace) -> None:
        def chosen(name: str | None) -> None:
            if name is not None:
                self._edit(lambda: opened.pipelines.add_city(name), f"{plain(name)} is added; the next run loads it.")

        known = [status.city.name for status in self._cities.all_cities]
        self._ask_first(opened, AddCity(opened.pipelines, known), chosen)

    def _remove_city(self, opened: Workspace) -> None:
        city = self._selected_city("remove")
        if city is None:
            return

        def decided(yes: bool | None) -> None:
            if yes:
                self._edit(lambda: opened.pipelines.remove_city(city.name), f"{plain(city.name)} is removed.")

        text = "It is no longer loaded. Its runs, readings and objects stay."
        self._ask_first(opened, Confirm(f"Remove {plain(city.name)}?", text, "Remove"), decided)

    def _ask_first(self, opened: Workspace, question: Dialog, answered: Callable[[Any], None]) -> None:
        """Ask what needs asking, of those who may manage the schedule."""

        def ask(_none: None) -> None:
            self._screen.app.push_screen(question, answered)

        self._off_loop(opened.pipelines.require_schedule_management, ask)

    def _edit(self, change: Callable[[], None], done: str) -> None:
        self._off_loop(change, lambda _none: self._tell(done), "")

    def _test_city(self, opened: Workspace) -> None:
        city = self._selected_city("test")
        if city is None:
            return
        self._tell(f"Asking the weather API for {plain(city.name)}.")

        def ask() -> str:
            units = opened.pipelines.setup().policy.units
            return answer_text(opened.pipelines.test_city(city), units)

        self._off_loop(ask, self._tell_result)

    # ---- taking away ----------------------------------------------------------------------------------------------

    def _copy(self, opened: Workspace) -> None:
        if self._screen.focused is self._cities:
            if (city := self._selected_city("copy")) is not None:
                self._copied(city.name)
            return
        line = self._selected_line("copy")
        if line is None or line.run.run_id is None:
            return
        run_id = line.run.run_id
        if line.city is not None:
            self._copied(line.city.city.object_key or run_id)
            return

        def wanted() -> str:
            cities = opened.pipelines.run(run_id).cities
            return (cities[0].object_key or run_id) if len(cities) == 1 else run_id

        self._off_loop(wanted, self._copied)

    def _copied(self, text: str) -> None:
        copy(self._screen.app, text)
        self._tell_result(f"Sent to the terminal's clipboard: {plain(text)}")

    def _export(self, _opened: Workspace) -> None:
        rows = [line.run for line in self._grid.shown if line.city is None]
        if not rows:
            self._tell("No runs are shown, so there is nothing to export.", "warning")
            return
        name = self._now().astimezone().strftime("runs-%Y%m%dT%H%M%S")

        def write() -> str:
            documents = [exported(row) for row in rows]
            write_whole(self._exports_dir / f"{name}.csv", csv_of(documents))
            write_whole(self._exports_dir / f"{name}.json", json.dumps(documents, indent=1).encode())
            runs = "1 run" if len(rows) == 1 else f"{len(rows)} runs"
            return f"{runs} exported: {self._exports_dir.name}/{name}.csv and .json"

        self._off_loop(write, self._tell_result)

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _selected_line(self, what: str) -> Line | None:
        line = self._grid.line
        if line is None:
            self._tell(f"There is no run to {what}.", "warning")
        elif line.run.run_id is None:
            self._tell(
                "This hour was missed: no run exists, and the API only tells the current weather.",
                "warning",
            )
        return line

    def _selected_run(self, what: str) -> GridRow | None:
        line = self._selected_line(what)
        return line.run if line else None

    def _selected_city(self, what: str) -> City | None:
        """The city selected in the panel that has the focus; on a run of many cities none is."""
        line = self._grid.line
        if self._screen.focused is self._grid and line is not None and line.city is not None:
            return City(line.city.city.city, line.city.city.slug)
        if self._cities.city is None:
            self._tell(f"There is no city to {what}.", "warning")
            return None
        return self._cities.city.city

    def _off_loop(self, work: Callable[[], T], then: Callable[[T], None], look_at: str | None = None) -> None:
        def done(result: T) -> None:
            if look_at is not None:
                self._feed.look_again(look_at or None)
            then(result)

        def again() -> None:
            self._off_loop(work, then, look_at)

        off_loop(self._screen, work, done, lambda error: self._shell.explain(error, again))

    def _tell(self, text: str, severity: str = "information") -> None:
        self._screen.notify(text, severity=severity, markup=False)  # type: ignore[arg-type]

    def _tell_result(self, text: str) -> None:
        """What was asked for, which takes longer to read than that something was done."""
        self._screen.notify(text, timeout=FAILURE_S, markup=False)


def csv_of(documents: Sequence[dict[str, object]]) -> bytes:
    """Flat documents as CSV with a heading, RFC 4180."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(documents[0]))
    writer.writeheader()
    writer.writerows(documents)
    return text.getvalue().encode()
