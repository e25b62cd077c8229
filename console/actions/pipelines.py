"""What an operator can do with the weather pipeline: look at runs, start, retry, hurry and cancel them, manage cities.

Every method asks the permission port first, and raises `PermissionDenied`, an `EtlError` or a `ConfigError`; one that
changes something is on record before and after, and raises `AuditUnavailable` where it cannot be. What the host's own
service does asks nobody: an hour of data is never lost to a session that has ended. Methods read or wait, so a user
interface calls them off its loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from console.actions.errors import NoSuchRun
from console.actions.permissions import (
    MANAGE_SCHEDULE,
    TRIGGER_RUN,
    VIEW_PIPELINES,
    WEATHER_PIPELINE,
    Permissions,
)
from etl import tasks
from etl.errors import DataRejected, QuotaExceeded
from etl.history import queries, requests
from etl.history.database import Database
from etl.models import City, Reading, RunPolicy, Trigger, Units, hour_of
from etl.ports import Clock, Lake, Source
from etl.quota import Quota, calls_in_window
from etl.run import RunnerParts, RunOutcome, RunRequest
from etl.runner import Runner

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PipelineSetup:
    """The pipeline as configured at this moment. `source_detail` is where its data comes from, for people."""

    source_name: str
    source_detail: str
    cities: tuple[City, ...]
    policy: RunPolicy
    lake_url: str
    staging_dir: Path
    locks_dir: Path
    schedule_enabled: bool
    open_source: Callable[[Units], Source]
    open_lake: Callable[[], Lake]

    @property
    def practice(self) -> bool:
        return self.source_name == tasks.PRACTICE


@dataclass(frozen=True, slots=True)
class Overview:
    """The pipeline at a glance. `calls_limit` 0 is no limit; `next_run_at` is None while the scheduler is paused."""

    source_name: str
    source_detail: str
    practice: bool
    lake_url: str
    units: Units
    schedule_enabled: bool
    paused_since: datetime | None
    next_run_at: datetime | None
    calls_in_last_minute: int
    calls_limit: int
    api_paused_s: float
    last_problem: queries.LastProblem | None
    running: tuple[str, ...]
    version: int
    """Changes whenever another connection has written to the history."""


@dataclass(frozen=True, slots=True)
class CityStatus:
    """A configured city with its newest reading and the temperatures of the last 24 hours (None: no reading)."""

    city: City
    latest: Reading | None
    last_day: tuple[float | None, ...]


class Pipelines:
    """The actions. `setup` is asked anew for each, so that a changed configuration takes effect at once."""

    def __init__(
        self,
        *,
        setup: Callable[[], PipelineSetup],
        open_database: Callable[[], Database],
        permissions: Permissions,
        clock: Clock,
        edit_cities: Callable[[Sequence[str], Sequence[str]], None],
        redact: Callable[[str], str] = str,
    ) -> None:
        self._setup = setup
        self._open_database = open_database
        self._permissions = permissions
        self._clock = clock
        self._edit_cities = edit_cities
        self._redact = redact
        self._databases: dict[str, Database] = {}
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close the history. What still runs in threads is left as it is; the next call of its hour completes it."""
        with self._opening:
            for database in self._databases.values():
                database.close()
            self._databases.clear()

    # ---- looking ------------------------------------------------------------

    def setup(self) -> PipelineSetup:
        """The pipeline as configured now."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return self._setup()

    def overview(self) -> Overview:
        """Everything the status lines of the console tell."""
        setup, database = self.setup(), self._reader
        paused = requests.paused_since(database)
        next_run = hour_of(self._clock.now()) + timedelta(hours=1)
        quota = Quota(database, source=setup.source_name, calls_per_minute=0, clock=self._clock)
        return Overview(
            source_name=setup.source_name,
            source_detail=setup.source_detail,
            practice=setup.practice,
            lake_url=setup.lake_url,
            units=setup.policy.units,
            schedule_enabled=setup.schedule_enabled,
            paused_since=paused,
            next_run_at=None if paused or not setup.schedule_enabled else next_run,
            calls_in_last_minute=calls_in_window(database, source=setup.source_name, clock=self._clock),
            calls_limit=setup.policy.calls_per_minute,
            api_paused_s=quota.pause_left_s(),
            last_problem=queries.last_problem(database, source=setup.source_name),
            running=tuple(queries.running_runs(database)),
            version=queries.change_mark(database),
        )

    def version(self) -> int:
        """A number that changes whenever the history has changed: the cheap question of a live view."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return queries.change_mark(self._reader)

    def cities(self) -> list[CityStatus]:
        """The configured cities with their latest readings."""
        setup, now = self.setup(), self._clock.now()
        latest = queries.latest_readings(
            self._reader, source=setup.source_name, slugs=[city.slug for city in setup.cities]
        )
        first = hour_of(now) - timedelta(hours=23)
        found = []
        for city in setup.cities:
            hours: list[float | None] = [None] * 24
            if city.slug in latest:
                for reading in queries.readings(self._reader, source=setup.source_name, slug=city.slug, since=first):
                    index = (reading.logical_time - first) // timedelta(hours=1)
                    if 0 <= index < 24 and reading.units == setup.policy.units:
                        hours[index] = reading.temperature
            found.append(CityStatus(city, latest.get(city.slug), tuple(hours)))
        return found

    def readings(self, slug: str, *, hours: int) -> list[Reading]:
        """A city's readings of the last `hours` hours, oldest first."""
        setup = self.setup()
        since = hour_of(self._clock.now()) - timedelta(hours=hours - 1)
        return queries.readings(self._reader, source=setup.source_name, slug=slug, since=since)

    def grid(self, *, limit: int, before: datetime | None = None) -> list[queries.GridRow]:
        """Runs and missed hours, newest first, older than `before` if given."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return queries.grid(self._reader, limit=limit, before=before)

    def grid_row(self, run_id: str) -> queries.GridRow:
        """One line of the grid, to refresh it alone. Raises `NoSuchRun`."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return _found(queries.grid_row(self._reader, run_id), run_id)

    def runs(self, *, limit: int) -> list[queries.RunRow]:
        """The newest runs with their cities."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        self._runner().settle_interrupted()
        return queries.newest_runs(self._reader, limit=limit)

    def run(self, run_id: str) -> queries.RunRow:
        """One run; `latest` is the newest. Raises `NoSuchRun`."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        if run_id == "latest":
            newest = queries.newest_runs(self._reader, limit=1)
            return _found(newest[0] if newest else None, run_id)
        return _found(queries.find_run(self._reader, run_id), run_id)

    def attempts(self, run_id: str, *, slug: str | None = None) -> list[queries.AttemptRow]:
        """The attempts of a run, of one city with `slug`; the check always included."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return queries.attempts(self._reader, run_id, slug=slug)

    def log_lines(self, attempt: queries.AttemptRow, run_id: str, *, after_line: int = 0) -> list[queries.LogLine]:
        """What the attempt logged, after the given line."""
        self._permissions.require(VIEW_PIPELINES, WEATHER_PIPELINE)
        return queries.log_lines(
            self._reader, run_id, attempt.slug, attempt.task, attempt.attempt, after_line=after_line
        )

    def run_document(self, run_id: str, *, already_loaded: bool = False, tasks: bool = False) -> dict[str, Any]:
        """The run as JSON; with `tasks`, its attempts and their logs too. Raises `NoSuchRun`."""
        row = self.run(run_id)
        document = queries.run_document(row, already_loaded=already_loaded)
        if tasks:
            document["tasks"] = [
                queries.attempt_document(attempt, self.log_lines(attempt, row.run_id))
                for attempt in self.attempts(row.run_id)
            ]
        return document

    def staged_files(self, run_id: str, slug: str) -> tuple[Path, Path]:
        """Where a city's raw and transformed file of a run lie. Raises `NoSuchRun`."""
        setup = self.setup()
        return _found(queries.staged_files(self._reader, run_id, slug, setup.staging_dir), run_id)

    # ---- doing ------------------------------------------------------------

    def run_scheduled(self, request: RunRequest, *, stop: threading.Event | None = None) -> RunOutcome:
        """Carry out a run as the host's own service: cron and the scheduler. Raises `HistoryError`, `Stopped`."""
        return self._runner().run(request, stop=stop)

    def service_setup(self) -> PipelineSetup:
        """The pipeline as configured now, for the host's own service."""
        return self._setup()

    def runner_parts(self) -> RunnerParts:
        """What a run works with, for the host's own service where something else drives the tasks (Airflow)."""
        setup = self._setup()
        return RunnerParts(
            database=self._writer,
            source_name=setup.source_name,
            lake_url=setup.lake_url,
            open_source=setup.open_source,
            open_lake=setup.open_lake,
            staging_dir=setup.staging_dir,
            locks_dir=setup.locks_dir,
            policy=setup.policy,
            clock=self._clock,
            redact=self._redact,
        )

    def run_manually(
        self, request: RunRequest, *, stop: threading.Event | None = None, ended: Callable[[], None] = lambda: None
    ) -> RunOutcome:
        """Carry out a run that a person asked for; `ended` is called when only its record is missing.

        Raises `HistoryError`, `Stopped`.
        """
        with self._permissions.use(TRIGGER_RUN, WEATHER_PIPELINE):
            outcome = self._runner().run(request, stop=stop)
            ended()
            return outcome

    def new_manual_request(self) -> RunRequest:
        """A run of all cities, stamped to this second."""
        return RunRequest(self._clock.now().replace(microsecond=0), self.setup().cities, Trigger.MANUAL)

    def retry_request(self, run_id: str) -> RunRequest:
        """A run of what failed in `run_id`. Raises `NoSuchRun` if nothing did."""
        row = self.run(run_id)
        failed = tuple(City(city.city, city.slug) for city in row.cities if city.state in ("failed", "skipped"))
        if not failed:
            raise NoSuchRun(f"nothing failed in {run_id}, so there is nothing to retry")
        return RunRequest(row.logical_time, failed, Trigger.MANUAL)

    def hurry_retry(self, run_id: str, slug: str) -> None:
        """Let a waiting retry go now. Raises `NoSuchRun` if none waits."""
        self._ask(run_id, slug, "hurry")

    def cancel_retry(self, run_id: str, slug: str) -> None:
        """Let a waiting retry never go. Raises `NoSuchRun` if none waits."""
        self._ask(run_id, slug, "cancel")

    def cancel_run(self, run_id: str) -> None:
        """End a run after the tasks at hand, whichever process works on it. Raises `NoSuchRun` if it does not run."""
        with self._permissions.use(TRIGGER_RUN, WEATHER_PIPELINE):
            if not requests.cancel_run(self._writer, run_id):
                raise NoSuchRun(f"{run_id} is not running, so there is nothing to cancel")

    def pause_schedule(self, *, paused: bool) -> None:
        """Pause or resume every scheduler of the workspace."""
        with self.schedule_management():
            requests.pause_scheduler(self._writer, paused=paused, now=self._clock.now())

    def add_city(self, name: str) -> None:
        """Add a city to the configuration. Raises `ConfigError`."""
        with self.schedule_management():
            self._edit_cities([name], [])

    def remove_city(self, name: str) -> None:
        """Remove a city from the configuration; its runs and readings stay. Raises `ConfigError`."""
        with self.schedule_management():
            self._edit_cities([], [name])

    def require_schedule_management(self) -> None:
        """Return if the session may look at what belongs to the schedule, such as the names of its secrets."""
        self._permissions.require(MANAGE_SCHEDULE, WEATHER_PIPELINE)

    def schedule_management(self) -> AbstractContextManager[object]:
        """Within it the session may change the schedule, its cities and its secrets."""
        return self._permissions.use(MANAGE_SCHEDULE, WEATHER_PIPELINE)

    def test_city(self, city: City) -> dict[str, Any]:
        """Ask the API for a city and store nothing: the transformed document.

        Raises a `SourceError` or `DataRejected`.
        """
        with self.schedule_management():
            return self._tested(city)

    # ---- inside ------------------------------------------------------------

    def _tested(self, city: City) -> dict[str, Any]:
        setup = self._setup()
        policy = setup.policy
        quota = Quota(
            self._writer, source=setup.source_name, calls_per_minute=policy.calls_per_minute, clock=self._clock
        )
        if (wait_s := quota.take()) > 0:
            raise QuotaExceeded(f"the API may not be called for another {wait_s:.0f} s")
        source = setup.open_source(policy.units)
        try:
            return tasks.transformed(source.fetch(city), policy.units)
        except DataRejected as error:
            raise DataRejected(f"the API answered for {city.name}, but {error}") from error
        finally:
            source.close()

    @property
    def _reader(self) -> Database:
        return self._database("reader")

    @property
    def _writer(self) -> Database:
        return self._database("writer")

    def _database(self, purpose: str) -> Database:
        """One connection a purpose, so that a screen never waits for a run's transaction."""
        with self._opening:
            if purpose not in self._databases:
                self._databases[purpose] = self._open_database()
            return self._databases[purpose]

    def _runner(self) -> Runner:
        return Runner(self.runner_parts())

    def _ask(self, run_id: str, slug: str, request: Literal["hurry", "cancel"]) -> None:
        with self._permissions.use(TRIGGER_RUN, WEATHER_PIPELINE):
            if not requests.ask_city(self._writer, run_id, slug, request):
                raise NoSuchRun(f"no retry of {slug} waits in {run_id}")


def _found(value: T | None, run_id: str) -> T:
    if value is None:
        raise NoSuchRun(f"there is no run {run_id}; `lakewarden runs` lists them")
    return value
