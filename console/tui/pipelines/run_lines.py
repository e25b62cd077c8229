"""What the run grid shows of the runs that are loaded: filter and unfolding, as plain values without any widget."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from etl.cities import same_city
from etl.models import CITY_TASKS, CityState, RunState, Task, TaskState, Trigger

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from etl.history.queries import AttemptRow, CityRow, GridRow

MISSED = "missed"
_STATES = frozenset([*(state.value for state in RunState), MISSED])
_TRIGGERS = frozenset(trigger.value for trigger in Trigger)
_QUOTED = re.compile(r'"([^\s"](?:.*\S)?)"')  # greedy: a name may itself hold quotes
_BAD = frozenset([RunState.FAILED.value, RunState.PARTIAL.value])


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are shown; empty is all. With `city`, only runs that have one whose name holds it, and only those;
    where `exact`, whose name it is."""

    states: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()
    city: str = ""
    exact: bool = False

    @classmethod
    def parse(cls, text: str) -> RunFilter:
        """Words: states (`failed` means runs in which anything failed), triggers; whatever else is part of a city's
        name. In double quotes a whole name, whatever its words are."""
        quoted = _QUOTED.search(text)
        words = _QUOTED.sub(" ", text).split()
        states = {word.lower() for word in words if word.lower() in _STATES}
        if RunState.FAILED.value in states:
            states |= _BAD
        triggers = {word.lower() for word in words if word.lower() in _TRIGGERS}
        rest = " ".join(word for word in words if word.lower() not in _STATES | _TRIGGERS)
        city, exact = (quoted[1], True) if quoted else (rest, False)
        return cls(frozenset(states), frozenset(triggers), city, exact)

    @staticmethod
    def text_for(city: str) -> str:
        """What to type for the city of exactly that name."""
        return f'"{city}"'

    def admits(self, row: GridRow) -> bool:
        """Whether the run passes by its state and trigger; its cities are another question."""
        state = row.state.value if row.state else MISSED
        if self.states and state not in self.states:
            return False
        return not self.triggers or (row.trigger is not None and row.trigger.value in self.triggers)

    def admits_city(self, city: CityRow) -> bool:
        wanted, name = same_city(self.city), same_city(city.city)
        return wanted == name if self.exact else wanted in name


@dataclass(frozen=True, slots=True)
class CityOfRun:
    """One city of an unfolded run, and the newest state of each of its tasks (none where it never started)."""

    city: CityRow
    tasks: Mapping[Task, TaskState]


@dataclass(frozen=True, slots=True)
class RunDetail:
    """The cities of one run that the filter admits: those with a problem first, else in the order of the run."""

    cities: tuple[CityOfRun, ...]

    @classmethod
    def of(cls, cities: Iterable[CityRow], attempts: Iterable[AttemptRow], wanted: RunFilter) -> RunDetail:
        kept = [city for city in cities if not wanted.city or wanted.admits_city(city)]
        kept.sort(key=lambda city: city.problem is None)
        slugs = {city.slug for city in kept}
        newest: dict[str, dict[Task, TaskState]] = {}
        for attempt in attempts:
            if attempt.slug in slugs:
                newest.setdefault(attempt.slug, {})[attempt.task] = attempt.state
        return cls(tuple(CityOfRun(city, newest.get(city.slug, {})) for city in kept))


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs that are loaded, newest first. `complete` is True when there is nothing older."""

    rows: tuple[GridRow, ...] = ()
    details: Mapping[str, RunDetail] = field(default_factory=dict)
    complete: bool = False
    wanted: RunFilter = RunFilter()
    unfolded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the grid: a run or a missed hour, or a city below its run."""

    run: GridRow
    city: CityOfRun | None = None
    unfolded: bool = False
    last: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What the line is about, whatever its state and place."""
        return row_key(self.run), self.city.city.slug if self.city else ""


def row_key(row: GridRow) -> str:
    """The run's id; for a missed hour what it would have been."""
    return row.run_id or f"{MISSED}:{row.source}:{row.logical_time.isoformat()}"


def lines_of(runs: Runs) -> list[Line]:
    """The lines to show, newest run first; a run is unfolded on request, or to show the city that is looked for."""
    lines: list[Line] = []
    for row in runs.rows:
        if not runs.wanted.admits(row):
            continue
        detail = runs.details.get(row.run_id or "")
        if runs.wanted.city and (detail is None or not detail.cities):
            continue
        unfolded = detail is not None and (bool(runs.wanted.city) or row.run_id in runs.unfolded)
        lines.append(Line(row, unfolded=unfolded))
        if detail is not None and unfolded:
            final = len(detail.cities) - 1
            lines += [Line(row, city, last=i == final) for i, city in enumerate(detail.cities)]
    return lines


def waiting_cities(cities: Iterable[CityRow]) -> list[CityRow]:
    """The cities whose retry waits."""
    return [city for city in cities if city.retry_at is not None and city.state is CityState.RUNNING]


def states_of(city: CityRow, tasks: Mapping[Task, TaskState], *, running: bool) -> dict[Task, TaskState]:
    """Where each of a city's tasks stands; without attempt it waits only while the run goes on, else it never runs.
    A retry that still waited when the run ended never goes either: the task failed."""
    if city.state is CityState.FAILED:
        never = TaskState.UPSTREAM_FAILED
    else:
        never = TaskState.QUEUED if running and city.state is CityState.RUNNING else TaskState.SKIPPED
    known = dict(tasks) if running else {task: _settled(state) for task, state in tasks.items()}
    return {task: known.get(task, never) for task in CITY_TASKS}


def _settled(state: TaskState) -> TaskState:
    return TaskState.FAILED if state is TaskState.UP_FOR_RETRY else state


def counts_of(row: GridRow, task: Task) -> dict[TaskState, int]:
    """How many of an ended run's cities stand where in a task, those included that it never ran for."""
    counts = dict(row.tasks[task].counts) if task in row.tasks else {}
    expected = 1 if task is Task.CHECK else sum(row.city_states.values())
    if row.state is RunState.RUNNING:
        return counts
    if dropped := counts.pop(TaskState.UP_FOR_RETRY, 0):
        counts[TaskState.FAILED] = counts.get(TaskState.FAILED, 0) + dropped
    never = expected - sum(counts.values())
    if never <= 0:
        return counts
    failed = 0
    if task is not Task.CHECK:
        ended = sum(counts.get(state, 0) for state in (TaskState.FAILED, TaskState.UPSTREAM_FAILED))
        failed = min(never, max(row.city_states.get(CityState.FAILED, 0) - ended, 0))
    for state, count in ((TaskState.UPSTREAM_FAILED, failed), (TaskState.SKIPPED, never - failed)):
        if count:
            counts[state] = counts.get(state, 0) + count
    return counts


def loaded_of(row: GridRow) -> tuple[int, int]:
    """How many of the run's cities are loaded, of how many."""
    return row.city_states.get(CityState.SUCCESS, 0), sum(row.city_states.values())


def exported(row: GridRow) -> dict[str, object]:
    """A row of the grid as a flat document."""
    loaded, total = loaded_of(row)
    return {
        "run_id": row.run_id,
        "logical_time": _instant(row.logical_time),
        "source": row.source,
        "trigger": row.trigger.value if row.trigger else None,
        "state": row.state.value if row.state else MISSED,
        "started": _instant(row.started) if row.started else None,
        "duration_s": round(row.duration_s, 3),
        "cities": total,
        "cities_loaded": loaded,
        **{task.value: row.tasks[task].state.value if task in row.tasks else None for task in Task},
        "missed_because": row.missed_because,
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
