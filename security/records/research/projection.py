"""The research database: rebuilt whole from the clinical store and exchanged at once; it never held an identifier.

Rules of a rebuild:
1. The audit log has the intent before anything is opened.
2. All rows are made first, in memory; if one patient's cells do not open, nothing is exchanged.
3. Rows are put in random order, anew each time, and have no id: neither their place nor anything in them leads back.
4. Old rows go and new rows come in one transaction: a reader sees the old projection or the new one. (Renaming a
   second file over the first would pull the write-ahead log from under its readers.)
5. What is gone is overwritten, and the write-ahead log is emptied; a reader of the old rows delays that, and is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import cast

from security.audit.event import Event, Kind, Outcome
from security.database import BUSY_TIMEOUT_S, Database, Schema, open_database
from security.disclosure import standing
from security.instants import microseconds, of_microseconds
from security.records.admission import IDS_AT_ONCE
from security.records.core import Core
from security.records.models import Encounter, Grant, Record
from security.records.reading import Reading
from security.records.research.safe_harbor import Subject, de_identified

SCHEMA = Schema("research database", 0x4C4B5752, "security.records.research")  # "LKWR"
SERVICE = "service"  # the principal that rebuilds
_NEEDED = ("birth_date", "sex", "address", "domain", "encounters")


@dataclass(frozen=True, slots=True)
class Projection:
    """When the projection was built, and of how many patients."""

    built_at: datetime
    subjects: int


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A projection that was built; `log_emptied` is False where a reader kept old rows in the write-ahead log."""

    projection: Projection
    log_emptied: bool


def open_research(
    path: Path, *, lock_file: Path, now: Callable[[], datetime], busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Database:
    """The research database at `path`, made if it is missing. Raises StoreError."""
    return open_database(path, SCHEMA, lock_file=lock_file, now=now, busy_timeout_s=busy_timeout_s)


def rebuild(
    core: Core,
    research: Database,
    *,
    random_bytes: Callable[[int], bytes],
    exchanging: Callable[[], None] = lambda: None,
) -> Rebuilt:
    """Exchange the projection for one of what the clinical store holds now.

    `exchanging` is called when nothing more is opened and the old one goes. Raises AuditUnavailable, SealBroken,
    KeyUnknown, StoreError; the old projection then stays.
    """
    _tell(core, Outcome.INTENT, None)
    now = core.now()
    subjects = list(_subjects(core, now.date()))
    subjects.sort(key=lambda _: random_bytes(16))
    with research.transaction() as connection:
        exchanging()
        connection.execute("DELETE FROM subject")
        connection.executemany(
            "INSERT INTO subject (domain, sex, age_band, state, diagnosis, first_year, encounters, ssn) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (astuple(subject) for subject in subjects),
        )
        connection.execute("INSERT OR REPLACE INTO projection VALUES (1, ?, ?)", (microseconds(now), len(subjects)))
    emptied = research.truncate_log()
    with standing("rebuild_projection"):
        _tell(core, Outcome.DONE, len(subjects))
    return Rebuilt(Projection(now, len(subjects)), emptied)


def built(research: Database) -> Projection | None:
    """The projection there is, None before the first. Raises StoreError."""
    rows = research.query("SELECT built_at, subjects FROM projection")
    return Projection(of_microseconds(rows[0][0], SCHEMA.name), rows[0][1]) if rows else None


def _subjects(core: Core, on: date) -> Iterator[Subject]:
    grant = Grant(SERVICE, SERVICE, dict.fromkeys(_NEEDED, "clear"), None)
    ids = [row[0] for row in core.database.query("SELECT patient_id FROM patient")]
    for first in range(0, len(ids), IDS_AT_ONCE):
        for record in Reading(core).records(ids[first : first + IDS_AT_ONCE], grant):
            yield _subject(record, on)


def _subject(record: Record, on: date) -> Subject:
    return de_identified(
        domain=str(record.columns["domain"]),
        sex=str(record.columns["sex"]),
        birth_date=date.fromisoformat(str(record.columns["birth_date"])),
        address=str(record.columns["address"]),
        encounters=cast(tuple[Encounter, ...], record.columns["encounters"]),
        on=on,
    )


def _tell(core: Core, outcome: Outcome, count: int | None) -> None:
    event = Event(
        at=core.now(),
        kind=Kind.EXPORT,
        action="rebuild_projection",
        outcome=outcome,
        principal=SERVICE,
        role=SERVICE,
        resource="dataset",
        count=count,
    )
    core.sink.append([event])
