"""The application around the screens: a workspace that cannot be read, leaving, what is kept, and that idle is idle."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from console.tui.pipelines.run_grid import RunGrid
from console.tui.theme import LIGHT
from tests.bench.console_latency import Latency
from tests.console.tui.workspaces import Opened, run_hours, screen_text, until, workspace
from tests.e2e.terminal import Terminal
from tests.simulators.weather_api import WeatherApiSimulator, stall

ROOT = Path(__file__).parents[3]
CONSOLE = "import os, sys\nfrom console.settings import load_settings\nfrom console.tui.app import run_console\n" \
    "sys.exit(run_console(load_settings(os.environ), os.environ))"  # fmt: skip


@pytest.fixture
def consoles() -> Iterator[list[Opened]]:
    made: list[Opened] = []
    yield made
    for one in made:
        one.close()


def terminal(environ: dict[str, str], *, columns: int = 80, rows: int = 24) -> Terminal:
    surroundings = environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return Terminal([sys.executable, "-c", CONSOLE], environ=surroundings, columns=columns, rows=rows)


def as_operator(one: Terminal) -> None:
    """In the sign-in that is shown, sign in by the practice authenticator, whose lines are in alphabetical order."""
    one.wait_for("partner")
    one.press("down")
    one.wait_for("Sign in as this")
    one.press(*["down"] * 7, "enter")
    one.wait_for("operator · 15 min")


async def told(made: Opened, *texts: str) -> None:
    await until(lambda: all(text in screen_text(made.app) for text in texts), lambda: screen_text(made.app))


@pytest.mark.parametrize("body", [b"this is no database " * 100, b""])
async def test_a_damaged_history_is_told_and_the_console_recovers_by_itself(
    tmp_path: Path, consoles: list[Opened], body: bytes
) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 1)
    whole = settings.etl_db.read_bytes()
    if not body:
        body = whole[:18] + b"\xff" * 2 + whole[20:60] + b"\0\0\1\0" + whole[64:]
    settings.etl_db.write_bytes(body)
    consoles.append(Opened(settings, environ))
    async with consoles[0].app.run_test(size=(80, 24)) as pilot:
        await told(consoles[0], "The pipeline cannot be shown", "damaged", "Nothing was changed", "q leaves")
        assert settings.etl_db.read_bytes() == body
        await pilot.press("t", "a", "question_mark")
        await told(consoles[0], "This screen")
        await pilot.press("escape")
        settings.etl_db.write_bytes(whole)
        await told(consoles[0], "1/1", "success")
        assert "cannot be shown" not in screen_text(consoles[0].app)


async def test_a_configuration_that_breaks_meanwhile_is_told_with_file_and_key(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 1)
    consoles.append(Opened(settings, environ))
    async with consoles[0].app.run_test(size=(100, 30)):
        await told(consoles[0], "1/1")
        good = settings.config_file.read_text()
        settings.config_file.write_text(good.replace("cities =", 'units = "kelvin"\ncities ='))
        await told(consoles[0], "The pipeline cannot be shown", "weather.units", "kelvin")
        settings.config_file.write_text(good)
        await told(consoles[0], "1/1")


async def test_nothing_is_repainted_while_nothing_changes(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 3)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)):
        await told(consoles[0], "1/1")
        grid = app.screen.query_one(RunGrid)
        feed = app.feed
        shown = grid._runs
        feed.look_again()
        await until(lambda: feed._mark is not None and not feed._again, "another look")
        assert grid._runs is shown


def test_keys_answer_while_a_thousand_cities_load() -> None:
    """In a process of its own: this one holds all the other tests, and its collector stops for a second over them."""
    command = [sys.executable, "-m", "tests.bench.console_latency", "--json"]
    measured = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert measured.returncode == 0, measured.stderr
    found = Latency(**json.loads(measured.stdout))
    assert found.during_run >= 10, "the run was over too soon to measure anything"
    assert found.median_s < 0.1, f"half of the keys within {found.median_s * 1000:.0f} ms"
    assert found.p95_s < 0.3, f"95 of 100 keys within {found.p95_s * 1000:.0f} ms, worst {found.worst_s * 1000:.0f} ms"
    assert found.worst_s < 1.0


def test_an_idle_console_writes_nothing_and_leaves_at_once(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 2)
    with terminal(environ) as one:
        one.wait_for("1/1")
        count = one.wait_until_quiet(0.7)
        assert one.wait_until_quiet(1.6) == count
        started = time.monotonic()
        one.press("q")
        assert one.wait_exit() == 0
        assert time.monotonic() - started < 3.0
        assert "unfinished" not in one.text()


def test_a_console_with_somebody_signed_in_writes_nothing_between_two_minutes(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 2)
    with terminal(environ) as one:
        one.wait_for("1/1")
        one.press("u")
        as_operator(one)
        one.wait_for("Signed in as")
        one.wait_until(lambda: "Signed in as" not in one.text(), "the end of the message")
        count = one.wait_until_quiet(1.0)
        assert one.wait_until_quiet(2.5) == count
        one.press("q")
        assert one.wait_exit() == 0


def test_leaving_while_signed_in_ends_the_session_and_leaves_nothing_on_the_terminal(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home")
    with terminal(environ) as one:
        one.wait_for("No run yet")
        one.press("u")
        one.wait_for("partner")
        passwords = re.findall(r"\b\w{4}-\w{4}-\w{4}-\w{4}\b", one.text())
        assert len(passwords) == 9
        as_operator(one)
        one.press("qu?2")  # what is typed after the way out opens nothing that could fail half closed
        assert one.wait_exit() == 0
        before, _, within = one.received().partition(b"\x1b[?1049h")  # the alternate screen, which has no scrollback
        within, _, after = within.rpartition(b"\x1b[?1049l")
        assert b"operator" in within
        assert not [text for text in (b"operator", *map(str.encode, passwords)) if text in before + after]
    with sqlite3.connect(settings.identity_db) as database:
        assert database.execute("SELECT COUNT(*) FROM session").fetchone() == (0,)


def test_the_first_paint_does_without_the_security_core() -> None:
    code = (
        "import sys, console.tui.app\n"
        "heavy = ('security', 'cedarpy', 'warehouse', 'console.actions', 'console.wiring', 'segno', 'cryptography')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_leaving_with_a_run_in_flight_asks_nothing_and_tells_afterwards(tmp_path: Path) -> None:
    with WeatherApiSimulator() as api:
        api.script_default([stall(60)])
        _settings, environ = workspace(
            tmp_path / "home",
            OPENWEATHER_API_KEY="0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            LAKEWARDEN_WEATHER__BASE_URL=api.base_url,
        )
        with terminal(environ) as one:
            one.wait_for("No run yet")
            one.press("t")
            as_operator(one)
            one.wait_for("running")
            one.wait_until(lambda: bool(api.requests), "the call of the API")
            started = time.monotonic()
            one.press("q")
            assert one.wait_exit() == 0
            assert time.monotonic() - started < 3.0
            one.wait_for("1 run was left unfinished")
        api.release()


def test_choices_survive_a_restart(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 1)
    with terminal(environ) as one:
        one.wait_for("1/1")
        one.press("m", "f", "manual", "enter")
        one.wait_for("No run passes the filter.")
        one.press("q")
        assert one.wait_exit() == 0
    state = json.loads((settings.home / "state.json").read_text())
    assert state["theme"] == LIGHT
    with terminal(environ) as one:
        one.wait_for("1/1")  # a filter is left behind: it would hide runs that nobody asked to hide
        one.press("q")
        assert one.wait_exit() == 0


def test_letters_that_arrive_with_the_key_of_the_filter_are_never_commands(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 1)
    with terminal(environ) as one:
        one.wait_for("1/1")
        one.press("fmax daq", "enter")
        one.wait_for("only: max daq")
        one.press("q")
        assert one.wait_exit() == 0
    assert not {path.name for path in settings.exports_dir.glob("*")}


async def test_no_cursor_blinks(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await told(consoles[0], "No run yet")
        for key in ("f", "a", "ctrl+p"):
            await pilot.press(key)
            await until(lambda: isinstance(app.focused, Input), f"the field of {key}")
            assert isinstance(app.focused, Input)
            assert not app.focused.cursor_blink
            await pilot.press("escape")
            await until(lambda: not isinstance(app.focused, Input), "the way back")
