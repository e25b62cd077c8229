"""SIGINT, SIGTERM and SIGHUP end a command between two steps, with the exit code the shell expects."""

from __future__ import annotations

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EndedBySignal(BaseException):
    """The process was asked to end. Not an Exception, so that no handler of ordinary errors swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def end_on_signals() -> None:
    """From now on the signals raise `EndedBySignal` in the main thread, once; more of them are ignored."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    raise EndedBySignal(number)
