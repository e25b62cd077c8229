"""The accounts of a practice workspace: named after their roles, with passwords and codes that it shows.

They exist where the database was made as a practice one; the database itself refuses them anywhere else, and where
somebody changed what it says, no password that was sealed here is found.
"""

from __future__ import annotations

import base64
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from security.errors import PracticeOnly
from security.identity import otp
from security.identity.account import Account, NewAccount, Role, read_accounts
from security.identity.accounts import insert_account
from security.identity.authenticator import put_authenticator, secret_of
from security.identity.core import OF_PRACTICE, Core, not_of_practice, opened, sealed
from security.identity.events import SERVICE, record_change
from security.identity.shift import Shift
from security.instants import milliseconds

PASSWORD_BYTES = 10  # 80 bits, 16 characters
_GROUP = 4


@dataclass(frozen=True, slots=True)
class PracticeAccount:
    """An account with what signs it in. Without `code` the current one was used: the next comes in `code_in_s`."""

    account: Account
    code_in_s: int
    password: str | None = field(repr=False)  # None once it was changed
    code: str | None = field(repr=False)


class Practice:
    """Makes and shows the practice accounts of one workspace."""

    def __init__(self, core: Core) -> None:
        """Raises PracticeOnly for a production workspace."""
        if not core.practice:
            raise PracticeOnly("expected a practice workspace, found a production one: it has no practice accounts")
        self._core = core

    def create(self, *, now: datetime, timezone: str = "UTC") -> list[str]:
        """Add the practice accounts that are missing, with shifts in `timezone`; the names of those added.

        Raises as `accounts`: they are made beside no others than those of practice.
        """
        self.accounts(now=now)
        wanted = practice_accounts(timezone)
        there = {row[0] for row in self._core.database.query("SELECT user FROM account")}
        missing = [(new, self._new_password()) for new in wanted if new.user not in there]
        hashed = [(new, password, self._core.hashing.hash(password)) for new, password in missing]
        added = []
        with self._core.database.transaction() as connection:
            for new, password, encoded in hashed:
                if not read_accounts(connection, new.user):  # another process may have been here meanwhile
                    self._add(connection, new, password, encoded, now)
                    added.append(new.user)
        return added

    def accounts(self, *, now: datetime) -> list[PracticeAccount]:
        """The practice accounts, each with its password and a code that is good now.

        Raises VaultError, and PracticeOnly where there are accounts and none has a password that was sealed here: a
        mark in clear does not make an account one of practice.
        """
        with self._core.database.snapshot() as connection:
            everybody = read_accounts(connection)
            passwords = {one.user: self._password(connection, one.user) for one in everybody if one.practice}
            if everybody and all(password is None for password in passwords.values()):
                raise not_of_practice(self._core.database.path)
            return [self._shown(connection, one, passwords[one.user], now) for one in everybody if one.practice]

    def _add(self, connection: sqlite3.Connection, new: NewAccount, password: str, encoded: str, now: datetime) -> None:
        insert_account(connection, new, practice=True, now=now)
        sql = "UPDATE account SET password = ?, password_at = ? WHERE user = ?"
        connection.execute(sql, (encoded, milliseconds(now), new.user))
        secret = self._core.random_bytes(otp.SECRET_BYTES)
        put_authenticator(self._core, connection, new.user, secret, otp.NEVER, now)
        key_id, envelope = sealed(self._core, password.encode(), OF_PRACTICE, new.user)
        connection.execute("INSERT INTO practice_password VALUES (?, ?, ?)", (new.user, key_id, envelope))
        record_change(self._core, SERVICE, "add_user", new.user, now=now, code="practice")

    def _new_password(self) -> str:
        text = base64.b32encode(self._core.random_bytes(PASSWORD_BYTES)).decode("ascii").lower()
        return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))

    def _shown(
        self, connection: sqlite3.Connection, account: Account, password: str | None, now: datetime
    ) -> PracticeAccount:
        held = secret_of(self._core, connection, account.user)
        code, wait_s = (None, 0) if held is None else _unused_code(*held, now)
        return PracticeAccount(account, wait_s, password or None, code)

    def _password(self, connection: sqlite3.Connection, user: str) -> str | None:
        """None where none was sealed here; empty where it was changed."""
        sql = "SELECT key_id, sealed FROM practice_password WHERE user = ?"
        row: tuple[Any, ...] | None = connection.execute(sql, (user,)).fetchone()
        return None if row is None else opened(self._core, row[0], row[1], OF_PRACTICE, user).decode()


def practice_accounts(timezone: str) -> list[NewAccount]:
    """Every role once, those whose attributes decide twice; shifts in `timezone`."""
    return [
        NewAccount("doctor", Role.DOCTOR, "doctor@example.org", None, Shift.parse("08:00-20:00", timezone)),
        NewAccount(
            "doctor-nights", Role.DOCTOR, "doctor-nights@example.org", None, Shift.parse("20:00-08:00", timezone)
        ),
        NewAccount("data-scientist", Role.DATA_SCIENTIST, "data-scientist@example.org", "oncology"),
        NewAccount("data-scientist-cardiology", Role.DATA_SCIENTIST, None, "cardiology"),
        NewAccount("auditor", Role.AUDITOR, "auditor@example.org"),
        NewAccount("operator", Role.OPERATOR, "operator@example.org"),
        NewAccount("officer", Role.OFFICER, "officer@example.org"),
        NewAccount("partner", Role.PARTNER),
        NewAccount("guest", Role.GUEST),
    ]


def _unused_code(secret: bytes, last_step: int, now: datetime) -> tuple[str | None, int]:
    """A code that would be accepted now, and else in how many seconds there is one."""
    step = max(otp.step_at(now), last_step + 1)
    if step <= otp.step_at(now) + otp.DRIFT_STEPS:
        return otp.hotp(secret, step), 0
    from_then = datetime.fromtimestamp((step - otp.DRIFT_STEPS) * otp.STEP_S, UTC)
    return None, int((from_then - now) / timedelta(seconds=1)) + 1
