"""One city's tasks, extract, transform and load: each is carried out and recorded here, how it ended included.

The runner calls `work` in its threads; where something else drives the tasks, it calls `attempt` for each.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from etl import tasks
from etl.errors import Cancelled, DataRejected, EtlError, MissedHour
from etl.history.claims import ClaimedCity
from etl.history.recorder import Recorder
from etl.models import CITY_TASKS, TASK_LOGGER, CityState, Reading, Staged, Task, TaskState, Units, rfc3339, ts_of
from etl.ports import Clock, Lake, Source
from etl.task_log import attempt_log

log = logging.getLogger(__name__)
task_log = logging.getLogger(TASK_LOGGER)


@dataclass(slots=True)
class CityWork:
    """A city on its way: `attempts` per city task; `retries_left` counts down over the task at hand."""

    claimed: ClaimedCity
    source_name: str
    staged: Staged
    attempts: dict[Task, int]
    forced: bool
    failed_task: Task | None = None
    retries_used: int = 0
    error: EtlError | None = None

    @property
    def slug(self) -> str:
        return self.claimed.city.slug

    def needs_source(self) -> bool:
        return not tasks.is_staged(self.staged, self.source_name)


class CityWorker:
    """Carries out the tasks that are left of a city. One instance serves every worker thread of a run."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        clock: Clock,
        source_name: str,
        logical_time: datetime,
        units: Units,
        lake: Lake | None,
        source: Source | None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._source_name = source_name
        self._logical_time = logical_time
        self._units = units
        self._lake = lake
        self._source = source
        self._cancelled = cancelled or threading.Event()

    def work(self, item: CityWork) -> EtlError | None:
        """Carry out what is left; returns what stopped it (`item.failed_task` says where), or None."""
        try:
            for task in CITY_TASKS:
                if self._cancelled.is_set():
                    raise Cancelled("cancelled by the operator")
                item.failed_task = task
                self.attempt(item, task)
        except EtlError as found:
            return found
        except Exception as found:  # a fault of ours must fail this city alone
            log.exception("%s: %s failed unexpectedly", item.slug, item.failed_task)
            return EtlError(f"unexpected {type(found).__name__}; the log file has the details")
        return None

    def attempt(self, item: CityWork, task: Task) -> None:
        """Carry out one task unless what it makes is there. Raises the EtlError that stopped it."""
        if self._is_done(item, task):
            if not item.attempts.get(task):
                self._recorder.attempt(item.slug, task, 0, TaskState.SKIPPED)
            return
        before = item.attempts.get(task)
        if before is not None:
            self._recorder.superseded(item.slug, task, before)
        number = item.attempts[task] = (before or 0) + 1
        started = self._clock.now()
        self._recorder.attempt(item.slug, task, number, TaskState.RUNNING, started=started)
        with attempt_log(self._recorder, item.slug, task, number), _problems_logged():
            if task is Task.EXTRACT:
                assert self._source is not None
                tasks.extract(self._source, item.claimed.city, item.staged)
            elif task is Task.TRANSFORM:
                tasks.transform(item.staged.raw, item.staged, units=self._units)
            else:
                self._load(item)
        self._recorder.attempt(item.slug, task, number, TaskState.SUCCESS, started=started, ended=self._clock.now())
        item.retries_used = 0
        item.error = None

    def _is_done(self, item: CityWork, task: Task) -> bool:
        if task is Task.EXTRACT:
            return not item.needs_source()
        return task is Task.TRANSFORM and not item.forced and tasks.is_transformed(item.staged)

    def _load(self, item: CityWork) -> None:
        key = tasks.object_key(self._source_name, item.slug, ts_of(self._logical_time))
        try:
            assert self._lake is not None
            stored = tasks.load(self._lake, item.staged.transformed, key)
            self._record_reading(item)
        except DataRejected:
            item.staged.transformed.unlink(missing_ok=True)  # ours, and not whole: the next attempt writes it again
            raise
        self._recorder.city(item.slug, CityState.SUCCESS, object_key=stored.key)

    def _record_reading(self, item: CityWork) -> None:
        document = tasks.read_transformed(item.staged.transformed)
        city = item.claimed.city
        self._recorder.reading(
            Reading(
                source=self._source_name,
                city=city.name,
                slug=city.slug,
                reported_city=document["city"],
                logical_time=self._logical_time,
                captured_at=tasks.captured_at(document),
                temperature=document["temperature"],
                humidity=document["humidity"],
                weather=document["weather"],
                wind_speed=document["wind_speed"],
                units=self._units,
            )
        )


def record_failed(recorder: Recorder, item: CityWork, task: Task, error: EtlError, *, ended: datetime) -> None:
    """The city failed for good in `task`; the tasks after it never start."""
    if item.attempts.get(task) and task is not Task.CHECK:
        recorder.attempt(item.slug, task, item.attempts[task], TaskState.FAILED, ended=ended, error=error)
    later = CITY_TASKS if task is Task.CHECK else CITY_TASKS[CITY_TASKS.index(task) + 1 :]
    for never in later:
        if not item.attempts.get(never):
            recorder.attempt(item.slug, never, 0, TaskState.UPSTREAM_FAILED)
    state = CityState.SUCCESS if item.claimed.was_loaded else CityState.FAILED  # its object is in the lake
    recorder.city(item.slug, state, task=task, error=error)


def record_waiting(
    recorder: Recorder, item: CityWork, task: Task, error: EtlError, *, ended: datetime, until: datetime
) -> None:
    """The city failed in `task` and is tried again at `until`."""
    recorder.attempt(item.slug, task, item.attempts[task], TaskState.UP_FOR_RETRY, ended=ended, error=error)
    recorder.city(item.slug, CityState.RUNNING, task=task, error=error, retry_at=until)


def missed_hour(recorder: Recorder, item: CityWork, source_name: str, logical_time: datetime) -> MissedHour:
    """Record that the past hour can no longer be fetched; returns the error to end with."""
    hour = rfc3339(logical_time)
    if not item.claimed.was_loaded:
        recorder.missed(source_name, logical_time, "no raw file was kept")
    return MissedHour(
        f"{hour} is past, and no raw file of {item.claimed.city.name} was kept for it ({item.staged.raw}). "
        "The API only tells the current weather, so this hour stays missed."
    )


@contextmanager
def _problems_logged() -> Iterator[None]:
    """Let the attempt's own log end with what went wrong."""
    try:
        yield
    except EtlError as error:
        task_log.error("%s", error)
        raise
