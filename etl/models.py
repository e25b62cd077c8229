"""The values of the pipeline: what a city, a run, a task attempt and a reading are.

Separate so that every other module can share them without importing any behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

HOUR_S = 3600
TASK_LOGGER = "etl.task"  # what tasks log to it is kept with their attempts


class Task(StrEnum):
    """The four tasks of a run; `CHECK` runs once a run, the others once a city."""

    CHECK = "check_api_availability"
    EXTRACT = "extract_weather_data"
    TRANSFORM = "transform_weather_data"
    LOAD = "load_weather_data"


CITY_TASKS = (Task.EXTRACT, Task.TRANSFORM, Task.LOAD)


class TaskState(StrEnum):
    """Where one attempt of one task stands."""

    QUEUED = "queued"  # waits for a worker or for the quota
    RUNNING = "running"  # a worker is on it
    SUCCESS = "success"  # done; its file or object is whole and in place
    FAILED = "failed"  # ended without retry left
    UP_FOR_RETRY = "up_for_retry"  # failed, and waits for its retry
    SKIPPED = "skipped"  # not needed: what it would make is there already
    UPSTREAM_FAILED = "upstream_failed"  # never started, because a task before it failed


class RunState(StrEnum):
    """Where a run stands, over all its cities."""

    RUNNING = "running"  # at least one city is being worked on
    SUCCESS = "success"  # every city is loaded
    PARTIAL = "partial"  # some cities are loaded, some failed
    FAILED = "failed"  # no city is loaded


class CityState(StrEnum):
    """Where one city of a run stands."""

    RUNNING = "running"  # claimed by a process that works on it
    SUCCESS = "success"  # its object is in the lake
    FAILED = "failed"  # a task failed; a later call of the same hour tries again
    SKIPPED = "skipped"  # left out on request (cancelled) before anything was loaded


class Trigger(StrEnum):
    """What first asked for the run."""

    SCHEDULE = "schedule"  # the hourly loop
    CRON = "cron"  # `--run-once`
    MANUAL = "manual"  # a person: console, `--now`, `--at`
    AIRFLOW = "airflow"  # an Airflow task


@dataclass(frozen=True, slots=True)
class City:
    """A configured city: `name` as configured (trimmed), `slug` for file names and object keys."""

    name: str
    slug: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object in the lake: `key` is the whole key, prefix included; `created` is False if it was there, equal."""

    key: str
    created: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """One city's weather at one logical hour. Temperature and wind speed are in `units` (see `Units`)."""

    source: str
    city: str
    slug: str
    reported_city: str | None
    logical_time: datetime
    captured_at: datetime
    temperature: float | None
    humidity: float | None
    weather: str | None
    wind_speed: float | None
    units: str


class Units(StrEnum):
    """The unit systems of the weather API."""

    STANDARD = "standard"  # K, m/s
    METRIC = "metric"  # °C, m/s
    IMPERIAL = "imperial"  # °F, mph

    @property
    def temperature_symbol(self) -> str:
        return {"standard": "K", "metric": "°C", "imperial": "°F"}[self.value]

    @property
    def speed_symbol(self) -> str:
        return "mph" if self is Units.IMPERIAL else "m/s"


@dataclass(frozen=True, slots=True)
class RunPolicy:
    """How a run behaves: all times in seconds, `concurrency` in cities at once, `retries` per task."""

    units: Units = Units.STANDARD
    concurrency: int = 16
    calls_per_minute: int = 60
    pause_after_429_s: float = 600
    deadline_s: float = 1800
    poke_interval_s: float = 10
    sensor_timeout_s: float = 60
    retries: int = 1
    delay_s: float = 120


@dataclass(frozen=True, slots=True)
class Staged:
    """Where one city's files of one run lie."""

    raw: Path
    transformed: Path
    rejected: Path


def ts_of(logical_time: datetime) -> str:
    """`YYYYMMDDTHHMMSS` in UTC (Airflow's `ts_nodash`), the unique part of every file name and key."""
    return rfc3339(logical_time)[:-1].replace("-", "").replace(":", "")


def hour_of(instant: datetime) -> datetime:
    """The start of the UTC hour that holds `instant`."""
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def rfc3339(instant: datetime) -> str:
    """`instant` in UTC with a `Z`, to the second."""
    # Not strftime: some systems write a year before 1000 with fewer than four digits.
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The aware instant that `rfc3339` wrote. Raises ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
