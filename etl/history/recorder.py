"""Writing what a run does, off its path: many small facts, few transactions.

A run's truth is its files and objects; these rows only describe them, so they may trail by `FLUSH_S`. A recorder that
cannot write stops the run (`check` raises), since a run nobody can see afterwards must not go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from etl.errors import EtlError, HistoryError
from etl.history.database import Database, stamp
from etl.models import CityState, Reading, Task, TaskState, rfc3339

FLUSH_S = 0.1
MOST_PENDING = 2000

_Fact = tuple[str, tuple[object, ...]]

_ATTEMPT = (
    "INSERT INTO attempt (run_id, slug, task, attempt, state, started, ended, error_kind, error_message) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, "
    "started = coalesce(excluded.started, started), ended = excluded.ended, "
    "error_kind = excluded.error_kind, error_message = excluded.error_message"
)


class Recorder:
    """Records one run. Methods return at once and are safe from several threads; `close` writes all that is left."""

    def __init__(
        self, database: Database, run_id: str, *, now: Callable[[], datetime], redact: Callable[[str], str] = str
    ) -> None:
        self._database = database
        self._redact = redact
        self._run_id = run_id
        self._now = now
        self._facts: list[_Fact] = []
        self._changed = threading.Condition()
        self._closing = False
        self._failure: EtlError | None = None
        self._thread = threading.Thread(target=self._write_on, name="history-recorder", daemon=True)
        self._thread.start()

    def attempt(
        self,
        slug: str,
        task: Task,
        number: int,
        state: TaskState,
        *,
        started: datetime | None = None,
        ended: datetime | None = None,
        error: EtlError | None = None,
    ) -> None:
        self._add(
            _ATTEMPT,
            self._run_id,
            slug,
            task,
            number,
            state,
            started and stamp(started),
            ended and stamp(ended),
            error and error.kind,
            error and self._redact(str(error)),
        )

    def superseded(self, slug: str, task: Task, number: int) -> None:
        """Another attempt follows: a waiting one has failed then, and one that never started (0) is no more."""
        if number == 0:
            self._add(
                "DELETE FROM attempt WHERE (run_id, slug, task, attempt) = (?, ?, ?, 0)", self._run_id, slug, task
            )
        else:
            self._add(
                "UPDATE attempt SET state = ? WHERE (run_id, slug, task, attempt, state) = (?, ?, ?, ?, ?)",
                TaskState.FAILED,
                self._run_id,
                slug,
                task,
                number,
                TaskState.UP_FOR_RETRY,
            )

    def city(
        self,
        slug: str,
        state: CityState,
        *,
        object_key: str | None = None,
        task: Task | None = None,
        error: EtlError | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        self._add(
            "UPDATE run_city SET state = ?, object = coalesce(?, object), error_task = ?, error_kind = ?, "
            "error_message = ?, retry_at = ?, request = NULL WHERE (run_id, slug) = (?, ?)",
            state,
            object_key,
            task,
            error and error.kind,
            error and self._redact(str(error)),
            retry_at and stamp(retry_at),
            self._run_id,
            slug,
        )

    def heeded(self, slug: str) -> None:
        """What the operator asked of the city is done, or cannot be."""
        self._add("UPDATE run_city SET request = NULL WHERE (run_id, slug) = (?, ?)", self._run_id, slug)

    def log(self, slug: str, task: Task, number: int, line: int, level: str, text: str) -> None:
        self._add(
            "INSERT OR REPLACE INTO task_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self._run_id,
            slug,
            task,
            number,
            line,
            stamp(self._now()),
            level,
            self._redact(text),
        )

    def reading(self, reading: Reading) -> None:
        self._add(
            "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            reading.source,
            reading.slug,
            rfc3339(reading.logical_time),
            reading.city,
            reading.reported_city and self._redact(reading.reported_city),
            rfc3339(reading.captured_at),
            reading.temperature,
            reading.humidity,
            reading.weather and self._redact(reading.weather),
            reading.wind_speed,
            reading.units,
        )

    def missed(self, source: str, logical_time: datetime, reason: str) -> None:
        self._add(
            "INSERT OR IGNORE INTO missed_hour VALUES (?, ?, ?, ?)",
            source,
            rfc3339(logical_time),
            reason,
            stamp(self._now()),
        )

    def check(self) -> None:
        """Raises the HistoryError that the recorder met, if it met one."""
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Write everything that is left. Raises HistoryError if that is impossible."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self.check()

    def _add(self, sql: str, *parameters: object) -> None:
        with self._changed:
            self._facts.append((sql, parameters))
            if len(self._facts) in (1, MOST_PENDING):
                self._changed.notify_all()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._facts or self._closing)
                self._changed.wait_for(lambda: len(self._facts) >= MOST_PENDING or self._closing, timeout=FLUSH_S)
                facts, self._facts = self._facts, []
                last = self._closing
            try:
                if facts:
                    self._write(facts)
            except EtlError as error:
                self._failure = error
                return
            except Exception as error:  # noqa: BLE001 – thread boundary: whatever it is must stop the run, not only the thread
                self._failure = HistoryError(f"the run history cannot be written: {error}")
                self._failure.__cause__ = error
                return
            if last:
                return

    def _write(self, facts: list[_Fact]) -> None:
        with self._database.transaction() as sql:
            for statement, parameters in facts:
                sql.execute(statement, parameters)
