"""Runs a Textual application so that the terminal is always given back, however the process is asked to end.

Textual handles no SIGTERM or SIGHUP, spins on a vanished terminal and prints tracebacks; this module alone adds that.

Rules, in order of what is tried when the end is asked for by a signal or by a vanished terminal:
1. The application is asked to exit, as if the operator had quit.
2. After `CLEAN_EXIT_S` its output is thrown away, which frees a loop that waits for a peer that stopped reading.
3. After `LAST_EXIT_S` the process gives the terminal back itself and ends at once.
Whatever happened, the line settings and, where Textual did not get to it, the screen modes are restored last.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from textual.app import App
from textual.worker import WorkerFailed

from console.redaction import redact
from console.tui.terminal_driver import GuardedDriver, TerminalOutput

log = logging.getLogger(__name__)

INTERNAL_ERROR = 70
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
VANISHED = 128 + signal.SIGHUP
LOOK_S = 0.5  # how often the terminal is looked at
CLEAN_EXIT_S = 0.7
LAST_EXIT_S = 1.4
THREADS_END_S = 0.4  # how long threads may hold up the exit


def guarded_run(app: App[Any]) -> int:
    """Run `app` to its end and return the exit code; call it from the main thread of a process with a terminal.

    0 or what the application exited with; 143, 129, 130 after SIGTERM, SIGHUP, SIGINT (unless ignored when the
    process started); 129 also if the terminal vanished; 70 after an exception, with its traceback in the log and
    one line on stderr. Threads that hold up the exit for longer than `THREADS_END_S` end with the process, here.
    """
    output = TerminalOutput(sys.__stderr__)
    settings = _line_settings()
    app.driver_class = type("Driver", (GuardedDriver,), {"output": output})
    _keep_tracebacks_off_the_screen(app)
    guard = _Guard(app, output, settings)
    error: BaseException | None = None
    with guard:
        try:
            _run_loop(app)
        except Exception as found:  # noqa: BLE001 – process boundary: told below, with the traceback in the log
            error = found
        finally:
            output.give_back()
            _restore_line_settings(settings)
        code = guard.code if guard.code is not None else _ended_by_itself(app, error or app._exception)
        _end_if_held_up(code)
    output.close()
    return code


def _run_loop(app: App[Any]) -> None:
    """Like `asyncio.run`, but without waiting for threads that are still at work."""
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        app.run(loop=loop)
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _keep_tracebacks_off_the_screen(app: App[Any]) -> None:
    """Let an exception only end the app: Textual would print it with local variables, which may hold secrets."""

    def end(*_renderables: object) -> None:
        app._close_messages_no_wait()

    app._fatal_error = end  # type: ignore[method-assign] # the one place where Textual renders a traceback
    app.panic = end  # type: ignore[method-assign] # the same for errors that render themselves


def _ended_by_itself(app: App[Any], error: BaseException | None) -> int:
    """The exit code of an app that nobody asked to end."""
    if error is None:
        return app.return_code or 0
    if isinstance(error, WorkerFailed):
        error = error.error
    log.error("the console ended because of a fault of its own", exc_info=error)
    reason = redact(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason[:200])
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"lakewarden: internal error ({shown}); the traceback is in the workspace's log file\n")
        sys.stderr.flush()
    return INTERNAL_ERROR


def _end_if_held_up(code: int) -> None:
    """End the process if threads would hold up its exit; what they were doing can be taken up again."""
    end_s = time.monotonic() + THREADS_END_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            if thread.name.startswith("asyncio_"):  # idle pool threads end when the interpreter asks them to
                continue
            thread.join(max(0.0, end_s - time.monotonic()))
    if _busy_threads():
        while _busy_threads() and time.monotonic() < end_s:
            time.sleep(0.01)
        if busy := _busy_threads():
            log.warning("ended without waiting for %s", ", ".join(busy))
            os._exit(code)
