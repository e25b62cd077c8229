"""A sign-in under way: what was proved so far, for whom and from where, for ten minutes. Its token is stored hashed."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from security.errors import SignInRefused
from security.identity.account import Account, read_account
from security.identity.core import Core, Source, from_ms, one
from security.instants import milliseconds

LASTS = timedelta(minutes=10)
LABEL_BYTES = 2


class Next(StrEnum):
    """What the sign-in waits for."""

    CODE = "code"  # a second factor
    ENROLMENT_CODE = "enrolment-code"  # the factor was reset: the code the officer gave, then a new factor
    ENROL = "enrol"  # a new factor, and a password where there is none


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the person is asked next. `label` is shown with it, and stands in a mailed code's message."""

    user: str
    next: Next
    label: str
    expires: datetime
    can_mail: bool  # the account has an address to which a code could be sent
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """A stored challenge."""

    key: bytes
    account: Account
    next: Next
    label: str
    has_password: bool


def open_challenge(
    core: Core, connection: sqlite3.Connection, account: Account, what: Next, source: Source, now: datetime
) -> Challenge:
    """Begin a challenge of `account`, within the caller's transaction."""
    connection.execute("DELETE FROM challenge WHERE expires_at < ?", (milliseconds(now),))
    token, label, expires = core.token(), core.random_bytes(LABEL_BYTES).hex().upper(), now + LASTS
    key = core.token_hash("challenge", token, source)
    connection.execute(
        "INSERT INTO challenge (token_hash, user, source, next, label, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        (key, account.user, source.address, what.value, label, milliseconds(expires)),
    )
    can_mail = what is Next.CODE and account.email is not None
    return Challenge(account.user, what, label, expires, can_mail, token)


def read_challenge(core: Core, connection: sqlite3.Connection, token: str, source: Source, now: datetime) -> Pending:
    """The challenge of `token`, from the place it was begun at. Raises SignInRefused."""
    key = core.token_hash("challenge", token, source)
    row = one(
        connection,
        "SELECT c.user, c.next, c.label, c.expires_at, a.password IS NOT NULL "
        "FROM challenge c JOIN account a USING (user) WHERE c.token_hash = ? AND c.source = ? AND NOT a.disabled",
        key,
        source.address,
    )
    if row is None:
        raise _over()
    user, what, label, expires_at, has_password = row
    expires = from_ms(int(str(expires_at)))
    if not expires - LASTS - timedelta(minutes=1) <= now < expires:  # nor if the clock went back
        raise _over()
    return Pending(key, read_account(connection, str(user)), Next(str(what)), str(label), bool(has_password))


def _over() -> SignInRefused:
    return SignInRefused("this sign-in has expired, or was ended; begin again")
