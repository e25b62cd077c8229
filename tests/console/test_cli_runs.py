"""`lakewarden runs` and `runs show`: the recorded runs as text and as the contract's JSON."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from datetime import datetime

import pytest

from etl.models import ts_of
from tests.conftest import Lakewarden, wait_until
from tests.e2e.terminal import Terminal
from tests.simulators.weather_api import WeatherApiSimulator, not_found, server_error, stall

ENV = {"LAKEWARDEN_WEATHER__CITIES": '["Portland", "Oslo"]', "LAKEWARDEN_RETRY__DELAY_S": "0.05"}


@pytest.fixture
def real(lakewarden: Lakewarden, api: WeatherApiSimulator, this_hour: datetime) -> Lakewarden:
    lakewarden.use(api)
    lakewarden.environ |= ENV
    return lakewarden


def test_a_new_workspace_has_no_runs(lakewarden: Lakewarden) -> None:
    assert lakewarden("runs", "--json").json == []
    ended = lakewarden("runs")
    assert (ended.code, ended.err) == (0, "")
    assert "--run-once" in ended.out


def test_runs_are_listed_newest_first_up_to_the_limit(real: Lakewarden) -> None:
    for _ in range(2):
        assert real("--run-once").code == 0
    real("--run-once", "--at", "2026-01-05T03")
    runs = real("runs", "--json").json
    assert [run["trigger"] for run in runs] == ["cron", "manual"]
    assert real("runs", "--json", "--limit", "1").json == runs[:1]
    assert real("--json", "runs").json == runs
    text = real("runs").out
    assert all(run["run_id"] in text for run in runs)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1e3", "999999999"])
def test_a_limit_that_is_none_is_64(lakewarden: Lakewarden, limit: str) -> None:
    ended = lakewarden("runs", "--limit", limit)
    assert (ended.code, ended.out) == (64, "")


def test_a_run_is_shown_with_its_tasks_attempts_and_logs(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Oslo", [server_error()])
    assert real("--run-once").code == 1
    shown = real("runs", "show", "latest", "--json").json
    listed = real("runs", "--json").json[0]
    tasks = shown.pop("tasks")
    assert shown == listed
    assert all(set(task) == {"task", "city", "attempt", "state", "started", "ended", "error", "log"} for task in tasks)
    assert [(task["task"], task["city"], task["attempt"], task["state"]) for task in tasks] == [
        ("check_api_availability", None, 1, "success"),
        ("extract_weather_data", "Portland", 1, "success"),
        ("transform_weather_data", "Portland", 1, "success"),
        ("load_weather_data", "Portland", 1, "success"),
        ("extract_weather_data", "Oslo", 1, "failed"),
        ("extract_weather_data", "Oslo", 2, "failed"),
        ("transform_weather_data", "Oslo", 0, "upstream_failed"),
        ("load_weather_data", "Oslo", 0, "upstream_failed"),
    ]
    assert all(isinstance(line, str) for task in tasks for line in task["log"])
    assert tasks[1]["started"].endswith("Z")
    assert tasks[5]["error"]["kind"] == "source_unavailable"
    text = real("runs", "show", shown["run_id"])
    assert (text.code, text.err) == (0, "")
    assert "out of order" in text.out


def test_an_unknown_run_is_64_and_says_where_to_look(lakewarden: Lakewarden) -> None:
    for name in ("nothing", "latest"):
        ended = lakewarden("runs", "show", name)
        assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
        assert "lakewarden runs" in ended.err


def test_what_a_killed_run_left_is_shown_as_interrupted(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script("Oslo", [stall()])
    process = real.start("--run-once")
    wait_until(lambda: api.count("Oslo") == 1)
    assert real("runs", "--json").json[0]["state"] == "running"
    process.send_signal(signal.SIGKILL)
    process.wait(5)
    run = real("runs", "--json").json[0]
    oslo = next(city for city in run["cities"] if city["city"] == "Oslo")
    assert (run["state"] in ("failed", "partial"), oslo["state"], oslo["error"]["kind"]) == (
        True, "failed", "interrupted",
    )  # fmt: skip


def test_what_the_api_says_cannot_forge_lines_or_move_the_cursor(
    real: Lakewarden, api: WeatherApiSimulator, this_hour: datetime
) -> None:
    api.script_default([not_found()])
    name = "Oslo\u202e\u200b"
    ended = real("--run-once", "--city", name)
    assert ended.code == 65
    for text in (ended.err, real("runs").out, real("runs", "show", f"openweather-{ts_of(this_hour)}").out):
        assert "\u202e" not in text
        assert "\x1b" not in text


def on_a_terminal(lakewarden: Lakewarden, environ: Mapping[str, str] | None = None) -> tuple[list[str], bytes]:
    """What `runs` shows on a terminal of 80 columns: its lines, and the bytes that it sent."""
    command = [sys.executable, "-m", "console", "runs"]
    with Terminal(command, environ=lakewarden.environ | dict(environ or {})) as terminal:
        assert terminal.wait_exit() == 0
        return [line.rstrip() for line in terminal.lines() if line.strip()], terminal.received()


def test_on_a_terminal_of_80_columns_each_run_is_one_line(real: Lakewarden, api: WeatherApiSimulator) -> None:
    api.script_default([not_found()])
    assert real("--run-once").code == 65
    real.environ |= {"LAKEWARDEN_WEATHER__SOURCE": "practice"}
    assert real("--run-once").code == 0
    runs = real("runs", "--json").json
    lines, _ = on_a_terminal(real)
    rows = lines[-len(runs) :]
    assert len(lines) == len(runs) + 2
    for row, run in zip(rows, runs, strict=True):
        assert row.split()[:2] == [run["run_id"], run["logical_time"]]
        assert run["state"] in row.split()
    assert [("PRACTICE" in row) for row in rows] == [run["run_id"].startswith("practice") for run in runs]


def test_no_color_means_nothing_but_text(lakewarden: Lakewarden) -> None:
    lakewarden("--run-once")
    assert b"\x1b[" in on_a_terminal(lakewarden)[1]
    assert b"\x1b" not in on_a_terminal(lakewarden, {"NO_COLOR": "1"})[1]


def test_practice_runs_are_labelled_in_the_list(lakewarden: Lakewarden) -> None:
    lakewarden("--run-once")
    header, row = lakewarden("runs").out.splitlines()
    assert "source" in header
    assert "PRACTICE" in row
