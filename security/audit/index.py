"""The search index: what occurs in each block of events, authenticated with the log's key.

Rules:
1. A block is bound to the leaf hash of its last event, and so to every event before it. One that fits the log was
   written by a holder of the key, of these very events. Any other is passed over, and its events are read themselves:
   who can write the file, and has no key, makes a search slow and hides nothing from it.
2. Blocks are made behind the appends, which would otherwise write more pages; the newest events are in none yet.
3. Before a block is made, its events are hashed: what does not give the stored leaf is left out of the index.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple, Self

from security.audit.merkle import HASH_BYTES, leaf_hash
from security.audit.store import genesis, last_event

EVENTS_PER_BLOCK = 1_024
SHAPE = ("kind", "action", "principal", "decision")  # the fields whose combinations a block lists
_ABSENT = "-"
_SUBJECT_DIGITS = 8  # of a pseudonym that a block keeps: as good as all for telling where to look
_USE = b"search index"  # the BLAKE2b personalization: no other use of the key gives the same

_BLOCKS = """
SELECT first_seq, last_seq, earliest_at, latest_at, shapes, subjects, block.mac, substr(event.nodes, 1, 32)
FROM block LEFT JOIN event ON event.seq = block.last_seq
WHERE first_seq < ?
ORDER BY first_seq DESC
"""


class Block(NamedTuple):
    """What occurs in the events `first_seq` to `last_seq`.

    `shapes` has a line for each combination of `SHAPE`, its words separated by spaces; `subjects` the last digits of
    each pseudonym, one behind the other. Times are microseconds since 1970.
    """

    first_seq: int
    last_seq: int
    earliest_at: int
    latest_at: int
    shapes: bytes
    subjects: bytes

    @classmethod
    def of(cls, first_seq: int, bodies: list[bytes]) -> Self:
        """The block of these events. Raises ValueError, TypeError, KeyError for what is no encoding of one."""
        events = [json.loads(body) for body in bodies]
        times = [int(event["at"]) for event in events]
        shapes = {" ".join([event.get(name, _ABSENT) for name in SHAPE]) for event in events}
        subjects = {event["subject"][-_SUBJECT_DIGITS:] for event in events if "subject" in event}
        return cls(
            first_seq,
            first_seq + len(bodies) - 1,
            min(times),
            max(times),
            "\n".join(sorted(shapes)).encode(),
            "".join(sorted(subjects)).encode(),
        )

    def mac(self, leaf: bytes, head_key: bytes) -> bytes:
        """What only a holder of the key could write beside it; `leaf` is the hash of its last event."""
        numbers = (self.first_seq, self.last_seq, self.earliest_at, self.latest_at, len(self.shapes))
        text = b"%d %d %d %d %d " % numbers + leaf + self.shapes + self.subjects
        return blake2b(text, digest_size=HASH_BYTES, key=head_key, person=_USE).digest()


class Probe:
    """Tells whether a block may hold what is looked for."""

    def __init__(self, fields: Mapping[str, str], since_us: int, until_us: int) -> None:
        """`fields` are the wanted values of `SHAPE` and of `subject`; `since_us` is included, `until_us` is not."""
        words = [re.escape(fields[name]) if name in fields else r"\S+" for name in SHAPE]
        wants_shape = not fields.keys().isdisjoint(SHAPE)
        self._shape = re.compile(f"^{' '.join(words)}$".encode(), re.MULTILINE) if wants_shape else None
        self._subject = fields.get("subject", "")[-_SUBJECT_DIGITS:].encode()
        self._since_us, self._until_us = since_us, until_us

    def may_hold(self, block: Block) -> bool:
        return (
            block.latest_at >= self._since_us
            and block.earliest_at < self._until_us
            and self._subject in block.subjects
            and (self._shape is None or self._shape.search(block.shapes) is not None)
        )


def sound_blocks(connection: sqlite3.Connection, head_key: bytes, *, below: int) -> Iterator[Block]:
    """The blocks that fit the log, newest first, that begin below event `below`; no two share an event."""
    for block, fits in _checked(connection, head_key, below):
        if fits and block.last_seq < below:
            below = block.first_seq
            yield block


def unsound_blocks(connection: sqlite3.Connection, head_key: bytes) -> list[int]:
    """The first events of the blocks that do not fit the log, newest first. Raises sqlite3.Error."""
    return [block.first_seq for block, fits in _checked(connection, head_key, 2**62) if not fits]


def index_all(
    connection: sqlite3.Connection, origin: str, head_key: bytes, *, go_on: Callable[[], bool] = lambda: True
) -> None:
    """Make the blocks that are missing, while `go_on()`, on a connection in autocommit mode. Raises sqlite3.Error."""
    last = last_event(connection)
    there = {first_seq for (first_seq,) in connection.execute("SELECT first_seq FROM block")}
    for first_seq in range(0, (last[0] if last else 0) - EVENTS_PER_BLOCK + 1, EVENTS_PER_BLOCK):
        if first_seq not in there:
            if not go_on():
                return
            _index(connection, first_seq, origin, head_key)


def _checked(connection: sqlite3.Connection, head_key: bytes, below: int) -> Iterator[tuple[Block, bool]]:
    """Each block, newest first, and whether it fits the log."""
    for *fields, mac, leaf in connection.execute(_BLOCKS, (below,)):
        block = Block(*fields)
        try:
            # A shorter leaf would leave open where it ends in what is authenticated, and what follows begins.
            fits = len(leaf) == HASH_BYTES and block.mac(leaf, head_key) == mac
        except (TypeError, OverflowError):  # no leaf there, or something else than what the schema says
            fits = False
        yield block, fits


def _index(connection: sqlite3.Connection, first_seq: int, origin: str, head_key: bytes) -> None:
    """Make the block that begins at `first_seq`, unless its events are not what their hashes say (3.)."""
    before = connection.execute("SELECT substr(nodes, 1, 32) FROM event WHERE seq = ?", (first_seq - 1,)).fetchone()
    rows = connection.execute(
        "SELECT CAST(body AS BLOB), substr(nodes, 1, 32) FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq",
        (first_seq, first_seq + EVENTS_PER_BLOCK - 1),
    ).fetchall()
    if len(rows) != EVENTS_PER_BLOCK:
        return
    try:
        leaf = before[0] if before else genesis(origin)
        for body, _ in rows:
            leaf = leaf_hash(leaf + body)
        if leaf == rows[-1][1]:
            block = Block.of(first_seq, [body for body, _ in rows])
            values = (*block, block.mac(leaf, head_key))
            connection.execute("INSERT OR IGNORE INTO block VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return  # no encodings of events: they stay out of the index
