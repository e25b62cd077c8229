"""What the hourly loop costs between two runs: resident memory and CPU, after it has completed an hour."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench import measure, report
from tests.bench.servers import LAKEWARDEN, environment, make_workspace
from tests.simulators.serving import serving

IDLE_S = 40
MEMORY_TARGET_MIB = 80
CPU_TARGET_PERCENT = 0.1
FIRST_RUN_S = 30


def bench() -> None:
    report.print_title(f"`lakewarden scheduler` between runs, over {IDLE_S} s (Linux: read from /proc)")
    with (
        tempfile.TemporaryDirectory() as folder,
        serving("tests.simulators.weather_api") as api,
        serving("tests.simulators.s3") as s3,
    ):
        home = Path(folder) / "home"
        environ = environment(home, api, lake="s3://lake", s3=s3)
        make_workspace(home, environ, ["Portland"])
        process = subprocess.Popen([LAKEWARDEN, "scheduler"], env=environ, stderr=subprocess.DEVNULL)
        try:
            _until_first_hour_is_done(environ)
            time.sleep(1)
            before, started_s = measure.cpu_ticks(process.pid), time.monotonic()
            time.sleep(IDLE_S)
            used_s = (measure.cpu_ticks(process.pid) - before) / os.sysconf("SC_CLK_TCK")
            percent = 100 * used_s / (time.monotonic() - started_s)
            resident = measure.resident_bytes(process.pid) / measure.MIB
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    report.print_value("resident memory", [resident], unit="MiB", target=MEMORY_TARGET_MIB)
    report.print_value("CPU of one core", [percent], unit="%", target=CPU_TARGET_PERCENT)


def _until_first_hour_is_done(environ: dict[str, str]) -> None:
    end_s = time.monotonic() + FIRST_RUN_S
    while time.monotonic() < end_s:
        listed = subprocess.run([LAKEWARDEN, "runs", "--json"], env=environ, capture_output=True, text=True)
        if '"state": "success"' in listed.stdout:
            return
        time.sleep(0.5)
    raise AssertionError(f"expected the scheduler to complete its first hour within {FIRST_RUN_S} s")
