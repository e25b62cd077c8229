"""What a run is asked for, what it works with, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from etl.errors import EtlError
from etl.history.database import Database
from etl.models import City, RunPolicy, Trigger, Units
from etl.ports import Clock, Lake, Source


class Stopped(Exception):
    """The process ends; the run is left as it is and the next call of its hour completes it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run: `logical_time` aware UTC; with `force`, transform and load are repeated from the raw files."""

    logical_time: datetime
    cities: tuple[City, ...]
    trigger: Trigger
    force: bool = False


@dataclass(slots=True)
class RunOutcome:
    """What became of a call: `failures` are the kinds of the cities that failed in it, in order of occurrence."""

    run_id: str
    loaded: int = 0
    already_loaded: int = 0
    busy: list[City] = field(default_factory=list)
    failures: list[EtlError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunnerParts:
    """What a runner works with. The source and the lake are opened only when there is work for them."""

    database: Database
    source_name: str
    lake_url: str
    open_source: Callable[[Units], Source]
    open_lake: Callable[[], Lake]
    staging_dir: Path
    locks_dir: Path
    policy: RunPolicy
    clock: Clock
    redact: Callable[[str], str] = str
    """Takes secrets out of what is recorded: an API, or a proxy before it, may repeat the key it was sent."""
