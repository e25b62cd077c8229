"""Group commit: order, failure, size, and a caller that is interrupted while it waits."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from security.audit import group_commit
from security.audit.group_commit import GroupCommit
from security.errors import AuditUnavailable


class Gate:
    """A commit that waits until it is let, and records what it was given."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []
        self.fail = False

    def __call__(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.entered.set()
        assert self.let.wait(30)
        if self.fail:
            raise OSError("no room")
        return [10 * item for item in items]


def waiting(group: GroupCommit[int, int]) -> int:
    return sum(ticket.present.locked() for ticket in group._waiting)


def until(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.001)


def led_by_another(gate: Gate, group: GroupCommit[int, int]) -> threading.Thread:
    """A thread that is in the middle of its commit."""
    leader = threading.Thread(target=group.submit, args=([0],))
    leader.start()
    assert gate.entered.wait(20)
    return leader


def test_those_who_come_meanwhile_share_the_next_commit_in_their_order_and_size() -> None:
    gate = Gate()
    group = GroupCommit[int, int](gate, most=4)
    leader = led_by_another(gate, group)
    found: dict[int, object] = {}
    threads: list[threading.Thread] = []
    submissions = [[1, 2], [3], [4, 5, 6, 7, 8, 9], [10]]
    for number, items in enumerate(submissions):
        thread = threading.Thread(target=lambda n=number, i=items: found.__setitem__(n, group.submit(i)))
        thread.start()
        threads.append(thread)
        until(lambda number=number: waiting(group) == number + 1)
    gate.let.set()
    for thread in [leader, *threads]:
        thread.join(20)
    assert gate.batches == [[0], [1, 2, 3], [4, 5, 6, 7, 8, 9], [10]]
    assert found == {number: [10 * item for item in items] for number, items in enumerate(submissions)}


def test_those_who_come_again_at_once_share_the_next_commit_too() -> None:
    """All 16 each time: 25 commits and a few more, where a lead that is handed on at once makes 46 and more."""

    def commits() -> int:
        batches: list[int] = []

        def commit(items: list[int]) -> list[int]:
            batches.append(len(items))
            time.sleep(0.001)
            return items

        def call() -> None:
            for number in range(25):
                assert group.submit([number]) == [number]

        group = GroupCommit[int, int](commit, most=100)
        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert sum(batches) == 16 * 25
        return len(batches)

    assert min(commits() for _ in range(5)) <= 38


def test_a_failed_commit_fails_everyone_in_it_and_nobody_after() -> None:
    gate = Gate()
    group = GroupCommit[int, int](gate, most=10)
    leader = led_by_another(gate, group)
    found: list[str] = []

    def call() -> None:
        try:
            group.submit([1])
        except AuditUnavailable as error:
            found.append(str(error))

    leader_gate = gate.let
    threads = [threading.Thread(target=call) for _ in range(3)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        until(lambda number=number: waiting(group) == number)
    gate.let = threading.Event()
    gate.entered.clear()
    leader_gate.set()
    assert gate.entered.wait(20)
    gate.fail = True
    gate.let.set()
    for thread in [leader, *threads]:
        thread.join(20)
    assert found == ["no room"] * 3
    gate.fail = False
    assert group.submit([5]) == [50]


@pytest.mark.parametrize("position", ["first to lead next", "in the middle"])
def test_a_caller_interrupted_while_it_waits_holds_up_nobody(position: str) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    gate = Gate()
    group = GroupCommit[int, int](gate, most=10)
    leader = led_by_another(gate, group)
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda n=n: found.append(group.submit([n]))) for n in range(1, 4)]
    early = 0 if position.startswith("first") else 1
    for number, thread in enumerate(threads[:early], start=1):
        thread.start()
        until(lambda number=number: waiting(group) == number)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Interrupted):
            group.submit([99])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for thread in threads[early:]:
        thread.start()
    until(lambda: waiting(group) == 3)
    gate.let.set()
    for thread in [leader, *threads]:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(found) == [[10], [20], [30]]
    assert [99] not in gate.batches


def test_a_leader_interrupted_before_its_commit_strands_nobody() -> None:
    class Interrupting(list[int]):
        def __iter__(self) -> Iterator[int]:
            raise KeyboardInterrupt

    gate = Gate()
    group = GroupCommit[int, int](gate, most=10)
    leader = led_by_another(gate, group)
    found: list[str] = []

    def call(items: list[int]) -> None:
        try:
            group.submit(items)
        except (AuditUnavailable, KeyboardInterrupt) as error:
            found.append(type(error).__name__)

    threads = [threading.Thread(target=call, args=(items,)) for items in (Interrupting([1]), [2])]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        until(lambda number=number: waiting(group) == number)
    gate.let.set()
    for thread in [leader, *threads]:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(found) == ["AuditUnavailable", "KeyboardInterrupt"]


def test_an_interrupted_leader_tells_the_others_that_it_failed() -> None:
    started = threading.Event()
    go = threading.Event()

    def commit(items: list[int]) -> list[int]:
        if items == [0]:
            started.set()
            assert go.wait(20)
            return items
        raise KeyboardInterrupt

    group = GroupCommit[int, int](commit, most=10)
    leader = threading.Thread(target=group.submit, args=([0],))
    leader.start()
    assert started.wait(20)
    found: list[str] = []

    def call(number: int) -> None:
        try:
            group.submit([number])
        except (AuditUnavailable, KeyboardInterrupt) as error:
            found.append(type(error).__name__)

    threads = [threading.Thread(target=call, args=(number,)) for number in (1, 2)]
    for number, thread in enumerate(threads, start=1):
        thread.start()
        until(lambda number=number: waiting(group) == number)
    go.set()
    for thread in [leader, *threads]:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(found) == ["AuditUnavailable", "KeyboardInterrupt"]


@pytest.mark.parametrize("step", ["_take", "_end", "_pass_on", "_hand_over"])
def test_an_interrupt_at_any_step_of_a_leader_strands_nobody(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is done by the first leader that has others in its commit, and then cut off, or not done at all."""
    monkeypatch.setattr(group_commit, "LOOK_S", 0.05)
    for does_it in (True, False):
        gate = Gate()
        group = GroupCommit[int, int](gate, most=10)
        leader = led_by_another(gate, group)
        found: list[object] = []

        def call(number: int, group: GroupCommit[int, int] = group, found: list[object] = found) -> None:
            try:
                found.append(group.submit([number]))
            except (AuditUnavailable, KeyboardInterrupt) as error:
                found.append(type(error))

        threads = [threading.Thread(target=call, args=(number,)) for number in (1, 2, 3)]
        for number, thread in enumerate(threads, start=1):
            thread.start()
            until(lambda number=number, group=group: waiting(group) == number)
        whole = getattr(group, step)
        interrupts = iter([True])

        def cut_off(*args: object, whole: Any = whole, interrupts: Any = interrupts, does_it: bool = does_it) -> object:
            now = threading.current_thread() in threads and next(interrupts, False)  # noqa: B023
            done = whole(*args) if does_it or not now else None
            if now:
                raise KeyboardInterrupt
            return done

        monkeypatch.setattr(group, step, cut_off)
        gate.let.set()
        for thread in [leader, *threads]:
            thread.join(20)
            assert not thread.is_alive()
        assert len(found) == 3
        assert KeyboardInterrupt in found
        assert all(isinstance(one, type) or one in ([10], [20], [30]) for one in found)
        assert group.submit([7]) == [70]
