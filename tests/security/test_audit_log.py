"""Appending: durable or AuditUnavailable, across threads, processes, kills, full disks, locks and clock steps."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from fcntl import LOCK_UN, flock
from pathlib import Path

import pytest

from security.audit import index, turnstile
from security.audit.checkpoint import open_checkpoint
from security.audit.file_keeper import FileKeeper
from security.audit.keys import AuditKeys
from security.audit.log import AuditLog
from security.audit.proofs import check_consistency, check_inclusion
from security.audit.search import Filter
from security.audit.store import SCHEMA
from security.database import Schema
from security.errors import AuditEventRefused, AuditUnavailable, KeyFileRefused, ProofRefused
from tests.security.audit_logs import LogFolder, event, seeded

APPENDING = """
import sys
from pathlib import Path
from tests.security.audit_logs import LogFolder, event
log = LogFolder(Path(sys.argv[1])).open(every_events=20)
print("open", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    receipts = log.append([event(number, action=sys.argv[3]) for _ in range(1 + number % 3)])
    print(receipts[-1].seq, flush=True)
log.close()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path)


def appending(folder: LogFolder, count: int, action: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPENDING, str(folder.folder), str(count), action]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_receipt_says_where_the_event_is_and_the_log_holds_it(folder: LogFolder) -> None:
    with folder.open() as log:
        first = log.append([event(0), event(1)])
        second = log.append([event(2)])
        assert [receipt.seq for receipt in first + second] == [0, 1, 2]
        assert log.append([]) == []
        assert [one.event for one in log.tail(after=-1)] == [event(0), event(1), event(2)]
        for receipt in first + second:
            check_inclusion(receipt.leaf, receipt.seq, 3, log.inclusion_proof(receipt.seq), log.root())
        check_consistency(2, 3, log.root(2), log.root(), log.consistency_proof(2))


def test_the_file_is_private_and_the_log_goes_on_when_opened_again(folder: LogFolder) -> None:
    folder.filled(10)
    assert folder.path.stat().st_mode & 0o777 == 0o600
    with folder.open() as log:
        assert log.size() == 10
        assert log.append([event(10)])[0].seq == 10
    assert folder.verify().ok


def test_the_key_is_a_private_file_of_its_own_purpose(folder: LogFolder) -> None:
    folder.filled(1)
    (key,) = (folder.folder / "keys").glob("*.key")
    assert key.name.startswith("audit-")
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    with pytest.raises(KeyFileRefused):
        folder.open()


def test_without_its_key_the_log_is_unavailable(folder: LogFolder) -> None:
    folder.filled(1)
    (key,) = (folder.folder / "keys").glob("*.key")
    key.rename(folder.folder / "elsewhere")
    with pytest.raises(AuditUnavailable, match="key of the audit log is missing"):
        folder.open()


def test_a_newer_or_foreign_file_is_left_untouched(folder: LogFolder) -> None:
    folder.filled(3)
    with closing(sqlite3.connect(folder.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = folder.path.read_bytes()
    with pytest.raises(AuditUnavailable, match="newer Lakewarden"):
        folder.open()
    assert folder.path.read_bytes() == before
    folder.path.write_bytes(b"something else " * 500)
    with pytest.raises(AuditUnavailable, match="damaged"):
        folder.open()
    assert folder.path.read_bytes() == b"something else " * 500


def test_an_older_database_is_migrated(folder: LogFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    older = SCHEMA.migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr(Schema, "migrations", lambda _: older)
        folder.filled(30)
    with closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO entry SELECT seq, 0, 'edit', 'other', 'nobody', NULL, NULL FROM event")
    with folder.open() as log:
        assert len(log.search(Filter(principal="doctor-2")).events) == 6
        monkeypatch.setattr(index, "EVENTS_PER_BLOCK", 10)
        log.index()
        assert len(log.search(Filter(principal="doctor-2")).events) == 6
        assert log._database.query("PRAGMA secure_delete") == [(1,)]
        assert log._database.query("SELECT version, name FROM migration") == [(1, "log"), (2, "blocks")]
    assert folder.verify().ok


def test_a_log_from_before_the_index_was_of_blocks_verifies_as_it_is(
    folder: LogFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = SCHEMA.migrations()[:1]
    with monkeypatch.context() as patch:
        patch.setattr(Schema, "migrations", lambda _: older)
        folder.filled(30)
    assert folder.verify().ok


@pytest.mark.parametrize("step", ["checkpoint", "try_writing", "index", "size"])
def test_what_another_process_wrote_is_continued_whatever_was_done_here_meanwhile(folder: LogFolder, step: str) -> None:
    with folder.open() as log, folder.open() as other:
        for number in range(0, 12, 3):
            assert log.append([event(number)])[0].seq == number
            assert other.append([event(number + 1)])[0].seq == number + 1
            getattr(log, step)()
            assert log.append([event(number + 2)])[0].seq == number + 2
    report = folder.verify()
    assert (report.ok, report.events) == (True, 12)


@pytest.mark.parametrize("damage", ["x''", "x'00'", "zeroblob(31)"])
def test_a_last_event_without_its_hash_is_told_in_words(folder: LogFolder, damage: str) -> None:
    folder.filled(5)
    log = folder.open()
    with closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        (trigger,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_is_final'").fetchone()
        connection.execute("DROP TRIGGER event_is_final")
        connection.execute(f"UPDATE event SET nodes = {damage} WHERE seq = 4")
        connection.execute(trigger)
    with pytest.raises(AuditUnavailable, match="audit verify"):
        log.append([event(5)])
    with suppress(AuditEventRefused):  # a hash that is only shorter is for a verification to find
        log.tail(after=0)
    with pytest.raises(AuditUnavailable, match="audit verify"):
        log.close()
    with pytest.raises(AuditUnavailable, match="audit verify"):
        folder.open()
    assert not folder.verify().ok


def test_a_turn_that_is_interrupted_is_given_back(folder: LogFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    with folder.open() as log, folder.open(busy_timeout_s=0.1) as other:
        log.append([event(0)])
        locked: list[int] = []

        def interrupted(handle: int, how: int) -> None:
            flock(handle, how)
            if not how & LOCK_UN:
                locked.append(handle)
                if len(locked) == 2:
                    raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(turnstile, "flock", interrupted)
            with pytest.raises(KeyboardInterrupt):
                log.append([event(1)])
        assert other.append([event(1)])[0].seq == 1


def test_the_log_is_append_only_for_plain_sql(folder: LogFolder) -> None:
    folder.filled(12)
    with closing(sqlite3.connect(folder.path)) as connection:
        for sql in (
            "UPDATE event SET body = ''",
            "DELETE FROM event",
            "UPDATE checkpoint SET size = 0",
            "DELETE FROM checkpoint",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(sql)


def test_checkpoints_come_by_count_by_time_and_at_close_and_are_signed(folder: LogFolder) -> None:
    with folder.open(every_events=10, every_s=60) as log:
        log.append([event(number) for number in range(10)])
        log.append([event(10)])
        folder.clock.instant += timedelta(seconds=61)
        log.append([event(11)])
        log.append([event(12)])
    with closing(sqlite3.connect(folder.path)) as connection:
        rows = connection.execute("SELECT size, note FROM checkpoint ORDER BY number").fetchall()
    assert [size for size, _ in rows] == [10, 12, 13]
    assert [open_checkpoint(note, folder.keys.verifier).size for _, note in rows] == [10, 12, 13]


def test_a_checkpoint_that_was_rolled_back_counts_for_nothing(folder: LogFolder) -> None:
    with folder.open(every_events=10) as log:
        log.append([event(number) for number in range(9)])
        connection = log._database._connection
        connection.execute(
            "CREATE TEMP TRIGGER no_room BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        with pytest.raises(AuditUnavailable, match="no room"):
            log.append([event(9)])
        connection.execute("DROP TRIGGER no_room")
        log.append([event(9)])
        assert checkpoints(folder) == 1


def test_an_idle_log_signs_its_end(folder: LogFolder) -> None:
    with folder.open(every_s=0.05) as log:
        log.append([event(0)])
        assert wait_for(lambda: checkpoints(folder) == 1)
        assert log.size() == 1


def checkpoints(folder: LogFolder) -> int:
    with closing(sqlite3.connect(folder.path)) as connection:
        return int(connection.execute("SELECT count(*) FROM checkpoint").fetchone()[0])


def wait_for(condition: object, *, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


def test_sixty_four_callers_share_commits_and_each_gets_its_own_receipt(folder: LogFolder) -> None:
    taken: list[tuple[str, int]] = []
    with folder.open() as log:
        commits = count_commits(log)

        def calling(name: str) -> None:
            for _ in range(20):
                (receipt,) = log.append([event(action=name)])
                taken.append((name, receipt.seq))

        threads = [threading.Thread(target=calling, args=(f"caller-{number}",)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        written = {one.seq: one.event.action for one in log.tail(after=-1, limit=2000)}
    assert written == {seq: name for name, seq in taken}
    assert len(written) == 64 * 20
    assert len(commits) < 64 * 20 / 2
    assert folder.verify().ok


def count_commits(log: AuditLog) -> list[str]:
    commits: list[str] = []
    log._database._connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    return commits


def test_two_processes_append_at_once_and_no_event_is_lost(folder: LogFolder) -> None:
    folder.filled(1)
    processes = [appending(folder, 300, name) for name in ("first", "second")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    seqs = []
    for process in processes:
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 0
        seqs.append([int(line) for line in out.splitlines()])
    report = folder.verify()
    assert report.ok, report.problems
    assert report.events == 1 + 2 * 600
    assert set(seqs[0]).isdisjoint(seqs[1])
    assert min(seqs[0]) < max(seqs[1])
    assert min(seqs[1]) < max(seqs[0])


@pytest.mark.parametrize("attempt", range(4))
def test_kill_9_in_the_middle_of_appending_leaves_a_valid_log_with_all_that_was_acknowledged(
    folder: LogFolder, attempt: int
) -> None:
    generator = seeded()
    process = appending(folder, 100_000, "view_record")
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "open\n"
        process.stdin.write("\n")
        process.stdin.flush()
        acknowledged = -1
        for _ in range(generator.randrange(1, 60)):
            acknowledged = int(process.stdout.readline())
        until = time.monotonic() + generator.random() * 0.02
        while time.monotonic() < until:
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        process.stdin.close()
    whole = [line for line in rest if line.isdigit()]
    acknowledged = max(acknowledged, *(int(line) for line in whole[:-1])) if whole[:-1] else acknowledged
    report = folder.verify()
    assert report.ok, report.problems
    assert report.events > acknowledged
    with folder.open() as log:
        assert log.append([event(0)])[0].seq == report.events
    assert folder.verify().ok


def test_clock_steps_backwards_change_nothing_but_the_times(folder: LogFolder) -> None:
    with folder.open(every_events=3) as log:
        for number in (5, 3, 4, 1, 2):
            folder.clock.instant = event(number).at
            log.append([event(number)])
        folder.clock.instant -= timedelta(days=400)
        log.append([event(6)])
        assert [one.event.count for one in log.tail(after=-1)] == [5, 3, 4, 1, 2, 6]
    assert folder.verify().ok


def test_a_lock_held_too_long_is_unavailable_and_nothing_is_written(folder: LogFolder) -> None:
    with folder.open(busy_timeout_s=0.1) as log:
        log.append([event(0)])
        with closing(sqlite3.connect(folder.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(AuditUnavailable, match=r"nothing is disclosed.*another process"):
                log.append([event(1)])
            other.execute("ROLLBACK")
        assert log.append([event(2)])[0].seq == 1
    assert folder.verify().ok


def test_a_process_that_stands_still_in_its_turn_is_waited_for_only_so_long(folder: LogFolder) -> None:
    with folder.open(busy_timeout_s=0.1) as log, folder.open() as other:
        log.append([event(0)])
        with other._turnstile, pytest.raises(AuditUnavailable, match=r"more than 0\.1 s"):
            log.append([event(1)])
        assert log.append([event(2)])[0].seq == 1


def test_a_full_database_is_unavailable_and_room_makes_it_work_again(folder: LogFolder) -> None:
    with folder.open() as log:
        log.append([event(0)])
        connection = log._database._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(AuditUnavailable, match="full"):
            append_until_refused(log, 1000)
        size = log.size()
        connection.execute("PRAGMA max_page_count = 1000000")
        assert log.append([event(1)])[0].seq == size
    assert folder.verify().ok


def append_until_refused(log: AuditLog, most: int, acknowledged: list[int] | None = None) -> None:
    for number in range(most):
        (receipt,) = log.append([event(number)])
        if acknowledged is not None:
            acknowledged.append(receipt.seq)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB of its own; where this account may not mount, the folder itself (see below)."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1024k,mode=0700", "lakewarden-test", str(disk)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield disk
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(disk)], check=True, capture_output=True)


def test_a_full_disk_is_unavailable_and_what_was_acknowledged_stays(small_disk: Path) -> None:
    folder = LogFolder(small_disk)
    with folder.open() as log:
        ballast = small_disk / "ballast"
        if small_disk.is_mount():
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"\0" * 1024)
        else:
            log._database._connection.execute("PRAGMA max_page_count = 40")
        acknowledged: list[int] = []
        with pytest.raises(AuditUnavailable):
            append_until_refused(log, 5000, acknowledged)
        if small_disk.is_mount():
            ballast.unlink()
        else:
            log._database._connection.execute("PRAGMA max_page_count = 100000")
        assert log.append([event(0)])[0].seq == len(acknowledged)
    report = folder.verify()
    assert report.ok, report.problems
    assert report.events == len(acknowledged) + 1


def test_events_that_vanish_under_an_open_log_stop_it(folder: LogFolder) -> None:
    with folder.open() as log:
        log.append([event(number) for number in range(5)])
        with closing(sqlite3.connect(folder.path, isolation_level=None)) as other:
            other.executescript("DROP TRIGGER event_stays; DELETE FROM event WHERE seq >= 3")
        with pytest.raises(AuditUnavailable, match="had 5 events, now it has 3"):
            log.append([event(5)])
        with pytest.raises(AuditUnavailable, match="had 5 events"):
            log.append([event(5)])
        with pytest.raises(AuditUnavailable):
            log.close()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM event WHERE seq > 3",
        "UPDATE event SET nodes = zeroblob(length(nodes)) WHERE seq = 7",
        "UPDATE event SET mac = NULL",
        "UPDATE event SET mac = zeroblob(32)",
        "UPDATE checkpoint SET note = 'something'",
        "UPDATE log SET origin = 'another'",
    ],
)
def test_a_log_that_does_not_fit_its_key_or_checkpoint_is_not_continued(folder: LogFolder, sql: str) -> None:
    folder.filled(12)
    with closing(sqlite3.connect(folder.path, isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
    threads = threading.active_count()
    with pytest.raises(AuditUnavailable, match="damaged"):
        folder.open(keepers=[FileKeeper(folder.folder / "copies")])
    assert threading.active_count() == threads


def test_no_proof_is_given_beyond_the_log(folder: LogFolder) -> None:
    with folder.open() as log:
        log.append([event(0)])
        for asking in (
            lambda: log.root(2),
            lambda: log.inclusion_proof(1),
            lambda: log.inclusion_proof(0, 2),
            lambda: log.consistency_proof(2),
            lambda: log.consistency_proof(0, -1),
        ):
            with pytest.raises(ProofRefused):
                asking()


def test_checkpoints_are_carried_to_a_file_elsewhere(folder: LogFolder) -> None:
    keeper = FileKeeper(folder.folder / "elsewhere.txt")
    assert keeper.kept() == []
    with folder.open(every_events=5, keepers=[keeper]) as log:
        log.append([event(number) for number in range(5)])
        assert wait_for(lambda: log.keepers()[0].kept is not None)
        log.append([event(5)])
    kept = keeper.kept()
    assert [open_checkpoint(note, folder.keys.verifier).size for note in kept] == [5, 6]
    assert folder.verify(kept).ok
    with (folder.folder / "elsewhere.txt").open("a") as file:
        file.write(kept[0][:40])
    assert keeper.kept() == kept


def test_a_file_elsewhere_that_is_missing_is_not_made_where_that_is_not_wanted(folder: LogFolder) -> None:
    path = folder.folder / "elsewhere.txt"
    with folder.open(every_events=1, keepers=[FileKeeper(path, create=False)]) as log:
        log.append([event(0)])
        assert wait_for(lambda: log.keepers()[0].error is not None)
        assert log.keepers()[0].error == (
            f"{path}: expected a file for copies of checkpoints, found: No such file or directory; set "
            "audit.checkpoint_file to a file that this account can read and append to, or make this one so"
        )
    assert not path.exists()
    path.touch()
    FileKeeper(path, create=False).keep("a\n\n— b\n")
    assert FileKeeper(path).kept() == ["a\n\n— b\n"]


class Stuck:
    """A keeper that answers when it is let, and then fails once."""

    name = "stuck"

    def __init__(self) -> None:
        self.let = threading.Event()
        self.asked: list[str] = []

    def keep(self, note: str) -> None:
        assert self.let.wait(30)
        self.asked.append(note)
        if len(self.asked) == 1:
            raise OSError("no route to the keeper")

    def kept(self) -> list[str]:
        return self.asked

    def newest(self) -> list[str]:
        return self.asked

    is_lost = False


def test_a_slow_or_broken_keeper_never_holds_up_an_append(folder: LogFolder) -> None:
    keeper = Stuck()
    with folder.open(every_events=1, keepers=[keeper]) as log:
        for number in range(50):
            log.append([event(number)])
        assert log.keepers()[0].waiting
        assert keeper.asked == []
        keeper.let.set()
        assert wait_for(lambda: log.keepers()[0].kept is not None)
        assert log.keepers()[0].error is None
    assert open_checkpoint(keeper.asked[-1], folder.keys.verifier).size == 50
    assert len(keeper.asked) <= 4


def test_closing_twice_is_harmless_and_a_closed_log_takes_nothing(folder: LogFolder) -> None:
    log = folder.open()
    log.append([event(0)])
    log.close()
    log.close()
    with pytest.raises(AuditUnavailable):
        log.append([event(1)])


def test_the_secrets_are_never_shown(folder: LogFolder) -> None:
    keys = AuditKeys.of(folder.ring.current())
    shown = repr(keys)
    assert keys.head_key.hex() not in shown
    assert repr(keys.head_key) not in shown
    assert "Ed25519PrivateKey" not in shown


def test_what_is_stored_is_the_documented_encoding(folder: LogFolder) -> None:
    folder.filled(1)
    with closing(sqlite3.connect(folder.path)) as connection:
        (body,) = connection.execute("SELECT body FROM event").fetchone()
    assert body.encode() == event(0).encode()
    assert list(json.loads(body)) == sorted(json.loads(body))
    assert os.fsencode("doctor-0") in body.encode()
