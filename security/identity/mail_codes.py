"""One-time codes by e-mail: 8 digits, once, for the sign-in that asked and as long as it lasts; few an hour.

Asking gives that sign-in its full ten minutes again.

They exist where the authenticator is not at hand, and are weaker: a session so begun is refused what needs a fresh
factor. The code is kept sealed: eight digits could be found from a hash.
"""

from __future__ import annotations

import hmac
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from security.errors import MailNotSent, SignInRefused
from security.identity.authenticator import spelled
from security.identity.challenges import LASTS, Next, Pending
from security.identity.core import Core, Source, one, opened, sealed
from security.instants import milliseconds

DIGITS = 8
# (most, in any): exact sliding windows over the log of what was asked for
PER_ACCOUNT = ((1, timedelta(minutes=1)), (5, timedelta(hours=1)))
ALL_ACCOUNTS = ((60, timedelta(hours=1)),)
_LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Message:
    """What to send, and how to show where it went."""

    to: str
    shown_to: str
    subject: str
    body: str = field(repr=False)


def prepare_mail(
    core: Core, connection: sqlite3.Connection, pending: Pending, source: Source, now: datetime
) -> Message:
    """Store a new code for the challenge, in place of any other, and count it. Raises MailNotSent, VaultError."""
    account = pending.account
    if pending.next is not Next.CODE:
        raise SignInRefused("expected the enrolment of a second factor first; no code can be mailed")
    if account.email is None:
        raise MailNotSent("this account has no e-mail address; use another factor")
    _count(connection, account.user, now)
    code = f"{int.from_bytes(core.random_bytes(16), 'big') % 10**DIGITS:0{DIGITS}d}"
    key_id, envelope = sealed(core, code.encode(), "mailed", account.user)
    connection.execute(
        "UPDATE challenge SET mailed_key_id = ?, mailed = ?, expires_at = ? WHERE token_hash = ?",
        (key_id, envelope, milliseconds(now + LASTS), pending.key),
    )
    body = (
        f"Code for the sign-in {pending.label} of {account.user}, begun from {source.address}: {code}\n\n"
        f"It is good once, until {now + LASTS:%H:%M} UTC, for that sign-in alone. If it is not yours, somebody knows "
        "your password: change it, and tell your officer.\n"
    )
    return Message(account.email, _shown(account.email), f"Lakewarden sign-in {pending.label}", body)


def accept_mailed(core: Core, connection: sqlite3.Connection, pending: Pending, typed: str) -> bool:
    """Whether `typed` is the code that was mailed for this challenge; from now on it is used. Raises VaultError."""
    row = one(
        connection,
        "SELECT mailed_key_id, mailed FROM challenge WHERE token_hash = ? AND mailed IS NOT NULL",
        pending.key,
    )
    code = spelled(typed)
    if row is None or len(code) != DIGITS or not code.isascii():
        return False
    key_id, envelope = row
    assert isinstance(envelope, bytes)
    sent = opened(core, str(key_id), envelope, "mailed", pending.account.user)
    if not hmac.compare_digest(sent, code.encode()):
        return False
    sql = "UPDATE challenge SET mailed_key_id = NULL, mailed = NULL WHERE token_hash = ?"
    return connection.execute(sql, (pending.key,)).rowcount == 1


def free_the_minute(connection: sqlite3.Connection, user: str, now: datetime) -> None:
    """The code counted for `user` at `now` was not sent: another may be asked for at once; the hour counts it still."""
    sql = "UPDATE mail_sent SET at = ? WHERE user = ? AND at = ?"
    connection.execute(sql, (milliseconds(now - PER_ACCOUNT[0][1]), user, milliseconds(now)))


def _count(connection: sqlite3.Connection, user: str, now: datetime) -> None:
    """Note that `user` asks for a code now, if the limits allow it. Raises MailNotSent."""
    connection.execute("UPDATE mail_sent SET at = ?1 WHERE at > ?1", (milliseconds(now),))  # the clock went back
    connection.execute("DELETE FROM mail_sent WHERE at <= ?", (milliseconds(now - _LONGEST),))
    for limits, whose in ((PER_ACCOUNT, user), (ALL_ACCOUNTS, None)):
        for most, window in limits:
            sql = "SELECT count(*) FROM mail_sent WHERE at > ?1 AND (?2 IS NULL OR user = ?2)"
            row = one(connection, sql, milliseconds(now - window), whose)
            if row is not None and int(str(row[0])) >= most:
                raise MailNotSent(
                    f"{'this account' if whose else 'this workspace'} asked for {most} code{'s' if most > 1 else ''} "
                    f"within {window.total_seconds() / 60:.0f} min, the most there may be, those that could not be "
                    "sent included; wait, or use another factor"
                )
    connection.execute("INSERT INTO mail_sent (user, at) VALUES (?, ?)", (user, milliseconds(now)))


def _shown(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
