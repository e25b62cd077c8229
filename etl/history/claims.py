"""Claiming the cities of a run, so that cron, console and daemon together load each (hour, city) once.

Ordering rules:
1. An owner is locked before its claim is written, and released after its results are.
2. A claim is one transaction over all cities of a call.
3. A city that is loaded is done; one whose owner lives is busy; any other is taken.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etl.history.database import Database, stamp
from etl.models import City, CityState, RunState, Task, TaskState, Trigger, Units, rfc3339, ts_of

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class ClaimedCity:
    """A city this call works on.

    `staging` is the folder below the staging folder its files lie in, mostly ''; `was_loaded` says that its object
    is in the lake already (a forced call).
    """

    city: City
    staging: str
    was_loaded: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The outcome of a claim: what is ours, what another process holds, what was loaded before."""

    run_id: str
    units: Units
    ours: list[ClaimedCity] = field(default_factory=list)
    busy: list[City] = field(default_factory=list)
    done: list[City] = field(default_factory=list)


def run_id_of(source: str, logical_time: datetime) -> str:
    """The run's name, the same for every process: `openweather-20261123T210000`."""
    return f"{source}-{ts_of(logical_time)}"


def claim(
    database: Database,
    *,
    source: str,
    logical_time: datetime,
    cities: Sequence[City],
    owner: str,
    is_alive: Callable[[str], bool],
    trigger: Trigger,
    units: Units,
    lake: str,
    now: datetime,
    force: bool = False,
) -> Claim:
    """Claim what is free of `cities` for `owner`; with `force`, loaded cities too. Raises HistoryError."""
    run_id = run_id_of(source, logical_time)
    with database.transaction() as sql:
        sql.execute(
            "INSERT INTO run (run_id, source, logical_time, trigger, state, units, lake, started) "
            "VALUES (?, ?, ?, ?, 'running', ?, ?, ?) ON CONFLICT DO NOTHING",
            (run_id, source, rfc3339(logical_time), trigger, units, lake, stamp(now)),
        )
        result = Claim(run_id, _units_of(sql, run_id, units))
        known = {
            slug: (state, holder, staging)
            for slug, state, holder, staging in sql.execute(
                "SELECT slug, state, owner, staging FROM run_city WHERE run_id = ?", (run_id,)
            )
        }
        strangers = _slots_of_other_sources(sql, run_id, logical_time)
        living: dict[str, bool] = {}
        for city in cities:
            state, holder, staging = known.get(city.slug, ("", "", None))
            if state == CityState.RUNNING and living.setdefault(holder, is_alive(holder)):
                result.busy.append(city)
            elif state == CityState.SUCCESS and not force:
                result.done.append(city)
            else:
                place = staging if staging is not None else (source if city.slug in strangers else "")
                result.ours.append(ClaimedCity(city, place, state == CityState.SUCCESS))
        if result.ours:
            _take(sql, result, owner=owner, first_position=len(known))
            sql.execute(
                "DELETE FROM missed_hour WHERE (source, logical_time) = (?, ?)",
                (source, rfc3339(logical_time)),
            )
    return result


def _slots_of_other_sources(sql: sqlite3.Connection, run_id: str, logical_time: datetime) -> set[str]:
    """Slugs whose usual file names another source uses for this hour: theirs and ours must never be mixed up."""
    return {
        row[0]
        for row in sql.execute(
            "SELECT slug FROM run_city JOIN run USING (run_id) WHERE logical_time = ? AND run_id <> ? AND staging = ''",
            (rfc3339(logical_time), run_id),
        )
    }


def _units_of(sql: sqlite3.Connection, run_id: str, units: Units) -> Units:
    """The units of the run's raw files: those of its first extracted city, whatever is configured since."""
    sql.execute(
        "UPDATE run SET units = ? WHERE run_id = ? AND NOT EXISTS "
        "(SELECT 1 FROM attempt WHERE (attempt.run_id, task, state) = (run.run_id, ?, ?))",
        (units, run_id, Task.EXTRACT, TaskState.SUCCESS),
    )
    return Units(sql.execute("SELECT units FROM run WHERE run_id = ?", (run_id,)).fetchone()[0])


def _take(sql: sqlite3.Connection, claimed: Claim, *, owner: str, first_position: int) -> None:
    sql.executemany(
        "INSERT INTO run_city (run_id, slug, city, state, owner, position, staging) "
        "VALUES (?, ?, ?, 'running', ?, ?, ?) "
        "ON CONFLICT (run_id, slug) DO UPDATE SET state = 'running', owner = excluded.owner, error_task = NULL, "
        "error_kind = NULL, error_message = NULL, retry_at = NULL, request = NULL",
        [
            (claimed.run_id, item.city.slug, item.city.name, owner, first_position + i, item.staging)
            for i, item in enumerate(claimed.ours)
        ],
    )
    _end_open_attempts(sql, claimed.run_id, "owner = ?", (owner,))
    sql.execute("UPDATE run SET state = 'running', ended = NULL, cancel = 0 WHERE run_id = ?", (claimed.run_id,))


def finish(database: Database, *, run_id: str, worked_s: float, now: datetime) -> None:
    """Close a call's part of a run: the run's state follows from its cities. Raises HistoryError."""
    with database.transaction() as sql:
        sql.execute(
            "UPDATE run SET duration_s = duration_s + ? WHERE run_id = ?",
            (worked_s, run_id),
        )
        _settle(sql, run_id, now)


def settle_interrupted(database: Database, *, is_alive: Callable[[str], bool], now: datetime) -> int:
    """Mark what dead owners left running as interrupted; returns how many cities. Raises HistoryError."""
    waiting = database.query(
        "SELECT DISTINCT run_id, owner FROM run_city WHERE state = 'running' "
        "AND run_id IN (SELECT run_id FROM run WHERE state = 'running')"
    )
    dead = [(run_id, owner) for run_id, owner in waiting if not is_alive(owner)]
    if not dead:
        return 0
    count = 0
    with database.transaction() as sql:
        for run_id, owner in dead:
            _end_open_attempts(sql, run_id, "state = 'running' AND owner = ?", (owner,))
            count += sql.execute(
                "UPDATE run_city SET state = 'failed', retry_at = NULL, request = NULL, error_kind = ?, "
                "error_message = ? WHERE (run_id, owner, state) = (?, ?, 'running')",
                (
                    INTERRUPTED,
                    "the process that worked on it ended before it was done; nothing is lost: the next call of its hour"
                    " completes it, and a manual run is completed by retrying it or by `--run-once --at` its time",
                    run_id,
                    owner,
                ),
            ).rowcount
            _settle(sql, run_id, now)
    return count


def _end_open_attempts(sql: sqlite3.Connection, run_id: str, cities: str, parameters: tuple[str, ...]) -> None:
    """Attempts that a dead owner left open have failed; the check belongs to no city and goes with any."""
    open_states = (TaskState.QUEUED, TaskState.RUNNING, TaskState.UP_FOR_RETRY)
    sql.execute(
        "UPDATE attempt SET state = 'failed', error_kind = coalesce(error_kind, ?), error_message = "  # noqa: S608 (constant clauses)
        "coalesce(error_message, 'the process ended during this attempt') WHERE run_id = ? AND state IN (?, ?, ?) "
        f"AND (slug = '' OR slug IN (SELECT slug FROM run_city WHERE run_city.run_id = attempt.run_id AND {cities}))",
        (INTERRUPTED, run_id, *open_states, *parameters),
    )


def _settle(sql: sqlite3.Connection, run_id: str, now: datetime) -> None:
    counts = dict(
        sql.execute("SELECT state, count(*) FROM run_city WHERE run_id = ? GROUP BY state", (run_id,)).fetchall()
    )
    if counts.get(CityState.RUNNING):
        return
    loaded, others = counts.get(CityState.SUCCESS, 0), sum(counts.values()) - counts.get(CityState.SUCCESS, 0)
    state = RunState.SUCCESS if not others else RunState.PARTIAL if loaded else RunState.FAILED
    sql.execute("UPDATE run SET state = ?, ended = ? WHERE run_id = ?", (state, stamp(now), run_id))
