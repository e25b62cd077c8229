"""Reading the history: what the command line prints and the console draws. Nothing here writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from etl.history.database import Database, parse_stamp
from etl.models import (
    CITY_TASKS,
    CityState,
    Reading,
    RunState,
    Task,
    TaskState,
    Trigger,
    Units,
    parse_rfc3339,
    rfc3339,
    ts_of,
)
from etl.tasks import staged_files as staged_files_of

# What a task shows for several cities at once: the first of these that any city is in.
_MOST_TELLING = (
    TaskState.RUNNING,
    TaskState.UP_FOR_RETRY,
    TaskState.FAILED,
    TaskState.UPSTREAM_FAILED,
    TaskState.QUEUED,
    TaskState.SUCCESS,
    TaskState.SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: the task it happened in, the stable kind, the message for people."""

    task: str | None
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class CityRow:
    """One city of a run; `attempts` counts the attempts of each city task, 0 where it did not run."""

    city: str
    slug: str
    state: CityState
    object_key: str | None
    attempts: dict[Task, int]
    problem: Problem | None
    retry_at: datetime | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run with its cities, in the order they were claimed."""

    run_id: str
    source: str
    logical_time: datetime
    trigger: Trigger
    state: RunState
    units: Units
    lake: str
    started: datetime
    ended: datetime | None
    duration_s: float
    cities: tuple[CityRow, ...]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt of one task; `slug` and `city` are '' for the check. Attempt 0 is one that never started."""

    task: Task
    city: str
    slug: str
    attempt: int
    state: TaskState
    started: datetime | None
    ended: datetime | None
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a task logged."""

    line: int
    at: datetime
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class LastProblem:
    """A city of the newest run that failed or waits for its retry."""

    run_id: str
    logical_time: datetime
    city: str
    slug: str
    problem: Problem


@dataclass(frozen=True, slots=True)
class TaskCell:
    """One task of a run over all its cities: the most telling state, and how many cities are in each state."""

    state: TaskState
    counts: dict[TaskState, int]


@dataclass(frozen=True, slots=True)
class GridRow:
    """One line of the run grid. A missed hour has no run: `run_id` and `state` are None, `missed_because` says why."""

    logical_time: datetime
    source: str
    run_id: str | None
    state: RunState | None
    trigger: Trigger | None
    duration_s: float
    started: datetime | None
    city_states: dict[CityState, int]
    tasks: dict[Task, TaskCell] = field(default_factory=dict)
    next_retry_at: datetime | None = None
    missed_because: str | None = None


def newest_runs(database: Database, *, limit: int) -> list[RunRow]:
    """The newest runs by logical time, at most `limit`. Raises `HistoryError`."""
    with database.snapshot() as sql:
        rows = sql.execute(
            f"SELECT {_RUN} FROM run ORDER BY logical_time DESC, run_id LIMIT ?",  # noqa: S608 – constant columns
            (limit,),
        ).fetchall()
        return [_run_row(sql, row) for row in rows]


def find_run(database: Database, run_id: str) -> RunRow | None:
    """The run of that id, or None. Raises `HistoryError`."""
    with database.snapshot() as sql:
        row = sql.execute(f"SELECT {_RUN} FROM run WHERE run_id = ?", (run_id,)).fetchone()  # noqa: S608 – constant columns
        return _run_row(sql, row) if row else None


def attempts(database: Database, run_id: str, *, slug: str | None = None) -> list[AttemptRow]:
    """The attempts of a run in the order of the pipeline, the check first; of one city (and the check) with `slug`."""
    rows = database.query(
        "SELECT task, coalesce(city, ''), attempt.slug, attempt, attempt.state, started, ended, "
        "attempt.error_kind, attempt.error_message FROM attempt LEFT JOIN run_city USING (run_id, slug) "
        "WHERE run_id = ? AND (? IS NULL OR attempt.slug IN ('', ?)) ORDER BY position, attempt",
        (run_id, slug, slug),
    )
    found = [
        AttemptRow(
            Task(task), city, where, number, TaskState(state), _instant(started), _instant(ended),
            Problem(task, kind, message or "") if kind else None,
        )
        for task, city, where, number, state, started, ended, kind, message in rows
    ]  # fmt: skip
    order = {city.slug: i for i, city in enumerate(found)}
    tasks = list(Task)
    return sorted(found, key=lambda row: (order[row.slug] if row.slug else -1, tasks.index(row.task), row.attempt))


def log_lines(
    database: Database, run_id: str, slug: str, task: Task, attempt: int, *, after_line: int = 0
) -> list[LogLine]:
    """The lines of one attempt after the given line number. Raises `HistoryError`."""
    rows = database.query(
        "SELECT line, at, level, text FROM task_log WHERE (run_id, slug, task, attempt) = (?, ?, ?, ?) AND line > ? "
        "ORDER BY line",
        (run_id, slug, task, attempt, after_line),
    )
    return [LogLine(line, parse_stamp(at), level, text) for line, at, level, text in rows]


def grid(database: Database, *, limit: int, before: datetime | None = None) -> list[GridRow]:
    """Runs and missed hours, newest first, at most `limit`, older than `before` if given. Raises `HistoryError`."""
    bound = rfc3339(before) if before else "9999"
    with database.snapshot() as sql:
        runs = sql.execute(
            f"SELECT {_RUN} FROM run WHERE logical_time < ? ORDER BY logical_time DESC, run_id LIMIT ?",  # noqa: S608 – constant columns
            (bound, limit),
        ).fetchall()
        missed = sql.execute(
            "SELECT source, logical_time, reason FROM missed_hour AS missed WHERE logical_time < ? "
            "AND NOT EXISTS (SELECT 1 FROM run "
            "WHERE (run.source, run.logical_time) = (missed.source, missed.logical_time)) "
            "ORDER BY logical_time DESC LIMIT ?",
            (bound, limit),
        ).fetchall()
        lines = [_grid_row(sql, row) for row in runs]
    lines += [
        GridRow(parse_rfc3339(hour), source, None, None, None, 0.0, None, {}, missed_because=reason)
        for source, hour, reason in missed
    ]
    return sorted(lines, key=lambda line: line.logical_time, reverse=True)[:limit]


def grid_row(database: Database, run_id: str) -> GridRow | None:
    """The grid line of one run, to refresh it alone. Raises `HistoryError`."""
    with database.snapshot() as sql:
        row = sql.execute(f"SELECT {_RUN} FROM run WHERE run_id = ?", (run_id,)).fetchone()  # noqa: S608 – constant columns
        return _grid_row(sql, row) if row else None


def latest_readings(database: Database, *, source: str, slugs: Sequence[str]) -> dict[str, Reading]:
    """The newest reading of each city that has one, by slug. Raises `HistoryError`."""
    found: dict[str, Reading] = {}
    with database.snapshot() as sql:
        for slug in slugs:
            row = sql.execute(
                f"SELECT {_READING} FROM reading WHERE (source, slug) = (?, ?) ORDER BY logical_time DESC LIMIT 1",  # noqa: S608 – constant columns
                (source, slug),
            ).fetchone()
            if row:
                found[slug] = _reading(row)
    return found


def readings(database: Database, *, source: str, slug: str, since: datetime) -> list[Reading]:
    """A city's readings from `since` on, oldest first. Raises `HistoryError`."""
    rows = database.query(
        f"SELECT {_READING} FROM reading WHERE (source, slug) = (?, ?) AND logical_time >= ? ORDER BY logical_time",  # noqa: S608 – constant columns
        (source, slug, rfc3339(since)),
    )
    return [_reading(row) for row in rows]


def last_problem(database: Database, *, source: str) -> LastProblem | None:
    """What is wrong in the source's newest run; None when it went well. Raises `HistoryError`."""
    rows = database.query(
        "SELECT run_id, logical_time, city, slug, error_task, error_kind, error_message FROM run_city "
        "JOIN run USING (run_id) WHERE run_id = (SELECT run_id FROM run WHERE source = ? "
        "ORDER BY logical_time DESC LIMIT 1) AND error_kind IS NOT NULL ORDER BY position LIMIT 1",
        (source,),
    )
    if not rows:
        return None
    run_id, logical_time, city, slug, task, kind, message = rows[0]
    return LastProblem(run_id, parse_rfc3339(logical_time), city, slug, Problem(task, kind, message or ""))


def running_runs(database: Database) -> list[str]:
    """The ids of the runs that are being worked on. Raises `HistoryError`."""
    return [row[0] for row in database.query("SELECT run_id FROM run WHERE state = 'running'")]


def staged_files(database: Database, run_id: str, slug: str, staging_dir: Path) -> tuple[Path, Path] | None:
    """Where a city's raw and transformed file of a run lie. Raises `HistoryError`."""
    rows = database.query(
        "SELECT staging, logical_time FROM run_city JOIN run USING (run_id) WHERE (run_id, slug) = (?, ?)",
        (run_id, slug),
    )
    if not rows:
        return None
    staging, logical_time = rows[0]
    files = staged_files_of(staging_dir / staging, slug, ts_of(parse_rfc3339(logical_time)))
    return files.raw, files.transformed


def change_mark(database: Database) -> int:
    """A number that changes whenever another connection has written, so that readers can skip unchanged states."""
    return int(database.query("PRAGMA data_version")[0][0])


def run_document(row: RunRow, *, already_loaded: bool = False) -> dict[str, Any]:
    """The run as the public JSON contract spells it."""
    document: dict[str, Any] = {
        "run_id": row.run_id,
        "logical_time": rfc3339(row.logical_time),
        "ts": ts_of(row.logical_time),
        "trigger": row.trigger.value,
        "state": row.state.value,
        "source": row.source,
        "duration_s": round(row.duration_s, 3),
        "cities": [_city_document(city) for city in row.cities],
    }
    if already_loaded:
        document["already_loaded"] = True
    return document


def attempt_document(row: AttemptRow, lines: Sequence[LogLine]) -> dict[str, Any]:
    """One task attempt as the public JSON contract spells it."""
    return {
        "task": row.task.value,
        "city": row.city or None,
        "attempt": row.attempt,
        "state": row.state.value,
        "started": rfc3339(row.started) if row.started else None,
        "ended": rfc3339(row.ended) if row.ended else None,
        "error": _problem_document(row.problem),
        "log": [f"{rfc3339(line.at)} {line.level} {line.text}" for line in lines],
    }


_RUN = "run_id, source, logical_time, trigger, state, units, lake, started, ended, duration_s"
_READING = (
    "source, slug, logical_time, city, reported_city, captured_at, temperature, humidity, weather, wind_speed, units"
)


def _run_row(sql: sqlite3.Connection, row: tuple[Any, ...]) -> RunRow:
    run_id, source, logical_time, trigger, state, units, lake, started, ended, duration_s = row
    counts: dict[str, dict[Task, int]] = {}
    for slug, task, count in sql.execute(
        "SELECT slug, task, max(attempt) FROM attempt WHERE run_id = ? AND slug <> '' GROUP BY slug, task", (run_id,)
    ):
        counts.setdefault(slug, {})[Task(task)] = count
    cities = sql.execute(
        "SELECT city, slug, state, object, error_task, error_kind, error_message, retry_at FROM run_city "
        "WHERE run_id = ? ORDER BY position",
        (run_id,),
    )
    return RunRow(
        run_id, source, parse_rfc3339(logical_time), Trigger(trigger), RunState(state), Units(units), lake,
        parse_stamp(started), _instant(ended), duration_s,
        tuple(
            CityRow(
                city, slug, CityState(city_state), object_key,
                {task: counts.get(slug, {}).get(task, 0) for task in CITY_TASKS},
                Problem(task, kind, message or "") if kind else None, _instant(retry_at),
            )
            for city, slug, city_state, object_key, task, kind, message, retry_at in cities
        ),
    )  # fmt: skip


def _grid_row(sql: sqlite3.Connection, row: tuple[Any, ...]) -> GridRow:
    run_id, source, logical_time, trigger, state, _units, _lake, started, _ended, duration_s = row
    city_states = {
        CityState(found): count
        for found, count in sql.execute(
            "SELECT state, count(*) FROM run_city WHERE run_id = ? GROUP BY state", (run_id,)
        )
    }
    retry_at = sql.execute("SELECT min(retry_at) FROM run_city WHERE run_id = ?", (run_id,)).fetchone()[0]
    counts: dict[Task, dict[TaskState, int]] = {}
    for task, found, count in sql.execute(
        "SELECT task, state, count(*) FROM (SELECT task, state, max(attempt) FROM attempt WHERE run_id = ? "
        "GROUP BY slug, task) GROUP BY task, state",
        (run_id,),
    ):
        counts.setdefault(Task(task), {})[TaskState(found)] = count
    return GridRow(
        parse_rfc3339(logical_time), source, run_id, RunState(state), Trigger(trigger), duration_s,
        parse_stamp(started), city_states,
        {task: _cell(task, counts.get(task, {}), city_states, RunState(state)) for task in Task},
        _instant(retry_at),
    )  # fmt: skip


def _cell(task: Task, counts: dict[TaskState, int], cities: dict[CityState, int], state: RunState) -> TaskCell:
    """Cities that have no attempt of a task yet are queued for it while the run goes on."""
    expected = 1 if task is Task.CHECK else sum(cities.values())
    if state is RunState.RUNNING and (waiting := expected - sum(counts.values())) > 0:
        counts = counts | {TaskState.QUEUED: counts.get(TaskState.QUEUED, 0) + waiting}
    telling = next((found for found in _MOST_TELLING if counts.get(found)), TaskState.SKIPPED)
    return TaskCell(telling, counts)


def _reading(row: tuple[Any, ...]) -> Reading:
    source, slug, logical_time, city, reported, captured_at, temperature, humidity, weather, wind_speed, units = row
    return Reading(
        source, city, slug, reported, parse_rfc3339(logical_time), parse_rfc3339(captured_at),
        temperature, humidity, weather, wind_speed, units,
    )  # fmt: skip


def _city_document(city: CityRow) -> dict[str, Any]:
    return {
        "city": city.city,
        "slug": city.slug,
        "state": city.state.value,
        "object": city.object_key,
        "attempts": {task.value: count for task, count in city.attempts.items()},
        "error": _problem_document(city.problem),
    }


def _problem_document(problem: Problem | None) -> dict[str, Any] | None:
    return None if problem is None else {"task": problem.task, "kind": problem.kind, "message": problem.message}


def _instant(text: str | None) -> datetime | None:
    return parse_stamp(text) if text else None
