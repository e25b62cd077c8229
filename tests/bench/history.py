"""Whether a year of history is as quick to look at as a day of it."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from console.cli.workspace import open_workspace
from console.wiring.pipelines import pipelines
from tests.bench import report
from tests.bench.console import first_paint_s
from tests.bench.history_fill import fill
from tests.bench.servers import workspace_environment

CITIES = [f"city{number}" for number in range(20)]
DAY, YEAR = 24, 8_760
PAGE = 20  # lines that both have
PAIRS = 15
PAINT_PAIRS = 5
TARGET = 1.3


def bench() -> None:
    report.print_title(f"History of a year ({YEAR} runs of {len(CITIES)} cities) vs. a day, newest {PAGE} lines")
    with tempfile.TemporaryDirectory() as folder:
        year, day = (_workspace(Path(folder) / name, hours) for name, hours in (("year", YEAR), ("day", DAY)))
        size = sum(path.stat().st_size for path in (Path(folder) / "year").glob("etl.db*")) / 1024**2
        report.print_note(f"the year's etl.db has {size:.0f} MiB")
        grid = report.interleaved(lambda: _grid_s(year), lambda: _grid_s(day), pairs=PAIRS)
        report.print_pairs("opening the grid", grid, unit="ms", scale=1000, target=TARGET)
        shown = "success"
        paint = report.interleaved(
            lambda: first_paint_s(year, shown), lambda: first_paint_s(day, shown), pairs=PAINT_PAIRS
        )
        report.print_pairs("console: runs on the screen", paint, unit="ms", scale=1000, target=TARGET)


def _workspace(home: Path, hours: int) -> dict[str, str]:
    environ = workspace_environment(home, schedule__enabled="false")
    open_workspace({**os.environ, **environ})
    fill(home, hours=hours, cities=CITIES)
    return environ


def _grid_s(environ: dict[str, str]) -> float:
    """From nothing open to the lines of the first page."""
    started_s = time.perf_counter()
    actions = pipelines(open_workspace(environ), environ)
    lines = actions.grid(limit=PAGE)
    taken_s = time.perf_counter() - started_s
    actions.close()
    assert len(lines) == PAGE
    return taken_s
