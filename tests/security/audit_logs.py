"""Audit logs for tests: real files, real keys, a clock that can be set."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.files import write_whole
from security.audit import index
from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.keys import PURPOSE, AuditKeys
from security.audit.log import AuditLog
from security.audit.opening import open_audit_log
from security.audit.report import Report
from security.audit.verify import VerifyingKeys, verify
from security.vault.keys import KeyRing

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@dataclass
class Clock:
    """What the log takes for the time."""

    instant: datetime = START

    def __call__(self) -> datetime:
        return self.instant


@dataclass
class LogFolder:
    """A folder with a log and its key."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def path(self) -> Path:
        return self.folder / "audit.db"

    @property
    def ring(self) -> KeyRing:
        return KeyRing(self.folder / "keys", write_whole, purpose=PURPOSE)

    @property
    def keys(self) -> AuditKeys:
        return AuditKeys.of(self.ring.current())

    def open(self, **options: Any) -> AuditLog:
        return open_audit_log(self.path, self.ring, lock_file=self.folder / "audit.lock", now=self.clock, **options)

    def verify(self, outside: list[str] | None = None, path: Path | None = None) -> Report:
        return verify(path or self.path, VerifyingKeys.of(self.keys), outside or [])

    def filled(self, count: int, *, at_once: int = 7, every_events: int = 10, stop: int | None = None) -> list[str]:
        """Append `count` events in commits of `at_once`; the newest checkpoint after each commit."""
        notes = []
        with self.open(every_events=every_events) as log:
            for first in range(0, count, at_once):
                log.append([event(number) for number in range(first, min(first + at_once, count))])
                notes.append(str(log.checkpoint()))
        return notes


def index_by_twenty(log: AuditLog) -> None:
    """Bring the log's search index up to date, in blocks so small that a test has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "EVENTS_PER_BLOCK", 20)
        log.index()


def event(number: int = 0, **fields: Any) -> Event:
    """An event, a second after the one before."""
    values: dict[str, Any] = {
        "at": START + timedelta(seconds=number),
        "kind": Kind.DISCLOSURE,
        "action": "view_record",
        "outcome": Outcome.INTENT,
        "principal": f"doctor-{number % 5}",
        "role": "doctor",
        "resource": "patient",
        "subject": f"{number % 11:032x}",
        "decision": Decision.DENY if number % 4 == 3 else Decision.ALLOW,
        "policies": ("doctor-assigned",),
        "session": "c" * 32,
        "address": "127.0.0.1",
        "columns": ("ssn", "insurance_id"),
        "count": number,
        "correlation": f"{number:032x}",
    }
    return Event(**(values | fields))


def remove_all_events(path: Path) -> None:
    """What somebody with the file does, to have a log that begins."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for table in ("event", "checkpoint", "block", "log"):
            connection.execute(f"DELETE FROM {table}")


def seeded() -> random.Random:
    """A generator whose seed is printed, so that a failure can be run again."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)
