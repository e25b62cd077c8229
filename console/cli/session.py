"""The session of the command line: the security core for one command, and what is asked of the person at it."""

from __future__ import annotations

import getpass
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from console.actions.gate import Gate
from console.actions.permissions import FreshCodeNeeded, PermissionDenied
from console.cli.exits import UsageError
from console.cli.output import say
from console.settings import Settings
from console.wiring.security import Security
from console.wiring.session_file import TokenFile, session_path
from security.errors import AuditUnavailable

LONGEST_LINE = 1_024
MOST_TRIES = 3  # of a code, on a terminal
T = TypeVar("T")


def security_of(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Security:
    """The security core for this command, opened once and closed at its end; the command is a use of the session."""
    if (known := getattr(arguments, "security", None)) is not None:
        return known  # type: ignore[no-any-return]
    security = Security(settings, environ, TokenFile(session_path(settings.home, environ)))
    arguments.security = security
    arguments.at_end.callback(_close, security)
    security.seat.touch()
    return security


def gate_of(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Gate:
    """The permission port for whoever runs this command."""
    return security_of(arguments, settings, environ).gate


def with_fresh_code(arguments: Namespace, security: Security, work: Callable[[], T]) -> T:
    """What `work` returns; where it needs a fresh code, that is asked for and `work` done again.

    Raises PermissionDenied where nobody can be asked, SignInRefused and SignInDelayed, and what `work` raises.
    """
    try:
        return work()
    except FreshCodeNeeded as error:
        if not sys.stdin.isatty() and not getattr(arguments, "stdin", False):
            advice = f"{error}: give it from a terminal, or with --stdin as one line"
            raise PermissionDenied(advice, error.decision) from error
        say(str(error))
    seat = security.seat
    code = ask_line(arguments, "code: ", secret=True)
    security.credentials.step_up(seat.token, code, seat.source, now=security.now())
    return work()


def ask_line(arguments: Namespace, prompt: str, *, secret: bool = False) -> str:
    """A line from the person: asked for on a terminal, with `--stdin` the next of standard input.

    Raises UsageError where there is neither, or where the line is missing, too long, or not text.
    """
    if getattr(arguments, "stdin", False):
        try:
            line = sys.stdin.buffer.readline(LONGEST_LINE + 2).decode()
        except UnicodeDecodeError as error:
            raise UsageError("standard input must be UTF-8 text") from error
        if not line:
            raise UsageError(f"expected one more line on standard input: {prompt.rstrip(': ')}")
    elif sys.stdin.isatty():
        try:
            line = getpass.getpass(prompt) if secret else _asked(prompt)
        except EOFError as error:
            raise UsageError(f"nothing was given for: {prompt.rstrip(': ')}") from error
    else:
        raise UsageError("this asks questions: run it from a terminal, or give the answers as lines with --stdin")
    line = line.rstrip("\r\n")
    if len(line) > LONGEST_LINE:
        raise UsageError(f"expected a line of at most {LONGEST_LINE} characters for: {prompt.rstrip(': ')}")
    return line


def _asked(prompt: str) -> str:
    """The line typed; the question goes to stderr, where it is no result."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline(LONGEST_LINE + 2)
    if not line:
        raise EOFError
    return line


def _close(security: Security) -> None:
    with suppress(AuditUnavailable):  # what was done is on record; the next command makes the checkpoint
        security.close()
