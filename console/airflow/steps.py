"""The steps of a run whose tasks something else drives, each in a process of its own: what Airflow's tasks call.

It has no word of Airflow in it and needs none installed. Airflow decides when a step runs and whether it is tried
again; files, objects and history come from the same functions as in our own runner.

Ordering rules:
1. A step claims its city before anything else: loaded is done, what another process works on is left to it.
2. The claim is a lease: it holds between two steps, this run's next step takes it over, and if no step follows it
   ends, so that a dead Airflow does not keep the hour from cron.
3. What happened is recorded before the step returns or raises.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from console.config_errors import ConfigError, WorkspaceError
from console.config_file import open_or_create_workspace
from console.settings import home_of, load_settings
from console.wiring.pipelines import pipelines, run_policy
from etl import tasks
from etl.cities import city_of
from etl.city_work import CityWork, CityWorker, missed_hour, record_failed, record_waiting
from etl.errors import Cancelled, DataRejected, EtlError, QuotaExceeded
from etl.history.claims import Claim, claim, finish, run_id_of
from etl.history.owner import is_held, lease
from etl.history.recorder import Recorder
from etl.models import CITY_TASKS, HOUR_S, City, CityState, RunPolicy, Task, TaskState, Trigger, rfc3339, ts_of
from etl.quota import Quota
from etl.run import RunnerParts
from etl.task_log import attempt_log, install

LEASE_BEYOND_DEADLINE_S = 300.0  # for what lies between two steps: Airflow's queue


class AlreadyLoaded(Exception):
    """The city is loaded for this hour, by whomever: nothing is left to do."""


class HeldElsewhere(EtlError):
    """Another process works on the city; a later try finds out what became of it."""

    kind = "held_elsewhere"
    retryable = True


@dataclass(frozen=True, slots=True)
class Try:
    """One try of one task: `run` names the run that it belongs to, `number` counts from 1, `last` says if it is."""

    run: str
    logical_time: datetime
    number: int
    last: bool


def logical_time_of(
    run_type: str,
    *,
    logical_date: datetime | None,
    interval_end: datetime | None,
    run_after: datetime | None,
) -> datetime:
    """The instant that names a run, to the second, whichever timetable made it.

    A scheduled run (or a backfill of one) is named after the end of its data interval. That is when it starts, so the
    weather it fetches is of the hour that follows; where the interval is a point (`CronTriggerTimetable`, the default
    since Airflow 3) it is the logical date too. Any other run is named after its own date, as `--now` does.
    """
    automatic = run_type in ("scheduled", "backfill")
    instant = (interval_end if automatic else None) or logical_date or run_after
    if instant is None:
        raise ValueError(f"a {run_type} run without any date cannot be named")
    return instant.replace(microsecond=0)


def configured_policy(environ: Mapping[str, str]) -> RunPolicy:
    """Retries and intervals as configured; the defaults where the configuration is broken, which a step will tell."""
    try:
        return run_policy(load_settings(environ))
    except (ConfigError, WorkspaceError):
        return RunPolicy()


@contextmanager
def open_steps(environ: Mapping[str, str], attempt: Try) -> Iterator[Steps]:
    """The steps of the workspace that `environ` names. Raises `ConfigError`, `WorkspaceError`, `HistoryError`."""
    home = home_of(environ)
    open_or_create_workspace(home)
    actions = pipelines(load_settings(environ, home), environ)
    try:
        yield Steps(actions.runner_parts(), actions.setup().cities, attempt)
    finally:
        actions.close()


class Steps:
    """The four tasks of one run, for one try of one of them.

    Each raises an `EtlError` when it failed, `AlreadyLoaded` or `Cancelled` when there is nothing (more) to do.
    """

    def __init__(
        self,
        parts: RunnerParts,
        cities: Sequence[City],
        attempt: Try,
        *,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parts = parts
        self._cities = cities
        self._try = attempt
        self._wait = wait
        self._clock = parts.clock
        self._run_id = run_id_of(parts.source_name, attempt.logical_time)
        self._holder = hashlib.sha256(attempt.run.encode()).hexdigest()[:16]
        self._quota = Quota(
            parts.database,
            source=parts.source_name,
            calls_per_minute=parts.policy.calls_per_minute,
            clock=parts.clock,
        )
        install()

    def check(self) -> list[str]:
        """Return the configured cities' names once the API answers, or at once if no city needs it."""
        claimed = self._claim(self._cities)
        if claimed.ours:
            with self._recording() as recorder:
                items = [self._work(item.city, claimed) for item in claimed.ours]
                asked = [item.claimed.city for item in items if item.needs_source()]
                if asked and 0 < self._hour_left_s() <= HOUR_S:
                    self._check(recorder, claimed, asked, items)
                elif not self._attempts("", Task.CHECK):
                    recorder.attempt("", Task.CHECK, 0, TaskState.SKIPPED)
        return [city.name for city in self._cities]

    def extract(self, city: str) -> Path:
        """Fetch the city's weather; returns where the raw file lies."""
        return self._carry_out(city, Task.EXTRACT).staged.raw

    def transform(self, city: str, raw: Path) -> Path:
        """Make the document of the raw file; returns where it lies."""
        return self._carry_out(city, Task.TRANSFORM, raw=raw).staged.transformed

    def load(self, city: str, transformed: Path) -> str:
        """Store the document; returns the object's whole key."""
        item = self._carry_out(city, Task.LOAD, transformed=transformed)
        sql = "SELECT object FROM run_city WHERE (run_id, slug) = (?, ?)"
        return str(self._query(sql, self._run_id, item.slug))

    # ---- the check ------------------------------------------------------------

    def _check(self, recorder: Recorder, claimed: Claim, asked: Sequence[City], items: Sequence[CityWork]) -> None:
        number, started = self._number("", Task.CHECK), self._clock.now()
        recorder.attempt("", Task.CHECK, number, TaskState.RUNNING, started=started)
        policy = self._parts.policy
        try:
            source = self._parts.open_source(claimed.units)
            try:
                with attempt_log(recorder, "", Task.CHECK, number):
                    tasks.check(
                        source,
                        asked,
                        poke_interval_s=policy.poke_interval_s,
                        timeout_s=policy.sensor_timeout_s,
                        steady_s=self._clock.steady_s,
                        wait=self._wait,
                        before_call=self._take_call,
                    )
            finally:
                source.close()
        except Exception as found:
            error, ended = _told(found), self._clock.now()
            recorder.attempt("", Task.CHECK, number, TaskState.FAILED, started=started, ended=ended, error=error)
            for item in items:
                record_failed(recorder, item, Task.CHECK, error, ended=ended)
            raise
        recorder.attempt("", Task.CHECK, number, TaskState.SUCCESS, started=started, ended=self._clock.now())

    # ---- one task of one city ------------------------------------------------------------

    def _carry_out(self, name: str, task: Task, **paths: Path) -> CityWork:
        city = next((known for known in self._cities if known.name == name), None) or city_of(name)
        self._heed_cancel(city, task)
        claimed = self._claim([city])
        if claimed.done:
            raise AlreadyLoaded(f"{city.name} is loaded for {rfc3339(self._try.logical_time)}; nothing is left to do")
        if claimed.busy:
            raise HeldElsewhere(
                f"another process works on {city.name} for {rfc3339(self._try.logical_time)}, so nothing was done twice"
            )
        item = self._work(city, claimed, **paths)
        number = self._number(city.slug, task)
        item.attempts[task] = number - 1
        with self._recording() as recorder:
            try:
                self._attempt(recorder, claimed, item, task)
            except Exception as error:
                item.attempts[task] = number  # also where it failed before the task began
                self._record_failure(recorder, item, task, _told(error))
                raise
        return item

    def _attempt(self, recorder: Recorder, claimed: Claim, item: CityWork, task: Task) -> None:
        fetching = task is Task.EXTRACT and item.needs_source()
        if fetching:
            self._await_call(recorder, item)
        source = self._parts.open_source(claimed.units) if fetching else None
        try:
            CityWorker(
                recorder=recorder,
                clock=self._clock,
                source_name=self._parts.source_name,
                logical_time=self._try.logical_time,
                units=claimed.units,
                lake=self._parts.open_lake() if task is Task.LOAD else None,
                source=source,
            ).attempt(item, task)
        except QuotaExceeded as error:
            self._quota.pause(error.retry_after_s or self._parts.policy.pause_after_429_s)
            raise
        finally:
            if source is not None:
                source.close()

    def _await_call(self, recorder: Recorder, item: CityWork) -> None:
        """Wait for the quota, never past the hour, whose weather alone may bear its name."""
        logical_time = self._try.logical_time
        if self._clock.now() < logical_time:
            raise DataRejected(f"{rfc3339(logical_time)} is still to come; its weather cannot be fetched yet")
        left_s = self._hour_left_s()
        if left_s <= 0:
            raise missed_hour(recorder, item, self._parts.source_name, logical_time)
        self._take_call(min(left_s, self._parts.policy.deadline_s))

    def _record_failure(self, recorder: Recorder, item: CityWork, task: Task, error: EtlError) -> None:
        now = self._clock.now()
        if self._try.last or not worth_another_try(error):
            record_failed(recorder, item, task, error, ended=now)
        else:
            until = now + timedelta(seconds=self._parts.policy.delay_s)
            record_waiting(recorder, item, task, error, ended=now, until=until)

    def _heed_cancel(self, city: City, task: Task) -> None:
        """Raises `Cancelled` if the operator has cancelled the run, or the retry of this city, while it was ours."""
        if not self._query(
            "SELECT max(cancel OR request IS 'cancel') FROM run JOIN run_city USING (run_id) "
            "WHERE (run_id, slug, run_city.state) = (?, ?, 'running') AND owner LIKE ?",
            self._run_id,
            city.slug,
            f"lease-%-{self._holder}-%",
        ):
            return
        error = Cancelled(f"{city.name} was cancelled by the operator")
        with self._recording() as recorder:
            recorder.city(city.slug, CityState.SKIPPED, task=task, error=error)
        raise error

    # ---- what every step needs ------------------------------------------------------------

    def _claim(self, cities: Sequence[City]) -> Claim:
        parts, now = self._parts, self._clock.now()
        lasts_s = parts.policy.deadline_s + LEASE_BEYOND_DEADLINE_S
        return claim(
            parts.database,
            source=parts.source_name,
            logical_time=self._try.logical_time,
            cities=cities,
            owner=lease(self._holder, now + timedelta(seconds=lasts_s)),
            is_alive=lambda who: is_held(parts.locks_dir, who, now=now, holder=self._holder),
            trigger=Trigger.AIRFLOW,
            units=parts.policy.units,
            lake=parts.lake_url,
            now=now,
        )

    @contextmanager
    def _recording(self) -> Iterator[Recorder]:
        """A recorder of the run; the run's state follows when all is written."""
        started_s = self._clock.steady_s()
        recorder = Recorder(self._parts.database, self._run_id, now=self._clock.now, redact=self._parts.redact)
        try:
            yield recorder
        finally:
            recorder.close()
            worked_s = self._clock.steady_s() - started_s
            finish(self._parts.database, run_id=self._run_id, worked_s=worked_s, now=self._clock.now())

    def _work(self, city: City, claimed: Claim, **paths: Path) -> CityWork:
        """The city's work; `paths` are those that the task before handed over."""
        ours = next(item for item in claimed.ours if item.city == city)
        folder = self._parts.staging_dir / ours.staging
        staged = tasks.staged_files(folder, city.slug, ts_of(self._try.logical_time))
        attempts = {task: self._attempts(city.slug, task) for task in CITY_TASKS}
        return CityWork(ours, self._parts.source_name, replace(staged, **paths), attempts, forced=False)

    def _number(self, slug: str, task: Task) -> int:
        """This try's number: the driver's own, unless the history knows of more."""
        return max(self._attempts(slug, task) + 1, self._try.number)

    def _attempts(self, slug: str, task: Task) -> int:
        sql = "SELECT max(attempt) FROM attempt WHERE (run_id, slug, task) = (?, ?, ?)"
        return int(self._query(sql, self._run_id, slug, task) or 0)

    def _take_call(self, within_s: float) -> None:
        """Take one call of the quota. Raises `QuotaExceeded` if it cannot be had within `within_s`."""
        end_s = self._clock.steady_s() + within_s
        while (wait_s := self._quota.take()) > 0:
            if self._clock.steady_s() + wait_s > end_s:
                raise QuotaExceeded(
                    f"the API may not be called for another {wait_s:.0f} s "
                    "(its quota is used up, or it answered 429 before); a later run of the same hour goes on"
                )
            self._wait(wait_s)

    def _hour_left_s(self) -> float:
        """Seconds for which current weather may still be stored under this run's name."""
        end = self._try.logical_time + timedelta(seconds=HOUR_S)
        return (end - self._clock.now()).total_seconds()

    def _query(self, sql: str, *parameters: object) -> Any:
        rows = self._parts.database.query(sql, parameters)
        return rows[0][0] if rows else None


def worth_another_try(error: Exception) -> bool:
    """Whether Airflow should try again: after a 429 too, since the next try waits for the pause to end."""
    return not isinstance(error, EtlError) or error.retryable or isinstance(error, QuotaExceeded)


def _told(error: Exception) -> EtlError:
    """The error as the history tells it; a fault of ours is named only, its details are in the driver's log."""
    return error if isinstance(error, EtlError) else EtlError(f"unexpected {type(error).__name__}; see the task's log")
