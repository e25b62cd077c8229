"""The command that makes a practice workspace says so: a mistyped folder must not pass for the one that was meant."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests.conftest import Lakewarden

FIRST_USE = "lakewarden: made a practice workspace in "


def told_in_a_terminal(lakewarden: Lakewarden, command: str) -> tuple[int, str]:
    """The exit code, and what comes to a terminal on stderr."""
    ours, theirs = pty.openpty()
    try:
        with os.fdopen(theirs, "wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "console", command],
                env=lakewarden.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        told = b""
        try:
            while part := os.read(ours, 65_536):
                told += part
        except OSError:  # nobody has the other end any more
            pass
        return process.wait(60), told.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)


@pytest.mark.parametrize("command", ["--run-once", "doctor", "runs", "whoami"])
def test_in_a_terminal_the_command_that_makes_the_workspace_says_so_and_no_other_does(
    lakewarden: Lakewarden, command: str
) -> None:
    first, second = told_in_a_terminal(lakewarden, command), told_in_a_terminal(lakewarden, command)
    line, rest = first[1].split("\n", 1)
    assert line.startswith(f"{FIRST_USE}{lakewarden.home}: its weather is made up while no API key is known")
    assert "correct LAKEWARDEN_HOME" in line
    assert "`lakewarden init --production`" in line
    assert FIRST_USE not in rest + second[1]
    assert first[0] == second[0]


def test_a_scheduled_run_is_silent_though_it_is_the_first(lakewarden: Lakewarden) -> None:
    ended = lakewarden("--run-once")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
