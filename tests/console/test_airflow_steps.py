"""The steps that Airflow's tasks call, without Airflow: claims across processes, retries, and the names of runs."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from console.airflow.steps import (
    AlreadyLoaded,
    HeldElsewhere,
    Steps,
    Try,
    configured_policy,
    logical_time_of,
    open_steps,
    worth_another_try,
)
from console.config_errors import ConfigError
from etl.cities import city_of
from etl.errors import (
    Cancelled,
    CityNotFound,
    DataRejected,
    EtlError,
    InvalidKey,
    MissedHour,
    QuotaExceeded,
    SensorTimeout,
    SourceUnavailable,
)
from etl.history import owner, requests
from etl.history.claims import settle_interrupted
from etl.lake.folder import FolderLake
from etl.models import RunPolicy, Units, ts_of
from etl.quota import HOLD_S
from etl.run import RunnerParts
from etl.sources.openweather import OpenWeather
from tests.conftest import API_KEY, HOUR, Lakewarden, Pipeline
from tests.simulators.weather_api import WeatherApiSimulator, not_found, ok, raw, server_error, too_many, unauthorized

RUN = "openweather-20261123T210000"
KEY = "weather-data/portland_weather_20261123T210000.json"
AIRFLOW_RUN = "scheduled__2026-11-23T21:00:00+00:00"


def steps(
    pipeline: Pipeline,
    *cities: str,
    number: int = 1,
    last: bool = False,
    at: datetime = HOUR,
    run: str = AIRFLOW_RUN,
    wait: Callable[[float], None] | None = None,
    **policy: Any,
) -> Steps:
    """The steps of one try, as another process would open them: with its own connection."""

    def open_source(units: Units) -> OpenWeather:
        return OpenWeather(
            api_key=API_KEY, base_url=pipeline.api.base_url, units=units, timeout_s=pipeline.timeout_s, connections=1
        )

    parts = RunnerParts(
        database=pipeline.open_database(),
        source_name="openweather",
        lake_url=str(pipeline.lake_dir),
        open_source=open_source,
        open_lake=lambda: FolderLake(pipeline.lake_dir),
        staging_dir=pipeline.staging,
        locks_dir=pipeline.locks,
        policy=dataclasses.replace(pipeline.policy, **policy),
        clock=pipeline.clock,
    )
    names = tuple(city_of(name) for name in cities or ("Portland",))
    return Steps(parts, names, Try(run, at, number, last), wait=wait or pipeline.clock.advance)


def run_city(pipeline: Pipeline, city: str = "Portland", *cities: str) -> str:
    """One city's three tasks, each as a process of its own."""
    raw_file = steps(pipeline, city, *cities).extract(city)
    transformed = steps(pipeline, city, *cities).transform(city, raw_file)
    return steps(pipeline, city, *cities).load(city, transformed)


def attempts(pipeline: Pipeline, slug: str = "portland") -> list[tuple[Any, ...]]:
    rows = pipeline.rows("SELECT task, attempt, state FROM attempt WHERE slug = ? ORDER BY task, attempt", slug)
    return [(task.split("_")[0], attempt, state) for task, attempt, state in rows]


def city_states(pipeline: Pipeline) -> dict[str, str]:
    return dict(pipeline.rows("SELECT slug, state FROM run_city"))


def run_state(pipeline: Pipeline) -> tuple[Any, ...]:
    return pipeline.rows("SELECT trigger, state FROM run")[0]


def settle(pipeline: Pipeline) -> int:
    """What `lakewarden runs` does before it lists: mark what dead owners left."""
    now = pipeline.clock.now()
    return settle_interrupted(
        pipeline.database, is_alive=lambda who: owner.is_held(pipeline.locks, who, now=now), now=now
    )


# ---- the way of a run ------------------------------------------------------------


def test_a_run_loads_every_city_and_is_told_like_any_other_run(pipeline: Pipeline) -> None:
    assert steps(pipeline, "Portland", "New York").check() == ["Portland", "New York"]
    assert run_state(pipeline) == ("airflow", "running")
    assert city_states(pipeline) == {"portland": "running", "new_york": "running"}

    raw_file = steps(pipeline, "Portland", "New York").extract("Portland")
    assert raw_file == pipeline.staging / "portland_weather_raw_20261123T210000.json"
    transformed = steps(pipeline, "Portland", "New York").transform("Portland", raw_file)
    assert transformed == pipeline.staging / "portland_weather_transformed_20261123T210000.json"
    assert steps(pipeline, "Portland", "New York").load("Portland", transformed) == KEY
    assert run_state(pipeline) == ("airflow", "running")  # the other city is still on its way

    run_city(pipeline, "New York", "Portland")
    assert run_state(pipeline) == ("airflow", "success")
    assert attempts(pipeline, "") == [("check", 1, "success")]
    assert attempts(pipeline) == [("extract", 1, "success"), ("load", 1, "success"), ("transform", 1, "success")]
    assert pipeline.objects() == ["weather-data/new_york_weather_20261123T210000.json", KEY]
    assert json.loads((pipeline.lake_dir / KEY).read_text())["city"] == "Portland"
    assert pipeline.rows("SELECT slug FROM reading ORDER BY slug") == [("new_york",), ("portland",)]
    assert pipeline.rows("SELECT text FROM task_log WHERE slug = 'portland' AND task LIKE 'load%'") == [
        (f"stored {KEY}",)
    ]


def test_a_task_reads_the_path_that_the_task_before_handed_over(pipeline: Pipeline, tmp_path: Path) -> None:
    elsewhere = tmp_path / "moved.json"
    steps(pipeline).extract("Portland").rename(elsewhere)
    transformed = steps(pipeline).transform("Portland", elsewhere)
    assert json.loads(transformed.read_text())["city"] == "Portland"


# ---- together with cron and console ------------------------------------------------------------


def test_what_cron_has_loaded_is_skipped_without_a_call(pipeline: Pipeline) -> None:
    pipeline.run("Portland")
    calls = pipeline.api.count()
    assert steps(pipeline).check() == ["Portland"]
    with pytest.raises(AlreadyLoaded, match="Portland is loaded for 2026-11-23T21:00:00Z"):
        steps(pipeline).extract("Portland")
    assert pipeline.api.count() == calls
    assert run_state(pipeline) == ("cron", "success")


def test_what_airflow_has_loaded_is_done_for_cron(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    run_city(pipeline)
    calls = pipeline.api.count()
    assert pipeline.run("Portland").already_loaded == 1
    assert pipeline.api.count() == calls


def test_between_two_steps_nobody_takes_the_city_over_and_nothing_counts_as_interrupted(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    raw_file = steps(pipeline).extract("Portland")
    assert [city.name for city in pipeline.run("Portland").busy] == ["Portland"]
    assert settle(pipeline) == 0
    assert city_states(pipeline) == {"portland": "running"}
    pipeline.clock.advance(pipeline.policy.deadline_s)  # a long wait in Airflow's queue
    assert settle(pipeline) == 0
    steps(pipeline).transform("Portland", raw_file)


def test_a_run_that_airflow_never_goes_on_with_ends_as_interrupted_and_cron_completes_it(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    steps(pipeline).extract("Portland")
    pipeline.clock.advance(pipeline.policy.deadline_s + 301)
    assert settle(pipeline) == 1
    assert run_state(pipeline) == ("airflow", "failed")
    assert pipeline.run("Portland").loaded == 1
    assert run_state(pipeline) == ("airflow", "success")


def test_a_city_that_another_process_works_on_is_tried_again_later(pipeline: Pipeline) -> None:
    pipeline.api.script("Portland", [ok(), server_error(), ok()])  # the check, then a failure that waits
    running = pipeline.start("Portland")
    while not pipeline.rows("SELECT 1 FROM run_city WHERE retry_at IS NOT NULL"):
        assert not running.ended
    assert steps(pipeline).check() == ["Portland"]
    with pytest.raises(HeldElsewhere, match="another process works on Portland") as found:
        steps(pipeline).extract("Portland")
    assert worth_another_try(found.value)
    pipeline.clock.advance(120)
    assert running.outcome.loaded == 1
    with pytest.raises(AlreadyLoaded):
        steps(pipeline, number=2).extract("Portland")


def test_two_runs_of_the_same_hour_do_not_work_on_one_city(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    with pytest.raises(HeldElsewhere):
        steps(pipeline, run="manual__by_hand").extract("Portland")


def test_a_killed_step_is_taken_over_by_its_next_try_at_once(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    with pipeline.database.transaction() as sql:  # what a kill during the extraction leaves
        sql.execute(
            "INSERT INTO attempt (run_id, slug, task, attempt, state) "
            "VALUES (?, 'portland', 'extract_weather_data', 1, 'running')",
            (RUN,),
        )
    steps(pipeline, number=2).extract("Portland")
    assert attempts(pipeline) == [("extract", 1, "failed"), ("extract", 2, "success")]


# ---- failures ------------------------------------------------------------


def test_a_failure_with_a_try_left_waits_and_the_next_try_is_the_second_attempt(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    pipeline.api.script("Portland", [server_error(), ok()])
    with pytest.raises(SourceUnavailable) as found:
        steps(pipeline).extract("Portland")
    assert worth_another_try(found.value)
    assert attempts(pipeline) == [("extract", 1, "up_for_retry")]
    assert pipeline.rows("SELECT state, error_kind, retry_at FROM run_city") == [
        ("running", "source_unavailable", "2026-11-23T21:19:05.000Z")
    ]
    pipeline.clock.advance(120)
    steps(pipeline, number=2, last=True).extract("Portland")
    assert attempts(pipeline)[1] == ("extract", 2, "success")
    assert pipeline.rows("SELECT error_kind, retry_at FROM run_city") == [(None, None)]


def test_the_last_failure_ends_the_city_and_the_run(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    pipeline.api.script("Portland", [server_error()])
    with pytest.raises(SourceUnavailable):
        steps(pipeline, number=2, last=True).extract("Portland")
    assert attempts(pipeline) == [
        ("extract", 2, "failed"),
        ("load", 0, "upstream_failed"),
        ("transform", 0, "upstream_failed"),
    ]
    assert run_state(pipeline) == ("airflow", "failed")


@pytest.mark.parametrize(("reply", "kind"), [(unauthorized(), InvalidKey), (not_found(), CityNotFound)])
def test_what_no_retry_can_mend_ends_the_city_at_once(pipeline: Pipeline, reply: Any, kind: type[EtlError]) -> None:
    steps(pipeline).check()
    pipeline.api.script("Portland", [reply])
    with pytest.raises(kind) as found:
        steps(pipeline).extract("Portland")
    assert not worth_another_try(found.value)
    assert city_states(pipeline) == {"portland": "failed"}


def test_one_citys_rejected_body_does_not_stop_the_other(pipeline: Pipeline) -> None:
    cities = ("Portland", "New York")
    steps(pipeline, *cities).check()
    pipeline.api.script("New York", [raw(200, b'{"main":{"temp":9999},"dt":1661870592}')])
    raw_file = steps(pipeline, *cities).extract("New York")
    with pytest.raises(DataRejected) as found:
        steps(pipeline, *cities).transform("New York", raw_file)
    assert not worth_another_try(found.value)
    run_city(pipeline, *cities)
    assert city_states(pipeline) == {"portland": "success", "new_york": "failed"}
    assert run_state(pipeline) == ("airflow", "partial")


def test_the_check_pokes_until_its_timeout_and_fails_every_city(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error()])
    with pytest.raises(SensorTimeout, match="within 60 s"):
        steps(pipeline, "Portland", "New York").check()
    assert pipeline.api.count() == 6
    assert attempts(pipeline, "") == [("check", 1, "failed")]
    assert attempts(pipeline) == [(task, 0, "upstream_failed") for task in ("extract", "load", "transform")]
    assert pipeline.rows("SELECT DISTINCT state, error_task, error_kind FROM run_city") == [
        ("failed", "check_api_availability", "sensor_timeout")
    ]
    assert run_state(pipeline) == ("airflow", "failed")


def test_a_wrong_key_fails_the_check_at_once(pipeline: Pipeline) -> None:
    pipeline.api.script_default([unauthorized()])
    with pytest.raises(InvalidKey) as found:
        steps(pipeline).check()
    assert not worth_another_try(found.value)
    assert pipeline.api.count() == 1


def test_a_check_that_is_terminated_is_not_recorded_as_passed(pipeline: Pipeline) -> None:
    pipeline.api.script_default([server_error(), ok()])

    def terminated(_seconds: float) -> None:
        raise SystemExit(143)

    with pytest.raises(SystemExit):
        steps(pipeline, wait=terminated).check()
    assert attempts(pipeline, "") == [("check", 1, "running")]
    steps(pipeline, number=2).check()
    assert attempts(pipeline, "") == [("check", 1, "failed"), ("check", 2, "success")]


def test_after_a_429_the_next_try_waits_for_the_pause_to_end(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    pipeline.api.script("Portland", [too_many(), ok()])
    with pytest.raises(QuotaExceeded) as found:
        steps(pipeline).extract("Portland")
    assert worth_another_try(found.value)
    pipeline.clock.advance(120)
    before_s = pipeline.clock.steady_s()
    steps(pipeline, number=2, last=True).extract("Portland")
    assert pipeline.clock.steady_s() - before_s == pytest.approx(480)


def test_every_step_keeps_to_the_quota_of_the_workspace(pipeline: Pipeline) -> None:
    cities = ("Portland", "New York")
    steps(pipeline, *cities, calls_per_minute=2).check()
    steps(pipeline, *cities, calls_per_minute=2).extract("Portland")
    before_s = pipeline.clock.steady_s()
    steps(pipeline, *cities, calls_per_minute=2).extract("New York")
    assert pipeline.clock.steady_s() - before_s == pytest.approx(HOLD_S)


def test_no_step_waits_past_its_hour_for_the_quota(pipeline: Pipeline) -> None:
    pipeline.clock.advance(42 * 60 + 25)  # 21:59:30
    steps(pipeline, calls_per_minute=1).check()
    with pytest.raises(QuotaExceeded, match="may not be called for another 61 s"):
        steps(pipeline, calls_per_minute=1).extract("Portland")


# ---- hours that are not now ------------------------------------------------------------


def test_a_past_hour_is_never_filled_with_todays_weather(pipeline: Pipeline) -> None:
    past = HOUR - timedelta(hours=1)
    assert steps(pipeline, at=past).check() == ["Portland"]
    with pytest.raises(MissedHour, match="2026-11-23T20:00:00Z is past") as found:
        steps(pipeline, at=past).extract("Portland")
    assert not worth_another_try(found.value)
    assert pipeline.api.count() == 0
    assert pipeline.rows("SELECT logical_time FROM missed_hour") == [("2026-11-23T20:00:00Z",)]
    assert attempts(pipeline, "") == [("check", 0, "skipped")]


def test_a_past_hour_is_completed_from_its_raw_file(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    steps(pipeline).extract("Portland")
    pipeline.clock.advance(5 * 3600)
    calls = pipeline.api.count()
    steps(pipeline).check()
    run_city(pipeline)
    assert pipeline.api.count() == calls
    assert pipeline.objects() == [KEY]


def test_an_hour_to_come_is_refused(pipeline: Pipeline) -> None:
    future = HOUR + timedelta(hours=1)
    assert steps(pipeline, at=future).check() == ["Portland"]
    with pytest.raises(DataRejected, match="still to come"):
        steps(pipeline, at=future).extract("Portland")
    assert pipeline.api.count() == 0


# ---- the operator ------------------------------------------------------------


def test_a_run_cancelled_in_the_console_ends_with_the_next_step_and_can_be_run_again(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    raw_file = steps(pipeline).extract("Portland")
    assert requests.cancel_run(pipeline.database, RUN)
    with pytest.raises(Cancelled):
        steps(pipeline).transform("Portland", raw_file)
    assert city_states(pipeline) == {"portland": "skipped"}
    assert run_state(pipeline) == ("airflow", "failed")
    run_city(pipeline)
    assert run_state(pipeline) == ("airflow", "success")


def test_a_cancelled_retry_is_not_made(pipeline: Pipeline) -> None:
    steps(pipeline).check()
    pipeline.api.script("Portland", [server_error(), ok()])
    with pytest.raises(SourceUnavailable):
        steps(pipeline).extract("Portland")
    assert requests.ask_city(pipeline.database, RUN, "portland", "cancel")
    calls = pipeline.api.count()
    with pytest.raises(Cancelled):
        steps(pipeline, number=2).extract("Portland")
    assert pipeline.api.count() == calls


# ---- names and settings ------------------------------------------------------------

FIRED = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
BY_HAND = datetime(2026, 11, 23, 21, 17, 5, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_type", "logical_date", "interval_end", "run_after", "ts"),
    [
        pytest.param("scheduled", FIRED - timedelta(hours=1), FIRED, None, "20261123T210000", id="an interval"),
        pytest.param("scheduled", FIRED, FIRED, FIRED, "20261123T210000", id="a point in time"),
        pytest.param("backfill", FIRED - timedelta(hours=1), FIRED, FIRED, "20261123T210000", id="a backfill"),
        pytest.param("manual", BY_HAND, FIRED, None, "20261123T211705", id="by hand"),
        pytest.param("manual", None, None, BY_HAND, "20261123T211705", id="by hand, without a date"),
        pytest.param("asset_triggered", None, None, BY_HAND, "20261123T211705", id="by an event"),
    ],
)
def test_a_run_is_named_after_the_hour_in_which_it_fetches(
    run_type: str, logical_date: datetime | None, interval_end: datetime | None, run_after: datetime | None, ts: str
) -> None:
    named = logical_time_of(run_type, logical_date=logical_date, interval_end=interval_end, run_after=run_after)
    assert ts_of(named) == ts


def test_a_run_without_any_date_has_no_name() -> None:
    with pytest.raises(ValueError, match="cannot be named"):
        logical_time_of("manual", logical_date=None, interval_end=None, run_after=None)


def test_retries_and_intervals_are_the_configured_ones(workspace: Path) -> None:
    environ = {"LAKEWARDEN_HOME": str(workspace), "LAKEWARDEN_RETRY__RETRIES": "3"}
    assert configured_policy(environ).retries == 3
    assert configured_policy({"LAKEWARDEN_HOME": str(workspace)}) == RunPolicy()


def test_a_broken_configuration_is_told_by_the_step_not_while_airflow_parses(workspace: Path) -> None:
    workspace.mkdir(mode=0o700)
    (workspace / "config.toml").write_text('[weather]\nunits = "furlongs"\n')
    environ = {"LAKEWARDEN_HOME": str(workspace)}
    assert configured_policy(environ) == RunPolicy()
    with (
        pytest.raises(ConfigError, match=r'weather.units: expected "standard"'),
        open_steps(environ, Try("run", HOUR, 1, last=True)),
    ):
        pytest.fail("the steps must not open")


def test_the_steps_of_a_workspace_take_everything_from_its_settings(workspace: Path, api: WeatherApiSimulator) -> None:
    environ = {
        "LAKEWARDEN_HOME": str(workspace),
        "OPENWEATHER_API_KEY": API_KEY,
        "LAKEWARDEN_WEATHER__BASE_URL": api.base_url,
        "LAKEWARDEN_WEATHER__CITIES": '["Oslo", "Lima"]',
    }
    attempt = Try("run", datetime.now(UTC).replace(microsecond=0), 1, last=True)
    with open_steps(environ, attempt) as opened:
        assert opened.check() == ["Oslo", "Lima"]
        key = opened.load("Lima", opened.transform("Lima", opened.extract("Lima")))
    assert (workspace / "lake" / key).is_file()


def test_the_steps_import_neither_airflow_nor_textual() -> None:
    script = "import sys, console.airflow.steps; sys.exit({'airflow', 'textual'} & set(sys.modules) and 1 or 0)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_the_command_prints_the_folder_with_the_dag(lakewarden: Lakewarden) -> None:
    ended = lakewarden("airflow", "dags-folder")
    assert (ended.code, ended.err) == (0, "")
    assert [path.name for path in Path(ended.out.strip()).glob("*.py")] == ["weather_etl_dag.py"]
    assert lakewarden("airflow").code == 64
