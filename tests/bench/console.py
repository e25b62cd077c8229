"""The console on a terminal of its own: first paint, answering keys under load, and silence when nothing happens."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import report
from tests.bench.history_fill import fill
from tests.bench.servers import LAKEWARDEN, environment, make_workspace, workspace_environment
from tests.e2e.terminal import Terminal
from tests.simulators.serving import serving

PAINT_PAIRS = 7
PAINT_TARGET = 1.6
CITIES = 1_000
KEYS = 20
KEY_TARGET_MS = 100
IDLE_S = 70
IDLE_TARGET_BYTES = 200
TIMEOUT_S = 20.0
LOOK_S = 0.001
FIRST_COLUMN = 3
TRIVIAL = [sys.executable, "-m", "tests.bench.trivial_app"]


def bench() -> None:
    report.print_title("Console, first paint of its frame vs. a trivial Textual application")
    with tempfile.TemporaryDirectory() as folder:
        quiet = workspace_environment(Path(folder) / "quiet", schedule__enabled="false")
        first_paint_s(quiet, "Hour (UTC)")  # makes the workspace
        paint = report.interleaved(
            lambda: first_paint_s(quiet, "Hour (UTC)"), lambda: _paint_s(TRIVIAL, {}, "Trivial"), pairs=PAINT_PAIRS
        )
        report.print_pairs("first paint", paint, unit="ms", scale=1000, target=PAINT_TARGET)
        _bench_keys(Path(folder) / "loading")
        _bench_silence(workspace_environment(Path(folder) / "idle"))


def first_paint_s(environ: dict[str, str], shown: str) -> float:
    """Seconds from the start of the console until its screen shows `shown`."""
    return _paint_s([LAKEWARDEN], environ, shown)


def _paint_s(command: list[str], environ: dict[str, str], shown: str) -> float:
    started_s = time.perf_counter()
    with Terminal(command, environ=environ) as terminal:
        taken_s = _until(lambda: shown in terminal.text(), terminal) - started_s
        terminal.press("q")
        terminal.wait_exit()
    return taken_s


def _bench_keys(home: Path) -> None:
    """Keys while a run of many cities goes on: from the key to the cursor's move on the screen."""
    report.print_title(f"Console, keys while {CITIES} cities load into a folder lake")
    with serving("tests.simulators.weather_api") as api:
        environ = environment(home, api)
        make_workspace(home, environ, [f"City {number}" for number in range(CITIES)])
        fill(home, hours=KEYS, cities=["salem"], source="openweather")
        with Terminal([LAKEWARDEN], environ=environ) as terminal:
            terminal.wait_for("running")
            waits_ms = []
            for number in range(KEYS):
                before = _cursor(terminal)
                pressed_s = time.perf_counter()
                terminal.press("up" if number % 2 else "down")
                waits_ms.append((_until(lambda: _cursor(terminal) != before, terminal) - pressed_s) * 1000)  # noqa: B023
            under_load = "running" in terminal.text()
            terminal.press("q")
            terminal.wait_exit()
    report.print_value("key to screen", waits_ms, unit="ms", target=KEY_TARGET_MS)
    if not under_load:
        report.print_note("the run ended before the last key: part of this was not under load")


def _bench_silence(environ: dict[str, str]) -> None:
    report.print_title(f"Console, output over {IDLE_S} s in which nothing happens")
    with Terminal([LAKEWARDEN], environ=environ) as terminal:
        terminal.wait_for("success")
        terminal.wait_for(" 0/60 calls", timeout_s=90)  # the run's own calls leave the last minute: that is no idling
        before = terminal.wait_until_quiet(3.0)
        time.sleep(IDLE_S)
        written = len(terminal.received()) - before
        terminal.press("q")
        terminal.wait_exit()
    report.print_value("bytes written", [written], unit="bytes", target=IDLE_TARGET_BYTES)


def _cursor(terminal: Terminal) -> int:
    """The line of the run grid that is drawn on another background than the lines around it; -1 if none is."""
    with terminal._lock:
        cells = [terminal._screen.buffer[row][FIRST_COLUMN] for row in range(terminal._screen.lines)]
        first = 1 + next(row for row, line in enumerate(terminal._screen.display) if "Hour (UTC)" in line)
    looks = [(cell.bg, cell.reverse) for cell in cells[first:-1]]
    usual = max(set(looks), key=looks.count)
    return next((first + row for row, look in enumerate(looks) if look != usual), -1)


def _until(condition: Callable[[], bool], terminal: Terminal) -> float:
    """The instant at which `condition` was first seen to hold. Fails with the screen after `TIMEOUT_S`."""
    end_s = time.perf_counter() + TIMEOUT_S
    while not condition():
        if time.perf_counter() > end_s:
            raise AssertionError(f"expected another screen within {TIMEOUT_S:g} s, found:\n{terminal.text()}")
        time.sleep(LOOK_S)
    return time.perf_counter()
