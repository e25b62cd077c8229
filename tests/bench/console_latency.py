"""How long a key press takes to show while a run of many cities goes on: `python -m tests.bench.console_latency`.

The run is real (practice API, folder lake, SQLite); the time is from the key event to the screen's next paint.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from textual import events

from console.tui.app import LakewardenApp
from console.tui.pipelines.run_grid import RunGrid
from etl.models import RunState
from tests.console.tui.workspaces import Opened, run_hours, until, workspace

KEYS = ("down", "down", "up", "down", "up", "up", "end", "home")


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from key to paint, sorted; `during_run` is how many presses fell into the run."""

    seconds: tuple[float, ...]
    during_run: int
    run_s: float

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95_s(self) -> float:
        return self.seconds[int(len(self.seconds) * 0.95)]

    @property
    def worst_s(self) -> float:
        return self.seconds[-1]


async def key_to_paint(app: LakewardenApp, grid: RunGrid, key: str) -> float:
    """Seconds from the key event until the selection has moved and that is painted."""
    painted = asyncio.Event()
    before = grid.line
    start = time.perf_counter()
    app.post_message(events.Key(key, None))
    while grid.line is before or (grid.line and before and grid.line.key == before.key):
        await asyncio.sleep(0)
    grid.call_after_refresh(painted.set)
    await painted.wait()
    return time.perf_counter() - start


async def measure(home: Path, *, cities: int, earlier_runs: int = 12, gap_s: float = 0.02) -> Latency:
    """Press keys from the start of a run of `cities` cities to its end, in a new workspace at `home`."""
    settings, environ = workspace(home, [f"City {number:04d}" for number in range(cities)])
    few, few_environ = settings, environ | {"LAKEWARDEN_WEATHER__CITIES": '["Portland", "Oslo"]'}
    run_hours(few, few_environ, earlier_runs)
    console = Opened(settings, environ)
    app = console.app
    seconds: list[float] = []
    try:
        async with app.run_test(size=(120, 40)):
            grid = app.screen.query_one(RunGrid)
            await until(lambda: len(grid.shown) == earlier_runs, "the grid")
            app.post_message(events.Key("t", "t"))
            await until(lambda: grid.shown[0].run.state is RunState.RUNNING, "the run to start")
            started = time.perf_counter()
            end = started + 120
            while grid.shown[0].run.state is RunState.RUNNING and time.perf_counter() < end:
                seconds.append(await key_to_paint(app, grid, KEYS[len(seconds) % len(KEYS)]))
                await asyncio.sleep(gap_s)
            run_s = time.perf_counter() - started
    finally:
        console.close()
    return Latency(tuple(sorted(seconds)), len(seconds), run_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="print every figure instead of a line")
    options = parser.parse_args()
    cities = options.cities
    gc.freeze()  # as the console's own start does
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder) / "home", cities=cities))
    if options.json:
        print(json.dumps(asdict(found)))
        return
    print(
        f"{cities} cities in {found.run_s:.1f} s, {found.during_run} key presses: "
        f"median {found.median_s * 1000:.0f} ms, p95 {found.p95_s * 1000:.0f} ms, worst {found.worst_s * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
