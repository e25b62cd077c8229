"""Searching the log, newest first and a page at a time.

The search index (`index.py`) says which events need not be looked at. What is found is always read from the events
themselves, and compared with the question once more.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from security.audit.event import Decision, Event, Kind, decode
from security.audit.index import Probe, sound_blocks
from security.errors import AuditEventRefused
from security.instants import microseconds

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

    def fields(self) -> dict[str, str]:
        """The wanted values of the fields that are texts, by their names in the encoding."""
        wanted = {
            "kind": self.kind,
            "action": self.action,
            "principal": self.principal,
            "decision": self.decision,
            "subject": self.subject,
        }
        return {name: str(value) for name, value in wanted.items() if value is not None}

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


def search(
    connection: sqlite3.Connection, head_key: bytes, wanted: Filter, *, before: int | None = None, limit: int = 50
) -> Page:
    """Up to `limit` events that fit, with a number below `before`, the most recently recorded first.

    `head_key` tells the blocks of the index that can be trusted; the events of others are read, as slow as that is.
    Raises AuditEventRefused where an event cannot be read, and sqlite3.Error.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    found: list[Recorded] = []
    for recorded in _candidates(connection, head_key, wanted, before):
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


def tail(connection: sqlite3.Connection, *, after: int, limit: int = 200) -> list[Recorded]:
    """Up to `limit` events with a number above `after`, oldest first: what a live view asks again and again."""
    rows = connection.execute(f"{_EVENT} WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [_recorded(row) for row in rows]


_EVENT = "SELECT seq, body, substr(nodes, 1, 32) FROM event"


def _candidates(
    connection: sqlite3.Connection, head_key: bytes, wanted: Filter, before: int | None
) -> Iterator[Recorded]:
    """The events that may fit, newest first: those in no block, and those of the blocks that may hold some."""
    fields = wanted.fields()
    since_us = microseconds(wanted.since) if wanted.since else -(2**62)
    until_us = microseconds(wanted.until) if wanted.until else 2**62
    probe = Probe(fields, since_us, until_us)
    end = before if before is not None else 2**62
    for block in sound_blocks(connection, head_key, below=end):
        first = block.first_seq if probe.may_hold(block) else block.last_seq + 1
        yield from _events(connection, fields, first, end)
        end = block.first_seq
    yield from _events(connection, fields, 0, end)


def _events(connection: sqlite3.Connection, fields: Mapping[str, str], first: int, end: int) -> Iterator[Recorded]:
    """The events from `first` to before `end` whose encodings have these fields, newest first."""
    # The encoding is canonical and its texts hold no quotation mark, so each occurs only as that field.
    given = [f'"{name}":"{value}"' for name, value in fields.items()]
    conditions = " AND ".join(["seq >= ? AND seq < ?", *["instr(body, ?)"] * len(given)])
    if first < end:
        found = connection.execute(f"{_EVENT} WHERE {conditions} ORDER BY seq DESC", (first, end, *given))
        yield from map(_recorded, found)


def _recorded(row: tuple[int, object, object]) -> Recorded:
    seq, body, leaf = row
    if not isinstance(body, str) or not isinstance(leaf, bytes):
        raise AuditEventRefused(f"expected event {seq} with its hash, found something else; `audit verify` says more")
    return Recorded(seq, decode(body.encode()), leaf)
