"""A real pseudo-terminal for end-to-end tests: starts a command in it, presses keys, reads the screen by emulation.

Needs no system tool. Every wait is on a condition and bounded; `close` ends what was started, by its own handle.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pyte

TIMEOUT_S = 30.0
LOOK_S = 0.02

# Makes the pseudo-terminal the controlling one, and with `nohup` ignores hang-ups, before the command starts.
_LAUNCH = (
    "import fcntl, os, signal, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "if sys.argv[1] == 'nohup': signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)
_KEYS = {
    "enter": "\r", "escape": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C",
    "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
    "backspace": "\x7f", "ctrl+c": "\x03", "ctrl+q": "\x11", "ctrl+p": "\x10", "ctrl+z": "\x1a", "f1": "\x1bOP",
    "f2": "\x1bOQ", "f3": "\x1bOR", "f4": "\x1bOS", "f5": "\x1b[15~", "f6": "\x1b[17~",
}  # fmt: skip
# The emulator knows neither the keyboard protocol nor mode queries, and would show them as text.
_UNKNOWN = re.compile(rb"\x1b\[(?:[<>=][0-9;]*u|\?[0-9;]*\$p)")


def surroundings() -> dict[str, str]:
    """The environment without the size of another terminal, which pytest-xdist announces."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}


class Terminal:
    """A command in a terminal of `columns` x `rows`. A context manager; leaving it ends the command."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        environ: Mapping[str, str] | None = None,
        ignore_hangup: bool = False,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._received = bytearray()
        self._unfed = b""
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._over = threading.Event()
        self._master, slave = pty.openpty()
        try:
            self.resize(columns, rows)
            self.found_settings = termios.tcgetattr(slave)
            self.process = subprocess.Popen(
                [sys.executable, "-ISc", _LAUNCH, "nohup" if ignore_hangup else "", *command],
                stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                env={**surroundings(), "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environ or {})},
            )  # fmt: skip
        finally:
            os.close(slave)
        self._thread = threading.Thread(target=self._read_on, name="terminal-reader", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the command if it still runs, and the terminal."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    # ---- the keyboard, the window, the line -----------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Send keys: names such as `enter`, `ctrl+c`, `down`, or any other text as it is."""
        for key in keys:
            os.write(self._master, _KEYS.get(key, key).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size; the kernel tells the command."""
        with self._lock:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            self._screen.resize(rows, columns)
            self._screen.cursor_position()  # the emulator would leave it outside of a smaller screen

    def stop_reading(self) -> None:
        """Be a peer that reads no more, as behind a link that has stalled."""
        self._reading.clear()

    def read_again(self) -> None:
        self._reading.set()

    def hang_up(self) -> None:
        """Be a peer that has gone: the terminal's other end is closed."""
        self._over.set()
        self._reading.set()
        self._thread.join()
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
                self._master = -1

    def settings(self) -> list[Any]:
        """The line settings as they are now."""
        return termios.tcgetattr(self._master)

    # ---- the screen -----------------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        with self._lock:
            return list(self._screen.display)

    def screen(self) -> pyte.Screen:
        """The emulated screen itself, to draw it."""
        return self._screen

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines())

    def received(self) -> bytes:
        """Every byte so far."""
        with self._lock:
            return bytes(self._received)

    def wait_for(self, text: str, *, timeout_s: float = TIMEOUT_S) -> str:
        """The screen, once it shows `text`. Fails with the screen otherwise."""
        self.wait_until(lambda: text in self.text(), f"{text!r} on the screen", timeout_s=timeout_s)
        return self.text()

    def wait_until(self, condition: Callable[[], bool], what: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Return once `condition` holds. Fails with `what` was awaited and the screen otherwise."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise AssertionError(f"expected {what} within {timeout_s:g} s, found:\n{self.text()}")
            time.sleep(LOOK_S)

    def wait_until_quiet(self, quiet_s: float = 0.7, *, timeout_s: float = TIMEOUT_S) -> int:
        """The number of bytes received, once none has come for `quiet_s`."""
        last, since, end_s = -1, time.monotonic(), time.monotonic() + timeout_s
        while time.monotonic() - since < quiet_s:
            assert time.monotonic() < end_s, f"the terminal never was quiet for {quiet_s:g} s:\n{self.text()}"
            if (now := len(self.received())) != last:
                last, since = now, time.monotonic()
            time.sleep(LOOK_S)
        return last

    # ---- the process ----------------------------------------------------------------------------------------------

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_exit(self, *, timeout_s: float = TIMEOUT_S) -> int:
        """The exit code, once the command has ended and all it wrote is read; negative: killed by that signal."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"expected the command to end within {timeout_s:g} s:\n{self.text()}") from None
        if self._reading.is_set():
            self._thread.join(timeout_s)
        return code

    def cpu_s(self) -> float:
        """The processor time that the command has used so far, in seconds (Linux)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read_on(self) -> None:
        while not self._over.is_set():
            if not self._reading.wait(LOOK_S):
                continue
            ready, _, _ = select.select([self._master], [], [], LOOK_S)
            if not ready or not self._reading.is_set():
                continue
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # the last one has closed the terminal
                return
            with self._lock:
                self._received += data
                self._feed(data)

    def _feed(self, data: bytes) -> None:
        """Let the emulator draw, without what it does not know; a sequence that is cut is kept for the next time."""
        data = _UNKNOWN.sub(b"", self._unfed + data)
        start = data.rfind(b"\x1b")
        cut = start >= 0 and re.fullmatch(rb"\x1b(?:\[[<>=?]?[0-9;]*\$?)?", data[start:]) is not None
        self._unfed = data[start:] if cut else b""
        self._stream.feed(data[:start] if cut else data)
