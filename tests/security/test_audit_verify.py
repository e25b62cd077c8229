"""The tamper table: each kind of change is made with SQL on a copy of a log, and each is found where it is."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from security.audit import index, store
from security.audit.checkpoint import Checkpoint
from security.audit.keys import AuditKeys
from security.audit.merkle import Frontier, leaf_hash
from security.audit.note import NoteVerifier
from security.audit.report import MOST_PROBLEMS, Fault, Report
from security.audit.verify import VerifyingKeys, verify
from security.errors import StoreError
from security.vault.keys import Key
from tests.security.audit_logs import LogFolder, event, index_by_twenty

EVENTS = 100
OTHER = AuditKeys.of(Key("0001-ffffffff", b"\xff" * 32))
Tamper = Callable[[sqlite3.Connection, AuditKeys], None]


@dataclass
class Original:
    """A log of 100 events in commits of 7, a checkpoint after each, all of them kept outside as well."""

    log: LogFolder
    notes: list[str]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    log = LogFolder(tmp_path_factory.mktemp("audit"))
    notes = log.filled(EVENTS)
    with log.open() as opened:
        index_by_twenty(opened)
    return Original(log, notes)


@pytest.fixture
def copy(original: Original, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    shutil.copy(original.log.path, tmp_path / "audit.db")
    with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection


def verified(original: Original, tmp_path: Path, outside: list[str] | None = None) -> Report:
    return original.log.verify(outside, tmp_path / "audit.db")


def rewrite(connection: sqlite3.Connection, keys: AuditKeys, bodies: list[bytes], *, sign: bool) -> None:
    """What an attacker does who recomputes everything: with the log's own key, or with another."""
    connection.executescript("DELETE FROM event; DELETE FROM checkpoint; DELETE FROM block;")
    tree = store.Tree(Frontier(), store.genesis(keys.origin))
    store.append(connection, tree, bodies, keys.head_key)
    if sign:
        note = Checkpoint(keys.origin, len(bodies), tree.frontier.root()).sign(keys.signer)
        store.add_checkpoint(connection, len(bodies), note, "2026-03-01T08:00:00.000Z")


def bodies(connection: sqlite3.Connection) -> list[bytes]:
    return [row[0].encode() for row in connection.execute("SELECT body FROM event ORDER BY seq")]


def edit(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE event SET body = replace(body, 'doctor-2', 'doctor-3') WHERE seq = 57")


def edit_with_leaf(connection: sqlite3.Connection, _: AuditKeys) -> None:
    edit(connection, _)
    (before,) = connection.execute("SELECT substr(nodes, 1, 32) FROM event WHERE seq = 56").fetchone()
    (body, nodes) = connection.execute("SELECT body, nodes FROM event WHERE seq = 57").fetchone()
    leaf = leaf_hash(before + body.encode())
    connection.execute("UPDATE event SET nodes = ? WHERE seq = 57", (leaf + nodes[32:],))


def edit_and_recompute(connection: sqlite3.Connection, keys: AuditKeys) -> None:
    """All hashes behind the edit are made anew: only the seals and the signatures cannot be."""
    edit(connection, keys)
    seals = connection.execute("SELECT seq, mac FROM event ORDER BY seq").fetchall()
    notes = connection.execute("SELECT number, size, note, made_at FROM checkpoint").fetchall()
    rewrite(connection, AuditKeys(keys.id, keys.origin, OTHER.signer, b"x", b"", b""), bodies(connection), sign=False)
    connection.executemany("UPDATE event SET mac = ?2 WHERE seq = ?1", seals)
    connection.executemany("INSERT INTO checkpoint VALUES (?, ?, ?, ?)", notes)


def delete(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DELETE FROM event WHERE seq BETWEEN 57 AND 60")


def delete_and_close_up(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DELETE FROM event WHERE seq = 57")
    for seq in range(58, EVENTS):
        connection.execute("UPDATE event SET seq = ?1 - 1 WHERE seq = ?1", (seq,))


def insert(connection: sqlite3.Connection, _: AuditKeys) -> None:
    for seq in range(EVENTS - 1, 56, -1):
        connection.execute("UPDATE event SET seq = ?1 + 1 WHERE seq = ?1", (seq,))
    connection.execute(
        "INSERT INTO event SELECT 57, replace(body, '\"count\":56', '\"count\":9'), nodes, mac "
        "FROM event WHERE seq = 56"
    )


def insert_before_the_first(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("INSERT INTO event SELECT -1, body, nodes, mac FROM event WHERE seq = 0")


def swap(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "UPDATE event SET seq = 1000 WHERE seq = 57; UPDATE event SET seq = 57 WHERE seq = 58;"
        "UPDATE event SET seq = 58 WHERE seq = 1000"
    )


def swap_bodies(connection: sqlite3.Connection, _: AuditKeys) -> None:
    first, second = bodies(connection)[57:59]
    connection.execute("UPDATE event SET body = ? WHERE seq = 57", (second.decode(),))
    connection.execute("UPDATE event SET body = ? WHERE seq = 58", (first.decode(),))


def change_tree(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE event SET nodes = CAST(substr(nodes, 1, 32) || zeroblob(32) AS BLOB) WHERE seq = 57")


def cut_tree(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE event SET nodes = substr(nodes, 1, 32) WHERE seq = 57")


def change_seal(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE event SET mac = zeroblob(32) WHERE seq = 55")


def add_seal(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE event SET mac = zeroblob(32) WHERE seq = 57")


def append_without_key(connection: sqlite3.Connection, keys: AuditKeys) -> None:
    tree = store.Tree(store.frontier_at(connection, EVENTS), store.last_event(connection)[1])  # type: ignore[index]
    store.append(connection, tree, [event(EVENTS).encode()], OTHER.head_key)


def cut_in_a_commit(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript("DELETE FROM event WHERE seq > 57; DELETE FROM checkpoint WHERE size > 57")


def truncate(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DELETE FROM event WHERE seq >= 63")


def change_checkpoint(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute(
        "UPDATE checkpoint SET note = replace(note, char(10) || '56' || char(10), "
        "char(10) || '57' || char(10)) WHERE size = 56"
    )


def resize_checkpoint(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE checkpoint SET size = 57 WHERE size = 56")


def delete_checkpoint(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DELETE FROM checkpoint WHERE size = 56")


def swap_checkpoints(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "UPDATE checkpoint SET number = 1000 WHERE number = 3; UPDATE checkpoint SET number = 3 WHERE number = 4;"
        "UPDATE checkpoint SET number = 4 WHERE number = 1000"
    )


def swap_key(connection: sqlite3.Connection, _: AuditKeys) -> None:
    """The same events, everything made anew with another key and its name."""
    rewrite(connection, OTHER, bodies(connection), sign=True)
    connection.execute("UPDATE log SET origin = ?, key_id = ?", (OTHER.origin, OTHER.id))


def swap_key_under_the_name(connection: sqlite3.Connection, keys: AuditKeys) -> None:
    impostor = AuditKeys(keys.id, keys.origin, type(OTHER.signer)(keys.origin, OTHER.signer.private), b"x", b"", b"")
    rewrite(connection, impostor, bodies(connection), sign=True)


def hide_in_index(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE block SET shapes = x'', subjects = x'' WHERE first_seq = 40")


def index_elsewhere(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE block SET first_seq = 41, last_seq = 60 WHERE first_seq = 40")


def index_what_is_not_there(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE block SET last_seq = 200 WHERE first_seq = 80")


def index_of_another_type(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "CREATE TABLE other AS SELECT * FROM block; DROP TABLE block; ALTER TABLE other RENAME TO block;"
        "UPDATE block SET shapes = 7 WHERE first_seq = 60"
    )


def index_with_another_key(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DELETE FROM block WHERE first_seq >= 20")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "EVENTS_PER_BLOCK", 20)
        index.index_all(connection, OTHER.origin, OTHER.head_key)


def rename_key(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("UPDATE log SET key_id = '0001-00000000'")


def no_number(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "CREATE TABLE other AS SELECT * FROM event; DROP TABLE event; ALTER TABLE other RENAME TO event;"
        "UPDATE event SET seq = 57.5 WHERE seq = 58"
    )


def number_for_a_checkpoint(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "CREATE TABLE other AS SELECT * FROM checkpoint; DROP TABLE checkpoint;"
        "ALTER TABLE other RENAME TO checkpoint; UPDATE checkpoint SET note = 1 << 60 WHERE number = 2"
    )


def wrong_type(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.executescript(
        "CREATE TABLE other AS SELECT * FROM event; DROP TABLE event; ALTER TABLE other RENAME TO event;"
        "UPDATE event SET body = NULL WHERE seq = 57"
    )


def drop_table(connection: sqlite3.Connection, _: AuditKeys) -> None:
    connection.execute("DROP TABLE event")


TABLE: list[tuple[Tamper, Fault, int | None]] = [
    (edit, Fault.EVENT, 57),
    (edit_with_leaf, Fault.TREE, 57),
    (edit_and_recompute, Fault.SEAL, 62),
    (delete, Fault.GAP, 57),
    (delete_and_close_up, Fault.EVENT, 57),
    (insert, Fault.EVENT, 57),
    (insert_before_the_first, Fault.EVENT, -1),
    (swap, Fault.EVENT, 57),
    (swap_bodies, Fault.EVENT, 57),
    (change_tree, Fault.TREE, 57),
    (cut_tree, Fault.TREE, 57),
    (change_seal, Fault.SEAL, 55),
    (add_seal, Fault.SEAL, 57),
    (append_without_key, Fault.SEAL, 100),
    (cut_in_a_commit, Fault.TRUNCATED, 57),
    (truncate, Fault.TRUNCATED, 63),
    (change_checkpoint, Fault.CHECKPOINT, None),
    (resize_checkpoint, Fault.CHECKPOINT, 56),
    (delete_checkpoint, Fault.CHECKPOINT, None),
    (swap_checkpoints, Fault.CHECKPOINT, 21),
    (swap_key, Fault.CHECKPOINT, None),
    (swap_key_under_the_name, Fault.CHECKPOINT, None),
    (hide_in_index, Fault.INDEX, 40),
    (index_elsewhere, Fault.INDEX, 41),
    (index_what_is_not_there, Fault.INDEX, 80),
    (index_of_another_type, Fault.INDEX, 60),
    (index_with_another_key, Fault.INDEX, 20),
    (rename_key, Fault.CHECKPOINT, None),
    (no_number, Fault.GAP, 58),
    (number_for_a_checkpoint, Fault.CHECKPOINT, None),
    (wrong_type, Fault.DAMAGED, 57),
    (drop_table, Fault.DAMAGED, 0),
]


@pytest.mark.parametrize(("tamper", "fault", "seq"), TABLE, ids=[row[0].__name__ for row in TABLE])
def test_each_kind_of_tampering_is_found_where_it_is(
    original: Original, copy: sqlite3.Connection, tmp_path: Path, tamper: Tamper, fault: Fault, seq: int | None
) -> None:
    assert verified(original, tmp_path).ok
    tamper(copy, original.log.keys)
    report = verified(original, tmp_path)
    assert not report.ok
    assert (report.problems[0].fault, report.problems[0].seq) == (fault, seq), report.problems


def test_the_untouched_log_is_sound(original: Original) -> None:
    report = original.log.verify(original.notes)
    assert (report.ok, report.events, report.problems, report.found, report.uncovered) == (True, EVENTS, (), 0, 0)
    with original.log.open() as log:
        assert report.root == log.root()


def test_every_edit_of_any_event_is_found_at_that_event(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    for seq in range(EVENTS):
        copy.execute("BEGIN")
        copy.execute("SAVEPOINT before")
        body, nodes, mac = copy.execute("SELECT body, nodes, mac FROM event WHERE seq = ?", (seq,)).fetchone()
        copy.execute("UPDATE event SET body = replace(body, '127.0.0.1', '127.0.0.9') WHERE seq = ?", (seq,))
        copy.execute("COMMIT")
        report = verified(original, tmp_path)
        assert [problem.seq for problem in report.problems] == [seq]
        copy.execute("UPDATE event SET body = ?, nodes = ?, mac = ? WHERE seq = ?", (body, nodes, mac, seq))
    assert verified(original, tmp_path).ok


def test_truncation_behind_an_outside_checkpoint_is_found_even_when_all_else_is_cut_to_fit(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    copy.executescript(
        "DELETE FROM event WHERE seq >= 63; DELETE FROM checkpoint WHERE size > 63;"
        "DELETE FROM block WHERE last_seq >= 63"
    )
    assert verified(original, tmp_path).ok, "without a copy outside, this cannot be seen"
    report = verified(original, tmp_path, original.notes)
    assert (report.problems[0].fault, report.problems[0].seq) == (Fault.TRUNCATED, 63)
    assert report.checkpoint is not None
    assert report.checkpoint.size == 63


def test_a_rollback_to_an_older_copy_is_found_even_after_it_went_on(tmp_path: Path) -> None:
    log = LogFolder(tmp_path)
    log.filled(20)
    shutil.copy(log.path, tmp_path / "older")
    with log.open() as opened:
        opened.append([event(number) for number in range(20, 40)])
        kept = str(opened.checkpoint())
    shutil.copy(tmp_path / "older", log.path)
    assert log.verify().ok
    assert log.verify([kept]).problems[0].fault is Fault.TRUNCATED
    with log.open() as opened:
        opened.append([event(number) for number in range(50, 80)])
    report = log.verify([kept])
    assert [(problem.fault, problem.seq) for problem in report.problems] == [(Fault.HISTORY, 20)]


def test_where_a_rolled_back_log_went_another_way_is_told_by_the_checkpoints_outside_not_by_its_own(
    tmp_path: Path,
) -> None:
    log = LogFolder(tmp_path)
    notes = log.filled(20)
    shutil.copy(log.path, tmp_path / "older")
    with log.open() as opened:
        opened.append([event(number) for number in range(20, 40)])
        notes.append(str(opened.checkpoint()))
    shutil.copy(tmp_path / "older", log.path)
    with log.open() as opened:
        for number in range(50, 70):  # of the same size in the end, each event with a checkpoint of its own
            opened.append([event(number)])
            opened.checkpoint()
    report = log.verify(notes)
    assert [(problem.fault, problem.seq) for problem in report.problems] == [(Fault.HISTORY, 20)]


def test_a_truncation_is_one_problem_however_many_checkpoints_lie_beyond(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    truncate(copy, original.log.keys)
    problems = verified(original, tmp_path, original.notes).problems
    found = [(problem.fault, problem.seq) for problem in problems]
    assert found == [(Fault.TRUNCATED, 63), (Fault.INDEX, 60)]  # whose blocks go on
    assert "events 63 to 99 are missing" in problems[0].text


def test_history_rewritten_with_the_log_s_own_key_is_found_by_the_outside_checkpoint(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    kept = original.notes[7]
    edited = [body.replace(b"doctor-2", b"doctor-3") if seq == 32 else body for seq, body in enumerate(bodies(copy))]
    rewrite(copy, original.log.keys, edited, sign=True)
    assert verified(original, tmp_path).ok, "the key's holder can do that, and only a copy outside tells"
    report = verified(original, tmp_path, [kept])
    assert [(problem.fault, problem.seq) for problem in report.problems] == [(Fault.HISTORY, 0)]
    assert "0 to 55" in report.problems[0].text


def test_a_swapped_key_is_found_by_whoever_kept_the_verifier(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    swap_key(copy, original.log.keys)
    foreign = verify(tmp_path / "audit.db", VerifyingKeys.of(OTHER), original.notes)
    assert not foreign.ok, "the checkpoints outside are not of that key"
    kept = NoteVerifier.parse(original.log.keys.verifier.text())
    assert not verify(tmp_path / "audit.db", VerifyingKeys(kept)).ok


def test_off_the_machine_the_public_key_alone_finds_an_edit(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    public = VerifyingKeys(original.log.keys.verifier)
    assert verify(tmp_path / "audit.db", public, original.notes).ok
    edit_and_recompute(copy, original.log.keys)
    report = verify(tmp_path / "audit.db", public, original.notes)
    assert (report.problems[0].fault, report.problems[0].seq) == (Fault.HISTORY, 56)


def test_a_checkpoint_from_outside_that_is_no_checkpoint_is_reported(original: Original) -> None:
    report = original.log.verify(["something else", original.notes[0].replace("\n7\n", "\n8\n")])
    assert [problem.fault for problem in report.problems] == [Fault.CHECKPOINT, Fault.CHECKPOINT]


def test_many_problems_are_counted_and_some_are_told(
    original: Original, copy: sqlite3.Connection, tmp_path: Path
) -> None:
    copy.execute("UPDATE event SET body = replace(body, '127.0.0.1', '127.0.0.9'), mac = zeroblob(32)")
    report = verified(original, tmp_path)
    assert report.found == 2 * EVENTS
    assert len(report.problems) == MOST_PROBLEMS


def test_damaged_pages_are_reported_not_raised(original: Original, tmp_path: Path) -> None:
    damaged = tmp_path / "audit.db"
    body = bytearray(original.log.path.read_bytes())
    for at in range(4096, len(body), 1024):
        body[at : at + 64] = b"\xa5" * 64
    damaged.write_bytes(body)
    report = verified(original, tmp_path)
    assert report.problems[0].fault is Fault.DAMAGED
    damaged.write_bytes(b"no database at all" * 100)
    assert verified(original, tmp_path).problems[0].fault is Fault.DAMAGED


def test_a_missing_log_is_an_error(original: Original, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file"):
        verified(original, tmp_path)
    assert not (tmp_path / "audit.db").exists()


def test_verifying_while_others_append(tmp_path: Path) -> None:
    log = LogFolder(tmp_path)
    stop = threading.Event()
    seen: list[tuple[int, int]] = []
    with log.open(every_events=50) as opened:
        opened.append([event(0)])

        def appending() -> None:
            number = 1
            while not stop.is_set():
                opened.append([event(number)])
                number += 1

        thread = threading.Thread(target=appending)
        thread.start()
        try:
            sizes: list[int] = []
            deadline_s = time.monotonic() + 30
            while (len(sizes) < 15 or sizes[-1] == sizes[0]) and time.monotonic() < deadline_s:
                report = verify(log.path, VerifyingKeys.of(opened.keys), progress=lambda *at: seen.append(at))
                assert report.ok, report.problems
                sizes.append(report.events)
        finally:
            stop.set()
            thread.join()
        assert sizes == sorted(sizes)
        assert sizes[-1] > sizes[0]
        assert seen
        assert all(done <= total for done, total in seen)


def test_a_log_that_grew_since_it_was_indexed_is_sound(tmp_path: Path) -> None:
    log = LogFolder(tmp_path)
    log.filled(30)
    with log.open() as opened:
        index_by_twenty(opened)
        opened.append([event(30)])
    assert log.verify().ok
