"""What the grid shows of loaded runs: filters, unfolding, export, without any widget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.tui.pipelines.run_lines import (
    CityOfRun,
    RunDetail,
    RunFilter,
    Runs,
    counts_of,
    exported,
    lines_of,
    states_of,
)
from etl.history.queries import CityRow, GridRow, Problem, TaskCell
from etl.models import CITY_TASKS, CityState, RunState, Task, TaskState, Trigger

HOUR = datetime(2026, 11, 24, 14, tzinfo=UTC)


def run(ago: int, state: RunState | None = RunState.SUCCESS, trigger: Trigger | None = Trigger.SCHEDULE) -> GridRow:
    at = HOUR - timedelta(hours=ago)
    if state is None:
        return GridRow(at, "practice", None, None, None, 0.0, None, {}, missed_because="no scheduler ran")
    return GridRow(at, "practice", f"run-{ago}", state, trigger, 1.5, at, {CityState.SUCCESS: 2})


def city(name: str, problem: Problem | None = None) -> CityRow:
    state = CityState.FAILED if problem else CityState.SUCCESS
    return CityRow(name, name.lower(), state, None, dict.fromkeys(CITY_TASKS, 1), problem, None)


ROWS = (run(0), run(1, RunState.PARTIAL, Trigger.MANUAL), run(2, None), run(3, RunState.FAILED), run(4))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("failed", [1, 3]),
        ("missed", [2]),
        ("manual", [1]),
        ("FAILED schedule", [3]),
        ("success missed", [0, 2, 4]),
    ],
)
def test_words_filter_by_state_and_trigger(text: str, shown: list[int]) -> None:
    lines = lines_of(Runs(ROWS, wanted=RunFilter.parse(text)))
    assert [line.run for line in lines] == [ROWS[index] for index in shown]


def test_other_words_look_for_a_city_and_show_its_tasks() -> None:
    wanted = RunFilter.parse("failed new york")
    assert wanted.city == "new york"
    found = RunDetail.of([city("New York"), city("Oslo")], [], wanted)
    lines = lines_of(Runs(ROWS, {"run-1": found, "run-3": RunDetail(())}, wanted=wanted))
    assert [line.key for line in lines] == [("run-1", ""), ("run-1", "new york")]


@pytest.mark.parametrize("name", ["Portland", "Success", "manual failed", 'The "Big" One', "São Paulo  X", "x"])
def test_a_city_is_found_by_its_exact_name_whatever_its_words(name: str) -> None:
    wanted = RunFilter.parse(f"failed {RunFilter.text_for(name)}")
    assert (wanted.city, "failed" in wanted.states) == (name, True)
    assert wanted.admits_city(city(name))
    assert not wanted.admits_city(city(name + " East"))


def test_an_unfolded_run_shows_cities_with_a_problem_first() -> None:
    problem = Problem("extract_weather_data", "city_not_found", "no such place")
    found = RunDetail.of([city("Oslo"), city("Nowhere", problem)], [], RunFilter())
    lines = lines_of(Runs(ROWS[:1], {"run-0": found}, unfolded=frozenset(["run-0"])))
    assert [line.key[1] for line in lines] == ["", "nowhere", "oslo"]
    assert lines[-1].last
    assert lines_of(Runs(ROWS[:1], {"run-0": found})) != lines


def test_tasks_of_a_city_are_those_of_its_newest_attempts() -> None:
    assert RunDetail.of([city("Oslo")], [], RunFilter()).cities == (CityOfRun(city("Oslo"), {}),)


def test_an_exported_row_is_flat_and_in_utc() -> None:
    document = exported(ROWS[0])
    assert document["logical_time"] == "2026-11-24T14:00:00Z"
    assert (document["cities"], document["cities_loaded"], document["duration_s"]) == (2, 2, 1.5)
    assert exported(ROWS[2])["state"] == "missed"
    assert set(Task) <= exported(ROWS[2]).keys()


@pytest.mark.parametrize(
    ("state", "running", "never"),
    [
        (CityState.RUNNING, True, TaskState.QUEUED),
        (CityState.RUNNING, False, TaskState.SKIPPED),
        (CityState.SKIPPED, True, TaskState.SKIPPED),
        (CityState.FAILED, False, TaskState.UPSTREAM_FAILED),
    ],
)
def test_a_task_without_attempt_waits_only_while_its_run_goes_on(
    state: CityState, running: bool, never: TaskState
) -> None:
    row = CityRow("Oslo", "oslo", state, None, dict.fromkeys(CITY_TASKS, 0), None, None)
    found = states_of(row, {Task.EXTRACT: TaskState.SUCCESS}, running=running)
    assert found == {Task.EXTRACT: TaskState.SUCCESS, Task.TRANSFORM: never, Task.LOAD: never}


def test_an_ended_run_has_no_city_that_waits() -> None:
    cities = {CityState.SUCCESS: 1, CityState.FAILED: 1, CityState.SKIPPED: 3}
    cell = TaskCell(TaskState.SUCCESS, {TaskState.SUCCESS: 1})
    ended = GridRow(HOUR, "practice", "run", RunState.PARTIAL, Trigger.MANUAL, 1.0, HOUR, cities, {Task.LOAD: cell})
    assert counts_of(ended, Task.LOAD) == {
        TaskState.SUCCESS: 1,
        TaskState.UPSTREAM_FAILED: 1,
        TaskState.SKIPPED: 3,
    }
    assert counts_of(ended, Task.CHECK) == {TaskState.SKIPPED: 1}


def test_a_retry_that_waited_when_its_run_was_cancelled_is_a_failure() -> None:
    waits = {TaskState.UP_FOR_RETRY: 2}
    cell = TaskCell(TaskState.UP_FOR_RETRY, waits)
    cities = {CityState.SKIPPED: 2}
    ended = GridRow(HOUR, "practice", "run", RunState.FAILED, Trigger.MANUAL, 1.0, HOUR, cities, {Task.EXTRACT: cell})
    assert counts_of(ended, Task.EXTRACT) == {TaskState.FAILED: 2}
    row = CityRow("Oslo", "oslo", CityState.SKIPPED, None, dict.fromkeys(CITY_TASKS, 0), None, None)
    assert states_of(row, {Task.EXTRACT: TaskState.UP_FOR_RETRY}, running=False)[Task.EXTRACT] is TaskState.FAILED
