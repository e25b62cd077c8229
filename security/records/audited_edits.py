"""Edits that the audit log has and the records no longer: a history cut at its end, a patient gone, a store put back.

Within a store a version that is missing shows by its number. One that is taken off the end, with the number of the
record lowered, does not; but each edit is on record too, where nothing can be taken off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from security.audit.event import Event, Outcome
from security.instants import microseconds
from security.records.core import Core

SLACK = timedelta(minutes=1)  # by which a clock may be put back while somebody edits


class _Version(NamedTuple):
    """Who wrote a version of a history, and when, in microseconds since 1970; nobody for a history without one."""

    by: str | None
    at: int


def removed_edits(core: Core, edits: Iterable[Event]) -> Iterator[str]:
    """Each edit that was made by one of the events and is in no history, by patient, author and time.

    A patient who was edited and is in the store no more is told once, by the pseudonym of the audit log and the last
    edit. Raises StoreError.
    """
    begun: dict[str, Event] = {}
    done = []
    for event in edits:
        if event.correlation and event.outcome is Outcome.INTENT:
            begun[event.correlation] = event
        elif event.outcome is Outcome.DONE and event.subject:
            done.append(event)
    written, gone = _written(core), {}
    for event in sorted(done, key=lambda event: event.at):
        subject = event.subject or ""
        rows = written.get(subject)
        if rows is None:
            gone[subject] = event
            continue
        patient_id, versions = rows
        begin = begun.get(event.correlation or "", event).at
        version = _version_of(event.principal, begin - SLACK, event.at + SLACK, versions)
        if version is None:
            yield (
                f"history of {patient_id}: expected what {event.principal} wrote {_when(event.at)}, "
                "found no such version"
            )
        else:
            versions.remove(version)
    for subject, event in gone.items():
        yield (
            f"patient {subject} in the audit log: expected the record that {event.principal} edited {_when(event.at)}, "
            "found no such patient"
        )


def _version_of(author: str, earliest: datetime, latest: datetime, versions: list[_Version]) -> _Version | None:
    """The first of `versions` that `author` wrote between the two instants."""
    first, last = microseconds(earliest), microseconds(latest)
    return next((one for one in versions if one.by == author and first <= one.at <= last), None)


def _written(core: Core) -> dict[str, tuple[str, list[_Version]]]:
    """The versions of each patient by the pseudonym of the patient: who wrote them, and when."""
    rows: dict[str, list[_Version]] = {}
    for patient_id, by, at in core.database.query(
        "SELECT patient_id, written_by, written_at FROM patient LEFT JOIN history USING (patient_id) "
        "ORDER BY written_at"
    ):
        rows.setdefault(patient_id, []).append(_Version(by, at))
    return {
        core.pseudonym(f"patient:{patient_id}"): (patient_id, [one for one in versions if one.by is not None])
        for patient_id, versions in rows.items()
    }


def _when(at: datetime) -> str:
    return f"by {at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
