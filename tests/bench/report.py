"""How a benchmark tells its result: ratios of interleaved measurements, never a bare claim of speed."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

SHOWN_PACKAGES = ("lakewarden", "httpx", "boto3", "textual", "cryptography")


@dataclass(frozen=True, slots=True)
class Pairs:
    """Measurements of ours and of the peer, taken in turn, in one unit."""

    ours: list[float]
    peer: list[float]

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.peer)


def interleaved(ours: Callable[[], float], peer: Callable[[], float], *, pairs: int) -> Pairs:
    """Measure both `pairs` times in turn, after one unmeasured turn that fills the caches of both."""
    ours(), peer()
    found = Pairs([], [])
    for _ in range(pairs):
        found.ours.append(ours())
        found.peer.append(peer())
    return found


def print_machine() -> None:
    """What the figures below were measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in SHOWN_PACKAGES)
    print(f"{platform.system()} {platform.release()}, {_processor()}, {_cores()} cores")
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {packages}")
    print("medians of interleaved runs [min … max]; only ratios within one run can be compared")


def print_title(title: str) -> None:
    print(f"\n{title}", flush=True)


def print_pairs(what: str, pairs: Pairs, *, unit: str, target: float, scale: float = 1.0) -> None:
    """One line: both medians with their spread, the ratio, and the ratio aimed at."""
    ours, peer = ([value * scale for value in values] for values in (pairs.ours, pairs.peer))
    verdict = _verdict(pairs.ratio, target)
    print(f"  {what:<34} {_spread(ours, unit)}  vs {_spread(peer, unit)}")
    print(f"  {'':<34} ratio {pairs.ratio:.2f}  (target ≤ {target:g}: {verdict})", flush=True)


def print_value(what: str, values: Sequence[float], *, unit: str, target: float) -> None:
    """One line: a median with its spread, and what it should stay below."""
    verdict = _verdict(median(values), target)
    print(f"  {what:<34} {_spread(values, unit)}  (target ≤ {target:g} {unit}: {verdict})", flush=True)


def print_note(text: str) -> None:
    print(f"  {text}", flush=True)


def _verdict(value: float, target: float) -> str:
    return "met" if value <= target else "MISSED"


def _spread(values: Sequence[float], unit: str) -> str:
    if len(values) == 1:
        return f"{_short(values[0])} {unit}"
    return f"{_short(median(values))} {unit} [{_short(min(values))} … {_short(max(values))}]"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
