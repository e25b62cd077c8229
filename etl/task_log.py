"""Ties log records to the task attempt they belong to, so that `runs show` and the console can replay them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from etl.history.recorder import Recorder
from etl.models import TASK_LOGGER, Task

MOST_LINES = 1000


@dataclass(slots=True)
class _Attempt:
    recorder: Recorder
    slug: str
    task: Task
    number: int
    lines: int = 0


_current: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class _HistoryHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        attempt = _current.get()
        if attempt is None or attempt.lines >= MOST_LINES:
            return
        attempt.lines += 1
        attempt.recorder.log(
            attempt.slug, attempt.task, attempt.number, attempt.lines, record.levelname, self.format(record)
        )


def install() -> None:
    """Let the task logger feed the history; once is enough, more does nothing."""
    logger = logging.getLogger(TASK_LOGGER)
    if not any(isinstance(handler, _HistoryHandler) for handler in logger.handlers):
        logger.addHandler(_HistoryHandler())
        logger.setLevel(logging.INFO)


@contextmanager
def attempt_log(recorder: Recorder, slug: str, task: Task, number: int) -> Iterator[None]:
    """Records of the task logger, in this thread and block, belong to this attempt."""
    token = _current.set(_Attempt(recorder, slug, task, number))
    try:
        yield
    finally:
        _current.reset(token)
