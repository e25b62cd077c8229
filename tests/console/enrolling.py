"""Answering the command as a script does that enrols: it reads the secret that is printed before it gives a code."""

from __future__ import annotations

import base64
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

from security.identity import otp
from tests import practice
from tests.conftest import PATIENCE_S, Ended, Lakewarden

PASSWORD = "zebra mosaic lantern 42"
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How a command that enrols ended, the secret that it printed, and the recovery codes."""

    ended: Ended
    secret: str
    codes: list[str]


def code_of(secret: str, *, steps_ahead: int = 0) -> str:
    """The code of the authenticator with that secret, now or so many steps later."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return otp.hotp(key, otp.step_at(datetime.now(UTC)) + steps_ahead)


def begin_enrolling(lakewarden: Lakewarden, *arguments: str, lines: list[str]) -> tuple[subprocess.Popen[bytes], str]:
    """The command waiting for a code, and the secret it has printed."""
    process = lakewarden.start(*arguments, "--stdin", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(f"{line}\n" for line in lines).encode())
    process.stdin.flush()
    return process, process.stdout.readline().decode().strip()


def enrol(lakewarden: Lakewarden, *arguments: str, lines: list[str]) -> Enrolled:
    """Carry out a command that enrols, to its end."""
    process, secret = begin_enrolling(lakewarden, *arguments, lines=lines)
    out, err = process.communicate(f"{code_of(secret)}\n".encode() if secret else b"", timeout=PATIENCE_S)
    ended = Ended(process.returncode, out.decode(), err.decode())
    return Enrolled(ended, secret, ended.out.split())


def lines_of(*lines: str) -> bytes:
    """What is given on standard input."""
    return "".join(f"{line}\n" for line in lines).encode()


def shown(lakewarden: Lakewarden, user: str) -> tuple[str, str]:
    """Password and unused code of a practice account."""
    with closing(practice.opened(lakewarden.home, lakewarden.environ)) as security:
        account = practice.account_of(security, user)
    assert account.password is not None
    assert account.code is not None
    return account.password, account.code
