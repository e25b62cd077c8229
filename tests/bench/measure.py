"""Measuring processes from outside: wall time and peak memory of a whole one, state of a running one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process took from its start to its end: seconds, and resident bytes at its peak."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run(command: Sequence[str], environ: Mapping[str, str]) -> Spent:
    """Run `command` to its end. Raises AssertionError, with what it said, unless it exits 0."""
    read_end, write_end = os.pipe()
    started_s = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=write_end
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        said = stream.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{command} exited {process.returncode}: {said.decode(errors='replace')}"
    return Spent(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * MEMORY_UNIT)


def resident_bytes(pid: int) -> int:
    """The memory that a running process has resident (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_ticks(pid: int) -> int:
    """The CPU time that a running process has used, in clock ticks (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
