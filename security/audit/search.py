"""Searching the log, newest first and a page at a time, and keeping the search index behind the appends.

The newest events are not in the index yet; they are read one by one. What is found is always read from the events
themselves, and compared with the question once more: a wrong index can hide an event, never invent one, and a
verification finds it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from security.audit.event import Decision, Event, Kind, decode
from security.audit.store import SCHEMA
from security.instants import microseconds

ENTRIES_AT_ONCE = 2_000  # indexed in one transaction, so that appends wait for some 20 ms at most
LARGEST_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; every field that is given must fit. `since` is included, `until` is not."""

    kind: Kind | None = None
    action: str | None = None
    principal: str | None = None
    decision: Decision | None = None
    subject: str | None = None  # a pseudonym
    since: datetime | None = None
    until: datetime | None = None

    def fits(self, event: Event) -> bool:
        return (
            (self.kind is None or event.kind is self.kind)
            and (self.action is None or event.action == self.action)
            and (self.principal is None or event.principal == self.principal)
            and (self.decision is None or event.decision is self.decision)
            and (self.subject is None or event.subject == self.subject)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as it stands in the log."""

    seq: int
    event: Event
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, newest first. `before` asks for the next page; None when there is none."""

    events: tuple[Recorded, ...]
    before: int | None


def search(connection: sqlite3.Connection, wanted: Filter, *, before: int | None = None, limit: int = 50) -> Page:
    """Up to `limit` events that fit, with a number below `before`, the most recently recorded first.

    Raises AuditEventRefused where an event cannot be read, and sqlite3.Error.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    found: list[Recorded] = []
    for recorded in _candidates(connection, wanted, before):
        if wanted.fits(recorded.event):
            found.append(recorded)
            if len(found) > limit:
                break
    return Page(tuple(found[:limit]), found[limit - 1].seq if len(found) > limit else None)


class Search(Protocol):
    """`search` as the log or who may read it offers it."""

    def __call__(self, wanted: Filter, /, *, before: int | None, limit: int) -> Page: ...


def every(
    search: Search, wanted: Filter, *, before: int | None = None, at_once: int = LARGEST_PAGE
) -> Iterator[Recorded]:
    """The events that fit, with a number below `before`, newest first: `at_once` are read, then the next.

    Raises what `search` raises.
    """
    while True:
        page = search(wanted, before=before, limit=min(at_once, LARGEST_PAGE))
        yield from page.events
        if page.before is None:
            return
        before = page.before


def scan(connection: sqlite3.Connection, wanted: Filter) -> Iterator[Recorded]:
    """The events that fit, oldest first, read past the search index: for what must hold although somebody changed it.

    Every event of the log is looked at. Raises AuditEventRefused where one cannot be read, and sqlite3.Error.
    """
    # The encoding is canonical and its texts hold no quotation mark, so each occurs only as that field.
    fields = {"kind": wanted.kind, "action": wanted.action}
    given = [f'"{name}":"{value}"' for name, value in fields.items() if value is not None]
    sql = " AND ".join([f"{_EVENT} WHERE seq >= 0", *["instr(body, ?)"] * len(given)])
    for row in connection.execute(f"{sql} ORDER BY seq", given):
        recorded = _recorded(row)
        if wanted.fits(recorded.event):
            yield recorded


def tail(connection: sqlite3.Connection, *, after: int, limit: int = 200) -> list[Recorded]:
    """Up to `limit` events with a number above `after`, oldest first: what a live view asks again and again."""
    rows = connection.execute(f"{_EVENT} WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [_recorded(row) for row in rows]


def at(connection: sqlite3.Connection, seq: int) -> Recorded | None:
    """Event `seq`."""
    row = connection.execute(f"{_EVENT} WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else _recorded(row)


def index_some(connection: sqlite3.Connection) -> int:
    """Bring up to `ENTRIES_AT_ONCE` events into the index; how many, 0 when it is complete. Within a transaction."""
    return connection.execute(SCHEMA.script("index"), (ENTRIES_AT_ONCE,)).rowcount


def index_all(connection: sqlite3.Connection, *, go_on: Callable[[], bool] = lambda: True) -> None:
    """Complete the index in short transactions on a connection in autocommit mode, while `go_on()`."""
    while go_on() and index_some(connection):
        pass


_EVENT = "SELECT seq, body, substr(nodes, 1, 32) FROM event"


def _candidates(connection: sqlite3.Connection, wanted: Filter, before: int | None) -> Iterator[Recorded]:
    """The events that the index does not know, then those it gives, newest first."""
    below = before if before is not None else 2**62
    (indexed,) = connection.execute("SELECT coalesce(max(seq), -1) FROM entry").fetchone()
    fresh = f"{_EVENT} WHERE seq > ? AND seq < ? ORDER BY seq DESC"
    yield from map(_recorded, connection.execute(fresh, (indexed, below)))
    conditions, values = _conditions(connection, wanted)
    if not conditions:
        yield from map(
            _recorded, connection.execute(f"{_EVENT} WHERE seq <= ? AND seq < ? ORDER BY seq DESC", (indexed, below))
        )
        return
    sql = f"SELECT seq FROM entry WHERE seq < ? AND {' AND '.join(conditions)} ORDER BY seq DESC"  # noqa: S608 – only names of this module
    for (seq,) in connection.execute(sql, (below, *values)):
        recorded = at(connection, seq)
        if recorded is not None:
            yield recorded


def _conditions(connection: sqlite3.Connection, wanted: Filter) -> tuple[list[str], list[object]]:
    fields = {
        "kind": wanted.kind,
        "action": wanted.action,
        "principal": wanted.principal,
        "decision": wanted.decision,
        "subject": wanted.subject,
    }
    given = {name: str(value) for name, value in fields.items() if value is not None}
    conditions = [f"{name} = ?" for name in given]
    values: list[object] = [*given.values()]
    if wanted.since is not None or wanted.until is not None:
        # The clock may have stepped back, so a time is a range of numbers only after looking at every time in it.
        first, last = connection.execute(
            "SELECT min(seq), max(seq) FROM entry WHERE at >= ? AND at < ?",
            (microseconds(wanted.since) if wanted.since else 0, microseconds(wanted.until) if wanted.until else 2**62),
        ).fetchone()
        conditions.append("seq BETWEEN ? AND ?")
        values += [first, last]
    return conditions, values


def _recorded(row: tuple[int, str, bytes]) -> Recorded:
    return Recorded(row[0], decode(row[1].encode()), bytes(row[2]))
