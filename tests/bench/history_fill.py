"""Fills a workspace's history with hours that went well, in bulk, through the schema that the program makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.history.claims import run_id_of
from etl.history.database import Database, stamp
from etl.models import CITY_TASKS, Task, hour_of, rfc3339, ts_of

Row = Callable[[str, datetime, str, int], tuple[object, ...]]

TASK_S = 0.2
_RUN = "INSERT INTO run VALUES (?, ?, ?, 'schedule', 'success', 'standard', 'lake', ?, ?, 1.0, 0)"
_CITY = (
    "INSERT INTO run_city (run_id, slug, city, state, owner, position, object) VALUES (?, ?, ?, 'success', '', ?, ?)"
)
_ATTEMPT = (
    "INSERT INTO attempt (run_id, slug, task, attempt, state, started, ended) VALUES (?, ?, ?, 1, 'success', ?, ?)"
)
_LOG = "INSERT INTO task_log VALUES (?, ?, ?, 1, 1, ?, 'INFO', 'done')"
_READING = "INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, 287.5, 64, 'few clouds', 3.1, 'standard')"


def fill(home: Path, *, hours: int, cities: Sequence[str], source: str = "practice") -> None:
    """Record the last `hours` full hours before this one for `cities` (names that are their own slugs)."""
    database = Database(home / "etl.db", lock_file=home / "locks" / "etl.db.lock", now=lambda: datetime.now(UTC))
    newest = hour_of(datetime.now(UTC)) - timedelta(hours=1)
    times = [newest - timedelta(hours=hour) for hour in reversed(range(hours))]
    try:
        with database.transaction() as sql:
            sql.executemany(_RUN, (_run(source, at) for at in times))
            sql.executemany(_CITY, _each(source, times, cities, _city))
            sql.executemany(_ATTEMPT, (_attempt(source, at, "", Task.CHECK) for at in times))
            for task in CITY_TASKS:
                sql.executemany(_ATTEMPT, (_attempt(source, at, city, task) for at in times for city in cities))
                sql.executemany(
                    _LOG, ((run_id_of(source, at), city, task, stamp(at)) for at in times for city in cities)
                )
            sql.executemany(_READING, _each(source, times, cities, _reading))
    finally:
        database.close()


def _each(source: str, times: Sequence[datetime], cities: Sequence[str], row: Row) -> Iterator[tuple[object, ...]]:
    return (row(source, at, city, position) for at in times for position, city in enumerate(cities))


def _run(source: str, at: datetime) -> tuple[object, ...]:
    return run_id_of(source, at), source, rfc3339(at), stamp(at), stamp(at + timedelta(seconds=1))


def _city(source: str, at: datetime, city: str, position: int) -> tuple[object, ...]:
    key = f"practice/weather-data/{city}_weather_{ts_of(at)}.json"
    return run_id_of(source, at), city, city, position, key


def _attempt(source: str, at: datetime, city: str, task: Task) -> tuple[object, ...]:
    return run_id_of(source, at), city, task, stamp(at), stamp(at + timedelta(seconds=TASK_S))


def _reading(source: str, at: datetime, city: str, _position: int) -> tuple[object, ...]:
    return source, city, rfc3339(at), city, city, rfc3339(at)
