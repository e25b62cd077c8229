"""What the screen of run details shows of one city of a run: read off the loop, as plain values without any widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.actions.errors import NoSuchRun
from console.actions.pipelines import Pipelines
from console.tui.pipelines.run_lines import states_of
from etl.history.queries import AttemptRow, CityRow, LogLine, RunRow
from etl.models import CityState, RunState, Task, TaskState
from etl.tasks import PRACTICE

AttemptId = tuple[str, Task, int]  # slug, task, number
AT_WORK = (TaskState.RUNNING, TaskState.QUEUED)
_MOST_TELLING = (CityState.FAILED, CityState.RUNNING, CityState.SKIPPED, CityState.SUCCESS)


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A file of the run, and whether it is there now."""

    path: Path
    exists: bool


@dataclass(frozen=True, slots=True)
class LogPart:
    """Lines of one attempt, after line `after`. `complete` if no more can come."""

    attempt: AttemptId
    after: int
    lines: tuple[LogLine, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a city (None: the most telling one), an attempt (None: likewise), what is known of its log."""

    slug: str | None
    attempt: AttemptId | None = None
    known_of: AttemptId | None = None
    known_lines: int = 0
    known_complete: bool = False


@dataclass(frozen=True, slots=True)
class RunDetails:
    """One city of a run. `log` is None where nothing new can be in it."""

    run: RunRow
    city: CityRow
    attempts: tuple[AttemptRow, ...]
    attempt: AttemptRow | None
    raw: StagedFile
    transformed: StagedFile
    log: LogPart | None

    @property
    def practice(self) -> bool:
        return self.run.source == PRACTICE

    @property
    def waits(self) -> bool:
        """Whether the city waits for its retry."""
        return self.city.retry_at is not None and self.city.state is CityState.RUNNING

    @property
    def to_copy(self) -> tuple[str, str]:
        """What it is, and the object's key, or before there is one the newest file that exists, else the run's id."""
        if self.city.object_key:
            return "the object key", self.city.object_key
        files = [file for file in (self.transformed, self.raw) if file.exists]
        return ("the file path", str(files[0].path)) if files else ("the run id", self.run.run_id)


def read_details(pipelines: Pipelines, run_id: str, wanted: Wanted) -> RunDetails:
    """Read what is wanted. Raises `NoSuchRun`, an `EtlError`, a `ConfigError` or `PermissionDenied`."""
    run = pipelines.run(run_id)
    city = city_of_run(run, wanted.slug)
    attempts = with_never_started(pipelines.attempts(run.run_id, slug=city.slug), run, city)
    attempt = attempt_of(attempts, wanted.attempt)
    raw, transformed = pipelines.staged_files(run.run_id, city.slug)
    return RunDetails(
        run,
        city,
        attempts,
        attempt,
        StagedFile(raw, raw.exists()),
        StagedFile(transformed, transformed.exists()),
        None if attempt is None else _log(pipelines, run, attempt, wanted),
    )


def city_of_run(run: RunRow, slug: str | None) -> CityRow:
    """The city of that slug, else the first of those that tell most. Raises `NoSuchRun` if it has none."""
    for city in run.cities:
        if city.slug == slug:
            return city
    if not run.cities:
        raise NoSuchRun(f"{run.run_id} has no cities, so there is nothing to show")
    return min(run.cities, key=lambda city: _MOST_TELLING.index(city.state))


def with_never_started(attempts: Sequence[AttemptRow], run: RunRow, city: CityRow) -> tuple[AttemptRow, ...]:
    """The attempts, and one that never started for each task that will not run any more."""
    newest = {attempt.task: attempt.state for attempt in attempts}
    states = states_of(city, newest, running=run.state is RunState.RUNNING)
    never = [
        AttemptRow(task, city.city, city.slug, 0, state, None, None, None)
        for task, state in states.items()
        if task not in newest and state is not TaskState.QUEUED
    ]
    tasks = list(Task)
    return tuple(sorted([*attempts, *never], key=lambda attempt: (tasks.index(attempt.task), attempt.attempt)))


def attempt_of(attempts: Sequence[AttemptRow], wanted: AttemptId | None) -> AttemptRow | None:
    """The attempt of that id, else the one at work, else the last that failed, else the last that took place."""
    for attempt in attempts:
        if attempt_id(attempt) == wanted:
            return attempt
    for states in ((TaskState.RUNNING,), (TaskState.FAILED, TaskState.UP_FOR_RETRY)):
        found = [attempt for attempt in attempts if attempt.state in states]
        if found:
            return found[-1]
    return next((a for a in reversed(attempts) if a.attempt), attempts[-1] if attempts else None)


def attempt_id(attempt: AttemptRow) -> AttemptId:
    """What tells an attempt from the others of its run."""
    return attempt.slug, attempt.task, attempt.attempt


def _log(pipelines: Pipelines, run: RunRow, attempt: AttemptRow, wanted: Wanted) -> LogPart | None:
    """What is new in the attempt's log. A finished log that is known is not read again."""
    same = wanted.known_of == attempt_id(attempt)
    if same and wanted.known_complete:
        return None
    after = wanted.known_lines if same else 0
    complete = attempt.state not in AT_WORK or run.state is not RunState.RUNNING
    lines = pipelines.log_lines(attempt, run.run_id, after_line=after)
    return LogPart(attempt_id(attempt), after, tuple(lines), complete)
