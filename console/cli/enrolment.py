"""What enrolment asks on the command line: a password, then a code of the authenticator that is shown to be set up."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Mapping

from console.actions.sign_in import SignInActions, Who
from console.cli.logs import wants_colour
from console.cli.output import say
from console.cli.session import ask_line, with_tries
from console.cli.signals import unbroken
from security.errors import PasswordRefused, SignInRefused
from security.identity import otp
from security.identity.authenticator import spelled
from security.identity.challenges import Challenge, Next
from security.identity.enrolment import Proposal
from security.identity.qr import enrolment_lines

USUAL_SIZE = os.terminal_size((80, 24))
WHITE_ON_BLACK, AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


def enrol(
    arguments: Namespace,
    environ: Mapping[str, str],
    actions: SignInActions,
    challenge: Challenge,
    *,
    code: str | None = None,
) -> tuple[Who, list[str]]:
    """Set up a factor for `challenge`, and a password if there is none; signed in, with ten recovery codes.

    `code` is the enrolment code where it is known; it is asked for where it is needed after the password.
    Raises PasswordRefused, SignInRefused, UsageError, AuditError, OSError.
    """
    if code is None and challenge.next is Next.ENROLMENT_CODE:
        say("the second factor was reset: the code that the officer gave is needed to set up another")
        code = ask_line(arguments, "enrolment code: ", secret=True)
    proposal = actions.propose(challenge, code)
    password = new_password(arguments, actions, challenge.user) if proposal.needs_password else None
    show_proposal(arguments, environ, proposal)

    def finish() -> tuple[Who, list[str]]:
        code = ask_its_code(arguments)
        return unbroken(lambda: actions.finish(challenge, code, password))

    return with_tries(arguments, finish)


def new_password(arguments: Namespace, actions: SignInActions, user: str) -> str:
    """A password that may be set for `user`, typed twice on a terminal. Raises PasswordRefused, UsageError."""

    def ask() -> str:
        password = ask_line(arguments, "new password: ", secret=True)
        actions.check_new_password(user, password)
        if not arguments.stdin and ask_line(arguments, "the new password again: ", secret=True) != password:
            raise PasswordRefused("the two passwords are not the same")
        return password

    return with_tries(arguments, ask)


def print_recovery_codes(codes: list[str]) -> None:
    """One a line on stdout."""
    print("\n".join(codes), flush=True)
    say(f"these {len(codes)} recovery codes are shown this once: each signs in once where the authenticator is lost")


def ask_its_code(arguments: Namespace) -> str:
    """The code that the authenticator shows; any other form is refused here. Raises SignInRefused, UsageError."""
    code = spelled(ask_line(arguments, "code of the authenticator: ", secret=True))
    if not otp.is_code(code):
        raise SignInRefused(f"expected the {otp.DIGITS} digits that the authenticator shows, found other text")
    return code


def show_proposal(arguments: Namespace, environ: Mapping[str, str], proposal: Proposal) -> None:
    """The secret as one line on stdout with `--stdin`, at once; else a picture of it for the person, on stderr."""
    if arguments.stdin:
        print(proposal.secret, flush=True)
        return
    size = os.get_terminal_size(sys.stderr.fileno()) if sys.stderr.isatty() else USUAL_SIZE
    columns, rows = size if all(size) else USUAL_SIZE
    unicode = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
    # The line of the question comes below.
    lines = enrolment_lines(proposal.uri, proposal.secret, columns=columns, rows=rows - 1, unicode=unicode)
    if wants_colour(sys.stderr, environ):  # so that it can be scanned on a light ground too
        lines = [f"{WHITE_ON_BLACK}{line}{AS_BEFORE}" for line in lines]
    print("\n".join(lines), file=sys.stderr, flush=True)
