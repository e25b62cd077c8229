"""Search: the same events, newest first, whether the index knows all of them, some or none, or was tampered with."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from security.audit import index, search
from security.audit.event import Decision, Kind
from security.audit.log import AuditLog
from security.audit.merkle import leaf_hash
from security.audit.search import Filter, every
from security.errors import AuditEventRefused, AuditUnavailable
from tests.security.audit_logs import START, LogFolder, event, index_by_twenty

EVENTS = 120
FILTERS: list[dict[str, Any]] = [
    {},
    {"principal": "doctor-2"},
    {"action": "break_glass"},
    {"action": "nothing_of_that_name"},
    {"decision": Decision.DENY},
    {"kind": Kind.QUERY},
    {"subject": f"{3:032x}"},
    {"since": START + timedelta(seconds=40), "until": START + timedelta(seconds=50)},
    {"since": START + timedelta(seconds=100)},
    {"until": START + timedelta(seconds=5)},
    {"principal": "doctor-2", "decision": Decision.DENY, "since": START + timedelta(seconds=30)},
]


def number_of(position: int) -> int:
    """The clock stepped back a minute at event 80."""
    return position if position < 80 else position - 60


def at_position(position: int) -> Any:
    fields: dict[str, Any] = {"count": position}
    if position % 17 == 0:
        fields["action"] = "break_glass"
    if position % 13 == 0:
        fields["kind"] = Kind.QUERY
    return event(number_of(position), **fields)


@pytest.fixture(scope="module", params=[0, 50, EVENTS], ids=["no index", "half an index", "whole index"])
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditLog]:
    folder = LogFolder(tmp_path_factory.mktemp("search"))
    with folder.open() as opened:
        opened.append([at_position(position) for position in range(request.param)])
        index_by_twenty(opened)
        opened.append([at_position(position) for position in range(request.param, EVENTS)])
        yield opened
    assert folder.verify().ok


@pytest.mark.parametrize("fields", FILTERS, ids=str)
@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_every_page_together_is_what_fits_newest_first(log: AuditLog, fields: dict[str, Any], limit: int) -> None:
    wanted = Filter(**fields)
    expected = [seq for seq in range(EVENTS - 1, -1, -1) if wanted.fits(at_position(seq))]
    assert [one.seq for one in every(log.search, wanted, at_once=limit)] == expected
    assert [one.seq for one in every(log.search, wanted, before=60, at_once=limit)] == [s for s in expected if s < 60]
    page = log.search(wanted, limit=limit)
    assert [one.seq for one in page.events] == expected[:limit]
    assert (page.before is None) is (len(expected) <= limit)


def changed_shapes(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE block SET shapes = CAST('edit other nobody allow' AS BLOB)")


def changed_subjects(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE block SET subjects = x''")


def changed_times(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE block SET earliest_at = 2, latest_at = 1")


def widened(connection: sqlite3.Connection) -> None:
    """One says that it covers all that the others do."""
    connection.execute("UPDATE block SET last_seq = (SELECT max(last_seq) FROM block) WHERE first_seq = 0")


def exchanged(connection: sqlite3.Connection) -> None:
    """Each has what another has, with its seal."""
    connection.executescript(
        "CREATE TEMP TABLE other AS SELECT (SELECT max(first_seq) FROM block) - first_seq AS at, * FROM block;"
        "UPDATE block SET (earliest_at, latest_at, shapes, subjects, mac) = "
        "(SELECT earliest_at, latest_at, shapes, subjects, mac FROM other WHERE other.at = block.first_seq);"
        "DROP TABLE other"
    )


def moved(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE block SET first_seq = first_seq + 1, last_seq = last_seq + 1")


def unsealed(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE block SET mac = x''")


def removed(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM block WHERE first_seq = 20")


LOOSENED = "CREATE TABLE other AS SELECT * FROM block; DROP TABLE block; ALTER TABLE other RENAME TO block;"


def of_another_type(connection: sqlite3.Connection) -> None:
    connection.executescript(
        LOOSENED + "UPDATE block SET earliest_at = 'never', shapes = 7, subjects = NULL, last_seq = last_seq || ''"
    )


def infinite(connection: sqlite3.Connection) -> None:
    connection.executescript(
        LOOSENED
        + "UPDATE block SET earliest_at = 9e999, last_seq = CASE first_seq WHEN 20 THEN 9e999 ELSE last_seq END"
    )


def shifted(connection: sqlite3.Connection) -> None:
    """The hash of a last event is cut, what is missing stands before the shapes, and their end before the subjects."""
    connection.execute("DROP TRIGGER event_is_final")
    blocks = connection.execute(
        "SELECT first_seq, shapes, subjects, substr(nodes, 1, 32) FROM block JOIN event ON seq = last_seq"
    ).fetchall()
    for first_seq, shapes, subjects, leaf in blocks:
        text = leaf[5:] + shapes + subjects
        connection.execute("UPDATE event SET nodes = ? WHERE seq = ?", (leaf[:5], first_seq + 19))
        connection.execute(
            "UPDATE block SET shapes = ?, subjects = ? WHERE first_seq = ?",
            (text[: len(shapes)], text[len(shapes) :], first_seq),
        )


CHANGES = [
    infinite,
    shifted,
    changed_shapes,
    changed_subjects,
    changed_times,
    widened,
    exchanged,
    moved,
    unsealed,
    removed,
    of_another_type,
]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log of five blocks of 20 events, and 10 events behind them."""
    folder = LogFolder(tmp_path_factory.mktemp("indexed"))
    with folder.open() as opened:
        opened.append([at_position(position) for position in range(110)])
        index_by_twenty(opened)
    return folder.folder


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_who_changes_the_index_hides_nothing_from_a_search(
    indexed: Path, tmp_path: Path, change: Callable[[sqlite3.Connection], None]
) -> None:
    folder = LogFolder(shutil.copytree(indexed, tmp_path / "copy"))
    with folder.open() as opened:
        with closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
            assert connection.execute("SELECT count(*) FROM block").fetchone() == (5,)
            change(connection)
        for fields in FILTERS:
            wanted = Filter(**fields)
            expected = [seq for seq in range(109, -1, -1) if wanted.fits(at_position(seq))]
            assert [one.seq for one in every(opened.search, wanted, at_once=7)] == expected, fields


def test_what_was_taken_out_of_the_index_is_made_again(indexed: Path, tmp_path: Path) -> None:
    folder = LogFolder(shutil.copytree(indexed, tmp_path / "copy"))
    with folder.open() as opened, closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        kept = connection.execute("SELECT * FROM block ORDER BY first_seq").fetchall()
        removed(connection)
        index_by_twenty(opened)
        assert connection.execute("SELECT * FROM block ORDER BY first_seq").fetchall() == kept


@pytest.mark.parametrize("restored", ["body", "all"])
def test_events_that_were_changed_while_they_were_indexed_are_found_when_they_are_put_back(
    tmp_path: Path, restored: str
) -> None:
    """Who changes an event, waits for the index and changes it back, has not hidden it."""
    folder = LogFolder(tmp_path)
    folder.filled(60)
    with folder.open() as opened, closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM event")
        connection.execute("DROP TRIGGER event_is_final")
        connection.execute("UPDATE event SET body = replace(body, 'doctor-2', 'doctor-1') WHERE seq >= 20")
        if restored == "all":
            rehash(connection, 20)
        index_by_twenty(opened)
        connection.execute(
            "UPDATE event SET (body, nodes) = (SELECT body, nodes FROM kept WHERE kept.seq = event.seq) WHERE seq >= 20"
        )
        found = every(opened.search, Filter(principal="doctor-2"))
        assert [one.seq for one in found] == [seq for seq in range(59, -1, -1) if seq % 5 == 2]


@pytest.mark.parametrize(
    "body",
    [b'{"at":1' + 30 * b"0" + b"}", b'{"at":Infinity}', b"[" * 100_000, b"[]", b'{"at":1,"subject":5}', b"7", b"{}"],
    ids=["large", "infinite", "deep", "list", "subject", "number", "empty"],
)
def test_what_is_no_event_stays_out_of_the_index_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(index, "EVENTS_PER_BLOCK", 20)
    folder = LogFolder(tmp_path)
    folder.filled(30)
    with folder.open(every_s=0.05) as opened:
        opened._commit([body])
        opened.append([event(number) for number in range(31, 61)])
        until = time.monotonic() + 20
        while _first_seqs(folder.path) != [0, 40] and time.monotonic() < until:
            time.sleep(0.02)
        assert _first_seqs(folder.path) == [0, 40]
        assert opened._ticker.is_alive()
        assert [one.seq for one in opened.search(Filter(principal="doctor-2"), before=20).events] == [17, 12, 7, 2]


def _first_seqs(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [first_seq for (first_seq,) in connection.execute("SELECT first_seq FROM block ORDER BY first_seq")]


def rehash(connection: sqlite3.Connection, first: int) -> None:
    """Give the events from `first` on the leaf hashes that their changed texts have, as who has no key can."""
    (leaf,) = connection.execute("SELECT substr(nodes, 1, 32) FROM event WHERE seq = ?", (first - 1,)).fetchone()
    for seq, body in connection.execute("SELECT seq, body FROM event WHERE seq >= ? ORDER BY seq", (first,)).fetchall():
        leaf = leaf_hash(leaf + body.encode())
        connection.execute("UPDATE event SET nodes = CAST(? || substr(nodes, 33) AS BLOB) WHERE seq = ?", (leaf, seq))


def test_the_tail_gives_what_is_new(log: AuditLog) -> None:
    assert [one.seq for one in log.tail(after=EVENTS - 4)] == [117, 118, 119]
    assert log.tail(after=EVENTS - 1) == []
    assert len(log.tail(after=-1, limit=10)) == 10


def test_a_search_reads_only_the_events_of_blocks_that_may_hold_some(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, int]] = []
    whole = search._events

    def events(connection: sqlite3.Connection, fields: Any, first: int, end: int) -> Any:
        read.append((first, end))
        return whole(connection, fields, first, end)

    monkeypatch.setattr(search, "_events", events)
    with LogFolder(indexed).open() as opened:
        wanted = Filter(kind=Kind.QUERY, action="break_glass")
        assert [one.seq for one in opened.search(wanted, before=100).events] == [0]
    assert sum(max(0, end - first) for first, end in read) == 20


def test_an_event_that_cannot_be_read_is_an_error_not_a_gap(tmp_path: Any) -> None:
    folder = LogFolder(tmp_path)
    folder.filled(5)
    with closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        connection.executescript("DROP TRIGGER event_is_final; UPDATE event SET body = '{}' WHERE seq = 2")
    with folder.open() as opened, pytest.raises(AuditEventRefused):
        opened.search(Filter())


def test_a_log_that_is_gone_is_unavailable(tmp_path: Any) -> None:
    folder = LogFolder(tmp_path)
    with folder.open() as opened:
        opened.append([event(0)])
        opened.checkpoint()
        (tmp_path / "audit.db").rename(tmp_path / "elsewhere")
        with pytest.raises(AuditUnavailable):
            opened.search(Filter())
        (tmp_path / "elsewhere").rename(tmp_path / "audit.db")
