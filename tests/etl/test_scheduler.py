"""The hourly loop: each hour once, no catch-up, missed hours recorded, and nothing that goes wrong ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from etl import scheduler as scheduling
from etl.cities import city_of
from etl.errors import DeadlineExceeded, HistoryError, QuotaExceeded
from etl.history import requests
from etl.models import Trigger, rfc3339
from etl.run import RunOutcome, RunRequest, Stopped
from etl.scheduler import AGAIN_AFTER_S, Scheduler
from tests.conftest import HOUR, Pipeline, wait_until
from tests.simulators.weather_api import ok, server_error


class Schedule:
    """A scheduler over the pipeline of a test, with what it ran and told."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.requests: list[RunRequest] = []
        self.problems: list[str] = []
        self.instead: Callable[[], RunOutcome] | None = None
        runner = pipeline.runner()

        def run(request: RunRequest, *, stop: threading.Event) -> RunOutcome:
            self.requests.append(request)
            return self.instead() if self.instead is not None else runner.run(request, stop=stop)

        self.scheduler = Scheduler(
            run=run,
            database=pipeline.open_database(),
            source_name=lambda: "openweather",
            cities=lambda: (city_of("Portland"),),
            clock=pipeline.clock,
            on_problem=self.problems.append,
        )

    @property
    def hours(self) -> list[datetime]:
        return [request.logical_time for request in self.requests]

    def missed(self) -> list[str]:
        return [row[0] for row in self.pipeline.rows("SELECT logical_time FROM missed_hour ORDER BY logical_time")]


@pytest.fixture
def schedule(pipeline: Pipeline) -> Iterator[Schedule]:
    made = Schedule(pipeline)
    yield made
    made.scheduler.stop()


def loaded(pipeline: Pipeline, hours: int) -> bool:
    return len(pipeline.objects()) == hours


def hours_on(count: int) -> datetime:
    return HOUR + timedelta(hours=count)


def test_each_hour_runs_once_however_often_the_loop_looks(schedule: Schedule, pipeline: Pipeline) -> None:
    for _ in range(3 * 60):
        schedule.scheduler.tick()
        pipeline.clock.advance(60)
    assert schedule.hours == [hours_on(i) for i in range(4)]
    assert {request.trigger for request in schedule.requests} == {Trigger.SCHEDULE}
    assert len(pipeline.objects()) == 4
    assert schedule.missed() == []


def test_an_hour_that_cron_loaded_is_not_loaded_again(schedule: Schedule, pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    calls = pipeline.api.count()
    outcome = schedule.scheduler.tick()
    assert outcome is not None
    assert outcome.already_loaded == 1
    assert pipeline.api.count() == calls


def test_after_a_sleep_the_newest_hour_runs_and_the_others_are_missed(schedule: Schedule, pipeline: Pipeline) -> None:
    schedule.scheduler.tick()
    pipeline.clock.advance(4 * 3600)
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR, hours_on(4)]
    assert schedule.missed() == [rfc3339(hours_on(i)) for i in (1, 2, 3)]


def test_a_new_workspace_has_missed_nothing(schedule: Schedule) -> None:
    schedule.scheduler.tick()
    assert schedule.missed() == []


def test_hours_missed_before_a_restart_are_recorded_by_the_next_scheduler(pipeline: Pipeline) -> None:
    Schedule(pipeline).scheduler.tick()
    pipeline.clock.advance(3 * 3600)
    restarted = Schedule(pipeline)
    restarted.scheduler.tick()
    assert restarted.missed() == [rfc3339(hours_on(i)) for i in (1, 2)]


def test_a_paused_scheduler_runs_nothing_and_records_what_it_missed_when_it_resumes(
    schedule: Schedule, pipeline: Pipeline
) -> None:
    schedule.scheduler.tick()
    requests.pause_scheduler(pipeline.database, paused=True, now=pipeline.clock.now())
    assert requests.paused_since(pipeline.database) == pipeline.clock.now()
    for _ in range(3):
        pipeline.clock.advance(3600)
        assert schedule.scheduler.tick() is None
    requests.pause_scheduler(pipeline.database, paused=False, now=pipeline.clock.now())
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR, hours_on(3)]
    assert schedule.missed() == [rfc3339(hours_on(i)) for i in (1, 2)]


@pytest.mark.parametrize("step_hours", [-1, -24, 24, 24 * 400])
def test_a_clock_that_steps_loads_no_hour_twice(schedule: Schedule, pipeline: Pipeline, step_hours: int) -> None:
    schedule.scheduler.tick()
    pipeline.clock.step(3600 * step_hours)
    schedule.scheduler.tick()
    pipeline.clock.step(-3600 * step_hours)
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR, hours_on(step_hours), HOUR]
    assert len(pipeline.objects()) == 2
    assert len(schedule.missed()) <= scheduling.MOST_MISSED


def test_two_schedulers_load_an_hour_once(pipeline: Pipeline) -> None:
    outcomes = [Schedule(pipeline).scheduler.tick() for _ in range(2)]
    assert [outcome.loaded for outcome in outcomes if outcome] == [1, 0]
    assert pipeline.api.count() == 2


@pytest.mark.parametrize("error", [QuotaExceeded("later"), DeadlineExceeded("later")])
def test_what_was_left_for_later_is_run_again_in_the_same_hour(
    schedule: Schedule, pipeline: Pipeline, error: Any
) -> None:
    schedule.instead = lambda: RunOutcome("x", failures=[error])
    schedule.scheduler.tick()
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR]
    pipeline.clock.advance(AGAIN_AFTER_S)
    schedule.instead = None
    schedule.scheduler.tick()
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR, HOUR]
    assert len(pipeline.objects()) == 1


def test_an_hour_that_failed_because_the_api_was_away_is_tried_again_within_it(
    schedule: Schedule, pipeline: Pipeline
) -> None:
    pipeline.api.script_default([server_error()])
    ticking = threading.Thread(target=schedule.scheduler.tick)
    ticking.start()
    pipeline.advance_until(lambda: not ticking.is_alive(), step_s=10)
    assert pipeline.rows("SELECT state FROM run") == [("failed",)]
    schedule.scheduler.tick()
    assert pipeline.rows("SELECT state FROM run") == [("failed",)]
    pipeline.api.script_default([ok()])
    pipeline.clock.advance(301)
    schedule.scheduler.tick()
    assert pipeline.rows("SELECT state FROM run") == [("success",)]


def test_an_hour_that_another_process_holds_is_looked_at_again(schedule: Schedule, pipeline: Pipeline) -> None:
    schedule.instead = lambda: RunOutcome("x", busy=[city_of("Portland")])
    schedule.scheduler.tick()
    pipeline.clock.advance(AGAIN_AFTER_S)
    schedule.scheduler.tick()
    assert schedule.hours == [HOUR, HOUR]


# ---- the loop ------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop looks twenty times a second instead of every few seconds."""
    monkeypatch.setattr(scheduling, "TICK_S", 0.05)


@pytest.mark.usefixtures("quick")
def test_the_loop_runs_every_hour_until_it_is_stopped(schedule: Schedule, pipeline: Pipeline) -> None:
    thread = threading.Thread(target=schedule.scheduler.run_forever, daemon=True)
    thread.start()
    for hour in range(3):
        wait_until(partial(loaded, pipeline, hour + 1))
        pipeline.clock.advance(3600)
    schedule.scheduler.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert schedule.hours[:3] == [hours_on(i) for i in range(3)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", [ZeroDivisionError("a fault"), HistoryError("disk"), OSError("gone")])
def test_an_error_is_told_and_the_loop_goes_on(schedule: Schedule, pipeline: Pipeline, error: Exception) -> None:
    def fail() -> RunOutcome:
        raise error

    schedule.instead = fail
    schedule.scheduler.start()
    wait_until(lambda: schedule.problems)
    assert str(error) in schedule.problems[0]
    schedule.instead = None
    pipeline.clock.advance(AGAIN_AFTER_S)
    wait_until(lambda: len(pipeline.objects()) == 1)
    pipeline.clock.advance(3600)
    wait_until(lambda: len(pipeline.objects()) == 2)


@pytest.mark.usefixtures("quick")
def test_a_stopped_run_is_no_problem(schedule: Schedule) -> None:
    def stopped() -> RunOutcome:
        raise Stopped

    schedule.instead = stopped
    schedule.scheduler.start()
    wait_until(lambda: schedule.requests)
    schedule.scheduler.stop()
    assert schedule.problems == []
