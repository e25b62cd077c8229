"""The second factors an account holds: its authenticator and its recovery codes, used within the caller's transaction.

The transaction that accepts a code is the one that stores its step or removes it: of two processes with the same code,
one wins.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from security.errors import StoreDamaged
from security.identity import otp
from security.identity.codes import code_hash, new_code, read_code
from security.identity.core import Core, from_ms, one, opened, sealed
from security.instants import milliseconds

RECOVERY_CODES = 10


def put_authenticator(
    core: Core, connection: sqlite3.Connection, user: str, secret: bytes, step: int, now: datetime
) -> None:
    """Give `user` this authenticator in place of any other; codes up to `step` are used up. Raises VaultError."""
    key_id, envelope = sealed(core, secret, "totp", user)
    row = (user, key_id, envelope, step, milliseconds(now))
    connection.execute("INSERT OR REPLACE INTO authenticator VALUES (?, ?, ?, ?, ?)", row)


def secret_of(core: Core, connection: sqlite3.Connection, user: str) -> tuple[bytes, int] | None:
    """(secret, last accepted step) of the authenticator of `user`; None without one. Raises VaultError."""
    row = one(connection, "SELECT key_id, sealed, last_step FROM authenticator WHERE user = ?", user)
    if row is None:
        return None
    key_id, envelope, last_step = row
    assert isinstance(envelope, bytes)
    return opened(core, str(key_id), envelope, "totp", user), int(str(last_step))


def accept_totp(core: Core, connection: sqlite3.Connection, user: str, typed: str, now: datetime) -> bool:
    """Whether `typed` is a code of the authenticator that was not used; from now on it is. Raises VaultError."""
    held = secret_of(core, connection, user)
    if held is None:
        return False
    secret, last_step = held
    step = otp.accepted_step(secret, spelled(typed), now, last_step)
    if step is None:
        return False
    sql = "UPDATE authenticator SET last_step = ? WHERE user = ? AND last_step < ?"
    return connection.execute(sql, (step, user, step)).rowcount == 1


def _refused_until(connection: sqlite3.Connection, user: str, typed: str, now: datetime) -> datetime | None:
    """Until when no code that the authenticator shows is accepted, if `typed` has the form of one; None if one is soon.

    Only where the clock was ahead when the last one was accepted is it more than the next half minute.
    """
    row = one(connection, "SELECT last_step FROM authenticator WHERE user = ?", user)
    if row is None or not otp.is_code(spelled(typed)):
        return None
    last_step = int(str(row[0]))
    if last_step <= otp.step_at(now) + otp.DRIFT_STEPS:
        return None
    try:
        return from_ms((last_step + 1) * otp.STEP_S * 1_000)
    except StoreDamaged:  # no clock shows it: written by somebody with the file
        return None


def why_refused(
    connection: sqlite3.Connection, user: str, typed: str, now: datetime, *, wrong: str, instead: str
) -> str:
    """What to tell of a code that was not accepted: `wrong`, or until when none is, and what to do `instead`."""
    until = _refused_until(connection, user, typed, now)
    if until is None:
        return wrong
    return (
        "the clock was ahead when the authenticator was used last, so no code is taken before "
        f"{until:%Y-%m-%d %H:%M:%S} UTC; {instead}"
    )


def holds_recovery(core: Core, connection: sqlite3.Connection, user: str, typed: str) -> bool:
    """Whether `typed` is an unused recovery code, sealed by this program. Raises VaultError, AuditError."""
    code = read_code(typed)
    if code is None:
        return False
    hashed = code_hash("recovery", user, code)
    row = one(connection, "SELECT key_id, sealed FROM recovery WHERE user = ? AND code_hash = ?", user, hashed)
    if row is None:
        return False
    key_id, envelope = row
    assert isinstance(envelope, bytes)
    return opened(core, str(key_id), envelope, "recovery", user) == hashed


def accept_recovery(core: Core, connection: sqlite3.Connection, user: str, typed: str) -> bool:
    """Whether `typed` is an unused recovery code; from now on it is used. Raises VaultError, AuditError."""
    code = read_code(typed)
    if code is None or not holds_recovery(core, connection, user, typed):
        return False
    key = (user, code_hash("recovery", user, code))
    return connection.execute("DELETE FROM recovery WHERE user = ? AND code_hash = ?", key).rowcount == 1


def new_recovery_codes(core: Core, connection: sqlite3.Connection, user: str) -> list[str]:
    """Ten new recovery codes in place of all others; they are shown once, stored hashed and sealed.

    Raises VaultError.
    """
    codes = [new_code(core.random_bytes) for _ in range(RECOVERY_CODES)]
    connection.execute("DELETE FROM recovery WHERE user = ?", (user,))
    hashes = [code_hash("recovery", user, code.replace("-", "")) for code in codes]
    rows = [(user, hashed, *sealed(core, hashed, "recovery", user)) for hashed in hashes]
    connection.executemany("INSERT INTO recovery VALUES (?, ?, ?, ?)", rows)
    return codes


def spelled(typed: str) -> str:
    """A numeric code as typed or pasted, without the spaces and dashes that some show in it."""
    return typed.strip().replace(" ", "").replace("-", "") if len(typed) <= 64 else ""
