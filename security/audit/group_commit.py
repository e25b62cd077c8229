"""Group commit: callers that come while one commits share the next commit, and each returns only after its own.

Rules:
1. Who comes while nobody leads does, and commits its own. Those that come meanwhile wait.
2. After its commit the leader wakes the first of those in it, which wakes the next, and so on: threads woken all at
   once would only contend for the interpreter. The last of them hands the lead to the first of those that wait by then:
   the next commit has them all, and need not win the interpreter from those that are being woken.
3. A failed commit fails every caller in it; nobody is told that something is durable that is not.
4. An interrupt may come at any instruction and take a caller away, with the lead or a wake it had to pass on. So each
   holds a lock while its call lasts, which Python frees whatever happens; those that wait look now and then whether
   who is to wake them is still there, take a lost lead over, and fail if they were in a commit that was lost.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from security.errors import AuditUnavailable

LOOK_S = 1.0  # how long a lost lead or wake is not noticed
INTERRUPTED = "the commit was interrupted; nothing of it counts"

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Joins concurrent `submit` calls into calls of `commit`, one at a time, in the order they came."""

    def __init__(self, commit: Callable[[list[Item]], list[Result]], *, most: int) -> None:
        """`commit` returns one result an item, durably; `most` items are joined (a larger call goes alone)."""
        self._commit = commit
        self._most = most
        self._mutex = threading.Lock()  # of what follows
        self._waiting: deque[_Ticket[Item, Result]] = deque()
        self._leader: threading.Lock | None = None  # `present` of who leads, or is to hand the lead on

    def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, committed. Raises AuditUnavailable if their commit failed."""
        ticket: _Ticket[Item, Result] | None = None
        present = threading.Lock()
        with present:
            with self._mutex:
                if self._leader is None or not self._leader.locked():
                    self._leader = present
                else:
                    ticket = _Ticket(items, present)
                    self._waiting.append(ticket)
            if ticket is None:
                return self._commit_alone(items, present)
            try:
                self._wait(ticket)
            finally:
                self._pass_on(ticket)
        if ticket.failure is not None:
            raise AuditUnavailable(str(ticket.failure)) from ticket.failure
        return ticket.results

    def _commit_alone(self, items: Sequence[Item], present: threading.Lock) -> list[Result]:
        try:
            return self._commit(list(items))
        except Exception as error:
            raise AuditUnavailable(str(error)) from error
        finally:
            self._hand_over(present)

    def _wait(self, ticket: _Ticket[Item, Result]) -> None:
        """Return when `ticket` has ended: in a commit that another led, or that this caller did."""
        while not ticket.ended:
            ticket.wake.acquire(timeout=LOOK_S)
            if not ticket.ended and self._is_to_lead(ticket):
                self._lead(ticket)

    def _is_to_lead(self, ticket: _Ticket[Item, Result]) -> bool:
        """Whether this caller leads from now on; a ticket whose commit was lost ends."""
        with self._mutex:
            if ticket.ended:
                return False
            if ticket.taken_by is not None:
                if not ticket.taken_by.locked():
                    ticket.failure, ticket.ended = AuditUnavailable(INTERRUPTED), True
                return False
            if self._leader is not None and self._leader is not ticket.present and self._leader.locked():
                return False
            self._leader = ticket.present
            if self._waiting[0] is not ticket:
                self._waiting.remove(ticket)
                self._waiting.appendleft(ticket)
            return True

    def _lead(self, ticket: _Ticket[Item, Result]) -> None:
        batch = [ticket]
        failure: BaseException | None = None
        results: list[Result] = []
        try:
            with self._mutex:
                self._take(batch)
            results = self._commit([item for one in batch for item in one.items])
        except BaseException as error:
            failure = error
            if not isinstance(error, Exception):  # an interrupt of the leader: the others only learn that it failed
                failure = AuditUnavailable(INTERRUPTED)
                raise
        finally:
            self._end(batch, results, failure)

    def _take(self, batch: list[_Ticket[Item, Result]]) -> None:
        """With the mutex held: the leader's ticket and those behind it out of the queue, as many as fit."""
        present = batch[0].present
        count = 0
        while self._waiting and (count == 0 or count + len(self._waiting[0].items) <= self._most):
            ticket = self._waiting[0]
            ticket.taken_by = present
            if ticket.present.locked():
                count += len(ticket.items)
                if ticket is not batch[0]:
                    batch.append(ticket)
            self._waiting.popleft()

    def _end(self, batch: list[_Ticket[Item, Result]], results: list[Result], failure: BaseException | None) -> None:
        """Tell each ticket how it ended. The leader's own is the first, and wakes the next; the last hands over."""
        position = 0
        with self._mutex:
            last = batch[0]
            for ticket in batch:
                ticket.failure = failure
                ticket.results = results[position : position + len(ticket.items)]
                position += len(ticket.items)
                ticket.ended = True
                if ticket is not last and ticket.present.locked():
                    last.next = last = ticket
            self._leader = last.present

    def _pass_on(self, ticket: _Ticket[Item, Result]) -> None:
        """Wake the next in the commit, or hand over the lead as its last."""
        if ticket.next is not None:
            ticket.next.wake_up()
        elif self._leader is ticket.present:
            self._hand_over(ticket.present)

    def _hand_over(self, present: threading.Lock) -> None:
        """The first who waits leads from now on, or nobody does."""
        with self._mutex:
            if self._leader is not present:  # another saw it lost, and took it
                return
            while self._waiting and not self._waiting[0].present.locked():
                self._waiting.popleft()
            self._leader = self._waiting[0].present if self._waiting else None
            if self._waiting:
                self._waiting[0].wake_up()


class _Ticket(Generic[Item, Result]):
    """One caller's items, and how they ended."""

    __slots__ = ("ended", "failure", "items", "next", "present", "results", "taken_by", "wake")

    def __init__(self, items: Sequence[Item], present: threading.Lock) -> None:
        self.items = items
        self.present = present  # locked while the caller is there
        self.wake = threading.Lock()  # freed when it has ended, or is to lead
        self.wake.acquire()
        self.taken_by: threading.Lock | None = None  # `present` of who leads its commit
        self.ended = False
        self.next: _Ticket[Item, Result] | None = None
        self.failure: BaseException | None = None
        self.results: list[Result] = []

    def wake_up(self) -> None:
        """Harmless twice."""
        if self.wake.locked():
            self.wake.release()
