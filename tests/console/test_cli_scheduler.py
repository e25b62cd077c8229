"""`lakewarden scheduler`: the hourly loop as a service manager runs it."""

from __future__ import annotations

import signal
from datetime import datetime, timedelta

import pytest

from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.pipelines import pipelines
from etl.models import rfc3339, ts_of
from tests.conftest import Lakewarden, wait_until
from tests.simulators.weather_api import WeatherApiSimulator, not_found, stall


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_it_loads_the_current_hour_and_ends_with_a_signal(
    lakewarden: Lakewarden, this_hour: datetime, number: signal.Signals, code: int
) -> None:
    process = lakewarden.start("scheduler")
    wait_until(lambda: list((lakewarden.home / "lake").rglob("*_weather_*.json")))
    wait_until(lambda: lakewarden("runs", "--json").json[0]["state"] == "success")
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err
    (run,) = lakewarden("runs", "--json").json
    assert (run["trigger"], run["logical_time"]) == ("schedule", rfc3339(this_hour))
    assert lakewarden("--run-once", "--json").json["already_loaded"] is True


def test_it_ends_at_once_while_the_api_stalls(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    lakewarden.use(api)
    api.script_default([stall()])
    process = lakewarden.start("scheduler")
    wait_until(lambda: api.count() == 1)
    process.terminate()
    process.communicate(timeout=5)
    assert process.returncode == 143


def test_two_schedulers_and_cron_load_an_hour_once(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    lakewarden.use(api)
    lakewarden("init")
    schedulers = [lakewarden.start("scheduler") for _ in range(2)]
    assert lakewarden("--run-once").code in (0, 75)
    wait_until(lambda: lakewarden("runs", "--json").json[0]["state"] == "success")
    for process in schedulers:
        process.terminate()
        process.communicate(timeout=5)
    assert api.count() == 2
    assert len(list((lakewarden.home / "lake").rglob("*_weather_*.json"))) == 1


def test_it_needs_a_sound_configuration(lakewarden: Lakewarden) -> None:
    ended = lakewarden("scheduler", env={"LAKEWARDEN_WEATHER__CITIES": "[]"})
    assert (ended.code, ended.out) == (78, "")


def test_hours_before_its_start_are_recorded_as_missed(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    lakewarden.use(api)
    past = this_hour - timedelta(hours=3)
    assert lakewarden("--run-once", "--at", rfc3339(past)).code == 65
    process = lakewarden.start("scheduler", "--help")
    assert process.wait(10) == 0
    process = lakewarden.start("scheduler")
    wait_until(lambda: lakewarden("runs", "--json").json[0]["state"] == "success")
    process.terminate()
    _, err = process.communicate(timeout=5)
    assert b"Traceback" not in err
    assert "2 hours passed without a run" in (lakewarden.home / "logs" / "lakewarden.log").read_text()


@pytest.mark.parametrize(("cities", "state"), [('["Oslo"]', "failed"), ('["Oslo", "Portland"]', "partial")])
def test_a_run_that_fails_is_one_line_on_stderr(
    lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime, cities: str, state: str
) -> None:
    lakewarden.use(api)
    lakewarden.environ["LAKEWARDEN_WEATHER__CITIES"] = cities
    api.script("Oslo", [not_found()])
    process = lakewarden.start("scheduler")
    assert process.stderr is not None
    assert b"PRACTICE" not in process.stderr.readline()
    line = process.stderr.readline().decode()
    assert f"openweather-{ts_of(this_hour)} {state}: 1 of" in line
    assert "Oslo" in line
    process.terminate()
    assert process.communicate(timeout=5) == (b"", b"")


def test_its_start_labels_made_up_weather_and_says_that_the_schedule_is_paused(lakewarden: Lakewarden) -> None:
    create_workspace(lakewarden.home, production=False)
    actions = pipelines(load_settings(lakewarden.environ), lakewarden.environ)
    actions.setup()
    actions.pause_schedule(paused=True)
    actions.close()
    process = lakewarden.start("scheduler")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert b"PRACTICE" in line
    assert b"PAUSED since 20" in line
    process.terminate()
    process.communicate(timeout=5)
    ended = lakewarden("--run-once")
    assert (ended.code, ended.out, ended.err) == (0, "", ""), "the pause holds nobody up who asks for a run"
    assert "the schedule is paused since 20" in lakewarden("--run-once", "-v").err
    assert lakewarden("runs", "--json").json[0]["trigger"] == "cron"
