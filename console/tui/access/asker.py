"""Asks one question at a time off the loop: while it is on its way only the newest that came is kept for later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from textual.message_pump import MessagePump
from textual.timer import Timer

from console.tui.off_loop import off_loop

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Asker(Generic[Question, Answer]):
    """`then` and `otherwise` are told of the newest question alone; an answer to an older one is dropped.

    `target` is a widget or screen that receives `Delivered`. A question waits `pause_s` for another to replace it.
    """

    def __init__(
        self,
        target: MessagePump,
        ask: Callable[[Question], Answer],
        *,
        then: Callable[[Question, Answer], None],
        otherwise: Callable[[Exception], None],
        pause_s: float = 0.0,
    ) -> None:
        self._target = target
        self._ask = ask
        self._then = then
        self._otherwise = otherwise
        self._pause_s = pause_s
        self._newest: Question | None = None
        self._on_its_way = False
        self._timer: Timer | None = None

    @property
    def waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._newest is not None

    def ask(self, question: Question) -> None:
        """Ask this now, or as soon as the one before is answered."""
        self._newest = question
        if self._timer is not None:
            self._timer.stop()
        self._timer = None
        if self._pause_s:
            self._timer = self._target.set_timer(self._pause_s, self._go)
        else:
            self._go()

    def drop(self) -> None:
        """No answer is wanted any more."""
        self._newest = None

    def _go(self) -> None:
        question = self._newest
        if self._on_its_way or question is None:
            return
        self._on_its_way = True

        def answered(answer: Answer) -> None:
            self._over(question, lambda: self._then(question, answer))

        def failed(error: Exception) -> None:
            self._over(question, lambda: self._otherwise(error))

        off_loop(self._target, lambda: self._ask(question), answered, failed)

    def _over(self, question: Any, tell: Callable[[], None]) -> None:
        self._on_its_way = False
        if self._newest is question:
            self._newest = None
            tell()
        else:
            self._go()
