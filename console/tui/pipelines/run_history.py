"""Keeps the loaded part of the run history current: the newest page, older pages as they are wanted, changed rows only.

Everything here reads the workspace and belongs to the feed's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from console.actions.errors import NoSuchRun
from console.actions.pipelines import Pipelines
from console.tui.pipelines.run_lines import RunDetail, RunFilter, Runs, row_key
from etl.history.queries import GridRow

FIRST_PAGE = 25
PAGE = 50
HEAD = 4  # newest rows that are compared to see whether anything was added


class RunHistory:
    """The loaded rows. Raises what `Pipelines` raises."""

    def __init__(self, pipelines: Pipelines) -> None:
        self._pipelines = pipelines
        self._rows: list[GridRow] = []
        self._details: dict[str, RunDetail] = {}
        self._complete = False
        self._running: set[str] = set()
        self.wanted = RunFilter()
        self.unfolded: frozenset[str] = frozenset()

    @property
    def runs(self) -> Runs:
        """What is loaded, as a value."""
        return Runs(tuple(self._rows), dict(self._details), self._complete, self.wanted, self.unfolded)

    def ask(self, wanted: RunFilter, unfolded: frozenset[str]) -> None:
        """From now on show these runs, and those of them unfolded."""
        if (wanted.city, wanted.exact) != (self.wanted.city, self.wanted.exact):
            self._details.clear()
        self.wanted, self.unfolded = wanted, unfolded
        if not wanted.city:
            for run_id in self._details.keys() - unfolded:
                del self._details[run_id]

    def refresh(self, running: Iterable[str], also: Iterable[str]) -> None:
        """Read what may have changed: new rows, the runs at work now or at the last look, and those of `also`."""
        now_running = set(running)
        head = self._pipelines.grid(limit=HEAD)
        if [row_key(row) for row in head] != [row_key(row) for row in self._rows[: len(head)]]:
            self._read_newest()
        else:
            self._rows[: len(head)] = head
        stale = (now_running | self._running | set(also)) - {row.run_id for row in head}
        for index, row in enumerate(self._rows):
            if row.run_id in stale:
                self._rows[index] = self._pipelines.grid_row(row.run_id)
        for run_id in self._details.keys() & (now_running | self._running | set(also)):
            self._read_detail(run_id)
        self._running = now_running

    def load(self, enough: int, *, stopped: Callable[[], bool]) -> bool:
        """Read older pages until `enough` runs pass the filter or there are no more; False if stopped before that."""
        shown = self._fill_details(stopped)
        while shown < enough and not self._complete:
            if stopped():
                return False
            self._read_older()
            shown = self._fill_details(stopped)
        return not stopped()

    def _read_newest(self) -> None:
        page = self._pipelines.grid(limit=max(FIRST_PAGE, min(len(self._rows), PAGE)))
        known = {row_key(row) for row in page}
        overlaps = any(row_key(row) in known for row in self._rows)
        older = [row for row in self._rows if row.logical_time < page[-1].logical_time] if overlaps else []
        self._complete = len(page) < FIRST_PAGE or (self._complete and overlaps)
        self._rows = page + older

    def _read_older(self) -> None:
        """The next page. It starts with the last loaded time again, since several runs may share one."""
        if not self._rows:
            self._read_newest()
            self._complete = self._complete or not self._rows
            return
        oldest = self._rows[-1].logical_time
        known = {row_key(row) for row in self._rows if row.logical_time == oldest}
        page = self._pipelines.grid(limit=PAGE + len(known), before=oldest + timedelta(seconds=1))
        self._rows += [row for row in page if row_key(row) not in known]
        self._complete = len(page) < PAGE + len(known)

    def _fill_details(self, stopped: Callable[[], bool]) -> int:
        """Read the cities of every row that shows them; returns how many rows pass the filter."""
        shown = 0
        for row in self._rows:
            if not self.wanted.admits(row):
                continue
            if row.run_id is not None and (self.wanted.city or row.run_id in self.unfolded):
                if row.run_id not in self._details:
                    if stopped():
                        return shown
                    self._read_detail(row.run_id)
                shown += bool(self._details[row.run_id].cities)
            else:
                shown += not self.wanted.city
        return shown

    def _read_detail(self, run_id: str) -> None:
        try:
            cities = self._pipelines.run(run_id).cities
        except NoSuchRun:
            self._details[run_id] = RunDetail(())
            return
        self._details[run_id] = RunDetail.of(cities, self._pipelines.attempts(run_id), self.wanted)
