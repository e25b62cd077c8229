"""The real console in a real terminal: it declines without one, costs nothing while idle, and gives it back."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli.terminal_check import why_no_console
from tests.e2e.terminal import Terminal
from tests.e2e.test_terminal_rules import SLACK_S, assert_given_back

ROOT = Path(__file__).parents[2]
SETTLED_S = 2.0  # without a byte: what was begun has been drawn, on a busy machine too
INSTEAD = "`lakewarden --run-once` works without"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a practice workspace that is made on first use; its scheduler is off, so that nothing changes by itself."""
    return {
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "LAKEWARDEN_HOME": str(tmp_path / "home"),
        "LAKEWARDEN_SCHEDULE__ENABLED": "false",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


@pytest.fixture
def console(environ: dict[str, str]) -> Iterator[Terminal]:
    with Terminal([sys.executable, "-m", "console"], environ=environ) as opened:
        opened.wait_for("No run yet")
        yield opened


# ---- without a terminal -----------------------------------------------------------------------------------------


def test_without_a_terminal_it_says_so_in_one_line_and_exits_64(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "console"],
        env={**os.environ, **environ, "TERM": "xterm"}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert (done.returncode, done.stdout) == (64, "")
    assert len(said) == 1
    assert "standard input, standard output and standard error are none" in said[0]
    assert INSTEAD in said[0]
    assert "textual" not in done.stderr


@pytest.mark.parametrize(("term", "found"), [("dumb", "TERM is dumb"), ("", "TERM is not set")])
def test_a_terminal_that_cannot_place_the_cursor_is_declined(environ: dict[str, str], term: str, found: str) -> None:
    with Terminal([sys.executable, "-m", "console"], columns=200, environ=environ | {"TERM": term}) as terminal:
        assert terminal.wait_exit() == 64
        assert found in terminal.text()
        assert INSTEAD in terminal.text()
        assert b"\x1b" not in terminal.received()


def test_each_stream_has_to_be_a_terminal(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environ = {"TERM": "xterm"}
    try:
        with os.fdopen(slave) as tty, (tmp_path / "file").open("w") as file:
            assert why_no_console(tty, tty, tty, environ) is None
            assert "standard input is none" in str(why_no_console(file, tty, tty, environ))
            assert "standard output is none" in str(why_no_console(tty, file, tty, environ))
            assert "standard error is none" in str(why_no_console(tty, tty, file, environ))
            assert "standard input and standard error are none" in str(why_no_console(None, tty, file, environ))
            file.close()
            assert "standard output is none" in str(why_no_console(tty, file, tty, environ)), "a closed one"
    finally:
        os.close(master)


# ---- with one ---------------------------------------------------------------------------------------------------


def assert_idle(terminal: Terminal) -> None:
    """Nothing is sent for a few seconds within one minute of the clock: ages are told anew once a minute."""
    terminal.wait_until(lambda: time.time() % 60 < 50, "a minute with room")
    before = terminal.wait_until_quiet(SETTLED_S)
    assert terminal.wait_until_quiet(4.0) == before


def test_while_nothing_changes_it_sends_nothing(console: Terminal) -> None:
    assert_idle(console)


def test_run_details_and_chart_send_nothing_while_nothing_changes(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "console"]
    subprocess.run([*command, "--run-once"], env={**os.environ, **environ}, check=True)
    with Terminal(command, environ=environ) as terminal:
        terminal.wait_for("✔ success")
        for open_it, sign in (("enter", "practice/weather-data/"), ("c", "Latest readings")):
            terminal.press(open_it)
            terminal.wait_for(sign)
            assert_idle(terminal)
            terminal.press("escape")
            terminal.wait_for("Runs")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_gives_the_terminal_back(
    console: Terminal, number: signal.Signals, code: int
) -> None:
    console.signal(number)
    assert console.wait_exit() == code
    assert_given_back(console)


def test_a_paste_is_no_keys_whatever_it_has(console: Terminal) -> None:
    console.press("\x1b[200~abc\x1b[31mq\x1b[201~", "u")
    console.wait_for("Sign in")
    console.press("\x1b[200~lee\x1b[31mq\x1b[201~")
    console.wait_for("lee[31mq")
    assert b"lee\x1b[31m" not in console.received()
    assert console.process.poll() is None


def test_quitting_takes_less_than_a_second(console: Terminal) -> None:
    begun_s = time.monotonic()
    console.press("q")
    assert console.wait_exit() == 0
    assert time.monotonic() - begun_s < 1 + SLACK_S
    assert_given_back(console)


def test_a_vanished_terminal_ends_it_although_hang_ups_are_ignored(environ: dict[str, str]) -> None:
    with Terminal([sys.executable, "-m", "console"], environ=environ, ignore_hangup=True) as terminal:
        terminal.wait_for("No run yet")
        terminal.hang_up()
        assert terminal.wait_exit() == 129


def test_a_peer_that_stops_reading_does_not_keep_it_from_ending(console: Terminal) -> None:
    console.stop_reading()
    for _ in range(60):
        console.press("m")  # dark, light, dark: each repaints the whole screen
    console.signal(signal.SIGTERM)
    begun_s = time.monotonic()
    assert console.wait_exit() == 143
    assert time.monotonic() - begun_s < 2 + SLACK_S
    console.read_again()
    console.wait_until(lambda: b"\x1b[?1004l" in console.received(), "the terminal given back")
    assert console.settings() == console.found_settings
