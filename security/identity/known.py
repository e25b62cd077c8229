"""What is stored of the account that a typed name means, and what comes after what was typed for its password."""

from __future__ import annotations

import hmac
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from security.identity.account import Account, read_accounts, user_name
from security.identity.challenges import Next
from security.identity.codes import code_hash, read_code
from security.identity.core import from_ms, one


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of the account that a name means, if it means one."""

    account: Account | None
    password: str | None = field(default=None, repr=False)
    has_factor: bool = False
    enrolment_hash: bytes | None = None
    enrolment_expires: datetime | None = None


def read_known(connection: sqlite3.Connection, typed: str) -> Known:
    """The account that `typed` means, with its hashes."""
    user = user_name(typed)
    found = read_accounts(connection, user) if user is not None else []
    if user is None or not found:
        return Known(None)
    row = one(
        connection,
        "SELECT a.password, EXISTS (SELECT 1 FROM authenticator f WHERE f.user = a.user), e.code_hash, e.expires_at "
        "FROM account a LEFT JOIN enrolment e USING (user) WHERE a.user = ?",
        user,
    )
    assert row is not None
    password, has_factor, enrolment_hash, expires_at = row
    return Known(
        found[0],
        None if password is None else str(password),
        bool(has_factor),
        enrolment_hash if isinstance(enrolment_hash, bytes) else None,
        None if expires_at is None else from_ms(int(str(expires_at))),
    )


def next_step(known: Known, typed: str, right: bool) -> Next | None:
    """What comes after what was typed for a password; None if it is wrong."""
    if known.password is not None:
        return None if not right else Next.CODE if known.has_factor else Next.ENROLMENT_CODE
    code = read_code(typed)
    if known.account is None or known.enrolment_hash is None or code is None:
        return None
    given = code_hash("enrolment", known.account.user, code)
    return Next.ENROL if hmac.compare_digest(given, known.enrolment_hash) else None
