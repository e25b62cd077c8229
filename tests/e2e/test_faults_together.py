"""Several processes on one hour: cron calls, the hourly loop, and one that is stopped while it holds the work."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import await_hour_with_room, wait_until
from tests.e2e.faults import Numbered, Workspace, assert_whole, end_of
from tests.simulators.s3 import FaultyS3, objects_in, running_s3
from tests.simulators.weather_api import WeatherApiSimulator, ok, stall

PROCESSES = 8
CITIES = [f"Together {number}" for number in range(4)]


@pytest.mark.slow
def test_eight_calls_at_once_load_each_city_once(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api, running_s3() as endpoint, FaultyS3(endpoint) as s3:
        api.script_default([Numbered()])
        settings = {"lake__url": "s3://lake", "lake__endpoint_url": s3.endpoint, "weather__cities": CITIES}
        workspace = Workspace(tmp_path / "home", api.base_url, settings)
        await_hour_with_room()
        ended = [end_of(call) for call in [workspace.start("--run-once") for _ in range(PROCESSES)]]
        assert {call.code for call in ended} <= {0, 75}, ended
        assert any(call.code == 0 for call in ended)
        after = workspace.once("--json")
        assert after.code == 0
        assert after.run["already_loaded"] is True
        assert [city["attempts"]["load_weather_data"] for city in after.run["cities"]] == [1] * len(CITIES)
        assert api.count() == len(CITIES) + 1  # and the check, once
        assert [request.method for request in s3.seen].count("PUT") == len(CITIES)
        bodies = list(objects_in(endpoint, "lake").values())
        assert len(bodies) == len(CITIES)
        assert_whole(bodies)


def test_cron_and_the_hourly_loop_share_a_workspace(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api:
        api.script_default([Numbered()])
        workspace = Workspace(tmp_path / "home", api.base_url, {"weather__cities": CITIES})
        assert workspace.call("init").code == 0
        await_hour_with_room()
        loop = workspace.start("scheduler")
        try:
            cron = [end_of(call) for call in [workspace.start("--run-once") for _ in range(2)]]
            assert {call.code for call in cron} <= {0, 75}, cron
            wait_until(lambda: len(list((workspace.home / "lake").rglob("[!.]*.json"))) == len(CITIES))
        finally:
            loop.send_signal(signal.SIGTERM)
            ended = end_of(loop)
        assert ended.code == 143
        assert workspace.once().code == 0
        assert api.count() == len(CITIES) + 1


def test_a_stopped_process_keeps_its_work_and_finishes_it(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api:
        api.script("Held", [ok(), stall()])
        workspace = Workspace(tmp_path / "home", api.base_url, {"weather__timeout_s": 50})
        await_hour_with_room()
        holder = workspace.start("--run-once", "--city", "Held")
        try:
            wait_until(lambda: api.count("Held") == 2)
            holder.send_signal(signal.SIGSTOP)
            other = workspace.once("--city", "Held")
            assert other.code == 75
            assert "another process is working on" in other.err
            api.release()
            holder.send_signal(signal.SIGCONT)
            assert end_of(holder).code == 0
        finally:
            holder.kill()
            holder.wait()
        assert api.count("Held") == 2
        assert workspace.once("--city", "Held").code == 0
