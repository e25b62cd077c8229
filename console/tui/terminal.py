"""Runs a Textual application so that the terminal is always given back, however the process is asked to end.

Textual handles no SIGTERM or SIGHUP, spins on a vanished terminal and prints tracebacks; this module alone adds that.

Rules when the end is asked for by a signal or by a vanished terminal, in order:
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
from types import FrameType, TracebackType
from typing import Any, Self

from textual.app import App
from textual.worker import WorkerFailed

from console.redaction import redact
from console.tui.terminal_driver import TerminalOutput, driver_for, unstopped

log = logging.getLogger(__name__)

INTERNAL_ERROR = 70
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
VANISHED = 128 + signal.SIGHUP
LOOK_S = 0.5  # how often the terminal is looked at
CLEAN_EXIT_S = 0.7
LAST_EXIT_S = 1.4
ASK_AGAIN_S = 0.02
THREADS_END_S = 0.4  # how long threads may hold up the exit


def guarded_run(app: App[Any]) -> int:
    """Run `app` to its end and return the exit code; call it from the main thread of a process with a terminal.

    0 or what the application exited with; 143, 129, 130 after SIGTERM, SIGHUP, SIGINT (unless ignored when the
    process started); 129 also if the terminal vanished; 70 after an exception, with its traceback in the log and
    one line on stderr. Threads that hold up the exit for longer than `THREADS_END_S` end with the process, here.
    """
    assert sys.__stdin__ is not None and sys.__stderr__ is not None  # noqa: PT018 – asked by `why_no_console`
    output = TerminalOutput(sys.__stderr__)
    line = _LineSettings(sys.__stdin__.fileno())
    app.driver_class = driver_for(output)
    _keep_tracebacks_off_the_screen(app)
    error: BaseException | None = None
    with _Guard(app, output, line) as guard:
        try:
            _run_loop(app)
        except Exception as found:  # noqa: BLE001 – process boundary: told below, with the traceback in the log
            error = found
        finally:
            output.give_back()
            line.restore()
        code = guard.code if guard.code is not None else _ended_by_itself(app, error or app._exception)
        _end_if_held_up(code)
    output.close()
    return code


class _LineSettings:
    """The line settings of the terminal as they were found."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._found: list[Any] | None = None
        with contextlib.suppress(termios.error):
            self._found = termios.tcgetattr(terminal)

    def restore(self) -> None:
        """Put them back, unless the terminal is gone or serves another program now."""
        if self._found is None:
            return
        with contextlib.suppress(OSError, termios.error), unstopped():
            if os.tcgetpgrp(self._terminal) == os.getpgrp():
                termios.tcsetattr(self._terminal, termios.TCSANOW, self._found)


class _Guard:
    """Watches for signals and for the terminal in a thread of its own, which works while the app's loop is stuck.

    `code` is the exit code of what ended the app, None as long as nothing did.
    """

    def __init__(self, app: App[Any], output: TerminalOutput, line: _LineSettings) -> None:
        self.code: int | None = None
        self._app = app
        self._output = output
        self._line = line
        self._over = threading.Event()
        self._wakened, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._watch, name="terminal-guard", daemon=True)
        self._handlers_before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        os.set_blocking(self._waker, False)
        self._wakeup_before = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for number in ENDINGS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._handlers_before[number] = signal.signal(number, self._note)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        signal.set_wakeup_fd(self._wakeup_before)
        os.write(self._waker, b"\0")
        self._thread.join()
        for number, handler in self._handlers_before.items():
            signal.signal(number, handler)
        os.close(self._wakened)
        os.close(self._waker)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """The handler proper: the thread learns of the signal by itself, even while Python runs no handlers."""
        self._output.ending = True

    def _watch(self) -> None:
        assert sys.__stdin__ is not None
        poll = select.poll()
        poll.register(self._wakened, select.POLLIN)
        poll.register(terminal := sys.__stdin__.fileno(), 0)  # 0: only hang-ups
        while not self._over.is_set():
            found = dict(poll.poll(LOOK_S * 1000))
            if self._wakened in found:
                for number in os.read(self._wakened, 512):
                    if number in ENDINGS:
                        self._end(128 + number)
                        return
                self._wake_loop()
            if terminal in found or self._output.gone:
                self._output.discard()
                self._end(VANISHED)
                return

    def _wake_loop(self) -> None:
        """Python runs the handler of any other signal in the loop's thread, which the kernel need not have woken."""
        loop = self._app._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop may just have been closed
                loop.call_soon_threadsafe(lambda: None)

    def _end(self, code: int) -> None:
        """See the app out by the rules above."""
        self.code = code
        self._output.ending = True
        begun_s, asked = time.monotonic(), False
        while not self._over.wait(ASK_AGAIN_S):
            waited_s = time.monotonic() - begun_s
            asked = asked or self._ask(code)  # 1
            if waited_s > CLEAN_EXIT_S and not self._output.discarding:  # 2
                self._output.discard()
            if waited_s > LAST_EXIT_S:  # 3
                self._output.give_back()
                self._line.restore()
                log.warning("the console did not end in time and was ended (exit code %d)", code)
                os._exit(code)

    def _ask(self, code: int) -> bool:
        """Ask the app's loop for the exit; False if there is none yet."""
        loop = self._app._loop
        if loop is None or not self._app._running:
            return False
        with contextlib.suppress(RuntimeError):  # the loop may just have been closed
            loop.call_soon_threadsafe(lambda: self._app.exit(return_code=code))
        return True


def _run_loop(app: App[Any]) -> None:
    """Like `asyncio.run`, but without waiting for threads that are still at work."""
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        app.run(loop=loop)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=THREADS_END_S))
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
    reason = redact(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)[:200]
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"lakewarden: internal error ({shown}); the traceback is in the workspace's log file\n")
        sys.stderr.flush()
    return INTERNAL_ERROR


def _end_if_held_up(code: int) -> None:
    """End the process if threads would hold up its exit: what they were doing can be taken up again."""
    end_s = time.monotonic() + THREADS_END_S
    others = [
        thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.current_thread()
    ]
    for thread in others:
        thread.join(max(0.0, end_s - time.monotonic()))
    if busy := [thread.name for thread in others if thread.is_alive()]:
        log.warning("ended without waiting for %s", ", ".join(busy))
        os._exit(code)
