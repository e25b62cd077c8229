"""One city, one run, the whole process: against the least script that does the same fetch and put."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench import measure, report
from tests.bench.measure import Spent
from tests.bench.servers import LAKEWARDEN, environment, make_workspace
from tests.simulators.serving import serving

PAIRS = 15
WALL_TARGET = 1.3
MEMORY_TARGET = 1.3


def bench() -> None:
    report.print_title("One run of one city, whole process, vs. a script that fetches and puts (moto S3)")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("tests.simulators.weather_api") as api,
        serving("tests.simulators.s3") as s3,
    ):
        home = Path(folder) / "home"
        environ = environment(home, api, lake="s3://lake", s3=s3)
        make_workspace(home, environ, ["Portland"])
        ours: list[Spent] = []
        peer: list[Spent] = []

        def ours_s() -> float:
            _next_second()
            ours.append(measure.run([LAKEWARDEN, "--run-once", "--now"], environ))
            return ours[-1].wall_s

        def peer_s() -> float:
            peer.append(measure.run([sys.executable, "-m", "tests.bench.minimal_once"], environ))
            return peer[-1].wall_s

        wall = report.interleaved(ours_s, peer_s, pairs=PAIRS)
    report.print_pairs("wall", wall, unit="ms", scale=1000, target=WALL_TARGET)
    cpu = report.Pairs([spent.cpu_s for spent in ours[1:]], [spent.cpu_s for spent in peer[1:]])
    report.print_pairs("CPU, user and system", cpu, unit="ms", scale=1000, target=WALL_TARGET)
    peak = report.Pairs([spent.peak_bytes for spent in ours[1:]], [spent.peak_bytes for spent in peer[1:]])
    report.print_pairs("peak memory", peak, unit="MiB", scale=1 / measure.MIB, target=MEMORY_TARGET)


def _next_second() -> None:
    """Wait until the wall clock shows another second: runs with `--now` are named by it."""
    time.sleep(1 - time.time() % 1)
