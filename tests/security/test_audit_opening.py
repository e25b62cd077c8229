"""Opening the log of a workspace: made at first use, never again by itself, and never over what is left of one."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from security.audit import store
from security.audit.event import Event, Kind, Outcome
from security.audit.keys import AuditKeys
from security.audit.log import AuditLog
from security.audit.opening import begin_anew, is_missing
from security.audit.store import SCHEMA
from security.database import open_database, open_read_only
from security.errors import AuditMissing, AuditUnavailable, StoreError
from tests.security.audit_logs import LogFolder, event, remove_all_events


@pytest.fixture
def folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path)


def begun(folder: LogFolder) -> bool:
    return begin_anew(folder.path, folder.ring, lock_file=folder.folder / "audit.lock", now=folder.clock)


def first_of(log: AuditLog) -> Event:
    """What a log that stands where another was begins with, at the instant it says."""
    (recorded,) = log.tail(after=-1, limit=1)
    return Event(
        at=recorded.event.at,
        kind=Kind.KEY,
        action="begin_audit_log",
        outcome=Outcome.DONE,
        principal="service",
        role="service",
        resource="audit",
        code="earlier_log_missing",
    )


def make_tables(folder: LogFolder) -> None:
    open_database(folder.path, SCHEMA, lock_file=folder.folder / "audit.lock", now=folder.clock).close()


def name_log(folder: LogFolder) -> None:
    """Give a log its name, as does the first that opens it."""
    keys = AuditKeys.of(folder.ring.current())
    with closing(sqlite3.connect(folder.path)) as connection, connection:
        connection.execute("INSERT INTO log VALUES (1, ?, ?)", (keys.origin, keys.id))


def remove(folder: LogFolder) -> None:
    for path in folder.folder.glob("audit.db*"):
        path.unlink()


def empty(folder: LogFolder) -> None:
    remove(folder)
    folder.path.touch()


def put_one_without_tables(folder: LogFolder) -> None:
    remove(folder)
    with closing(sqlite3.connect(folder.path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def cut_off_its_first_page(folder: LogFolder) -> None:
    """Leave it as a kill does before its first commit: with a journal that undoes what is in it."""
    remove(folder)
    making = folder.folder / "making.db"
    with closing(sqlite3.connect(making, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE log (body)")
        connection.execute("INSERT INTO log VALUES (zeroblob(100000))")  # more than the cache: it goes to the file
        shutil.copy(making, folder.path)
        shutil.copy(f"{making}-journal", f"{folder.path}-journal")
    assert folder.path.stat().st_size


def begin_with_a_key_and_no_more(folder: LogFolder) -> None:
    remove(folder)
    folder.ring.add()
    make_tables(folder)


def begin_with_a_name_and_no_more(folder: LogFolder) -> None:
    begin_with_a_key_and_no_more(folder)
    name_log(folder)


@pytest.mark.parametrize(
    "replace",
    [
        remove,
        empty,
        put_one_without_tables,
        cut_off_its_first_page,
        begin_with_a_key_and_no_more,
        begin_with_a_name_and_no_more,
    ],
)
def test_a_log_that_is_gone_is_missed_whatever_lies_in_its_place_until_one_is_begun_that_says_so(
    folder: LogFolder, replace: Callable[[LogFolder], None]
) -> None:
    folder.filled(3)
    first_key = folder.keys.id
    replace(folder)
    for _ in range(2):
        with pytest.raises(AuditMissing, match="`lakewarden audit begin` begins another"):
            folder.open()
    assert begun(folder)
    with folder.open() as log:
        assert [one.event for one in log.tail(after=-1)] == [first_of(log)]
        assert log.keys.id != first_key
        assert log.append([event()])[0].seq == 1
    assert not begun(folder), "it is there"
    assert folder.verify().ok


def test_a_beginning_that_is_cut_off_is_repeated(folder: LogFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.filled(3)
    remove(folder)
    with monkeypatch.context() as patched:
        patched.setattr(store, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begun(folder)
    with pytest.raises(AuditMissing):
        folder.open()
    assert begun(folder)
    with folder.open() as log:
        assert [one.event for one in log.tail(after=-1)] == [first_of(log)]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def make_empty_file(folder: LogFolder) -> None:
    folder.path.touch()


def make_file_without_tables(folder: LogFolder) -> None:
    put_one_without_tables(folder)


def make_key(folder: LogFolder) -> None:
    make_tables(folder)
    folder.ring.current()


def make_name(folder: LogFolder) -> None:
    make_key(folder)
    name_log(folder)


@pytest.mark.parametrize("cut_off", [make_empty_file, make_file_without_tables, make_tables, make_key, make_name])
def test_a_first_use_that_was_cut_off_goes_on(folder: LogFolder, cut_off: Callable[[LogFolder], None]) -> None:
    cut_off(folder)
    assert not is_missing(folder.path, folder.ring)
    assert not begun(folder)
    with folder.open() as log:
        assert log.append([event()])[0].seq == 0
    assert folder.verify().ok
    assert len(folder.ring.ids()) == 1


def test_a_log_whose_events_were_removed_is_no_first_use_where_the_workspace_was_used(folder: LogFolder) -> None:
    folder.filled(3)
    remove_all_events(folder.path)
    with pytest.raises(AuditMissing, match="`lakewarden audit begin` begins another"):
        folder.open(was_used=lambda: True)
    assert begin_anew(
        folder.path, folder.ring, lock_file=folder.folder / "audit.lock", now=folder.clock, was_used=lambda: True
    )
    with folder.open(was_used=lambda: True) as log:
        assert [one.event for one in log.tail(after=-1)] == [first_of(log)]


def test_a_first_event_that_comes_while_the_workspace_is_asked_is_seen(folder: LogFolder) -> None:
    make_name(folder)

    def was_used() -> bool:
        folder.filled(1)
        return True

    with folder.open(was_used=was_used) as log:
        assert log.size() == 1


def test_those_that_come_at_once_to_a_new_log_make_one_with_one_key(folder: LogFolder) -> None:
    seqs: list[int] = []
    gate = threading.Barrier(8)

    def use() -> None:
        gate.wait()
        with LogFolder(folder.folder).open() as log:
            seqs.append(log.append([event()])[0].seq)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seqs) == list(range(8))
    assert len(folder.ring.ids()) == 1
    assert folder.verify().ok


def test_checkpoints_without_events_are_damage_and_not_begun_over(folder: LogFolder) -> None:
    folder.filled(3)
    folder.ring.add()
    with closing(sqlite3.connect(folder.path)) as connection, connection:
        connection.execute("DROP TRIGGER event_stays")
        connection.execute("DELETE FROM event")
    assert not begun(folder)
    with pytest.raises(AuditUnavailable, match="it has 0 events, its last checkpoint says 3"):
        folder.open()


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_the_last_events_are_not_lost_where_their_file_was_moved_away_alone(folder: LogFolder, how: str) -> None:
    """SQLite removes a write-ahead log that it finds beside an empty database."""
    log, moved = folder.path.with_name("audit.db-wal"), folder.folder / "moved"
    moved.mkdir()
    with folder.open() as opened:
        opened.append([event(number) for number in range(5)])
        for path in (folder.path, log):
            shutil.copy(path, moved)
    remove(folder)
    shutil.copy(moved / log.name, log)
    if how == "emptied":
        folder.path.touch()
    body, keys = log.read_bytes(), folder.ring.ids()
    assert body
    advice = r"in audit\.db-wal beside it, found .*; bring it back, or move audit\.db-wal and audit\.db-shm to where"
    with pytest.raises(AuditUnavailable, match=advice):
        folder.open()
    with pytest.raises(AuditUnavailable, match=advice):
        begun(folder)
    with pytest.raises(StoreError, match=advice):
        make_tables(folder)
    with pytest.raises(StoreError, match=advice):
        open_read_only(folder.path, SCHEMA)
    assert (log.read_bytes(), folder.ring.ids(), folder.path.exists()) == (body, keys, how == "emptied")
    shutil.copy(moved / folder.path.name, folder.path)
    with folder.open() as opened:
        assert opened.size() == 5
