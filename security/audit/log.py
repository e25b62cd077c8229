"""The audit log as its callers see it: append and return when durable, or raise, in which case nothing is disclosed.

Order of an append, in one transaction:
1. If another process has continued the log, its last event is read. What this process wrote must still be there.
2. The events are written with their hashes; the last of them is authenticated with the log's key.
3. After `every_events` events or `every_s` seconds a signed checkpoint is written too.
4. The commit is synced; then every caller in it gets its receipt, and the checkpoint goes to the keepers outside.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from security.audit import merkle, store
from security.audit.checkpoint import Checkpoint, open_checkpoint
from security.audit.courier import Courier, KeeperStatus
from security.audit.event import Event
from security.audit.group_commit import GroupCommit
from security.audit.index import index_all
from security.audit.keys import AuditKeys
from security.audit.outside import Outside, look_outside
from security.audit.search import Filter, Page, Recorded, search, tail
from security.audit.store import Receipt, Tree
from security.audit.turnstile import Turnstile
from security.database import Database, stamp
from security.errors import AuditUnavailable, CheckpointRefused, CopiesForeign, ProofRefused, StoreError
from security.ports import CheckpointKeeper

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 5.0  # how long an append waits for another process before nothing is disclosed
EVENTS_PER_CHECKPOINT = 1_000
SECONDS_PER_CHECKPOINT = 60.0
MOST_EVENTS_PER_COMMIT = 4_096
UNRECORDED = "nothing can be recorded, so nothing is disclosed: "  # what an event that cannot be written comes to
CLOSING_PATIENCE_S = 2.0  # how long closing waits for the keepers
BLOCK_PAUSE_S = 0.002  # between two of the index: each is made in Python, and the console would feel many
KEEPER_PATIENCE_S = 2.0  # how long opening waits for what a keeper holds


class AuditLog:
    """An open audit log. Safe between threads; several processes may append at once."""

    def __init__(
        self,
        database: Database,
        keys: AuditKeys,
        turnstile: Turnstile,
        *,
        now: Callable[[], datetime],
        keepers: Sequence[CheckpointKeeper] = (),
        every_events: int = EVENTS_PER_CHECKPOINT,
        every_s: float = SECONDS_PER_CHECKPOINT,
    ) -> None:
        """Raises AuditUnavailable if the log does not fit its last checkpoint or its key.

        `trouble` says why it could last not be written, None once it can.
        """
        self.trouble: str | None = None
        self.keys = keys
        self._database = database
        self._turnstile = turnstile
        self._now = now
        self._every_events = every_events
        self._every = timedelta(seconds=every_s)
        self._noted = Noted(self)
        self._group = GroupCommit[bytes, Receipt](self._commit, most=MOST_EVENTS_PER_COMMIT)
        self._known: _Known | None = None  # None when it must be read anew
        self._seen: tuple[int, bytes] | None = None  # size and head after this process's last commit
        self._checkpointed = 0  # the size at the last checkpoint, and when this process saw it
        self._checkpointed_at = now()
        self._couriers: list[Courier] = []
        self._closing = threading.Event()
        self._path = os.fspath(database.path)
        self._file = _file_at(self._path)
        outside = {  # first: others append meanwhile
            keeper.name: look_outside(keeper, keys.verifier, KEEPER_PATIENCE_S) for keeper in keepers
        }
        with Unavailable(), database.snapshot() as connection:
            last = self._check(connection)
            self._check_outside(connection, outside)
        self._couriers = [Courier(keeper) for keeper in keepers]  # threads: none for a log that is refused
        self._ticker = threading.Thread(target=self._tick, args=(every_s,), name="audit-checkpoints", daemon=True)
        self._ticker.start()
        if last is not None:
            self._offer(last)

    def append(self, events: Sequence[Event]) -> list[Receipt]:
        """Write events and return when they are on the disk, with their numbers.

        Raises AuditUnavailable if they are not: the caller then does not do what they announce.
        """
        if not events:
            return []
        if self._closing.is_set():
            raise AuditUnavailable("the audit log is closed: nothing can be recorded, so nothing is disclosed")
        with self._noted:
            return self._group.submit([event.encode() for event in events])

    def checkpoint(self) -> str | None:
        """The signed checkpoint of the log as it is now, made if the log grew since the last; None if it is empty."""
        with self._noted, Unavailable(), self._database.transaction() as connection:
            tree = self._continued(connection)
            last = store.last_checkpoint(connection)
            note = self._sign(connection, tree, last)
        self._covered(tree)
        if note is not None:
            self._offer(note)
        return note or (last[1] if last else None)

    def try_writing(self) -> None:
        """Write as an append does, but no event. Raises AuditUnavailable where an append would."""
        with self._noted, Unavailable(), self._database.transaction() as connection:
            self._continued(connection)
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {version:d}")  # the same: a page is written, nothing changed

    def index(self) -> None:
        """Bring what is new into the search index, until closed."""
        with Unavailable(), self._database.told_in_words(), closing(self._database.connect(read_only=False)) as own:
            own.execute("PRAGMA synchronous = NORMAL")  # a copy: what a power cut takes of it is made again
            index_all(
                own,
                self.keys.origin,
                self.keys.head_key,
                go_on=lambda: not self._closing.wait(BLOCK_PAUSE_S),
            )

    def search(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> Page:
        """Up to `limit` events that fit, with a number below `before`, the most recently recorded first."""
        with self._reading() as connection:
            return search(connection, self.keys.head_key, wanted, before=before, limit=limit)

    def tail(self, *, after: int, limit: int = 200) -> list[Recorded]:
        """Up to `limit` events with a number above `after`, oldest first."""
        with self._reading() as connection:
            return tail(connection, after=after, limit=limit)

    def size(self) -> int:
        """How many events the log has."""
        with self._reading() as connection:
            return _size(connection)

    def root(self, size: int | None = None) -> bytes:
        """The root of the tree over the first `size` events, all by default. Raises ProofRefused."""
        with self._reading() as connection:
            return store.frontier_at(connection, _checked_size(connection, size)).root()

    def inclusion_proof(self, seq: int, size: int | None = None) -> list[bytes]:
        """That event `seq` is in the tree over the first `size` events. Raises ProofRefused."""
        with self._reading() as connection:
            size = _checked_size(connection, size)
            try:
                return merkle.inclusion_proof(seq, size, lambda level, index: store.node_at(connection, level, index))
            except ValueError as error:
                raise ProofRefused(str(error)) from error

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """That the first `new` events begin with the first `old`. Raises ProofRefused."""
        with self._reading() as connection:
            new = _checked_size(connection, new)
            try:
                return merkle.consistency_proof(old, new, lambda level, index: store.node_at(connection, level, index))
            except ValueError as error:
                raise ProofRefused(str(error)) from error

    def keepers(self) -> list[KeeperStatus]:
        """What each keeper outside holds, and what went wrong with it last."""
        return [courier.status() for courier in self._couriers]

    def close(self) -> None:
        """Make the last checkpoint, give the keepers a moment, and close. Raises AuditUnavailable; closed it is."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._ticker.join()
        try:
            if self.trouble is not None:  # it would be waited for once more
                raise AuditUnavailable(self.trouble)
            self.checkpoint()
        finally:
            for courier in self._couriers:
                courier.close(CLOSING_PATIENCE_S)
            self._database.close()
            self._turnstile.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own, so that a long search holds up no append; everything in it sees one state."""
        with Unavailable(), self._database.told_in_words(), closing(self._database.connect()) as connection:
            connection.execute("BEGIN")
            yield connection

    def _commit(self, bodies: list[bytes]) -> list[Receipt]:
        known, self._known = self._known, None  # until the commit has succeeded, what is known is not certain
        with Unavailable(), self._turnstile, self._database.transaction() as connection:
            version = store.version(connection)
            tree = known.tree if known is not None and known.version == version else self._continued(connection)
            receipts = store.append(connection, tree, bodies, self.keys.head_key)
            note = self._sign_if_due(connection, tree)
        self._check_file()
        self._known, self._seen = _Known(version, tree), (tree.frontier.size, tree.head)
        if note is not None:
            self._covered(tree)
            self._offer(note)
        return receipts

    def _continued(self, connection: sqlite3.Connection) -> Tree:
        """The log's newest state (1.). Raises AuditUnavailable if what was there is there no more."""
        last = store.last_event(connection)
        self._check_still_there(connection, last)
        if last is None:
            return Tree(merkle.Frontier(), store.genesis(self.keys.origin))
        if store.last_mac(connection) != store.head_mac(last[1], self.keys.head_key):
            raise damaged(f"its last event, number {last[0] - 1}, was not written by a holder of its key")
        return Tree(store.frontier_at(connection, last[0]), last[1])

    def _check_file(self) -> None:
        """What is written to a file that nobody finds any more is not on record."""
        if _file_at(self._path) != self._file:
            raise AuditUnavailable(
                f"nothing can be recorded, so nothing is disclosed: the audit log {self._database.path} was moved or "
                "removed while it was open; bring it back, and begin again"
            )

    def _check_still_there(self, connection: sqlite3.Connection, last: tuple[int, bytes] | None) -> None:
        self._check_file()
        if self._seen is None:
            return
        size, head = self._seen
        if last is None or last[0] < size:
            raise damaged(f"it had {size} events, now it has {last[0] if last else 0}")
        if store.node_at(connection, 0, size - 1) != head:
            raise damaged(f"event {size - 1} is not the one that was written")

    def _check(self, connection: sqlite3.Connection) -> str | None:
        """Compare the log with its last checkpoint, and return that; O(log n)."""
        self._continued(connection)
        last = store.last_checkpoint(connection)
        if last is None:
            return None
        try:
            signed = open_checkpoint(last[1], self.keys.verifier)
        except CheckpointRefused as error:
            raise damaged(f"its last checkpoint cannot be trusted ({error})") from error
        if signed.size > _size(connection):
            raise damaged(f"it has {_size(connection)} events, its last checkpoint says {signed.size}")
        if store.frontier_at(connection, signed.size).root() != signed.root:
            raise damaged(f"its first {signed.size} events are not those of its last checkpoint")
        self._checkpointed = signed.size
        return last[1]

    def _check_outside(self, connection: sqlite3.Connection, outside: Mapping[str, Outside]) -> None:
        """Compare the log with what was kept elsewhere: it may be another, or put back to an earlier state."""
        size = _size(connection)
        for name, held in outside.items():
            if held.stranger is not None:
                raise CopiesForeign(
                    f"{UNRECORDED}expected copies of checkpoints of the audit log {self.keys.origin} in {name}, found "
                    f"only those of {held.stranger}; if this log was begun after that one was given up, keep the file "
                    "and set audit.checkpoint_file to another, else bring that log back"
                )
            signed = held.newest
            if signed is None:
                continue
            if signed.size > size:
                raise damaged(f"it has {size} events, the newest checkpoint in {name} says {signed.size}")
            if store.frontier_at(connection, signed.size).root() != signed.root:
                raise damaged(f"its first {signed.size} events are not those of the checkpoint in {name}")

    def _sign_if_due(self, connection: sqlite3.Connection, tree: Tree) -> str | None:
        grown = tree.frontier.size - self._checkpointed >= self._every_events
        if not grown and abs(self._now() - self._checkpointed_at) < self._every:
            return None
        return self._sign(connection, tree, store.last_checkpoint(connection))

    def _sign(self, connection: sqlite3.Connection, tree: Tree, last: tuple[int, str] | None) -> str | None:
        """Store a checkpoint of `tree` unless the last one is of that size."""
        size = tree.frontier.size
        if size == (last[0] if last else 0):
            return None
        note = Checkpoint(self.keys.origin, size, tree.frontier.root()).sign(self.keys.signer)
        store.add_checkpoint(connection, size, note, stamp(self._now()))
        return note

    def _covered(self, tree: Tree) -> None:
        """A checkpoint of `tree` is on the disk."""
        self._checkpointed, self._checkpointed_at = tree.frontier.size, self._now()

    def _tick(self, every_s: float) -> None:
        """Now and then: sign the end of the log, and bring what is new into the search index."""
        while not self._closing.wait(every_s):
            try:
                self.checkpoint()
                self.index()
            except AuditUnavailable:
                continue  # the next append meets the same, and tells its caller
            except Exception:
                log.exception("the end of the audit log cannot be signed or indexed now; it is tried again")

    def _offer(self, note: str) -> None:
        for courier in self._couriers:
            courier.offer(note)


class _Known(NamedTuple):
    """What this process knows after a commit of its own; true while `store.version` is the same."""

    version: int
    tree: Tree


class Noted:
    """Within it, what is written; how that went is kept in the log's `trouble`."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            self._log.trouble = None
        elif isinstance(error, AuditUnavailable):
            self._log.trouble = str(error)


class Unavailable:
    """Within it, an error of the store becomes AuditUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, StoreError):
            raise AuditUnavailable(f"{UNRECORDED}{error}") from error


def _file_at(path: str) -> tuple[int, int] | None:
    """Which file a path leads to; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 – every event passes here, and a Path costs it as much again
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _size(connection: sqlite3.Connection) -> int:
    last = store.last_event(connection)
    return 0 if last is None else last[0]


def _checked_size(connection: sqlite3.Connection, size: int | None) -> int:
    there = _size(connection)
    if size is not None and not 0 <= size <= there:
        raise ProofRefused(f"expected a size from 0 to {there}, found {size}")
    return there if size is None else size


def damaged(what: str) -> AuditUnavailable:
    """What is raised when the log itself cannot be trusted."""
    return AuditUnavailable(
        f"the audit log is damaged: {what}. Nothing is recorded or disclosed, and nobody can sign in. "
        "`audit verify` says where, to who is signed in already; else leave every console, move the file and those "
        "that begin with its name and -wal or -shm aside together, `audit begin` another, sign in, and `audit verify "
        "--file` it. Then restore it from a backup"
    )
