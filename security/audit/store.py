"""Reading and writing the tables of `audit.db`: events with their tree nodes, and checkpoints. No policy, no locks.

An event's entry in the tree is the leaf hash of the event before it, followed by its encoding: so the leaf hashes are
the hash chain as well. Before the first event stands the hash of the log's name.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from security.audit.merkle import HASH_BYTES, Frontier, frontier_of, leaf_hash
from security.database import Schema
from security.errors import AuditUnavailable

SCHEMA = Schema("audit log", 0x4C4B5741, "security.audit", page_bytes=1024)  # "LKWA"
ROWS_PER_INSERT = 100


class Receipt(NamedTuple):
    """Proof to the caller that an event is durable: its number from 0, and the hash of its leaf."""

    seq: int
    leaf: bytes


@dataclass(slots=True)
class Tree:
    """The newest state of the log as one process knows it."""

    frontier: Frontier
    head: bytes  # the leaf hash of the last event


def genesis(origin: str) -> bytes:
    """What stands before the first event of the log `origin`."""
    return hashlib.sha256(b"lakewarden-audit-genesis\0" + origin.encode()).digest()


def head_mac(leaf: bytes, head_key: bytes) -> bytes:
    """What only a holder of the key could write beside the newest event: BLAKE2b-256, keyed (RFC 7693)."""
    return hashlib.blake2b(leaf, digest_size=HASH_BYTES, key=head_key).digest()


def append(connection: sqlite3.Connection, tree: Tree, bodies: list[bytes], head_key: bytes) -> list[Receipt]:
    """Write events after the last one; `tree` moves along. O(log n) hashes each."""
    values: list[object] = []
    receipts = []
    for body in bodies:
        seq = tree.frontier.size
        tree.head = leaf_hash(tree.head + body)
        values += (seq, body.decode("ascii"), tree.frontier.append(tree.head), None)
        receipts.append(Receipt(seq, tree.head))
    values[-1] = head_mac(tree.head, head_key)
    width = 4 * ROWS_PER_INSERT
    # Few statements: each gives the interpreter to the callers that prepare the next events, and must win it back.
    for first in range(0, len(values), width):
        some = values[first : first + width]
        connection.execute(_insert(len(some) // 4), some)
    return receipts


@cache
def _insert(rows: int) -> str:
    return "INSERT INTO event (seq, body, nodes, mac) VALUES " + ", ".join(["(?, ?, ?, ?)"] * rows)  # noqa: S608 – no value in it


def version(connection: sqlite3.Connection) -> int:
    """A number that is another one once another connection has committed. Of this connection only."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def last_event(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
    """(size, leaf hash of the last event), None for an empty log."""
    row = connection.execute("SELECT seq + 1, substr(nodes, 1, 32) FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None:
        return None
    if not isinstance(row[0], int) or not isinstance(row[1], bytes) or len(row[1]) != HASH_BYTES:
        raise AuditUnavailable("the audit log lacks the hash of its last event; `audit verify` says more")
    return row[0], row[1]


def last_mac(connection: sqlite3.Connection) -> bytes | None:
    """What authenticates the last event."""
    row = connection.execute("SELECT mac FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else row[0]


def node_at(connection: sqlite3.Connection, level: int, index: int) -> bytes:
    """The stored node (level, index). Raises AuditUnavailable if it is not there."""
    seq = ((index + 1) << level) - 1
    row = connection.execute(
        "SELECT substr(nodes, ?, ?) FROM event WHERE seq = ?", (1 + HASH_BYTES * level, HASH_BYTES, seq)
    ).fetchone()
    if row is None or not isinstance(row[0], bytes) or len(row[0]) != HASH_BYTES:
        raise AuditUnavailable(f"the audit log lacks a hash that event {seq} must hold; `audit verify` says more")
    return row[0]


def frontier_at(connection: sqlite3.Connection, size: int) -> Frontier:
    """The frontier of the stored tree when it had `size` leaves. Raises AuditUnavailable."""
    return frontier_of(size, lambda level, index: node_at(connection, level, index))


def last_checkpoint(connection: sqlite3.Connection) -> tuple[int, str] | None:
    """(size, note) of the newest stored checkpoint."""
    row = connection.execute("SELECT size, note FROM checkpoint ORDER BY number DESC LIMIT 1").fetchone()
    if row is None:
        return None
    if not isinstance(row[0], int) or not isinstance(row[1], str):
        raise AuditUnavailable("the audit log's last checkpoint is none; `audit verify` says more")
    return row[0], row[1]


def add_checkpoint(connection: sqlite3.Connection, size: int, note: str, made_at: str) -> None:
    connection.execute(
        "INSERT INTO checkpoint (number, size, note, made_at) "
        "VALUES ((SELECT coalesce(max(number), 0) + 1 FROM checkpoint), ?, ?, ?)",
        (size, note, made_at),
    )
