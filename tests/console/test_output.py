"""What is said on stderr: broken between words on a terminal, one line for a program that reads it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
from collections.abc import Callable

import pytest

from console.cli.output import say, say_as_is

LONG = "the rejected rows with line and reason are in the file that is named here: " + "/a-folder/of-a-long-name" * 5


def on_a_terminal(work: Callable[[], None]) -> list[str]:
    """What `work` puts on a stderr that is a terminal of 80 columns."""
    reading, writing = os.openpty()
    fcntl.ioctl(writing, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(reading, "rb", buffering=0) as shown, os.fdopen(writing, "w") as stream:
        with contextlib.redirect_stderr(stream):
            work()
        return shown.read(4096).decode().splitlines()


def test_a_terminal_breaks_a_message_between_words_and_leaves_a_path_whole() -> None:
    lines = on_a_terminal(lambda: say(LONG))
    assert len(lines) == 3
    assert all(len(line) <= 80 for line in lines[:-1])
    assert [line[:2] for line in lines] == ["la", "  ", "  "]
    assert " ".join(line.strip() for line in lines) == f"lakewarden: {LONG}"


def test_a_program_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(LONG)
    assert capsys.readouterr().err == f"lakewarden: {LONG}\n"


def test_sql_stays_in_its_lines_without_a_name_before_it() -> None:
    lines = on_a_terminal(lambda: say_as_is(["-- title: a title", f"SELECT '{'x ' * 50}'", "\x1b[2J"]))
    assert lines[:2] == ["-- title: a title", f"SELECT '{'x ' * 50}'"]
    assert "\x1b" not in lines[2]
