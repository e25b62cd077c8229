"""Verifying a log file: finds any edit, deletion, insertion, reordering and key swap, truncation and rollback.

In this order:
1. The log's name must be that of the expected key: the file cannot say which key to believe.
2. The stored checkpoints must be numbered without a gap, grow, and be signed by that key; so must those from outside.
3. One pass over the events, in one read transaction, while others append: chain, tree, seals.
4. The root at the size of each checkpoint must be the signed one; a checkpoint beyond the end means truncation.
5. What the search index has must be bound to these events and authenticated with the log's key.

What it cannot find: events removed from the end that no checkpoint outside covers, and whatever the holder of the
log's key does behind the last checkpoint outside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from security.audit.checkpoint import Checkpoint, open_checkpoint
from security.audit.index import unsound_blocks
from security.audit.keys import AuditKeys
from security.audit.note import NoteVerifier
from security.audit.report import Fault, Findings, Report
from security.audit.scan import Progress, Scan
from security.audit.store import SCHEMA, genesis
from security.database import open_read_only
from security.errors import CheckpointRefused

ROWS_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class VerifyingKeys:
    """What a verification trusts.

    Without `head_key`, off this machine, the seals of the events and the search index are not checked.
    """

    verifier: NoteVerifier
    head_key: bytes | None = None
    key_id: str | None = None  # by which the log names the key

    @classmethod
    def of(cls, keys: AuditKeys) -> VerifyingKeys:
        return cls(keys.verifier, keys.head_key, keys.id)


@dataclass(frozen=True, slots=True)
class _Signed:
    checkpoint: Checkpoint
    where: str  # such as "the stored checkpoint 3"
    outside: bool


def verify(path: Path, keys: VerifyingKeys, outside: Sequence[str] = (), *, progress: Progress | None = None) -> Report:
    """Verify the log in the file `path` against the expected key and the checkpoints kept outside.

    `progress` is called now and then with (events done, events in all). Raises StoreError if there is no such file.
    """
    findings = Findings()
    scan = Scan(genesis(keys.verifier.name), keys.head_key, (), findings)
    signed: list[_Signed] = []
    with closing(open_read_only(path, SCHEMA)) as connection:
        connection.text_factory = bytes
        try:
            connection.execute("BEGIN")
            _check_name(connection, keys, findings)
            signed = [*_stored(connection, keys.verifier, findings), *_kept(outside, keys.verifier, findings)]
            scan = Scan(genesis(keys.verifier.name), keys.head_key, (one.checkpoint.size for one in signed), findings)
            _pass(connection, scan, progress)
        except sqlite3.Error as error:
            signed = _readable(signed, scan)
            findings.add(Fault.DAMAGED, scan.size, f"the file cannot be read beyond event {scan.size}: {error}")
        except (TypeError, ValueError, AttributeError) as error:
            signed = _readable(signed, scan)
            findings.add(Fault.DAMAGED, scan.size, f"the file holds something else than a log at {scan.size}: {error}")
    newest = _compare(signed, scan, findings)
    if keys.head_key is not None:
        _check_index(path, keys.head_key, findings)
    sizes = [one.checkpoint.size for one in signed if one.outside]
    return Report(
        not findings.found,
        scan.events,
        scan.root(),
        newest,
        tuple(findings.problems),
        findings.found,
        len(sizes),
        max(sizes, default=0),
    )


def _pass(connection: sqlite3.Connection, scan: Scan, progress: Progress | None) -> None:
    (total,) = connection.execute("SELECT coalesce(max(seq), -1) + 1 FROM event").fetchone()
    for (seq,) in connection.execute("SELECT seq FROM event WHERE seq < 0"):
        scan.findings.add(Fault.EVENT, seq, f"event {seq} has a number that no event can have")
    cursor = connection.execute("SELECT seq, body, nodes, mac FROM event WHERE seq >= 0 ORDER BY seq")
    cursor.arraysize = ROWS_AT_ONCE
    while rows := cursor.fetchmany():
        scan.take(rows)
        if progress is not None:
            progress(scan.size, total)
    scan.end()


def _readable(signed: list[_Signed], scan: Scan) -> list[_Signed]:
    """The checkpoints that can still be compared when the pass could not go on."""
    return [one for one in signed if one.checkpoint.size <= scan.size]


def _check_index(path: Path, head_key: bytes, findings: Findings) -> None:
    """Compare the search index with the log (5.); a log from before there was this one has none."""
    with closing(open_read_only(path, SCHEMA)) as connection:
        try:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'block'").fetchone():
                return
            unsound = unsound_blocks(connection, head_key)
        except sqlite3.Error as error:
            findings.add(Fault.INDEX, None, f"the search index cannot be read: {error}")
            return
    if unsound:
        blocks = "1 block" if len(unsound) == 1 else f"{len(unsound)} blocks"
        findings.add(
            Fault.INDEX,
            unsound[-1],
            f"{blocks} of the search index, from event {unsound[-1]} on, not written with the log's key for these "
            "events; a search reads those events themselves. Once it is known who did that, emptying its table "
            "`block` with sqlite3 has it made anew",
        )


def _check_name(connection: sqlite3.Connection, keys: VerifyingKeys, findings: Findings) -> None:
    named = [(_text(origin), _text(key_id)) for origin, key_id in connection.execute("SELECT origin, key_id FROM log")]
    expected = keys.verifier.name
    if [origin for origin, _ in named] != [expected]:
        found = [origin for origin, _ in named]
        findings.add(Fault.CHECKPOINT, None, f"expected the log {expected}, found {found}: another log, or another key")
    elif keys.key_id is not None and named[0][1] != keys.key_id:
        found_id = named[0][1][:64]
        findings.add(Fault.CHECKPOINT, None, f"expected the log to name its key {keys.key_id}, found {found_id!a}")


def _stored(connection: sqlite3.Connection, verifier: NoteVerifier, findings: Findings) -> list[_Signed]:
    """The stored checkpoints that can be trusted."""
    signed = []
    size = 0
    expected = 1
    for number, stored_size, note in connection.execute("SELECT number, size, note FROM checkpoint ORDER BY number"):
        where = f"the stored checkpoint {number}"
        if number != expected:
            findings.add(Fault.CHECKPOINT, None, f"expected the stored checkpoint {expected}, found {number}")
        expected = number + 1
        checkpoint = _opened(_text(note), verifier, where, findings)
        if checkpoint is None:
            continue
        if checkpoint.size != stored_size or checkpoint.size <= size:
            findings.add(Fault.CHECKPOINT, checkpoint.size, f"{where} is not for the size it stands for")
        size = checkpoint.size
        signed.append(_Signed(checkpoint, where, outside=False))
    return signed


def _kept(outside: Iterable[str], verifier: NoteVerifier, findings: Findings) -> list[_Signed]:
    """The checkpoints from outside that can be trusted."""
    signed = []
    for number, note in enumerate(outside, start=1):
        where = f"checkpoint {number} from outside"
        checkpoint = _opened(note, verifier, where, findings)
        if checkpoint is not None:
            signed.append(_Signed(checkpoint, where, outside=True))
    return signed


def _opened(note: str, verifier: NoteVerifier, where: str, findings: Findings) -> Checkpoint | None:
    try:
        return open_checkpoint(note, verifier)
    except CheckpointRefused as error:
        findings.add(Fault.CHECKPOINT, None, f"{where} cannot be trusted: {error}")
        return None


def _compare(signed: list[_Signed], scan: Scan, findings: Findings) -> Checkpoint | None:
    """Compare the roots (4.); the newest checkpoint that fits."""
    fitting: list[_Signed] = []
    by_size = sorted(signed, key=lambda one: one.checkpoint.size)
    if by_size and (size := by_size[-1].checkpoint.size) > scan.size:
        missing = f"events {scan.size} to {size - 1} are missing"
        where = by_size[-1].where
        findings.add(Fault.TRUNCATED, scan.size, f"{where} covers {size} events, found {scan.size}: {missing}")
    for one in by_size:
        size = one.checkpoint.size
        if size > scan.size:
            break
        if scan.roots.get(size) == one.checkpoint.root:
            fitting.append(one)
        else:
            first = _common(fitting, one)
            where = f"events {first} to {size - 1} are not those that {one.where} covers"
            findings.add(Fault.HISTORY, first, where)
    return fitting[-1].checkpoint if fitting else None


def _common(fitting: list[_Signed], other: _Signed) -> int:
    """How many events surely are those that `other` covers: a checkpoint of the same place says so, else a smaller one.

    Whoever rewrote the log with its own key stored checkpoints that fit what was rewritten.
    """
    smaller = [one for one in fitting if one.checkpoint.size < other.checkpoint.size]
    same = [one for one in smaller if one.outside is other.outside]
    return max((one.checkpoint.size for one in same or smaller), default=0)


def _text(value: Any) -> str:
    """A text column as read for the pass: bytes."""
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else repr(value)
