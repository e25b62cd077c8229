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
from console.cli.signals import unbroken
from console.settings import Settings
from console.wiring.security import Security
from console.wiring.session_file import SESSION_VARIABLE, TokenFile, session_path
from etl.files import write_temporary
from security.errors import AuditUnavailable, PasswordRefused, SecurityError, SignInRefused

LONGEST_LINE = 1_024  # characters
MOST_BYTES = 4  # of a character in UTF-8
MOST_TRIES = 3  # of a code, on a terminal
T = TypeVar("T")


def security_of(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Security:
    """The security core for this command, opened once and closed at its end; the command is a use of the session."""
    if (known := getattr(arguments, "security", None)) is not None:
        return known  # type: ignore[no-any-return]
    security = Security(settings, environ, TokenFile(session_path(settings.home, environ)))
    arguments.security = security
    arguments.at_end.callback(_close, security)
    with suppress(SecurityError, OSError):  # a use that cannot be noted is none; what is done with it tells why
        security.seat.touch()
    return security


def require_session_kept(settings: Settings, environ: Mapping[str, str]) -> None:
    """Return if a session can be kept for the next command: seen before a code is used up. Raises OSError."""
    path = session_path(settings.home, environ)
    try:
        write_temporary(path.parent, b"").unlink()
    except OSError as error:
        raise OSError(
            f"{path}: expected a file that the session can be kept in, found: {error.strerror}; name another in "
            f"{SESSION_VARIABLE}"
        ) from error


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

    def step_up() -> None:
        code = ask_line(arguments, "code: ", secret=True)
        unbroken(lambda: security.credentials.step_up(seat.token, code, seat.source, now=security.now()))

    with_tries(arguments, step_up)
    return work()


def with_tries(arguments: Namespace, work: Callable[[], T]) -> T:
    """What `work` returns, which asks for something; a person at a terminal may give another after a refusal.

    Raises the third SignInRefused or PasswordRefused, with `--stdin` the first, and what else `work` raises.
    """
    for _ in range(0 if getattr(arguments, "stdin", False) else MOST_TRIES - 1):
        try:
            return work()
        except (SignInRefused, PasswordRefused) as error:
            say(str(error))
    return work()


def ask_line(arguments: Namespace, prompt: str, *, secret: bool = False) -> str:
    """A line from the person: asked for on a terminal, with `--stdin` the next of standard input.

    Raises UsageError where there is neither, or where the line is missing, too long, or not text.
    """
    from_stdin = getattr(arguments, "stdin", False)
    if not from_stdin and not sys.stdin.isatty():
        raise UsageError("this asks questions: run it from a terminal, or give the answers as lines with --stdin")
    wanted = prompt.rstrip(": ")
    try:
        line = _next_line() if from_stdin else getpass.getpass(prompt) if secret else _asked(prompt)
    except UnicodeDecodeError as error:
        raise UsageError(f"expected UTF-8 text for: {wanted}") from error
    except EOFError as error:
        where = "on standard input" if from_stdin else "typed"
        raise UsageError(f"expected one more line {where}: {wanted}") from error
    line = line.rstrip("\r\n")
    if len(line) > LONGEST_LINE:
        raise UsageError(f"expected a line of at most {LONGEST_LINE} characters for: {wanted}")
    return line


def _next_line() -> str:
    line = sys.stdin.buffer.readline(LONGEST_LINE * MOST_BYTES + len("\r\n"))
    if not line:
        raise EOFError
    return line.decode()


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
