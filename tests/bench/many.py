"""Many cities in one run: against pools of threads that keep no history, and against itself tenfold."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench import measure, report
from tests.bench.measure import Spent
from tests.bench.servers import LAKEWARDEN, environment, make_workspace
from tests.simulators.serving import serving

CITIES = 1_000
MORE_CITIES = 10_000
CONCURRENCY = 16
TURNS = 3
WALL_TARGET = 1.3
MEMORY_TARGET = 1.5


def bench() -> None:
    report.print_title(f"{CITIES} cities, no quota, {CONCURRENCY} at once (light S3 stub)")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("tests.simulators.weather_api") as api,
        serving("tests.bench.light_s3") as s3,
    ):
        home = Path(folder) / "home"
        environ = environment(home, api, lake="s3://lake", s3=s3, weather__concurrency=CONCURRENCY)
        make_workspace(home, environ, [f"City {number}" for number in range(CITIES)])
        script = [sys.executable, "-m", "tests.bench.minimal_many"]
        script += ["--cities", str(CITIES), "--concurrency", str(CONCURRENCY)]
        files = Path(folder) / "files"
        files.mkdir()
        ours: list[Spent] = []
        bare: list[Spent] = []
        filing: list[Spent] = []
        for _ in range(TURNS + 1):
            time.sleep(1 - time.time() % 1)  # runs with `--now` are named by their second
            ours.append(measure.run([LAKEWARDEN, "--run-once", "--now"], environ))
            bare.append(measure.run(script, environ))
            filing.append(measure.run([*script, "--files", str(files)], environ))
        for name, peer in (("that keeps the same files", filing), ("that keeps no files", bare)):
            report.print_note(f"vs. a thread pool {name}:")
            wall = report.Pairs([spent.wall_s for spent in ours[1:]], [spent.wall_s for spent in peer[1:]])
            report.print_pairs("wall", wall, unit="s", target=WALL_TARGET)
            cpu = report.Pairs([spent.cpu_s for spent in ours[1:]], [spent.cpu_s for spent in peer[1:]])
            report.print_pairs("CPU, user and system", cpu, unit="s", target=WALL_TARGET)
        report.print_title(f"Memory of {MORE_CITIES} cities vs. {CITIES} (light S3 stub)")
        larger = Path(folder) / "larger"
        wide = environment(larger, api, lake="s3://lake", s3=s3, weather__concurrency=CONCURRENCY)
        make_workspace(larger, wide, [f"City {number}" for number in range(MORE_CITIES)])
        spent = measure.run([LAKEWARDEN, "--run-once", "--now"], wide)
        peak = report.Pairs([spent.peak_bytes], [float(one.peak_bytes) for one in ours[1:]])
        report.print_pairs("peak memory", peak, unit="MiB", scale=1 / measure.MIB, target=MEMORY_TARGET)
        time_each = report.Pairs([spent.wall_s / MORE_CITIES], [one.wall_s / CITIES for one in ours[1:]])
        report.print_pairs("time a city", time_each, unit="ms", scale=1000, target=1.3)
