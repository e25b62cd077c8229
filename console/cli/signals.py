"""SIGINT, SIGTERM and SIGHUP end a command between two steps, with the exit code the shell expects."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from console.cli.output import say

T = TypeVar("T")

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(BaseException):
    """The process was asked to end. Not an Exception, so that no handler of ordinary errors swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _Held:
    """The signals that came while they were held; None while they are not."""

    def __init__(self) -> None:
        self.numbers: list[int] | None = None


_held = _Held()


def end_on_signals() -> None:
    """From now on the signals raise `EndedBySignal` in the main thread, once; more of them are ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def unbroken(work: Callable[[], T]) -> T:
    """What `work` returns or raises; it changes something, and a signal meanwhile ends the command only after it.

    A signal between a commit and the record of it would leave one saying that the other failed. `work` asks nothing of
    anybody: who is asked may end the command. Raises EndedBySignal in place of anything else.
    """

    def held(hold: Callable[[], None]) -> T:
        hold()
        return work()

    return unbroken_from(held)


def unbroken_from(work: Callable[[Callable[[], None]], T]) -> T:
    """The same for long work, which a signal ends at once until it calls what it is given: from then on it is held."""
    try:
        done = work(_hold)
        if _held.numbers:
            say(f"{signal.Signals(_held.numbers[0]).name} came while this was carried out: it is done and on record")
        return done
    finally:
        came, _held.numbers = _held.numbers, None
        if came:
            raise EndedBySignal(came[0])


def _hold() -> None:
    _held.numbers = []


def _end(number: int, _frame: FrameType | None) -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    if _held.numbers is not None:
        _held.numbers.append(number)
        return
    raise EndedBySignal(number)
