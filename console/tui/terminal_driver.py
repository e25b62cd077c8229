"""How Textual reaches the terminal under our rules: output that can be cut off, and a driver that can always stop.

Separate from `terminal`, which decides when; here is how.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

GIVE_BACK_S = 0.3  # how long the last bytes may take
BETWEEN_TRIES_S = 0.002

# Empties the alternate screen before it is left: tmux puts rows of it among those of the shell if the window's size has
# changed. From the last cell backwards, as tmux and others keep in their scrollback what is erased forwards or whole.
ERASE = b"\x1b[0m\x1b[9999;9999H\x1b[1J\x1b[H"

# Everything Textual switches on, off: an unfinished sequence first, then synchronised output, mouse reports, pastes,
# resizes, line wrap, the keyboard protocol, colours, the alternate screen, the cursor and focus reports. Whether
# Textual has left the alternate screen is not known here: it is entered, so that nothing of the shell's is erased.
GIVE_BACK = (
    b"\x18\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?2048l\x1b[?7h"
    b"\x1b[<u\x1b[?1049h" + ERASE + b"\x1b[?1049l\x1b[?25h\x1b[?1004l"
)


class TerminalOutput:
    """What Textual's writer thread writes to: a handle of our own on the terminal that never blocks for good.

    `in_use` says that modes are switched on which must be switched off; `ending` that the end was asked for;
    `gone` that the terminal has vanished.
    """

    def __init__(self, stream: TextIO) -> None:
        self._encoding = stream.encoding or "utf-8"
        self._handle = _own_handle(stream.fileno())
        self._wakened, self._waker = os.pipe()
        self._discarding = threading.Event()
        self.in_use = False
        self.ending = False
        self.gone = False

    @property
    def discarding(self) -> bool:
        return self._discarding.is_set()

    def fileno(self) -> int:
        return self._handle

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is held back."""

    def write(self, text: str) -> int:
        """Write all of `text`, waiting for a slow peer; nothing once `discard` was called. Raises nothing."""
        rest = memoryview(text.encode(self._encoding, "replace"))
        while rest and not self.discarding:
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:
                self._wait_for_room()
            except OSError:
                self.gone = True
                self._discarding.set()
        return len(text)

    def discard(self) -> None:
        """Throw away what is on its way and all that comes, so that nobody waits for the peer any more."""
        self._discarding.set()
        os.write(self._waker, b"\0")
        with contextlib.suppress(termios.error), unstopped():
            termios.tcflush(self._handle, termios.TCOFLUSH)

    def give_back(self) -> None:
        """Switch off what Textual left on, within `GIVE_BACK_S`; without effect if it did so itself."""
        if not self.in_use or self.gone:
            return
        rest, end_s = memoryview(GIVE_BACK), time.monotonic() + GIVE_BACK_S
        while rest and time.monotonic() < end_s:
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:
                time.sleep(BETWEEN_TRIES_S)
            except OSError:
                break
        self.in_use = False

    def close(self) -> None:
        for handle in (self._handle, self._wakened, self._waker):
            os.close(handle)

    def _wait_for_room(self) -> None:
        time.sleep(BETWEEN_TRIES_S)  # the kernel may report room that is too small for the next character
        poll = select.poll()
        poll.register(self._handle, select.POLLOUT)
        poll.register(self._wakened, select.POLLIN)
        poll.poll()


class GuardedDriver(LinuxDriver):
    """Textual's driver; `terminal_output` is where it draws. Stops once, and only what it has started."""

    terminal_output: TerminalOutput

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._file = self.terminal_output  # type: ignore[assignment] # the part of a file that its thread uses

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.terminal_output.in_use = self._is_writing

    def disable_input(self) -> None:
        if self.terminal_output.in_use:
            super().disable_input()

    def stop_application_mode(self) -> None:
        """Leave nothing of what was shown: neither on the screen, nor where the terminal could put it."""
        if self.terminal_output.in_use:
            self.write(ERASE.decode())
            super().stop_application_mode()

    def close(self) -> None:
        """End the writer thread; when it has written all there was, the terminal is as it was found."""
        if self._is_writing:
            super().close()
            self.terminal_output.in_use = self.terminal_output.discarding

    @property
    def _is_writing(self) -> bool:
        return self._writer_thread is not None and self._writer_thread.is_alive()

    def _sigcont_application(self, *_arguments: object) -> None:
        """Take the terminal back after a stop: not if the end is near, and anew if the stop came unannounced."""
        if self.terminal_output.ending:
            return
        if self._auto_restart and self._is_writing:
            self.suspend_application_mode()
            self._must_signal_resume = True
        super()._sigcont_application()

    def _run_input_thread(self) -> None:
        """Read keys until the end. A terminal that cannot be read has vanished; nothing else is expected here."""
        try:
            self.run_input_thread()
        except OSError:
            self.terminal_output.gone = True
        except Exception as error:  # noqa: BLE001 – thread boundary: the app's loop tells it
            self._loop.call_soon_threadsafe(self._app._handle_exception, error)


def driver_for(output: TerminalOutput) -> type[GuardedDriver]:
    """The driver class that draws on `output`; Textual makes the instance itself."""

    class Driver(GuardedDriver):
        terminal_output = output

    return Driver


@contextlib.contextmanager
def unstopped() -> Iterator[None]:
    """Let this thread change a terminal's settings without being stopped for doing so from the background."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _own_handle(terminal: int) -> int:
    """A second handle on the terminal, so that not waiting is not forced on the programs that share the first."""
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    for name in (os.ttyname, lambda _: "/dev/tty"):  # the second where the first belongs to another account (su)
        with contextlib.suppress(OSError):
            return os.open(name(terminal), flags)
    return os.dup(terminal)
