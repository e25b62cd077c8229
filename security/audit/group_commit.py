"""Group commit: callers that come while one commits share the next commit, and each returns only after its own.

Rules:
1. Who comes while nobody leads does, and commits its own. Those that come meanwhile wait.
2. After its commit the leader wakes the first of those in it, which wakes the next, and so on: threads woken all at
   once would only contend for the interpreter. The last of them hands the lead to the first of those that wait by then:
   the next commit has them all, and need not win the interpreter from those that are being woken.
3. A failed commit fails every caller in it; nobody is told that something is durable that is not.
4. A caller interrupted while it waits steps out, and passes on the lead or the wake, so that nobody waits for it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from security.errors import AuditUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Joins concurrent `submit` calls into calls of `commit`, one at a time, in the order they came."""

    def __init__(self, commit: Callable[[list[Item]], list[Result]], *, most: int) -> None:
        """`commit` returns one result an item, durably; `most` items are joined (a larger call goes alone)."""
        self._commit = commit
        self._most = most
        self._mutex = threading.Lock()
        self._waiting: deque[_Ticket[Item, Result]] = deque()
        self._led = False

    def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of `items`, committed. Raises AuditUnavailable if their commit failed."""
        ticket: _Ticket[Item, Result] | None = None
        leads = False
        try:
            with self._mutex:
                leads, self._led = not self._led, True
                if not leads:
                    ticket = _Ticket(items)
                    ticket.wake.acquire()
                    self._waiting.append(ticket)
            if ticket is None:
                return self._commit(list(items))
            self._wait(ticket)
        except BaseException as error:
            if ticket is not None:
                self._step_out(ticket)
            elif isinstance(error, Exception):
                raise AuditUnavailable(str(error)) from error
            raise
        finally:
            if leads:
                with self._mutex:
                    self._hand_over()
        if ticket.failure is not None:
            raise AuditUnavailable(str(ticket.failure)) from ticket.failure
        return ticket.results

    def _wait(self, ticket: _Ticket[Item, Result]) -> None:
        """Return when `ticket` has ended: in a commit that another led, or in this caller's once it is to lead."""
        ticket.wake.acquire()
        if not ticket.ended:
            self._lead()
        self._pass_on(ticket)

    def _pass_on(self, ticket: _Ticket[Item, Result]) -> None:
        """Wake the next in the commit once it ended; the last of it hands over the lead. Harmless twice."""
        ticket.wake_next()
        if ticket.ends:
            with self._mutex:
                ticket.ends = False
                self._hand_over()

    def _step_out(self, ticket: _Ticket[Item, Result]) -> None:
        with self._mutex:
            ticket.gone = True
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if ticket.leads and not ticket.ended:
                self._hand_over()
        self._pass_on(ticket)

    def _lead(self) -> None:
        with self._mutex:
            batch = self._next_batch()
        failure: BaseException | None = None
        results: list[Result] = []
        try:
            results = self._commit([item for ticket in batch for item in ticket.items])
        except BaseException as error:
            failure = error
            if not isinstance(error, Exception):  # an interrupt of the leader: the others only learn that it failed
                failure = AuditUnavailable("the commit was interrupted; nothing of it counts")
                raise
        finally:
            self._end(batch, results, failure)

    def _end(self, batch: list[_Ticket[Item, Result]], results: list[Result], failure: BaseException | None) -> None:
        """Tell each ticket how it ended; the leader's own is the first, and wakes the others. The last hands over."""
        position = 0
        with self._mutex:
            last = batch[0]
            for ticket in batch:
                ticket.failure = failure
                ticket.results = results[position : position + len(ticket.items)]
                position += len(ticket.items)
                ticket.ended = True
                if ticket is not last and not ticket.gone:
                    last.next = last = ticket
            last.ends = True

    def _next_batch(self) -> list[_Ticket[Item, Result]]:
        batch = [self._waiting.popleft()]
        count = len(batch[0].items)
        while self._waiting and count + len(self._waiting[0].items) <= self._most:
            batch.append(self._waiting.popleft())
            count += len(batch[-1].items)
        return batch

    def _hand_over(self) -> None:
        """With the mutex held: the first who waits leads from now on, or nobody does."""
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].wake.release()


class _Ticket(Generic[Item, Result]):
    """One caller's items, and how they ended. `wake` is held until then, or until the caller is to lead."""

    __slots__ = ("ended", "ends", "failure", "gone", "items", "leads", "next", "results", "wake")

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.wake = threading.Lock()
        self.leads = False
        self.ended = False
        self.gone = False
        self.ends = False  # it is the last of its commit that is woken
        self.next: _Ticket[Item, Result] | None = None
        self.failure: BaseException | None = None
        self.results: list[Result] = []

    def wake_next(self) -> None:
        """Wake the next in the commit, once it ended; harmless twice."""
        if self.next is not None and self.next.wake.locked():
            self.next.wake.release()
