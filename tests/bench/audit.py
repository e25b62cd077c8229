"""What durable, tamper-evident events cost beside plain SQLite commits, and whether verifying stays linear.

`LAKEWARDEN_BENCH_EVENTS` sets the events of the large log (1,000,000).
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from etl.files import write_whole
from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.keys import PURPOSE
from security.audit.log import AuditLog
from security.audit.opening import open_audit_log
from security.audit.verify import VerifyingKeys, verify
from security.vault.keys import KeyRing
from tests.bench import report

COMMITS = 300
TIMES_A_COMMIT = 1.25  # that an event may take
CALLERS = 64
EVENTS_PER_CALLER = 60
PAIRS = 9
SMALL, LARGE = 200_000, int(os.environ.get("LAKEWARDEN_BENCH_EVENTS", "1000000"))
VERIFICATIONS = 3
AT_ONCE = 4_000
RATE_TARGET = 200_000  # verified events a second
PLAIN = "CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, nodes BLOB NOT NULL, mac BLOB) STRICT"


def bench() -> None:
    report.print_title(f"Audit: durable events, {COMMITS} commits a turn; {CALLERS} callers × {EVENTS_PER_CALLER}")
    with tempfile.TemporaryDirectory() as folder:
        log = _open(Path(folder))
        with closing(_plain(Path(folder) / "plain.db")) as plain, log:
            one = report.interleaved(lambda: _one_at_a_time_s(log), lambda: _bare_s(plain), pairs=PAIRS)
            report.print_pairs("an event vs. a bare commit", one, unit="µs", scale=1e6, target=TIMES_A_COMMIT)
            own_us = (median(one.ours) - median(one.peer)) * 1e6
            report.print_note(
                f"its own work is {own_us:.0f} µs: met where a bare commit takes {own_us / (TIMES_A_COMMIT - 1):.0f} µs"
            )
            many = report.interleaved(lambda: _at_once_s(log), lambda: _one_at_a_time_s(log), pairs=PAIRS)
            report.print_pairs(f"{CALLERS} callers at once vs. one", many, unit="µs", scale=1e6, target=0.2)
    report.print_title(f"Audit: verifying {LARGE} events vs. {SMALL}")
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        logs = {SMALL: Path(small), LARGE: Path(large)}
        keys = {size: _filled(path, size) for size, path in logs.items()}
        pairs = report.interleaved(
            lambda: _verify_s(logs[LARGE], keys[LARGE], LARGE),
            lambda: _verify_s(logs[SMALL], keys[SMALL], SMALL),
            pairs=VERIFICATIONS,
        )
        report.print_pairs("an event verified", pairs, unit="µs", scale=1e6, target=1.2)
        limit = 1e6 / RATE_TARGET
        report.print_value("an event of the large log", [one * 1e6 for one in pairs.ours], unit="µs", target=limit)


def _open(folder: Path) -> AuditLog:
    ring = KeyRing(folder / "keys", write_whole, purpose=PURPOSE)
    return open_audit_log(folder / "audit.db", ring, lock_file=folder / "audit.lock", now=lambda: datetime.now(UTC))


def _plain(path: Path) -> sqlite3.Connection:
    """A table of the same rows without any of what makes them evident."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(PLAIN)
    return connection


def _event(number: int) -> Event:
    return Event(
        at=datetime.now(UTC),
        kind=Kind.DISCLOSURE,
        action="view_record",
        outcome=Outcome.INTENT,
        principal=f"doctor-{number % 20}",
        role="doctor",
        resource="patient",
        subject=f"{number % 5_000:032x}",
        decision=Decision.ALLOW,
        policies=("doctor-assigned",),
        session="c" * 32,
        address="127.0.0.1",
        columns=("ssn", "insurance_id"),
        correlation=f"{number:032x}",
    )


def _one_at_a_time_s(log: AuditLog) -> float:
    """Seconds for an event that is made, appended and acknowledged before the next."""
    started_s = time.perf_counter()
    for number in range(COMMITS):
        log.append([_event(number)])
    return (time.perf_counter() - started_s) / COMMITS


def _bare_s(connection: sqlite3.Connection) -> float:
    """Seconds for a commit of one row of that size."""
    body = _event(0).encode().decode()
    started_s = time.perf_counter()
    for _ in range(COMMITS):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO event (body, nodes, mac) VALUES (?, ?, ?)", (body, bytes(64), bytes(32)))
        connection.execute("COMMIT")
    return (time.perf_counter() - started_s) / COMMITS


def _at_once_s(log: AuditLog) -> float:
    """Seconds for an event, while many callers each wait for their own."""

    def calling() -> None:
        for number in range(EVENTS_PER_CALLER):
            log.append([_event(number)])

    threads = [threading.Thread(target=calling) for _ in range(CALLERS)]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - started_s) / (CALLERS * EVENTS_PER_CALLER)


def _filled(folder: Path, size: int) -> VerifyingKeys:
    with _open(folder) as log:
        for first in range(0, size, AT_ONCE):
            log.append([_event(number) for number in range(first, min(first + AT_ONCE, size))])
        log.index()
        return VerifyingKeys.of(log.keys)


def _verify_s(folder: Path, keys: VerifyingKeys, size: int) -> float:
    """Seconds for one event of a verification of the whole log."""
    started_s = time.perf_counter()
    found = verify(folder / "audit.db", keys)
    taken_s = time.perf_counter() - started_s
    assert found.ok, found.problems
    assert found.events == size
    return taken_s / size
