"""Search: the same events, newest first, whether the index knows all of them, some or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from security.audit import search as searching
from security.audit.event import Decision, Kind
from security.audit.log import AuditLog
from security.audit.search import Filter, every
from security.errors import AuditEventRefused, AuditUnavailable
from tests.security.audit_logs import START, LogFolder, event

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
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searching, "ENTRIES_AT_ONCE", 20)
            opened.index()
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


@pytest.mark.parametrize("fields", [{}, {"kind": Kind.QUERY}, {"action": "break_glass"}], ids=str)
def test_a_scan_finds_what_fits_whatever_the_index_says(log: AuditLog, fields: dict[str, Any]) -> None:
    wanted = Filter(**fields)
    expected = [seq for seq in range(EVENTS) if wanted.fits(at_position(seq))]
    with closing(sqlite3.connect(log._database.path, isolation_level=None)) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM entry")
        connection.execute("UPDATE entry SET kind = 'edit', action = 'other'")
        try:
            assert [one.seq for one in log.scan(wanted)] == expected
        finally:
            connection.execute("INSERT OR REPLACE INTO entry SELECT * FROM kept")


def test_the_tail_gives_what_is_new(log: AuditLog) -> None:
    assert [one.seq for one in log.tail(after=EVENTS - 4)] == [117, 118, 119]
    assert log.tail(after=EVENTS - 1) == []
    assert len(log.tail(after=-1, limit=10)) == 10


def test_a_search_reads_the_index_not_the_log(tmp_path: Any) -> None:
    folder = LogFolder(tmp_path)
    folder.filled(200)
    with folder.open() as opened:
        opened.index()
    with closing(sqlite3.connect(folder.path)) as connection:
        plan = "".join(
            str(row)
            for row in connection.execute(
                "EXPLAIN QUERY PLAN SELECT seq FROM entry WHERE seq < 9 AND principal = 'x' ORDER BY seq DESC"
            )
        )
    assert "entry_principal" in plan
    assert "TEMP B-TREE" not in plan


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
