"""The terminal is always given back: however the application ends, in a real pseudo-terminal."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.tui.clipboard import clipboard_sequence
from console.tui.terminal_driver import ERASE, GIVE_BACK
from tests.e2e.terminal import Terminal

ROOT = Path(__file__).parents[2]
ON_AND_OFF = [
    (b"\x1b[?1049h", b"\x1b[?1049l"),  # alternate screen
    (b"\x1b[?1000h", b"\x1b[?1000l"),  # mouse
    (b"\x1b[?1003h", b"\x1b[?1003l"),
    (b"\x1b[?1006h", b"\x1b[?1006l"),
    (b"\x1b[?2004h", b"\x1b[?2004l"),  # bracketed paste
    (b"\x1b[?1004h", b"\x1b[?1004l"),  # focus reports
    (b"\x1b[?25l", b"\x1b[?25h"),  # cursor
    (b"\x1b[?7l", b"\x1b[?7h"),  # line wrap
]
_CONTROL = re.compile(rb"\x1b\[[<>=?]?[0-9;]*[a-zA-Z]")
NONE_LEFT_S = 2.0  # the end of a process, as promised to operators; plus the interpreter's own end on a busy machine
SLACK_S = 2.0


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def start(log_file: Path, *, ignore_hangup: bool = False, **variables: str) -> Terminal:
    command = [sys.executable, "-m", "tests.e2e.small_app", str(log_file)]
    environ = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **variables}
    return Terminal(command, environ=environ, ignore_hangup=ignore_hangup)


@pytest.fixture
def terminal(log_file: Path) -> Iterator[Terminal]:
    with start(log_file) as opened:
        opened.wait_for("ready")
        yield opened


def assert_given_back(terminal: Terminal) -> None:
    received = terminal.received()
    for on, off in ON_AND_OFF:
        assert received.rfind(off) > received.rfind(on) > -1, f"{off!r} is missing after {on!r}"
    assert received.count(b"\x1b[<u") == received.count(b"\x1b[>25u"), "the keyboard protocol is left on"
    by_textual = received.replace(GIVE_BACK, b"")
    assert by_textual.count(b"\x1b[?1049l") == by_textual.count(b"\x1b[?1049h") - received.count(GIVE_BACK)
    left_at = received.rfind(b"\x1b[?1049l")
    assert ERASE in received[:left_at], "the alternate screen is left as it was"
    after = received[received.rfind(ERASE, 0, left_at) + len(ERASE) : left_at]
    assert _CONTROL.sub(b"", after) == b"", "the alternate screen was drawn on after it was erased"
    assert terminal.settings() == terminal.found_settings


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_gives_the_terminal_back(
    terminal: Terminal, log_file: Path, number: signal.Signals, code: int
) -> None:
    terminal.signal(number)
    assert terminal.wait_exit() == code
    assert_given_back(terminal)
    assert f"ended by itself with {code}" in log_file.read_text()


def test_a_signal_during_the_start_ends_it_too(log_file: Path) -> None:
    with start(log_file) as terminal:
        terminal.wait_until(lambda: b"\x1b[?1049h" in terminal.received(), "the alternate screen")
        terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == 143
        assert_given_back(terminal)


def test_quitting_takes_less_than_a_second_and_exits_0(terminal: Terminal) -> None:
    begun_s = time.monotonic()
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert time.monotonic() - begun_s < 1 + SLACK_S
    assert_given_back(terminal)


def test_a_thread_at_work_does_not_hold_up_the_exit(terminal: Terminal, log_file: Path) -> None:
    terminal.press("s")
    terminal.wait_for("slow")
    begun_s = time.monotonic()
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert time.monotonic() - begun_s < 1 + SLACK_S
    assert_given_back(terminal)
    assert "ended without waiting for asyncio" in log_file.read_text()


def test_ctrl_c_is_a_key_and_no_signal(terminal: Terminal) -> None:
    terminal.press("ctrl+c")
    terminal.resize(70, 20)
    terminal.wait_for("ready 70x20")
    assert terminal.process.poll() is None


def test_an_exception_leaves_one_line_and_its_traceback_in_the_log(terminal: Terminal, log_file: Path) -> None:
    terminal.press("x")
    assert terminal.wait_exit() == 70
    assert_given_back(terminal)
    shown = terminal.received().rpartition(b"\x1b[?1049l")[2].decode()
    assert "lakewarden: internal error (RuntimeError: a fault \\x1b[31m of 17\\nlines)" in shown
    assert shown.count("\n") == 1
    assert b"must-not-be-shown" not in terminal.received()
    assert "Traceback" in log_file.read_text()


def test_an_exception_in_a_worker_is_told_as_itself(terminal: Terminal, log_file: Path) -> None:
    terminal.press("w")
    assert terminal.wait_exit() == 70
    assert_given_back(terminal)
    assert b"lakewarden: internal error (LookupError: in a worker)" in terminal.received()
    assert "in _fail" in log_file.read_text()


def test_a_vanished_terminal_ends_it_although_hang_ups_are_ignored(log_file: Path) -> None:
    with start(log_file, ignore_hangup=True) as terminal:
        terminal.wait_for("ready")
        terminal.wait_until_quiet()
        used_s, before = terminal.cpu_s(), resource.getrusage(resource.RUSAGE_CHILDREN)
        terminal.hang_up()
        begun_s = time.monotonic()
        assert terminal.wait_exit() == 129
        assert time.monotonic() - begun_s < NONE_LEFT_S + SLACK_S
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert spent_s - used_s < 1.5, "it kept the processor busy"
    assert "129" in log_file.read_text()


def test_a_closed_terminal_ends_it_with_129(terminal: Terminal, log_file: Path) -> None:
    terminal.hang_up()
    assert terminal.wait_exit() == 129


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_peer_that_stops_reading_does_not_keep_it_from_ending(terminal: Terminal, number: signal.Signals) -> None:
    terminal.stop_reading()
    terminal.press("f")
    wait_until_it_waits(terminal)
    begun_s = time.monotonic()
    terminal.signal(number)
    assert terminal.wait_exit() == 128 + number
    assert time.monotonic() - begun_s < NONE_LEFT_S + SLACK_S
    terminal.read_again()
    terminal.wait_until(lambda: b"\x1b[?1004l" in terminal.received(), "the terminal given back")
    assert_given_back(terminal)


def wait_until_it_waits(terminal: Terminal) -> None:
    """Until the process has stopped using the processor: its loop waits for the peer."""
    used_s, since_s, end_s = -1.0, time.monotonic(), time.monotonic() + 30
    while time.monotonic() - since_s < 1:
        assert time.monotonic() < end_s
        if (now_s := terminal.cpu_s()) > used_s + 0.03:
            used_s, since_s = now_s, time.monotonic()
        time.sleep(0.05)


def test_a_loop_that_hangs_does_not_keep_it_from_ending(terminal: Terminal, log_file: Path) -> None:
    terminal.press("h")
    terminal.wait_for("held")
    terminal.wait_until_quiet()
    terminal.signal(signal.SIGTERM)
    begun_s = time.monotonic()
    assert terminal.wait_exit() == 143
    assert time.monotonic() - begun_s < NONE_LEFT_S + SLACK_S
    assert_given_back(terminal)
    assert "was ended (exit code 143)" in log_file.read_text()


def test_a_stalled_peer_that_reads_on_sees_everything(terminal: Terminal) -> None:
    terminal.stop_reading()
    terminal.press("f")
    wait_until_it_waits(terminal)
    terminal.read_again()
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert_given_back(terminal)


def stopped(terminal: Terminal) -> bool:
    return Path(f"/proc/{terminal.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_suspending_gives_the_terminal_back_until_it_is_continued(terminal: Terminal) -> None:
    terminal.press("z")
    terminal.wait_until(lambda: stopped(terminal), "a stopped process")
    terminal.wait_until_quiet()
    assert_given_back(terminal)
    terminal.signal(signal.SIGCONT)
    terminal.wait_until(lambda: terminal.received().count(b"\x1b[?1049h") == 2, "the alternate screen again")
    terminal.resize(66, 20)
    terminal.wait_for("ready 66x20")
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert_given_back(terminal)


def test_a_suspended_one_can_be_ended(terminal: Terminal) -> None:
    terminal.press("z")
    terminal.wait_until(lambda: stopped(terminal), "a stopped process")
    terminal.signal(signal.SIGTERM)
    terminal.signal(signal.SIGCONT)
    assert terminal.wait_exit() == 143
    assert_given_back(terminal)


def test_stopped_from_outside_it_still_knows_the_settings_it_found(terminal: Terminal) -> None:
    os.kill(terminal.process.pid, signal.SIGSTOP)
    terminal.wait_until(lambda: stopped(terminal), "a stopped process")
    terminal.signal(signal.SIGCONT)
    terminal.wait_until(lambda: terminal.received().count(b"\x1b[?1049h") == 2, "the alternate screen again")
    terminal.wait_until_quiet()
    assert not terminal.settings()[3] & termios.ICANON
    terminal.press("q")
    assert terminal.wait_exit() == 0
    assert_given_back(terminal)


def test_it_goes_on_whichever_thread_the_kernel_tells_of_it(terminal: Terminal) -> None:
    process = terminal.process.pid
    threads = [int(task.name) for task in Path(f"/proc/{process}/task").iterdir()]
    other = next(thread for thread in threads if thread != process)
    assert ctypes.CDLL(None).tgkill(process, other, int(signal.SIGCONT)) == 0  # of glibc, as `tgkill(2)`
    terminal.wait_until(lambda: terminal.received().count(b"\x1b[?1049h") == 2, "the alternate screen again")


def test_it_sends_nothing_while_nothing_changes(terminal: Terminal) -> None:
    before = terminal.wait_until_quiet()
    assert terminal.wait_until_quiet(3.0) == before


@pytest.mark.parametrize("in_tmux", [False, True])
def test_copying_reaches_the_terminal(log_file: Path, in_tmux: bool) -> None:
    with start(log_file, TMUX="/tmp/tmux,1,0" if in_tmux else "") as terminal:
        terminal.wait_for("ready")
        terminal.press("c")
        expected = clipboard_sequence("copied text", in_tmux=in_tmux).encode()
        terminal.wait_until(lambda: expected in terminal.received(), "the text for the clipboard")
