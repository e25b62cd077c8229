"""What the operator asks of running work and of the scheduler, through the workspace so that it reaches any process."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from etl.history.database import Database, parse_stamp, stamp
from etl.models import parse_rfc3339, rfc3339


def ask_city(database: Database, run_id: str, slug: str, request: Literal["hurry", "cancel"]) -> bool:
    """Ask for a waiting retry to go now, or never. False if nothing of that city waits. Raises `HistoryError`."""
    with database.transaction() as sql:
        return bool(
            sql.execute(
                "UPDATE run_city SET request = ? WHERE (run_id, slug, state) = (?, ?, 'running') "
                "AND retry_at IS NOT NULL",
                (request, run_id, slug),
            ).rowcount
        )


def cancel_run(database: Database, run_id: str) -> bool:
    """Ask for a run to end after the tasks at hand. False if it does not run. Raises `HistoryError`."""
    with database.transaction() as sql:
        return bool(sql.execute("UPDATE run SET cancel = 1 WHERE run_id = ? AND state = 'running'", (run_id,)).rowcount)


def pause_scheduler(database: Database, *, paused: bool, now: datetime) -> None:
    """Pause or resume every scheduler of the workspace. Raises `HistoryError`."""
    with database.transaction() as sql:
        sql.execute("UPDATE scheduler SET paused = ?, paused_at = ?", (paused, stamp(now) if paused else None))


def paused_since(database: Database) -> datetime | None:
    """Since when the schedulers of the workspace are paused; None if they are not. Raises `HistoryError`."""
    paused, at = database.query("SELECT paused, paused_at FROM scheduler")[0]
    return parse_stamp(at) if paused else None


def last_hour(database: Database, source: str) -> datetime | None:
    """The newest full hour that ran or was missed. Raises `HistoryError`."""
    newest = database.query(
        "SELECT max(logical_time) FROM (SELECT max(logical_time) AS logical_time FROM run "
        "WHERE source = ? AND logical_time LIKE '%:00:00Z' UNION ALL "
        "SELECT max(logical_time) FROM missed_hour WHERE source = ?)",
        (source, source),
    )[0][0]
    return parse_rfc3339(newest) if newest else None


def record_missed(database: Database, source: str, hours: Iterable[datetime], *, reason: str, now: datetime) -> None:
    """Record hours that passed without a run. Raises `HistoryError`."""
    with database.transaction() as sql:
        sql.executemany(
            "INSERT OR IGNORE INTO missed_hour SELECT ?1, ?2, ?3, ?4 "
            "WHERE NOT EXISTS (SELECT 1 FROM run WHERE (source, logical_time) = (?1, ?2))",
            [(source, rfc3339(hour), reason, stamp(now)) for hour in hours],
        )
