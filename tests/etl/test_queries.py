"""Reading the history: what the command line prints and the console draws."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etl.errors import LakeUnavailable
from etl.history import queries, requests
from etl.models import HOUR_S, CityState, RunState, Task, TaskState, Units, ts_of
from tests.conftest import HOUR, START, Pipeline, wait_until
from tests.simulators.weather_api import not_found, ok, server_error, stall

RUN = "openweather-20261123T210000"


@pytest.fixture
def partial(pipeline: Pipeline) -> Pipeline:
    """A run whose second city failed."""
    pipeline.api.script("Oslo", [not_found()])
    pipeline.run("Portland", "Oslo")
    return pipeline


def test_runs_come_newest_first_and_no_more_than_asked_for(pipeline: Pipeline) -> None:
    for hour in range(4):
        pipeline.run(at=HOUR + timedelta(hours=hour))
        pipeline.clock.advance(HOUR_S)
    rows = queries.newest_runs(pipeline.database, limit=3)
    assert [row.logical_time for row in rows] == [HOUR + timedelta(hours=hour) for hour in (3, 2, 1)]


def test_a_run_has_its_cities_in_order_with_their_attempts_and_problems(partial: Pipeline) -> None:
    row = queries.find_run(partial.database, RUN)
    assert row is not None
    assert (row.state, row.units, row.started, row.ended) == (RunState.PARTIAL, Units.STANDARD, START, START)
    portland, oslo = row.cities
    assert (portland.state, portland.problem, portland.attempts) == (
        CityState.SUCCESS, None, {Task.EXTRACT: 1, Task.TRANSFORM: 1, Task.LOAD: 1},
    )  # fmt: skip
    assert (oslo.state, oslo.object_key, oslo.attempts) == (
        CityState.FAILED, None, {Task.EXTRACT: 1, Task.TRANSFORM: 0, Task.LOAD: 0},
    )  # fmt: skip
    assert oslo.problem is not None
    assert (oslo.problem.task, oslo.problem.kind) == (Task.EXTRACT, "city_not_found")
    assert queries.find_run(partial.database, "nothing") is None


def test_the_document_of_a_run_has_the_contracts_fields_in_order(partial: Pipeline) -> None:
    row = queries.find_run(partial.database, RUN)
    assert row is not None
    document = queries.run_document(row)
    assert list(document) == [
        "run_id", "logical_time", "ts", "trigger", "state", "source", "duration_s", "cities",
    ]  # fmt: skip
    assert list(document["cities"][0]) == ["city", "slug", "state", "object", "attempts", "error"]
    assert queries.run_document(row, already_loaded=True)["already_loaded"] is True


def test_attempts_come_in_the_order_of_the_pipeline(partial: Pipeline) -> None:
    found = [(row.task, row.city, row.attempt, row.state) for row in queries.attempts(partial.database, RUN)]
    assert found == [
        (Task.CHECK, "", 1, TaskState.SUCCESS),
        (Task.EXTRACT, "Portland", 1, TaskState.SUCCESS),
        (Task.TRANSFORM, "Portland", 1, TaskState.SUCCESS),
        (Task.LOAD, "Portland", 1, TaskState.SUCCESS),
        (Task.EXTRACT, "Oslo", 1, TaskState.FAILED),
        (Task.TRANSFORM, "Oslo", 0, TaskState.UPSTREAM_FAILED),
        (Task.LOAD, "Oslo", 0, TaskState.UPSTREAM_FAILED),
    ]
    assert [row.city for row in queries.attempts(partial.database, RUN, slug="oslo")] == ["", "Oslo", "Oslo", "Oslo"]


def test_the_log_of_an_attempt_can_be_read_on(partial: Pipeline) -> None:
    lines = queries.log_lines(partial.database, RUN, "portland", Task.EXTRACT, 1)
    assert "saved" in lines[0].text
    assert queries.log_lines(partial.database, RUN, "portland", Task.EXTRACT, 1, after_line=lines[-1].line) == []
    assert queries.attempt_document(queries.attempts(partial.database, RUN)[1], lines)["log"][0].startswith(
        "2026-11-23T21:17:05Z INFO saved"
    )


def test_the_grid_shows_runs_and_missed_hours_newest_first(partial: Pipeline) -> None:
    hours = [HOUR - timedelta(hours=hour) for hour in (1, 2)]
    requests.record_missed(partial.database, "openweather", [*hours, HOUR], reason="asleep", now=START)
    rows = queries.grid(partial.database, limit=10)
    assert [(row.logical_time, row.run_id, row.missed_because) for row in rows] == [
        (HOUR, RUN, None),
        (hours[0], None, "asleep"),
        (hours[1], None, "asleep"),
    ]
    assert queries.grid(partial.database, limit=1) == rows[:1]
    assert queries.grid(partial.database, limit=10, before=HOUR) == rows[1:]


def test_a_grid_cell_shows_the_most_telling_state_and_counts_all(partial: Pipeline) -> None:
    row = queries.grid_row(partial.database, RUN)
    assert row is not None
    assert row.tasks[Task.CHECK].state is TaskState.SUCCESS
    assert row.tasks[Task.EXTRACT].state is TaskState.FAILED
    assert row.tasks[Task.EXTRACT].counts == {TaskState.SUCCESS: 1, TaskState.FAILED: 1}
    assert row.tasks[Task.LOAD].state is TaskState.UPSTREAM_FAILED
    assert row.city_states == {CityState.SUCCESS: 1, CityState.FAILED: 1}


def test_cities_that_have_not_begun_are_queued_while_the_run_goes_on(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [stall()])
    running = pipeline.start("Portland", "Oslo", "Rome", concurrency=1)
    wait_until(lambda: pipeline.rows("SELECT 1 FROM attempt WHERE (slug, state) = ('oslo', 'running')"))
    row = queries.grid_row(pipeline.database, RUN)
    assert row is not None
    assert row.tasks[Task.EXTRACT].state is TaskState.RUNNING
    assert row.tasks[Task.EXTRACT].counts[TaskState.QUEUED] == 1
    assert queries.running_runs(pipeline.database) == [RUN]
    pipeline.api.release()
    assert running.outcome.loaded == 3
    assert queries.running_runs(pipeline.database) == []


def test_a_waiting_retry_is_visible_with_its_time(pipeline: Pipeline) -> None:
    pipeline.api.script("Oslo", [server_error(), ok()])
    running = pipeline.start("Portland", "Oslo")
    due = START + timedelta(seconds=120)

    def visible() -> bool:
        row = queries.grid_row(pipeline.database, RUN)
        return row is not None and row.next_retry_at == due

    wait_until(visible)
    problem = queries.last_problem(pipeline.database, source="openweather")
    assert problem is not None
    assert (problem.city, problem.problem.kind) == ("Oslo", "source_unavailable")
    pipeline.clock.advance(120)
    assert running.outcome.loaded == 2
    assert queries.last_problem(pipeline.database, source="openweather") is None


def test_readings_are_the_latest_and_a_series_per_city_and_source(pipeline: Pipeline) -> None:
    for hour in range(3):
        pipeline.api.script("Portland", [ok(main={"temp": 280 + hour, "humidity": 50})])
        pipeline.run("Portland", at=HOUR + timedelta(hours=hour))
        pipeline.clock.advance(HOUR_S)
    latest = queries.latest_readings(pipeline.database, source="openweather", slugs=["portland", "oslo"])
    assert {slug: reading.temperature for slug, reading in latest.items()} == {"portland": 282}
    series = queries.readings(pipeline.database, source="openweather", slug="portland", since=HOUR + timedelta(hours=1))
    assert [reading.temperature for reading in series] == [281, 282]
    assert queries.latest_readings(pipeline.database, source="practice", slugs=["portland"]) == {}


def test_a_citys_files_are_found_where_its_run_staged_them(pipeline: Pipeline) -> None:
    pipeline.run("Portland", source="practice")
    pipeline.run("Portland")
    found = queries.staged_files(pipeline.database, RUN, "portland", pipeline.staging)
    assert found is not None
    assert found[0] == pipeline.staging / "openweather" / f"portland_weather_raw_{ts_of(HOUR)}.json"
    assert all(path.exists() for path in found)
    assert queries.staged_files(pipeline.database, RUN, "oslo", pipeline.staging) is None


def test_the_change_mark_changes_with_every_write_of_another_connection(pipeline: Pipeline) -> None:
    before = queries.change_mark(pipeline.database)
    assert queries.change_mark(pipeline.database) == before
    requests.pause_scheduler(pipeline.open_database(), paused=True, now=START)
    assert queries.change_mark(pipeline.database) != before


def test_errors_say_if_a_retry_may_help() -> None:
    assert LakeUnavailable("slow").retryable
