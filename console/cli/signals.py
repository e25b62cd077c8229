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
    came = _held.numbers = list[int]()
    try:
        done = work()
        if came:
            say(f"{signal.Signals(came[0]).name} came while this was carried out: it is done and on record")
        return done
    finally:
        _held.numbers = None
        if came:
            raise EndedBySignal(came[0])


def _end(number: int, _frame: FrameType | None) -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    if _held.numbers is not None:
        _held.numbers.append(number)
        return
    raise EndedBySignal(number)
