"""What an officer does to accounts: add, list, change, disable, enable, reset. Never seeing a password or a factor."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from security.errors import AccountRefused
from security.identity.account import Account, AccountChange, NewAccount, Role, read_account, read_accounts
from security.identity.codes import code_hash, new_code
from security.identity.core import Core, empty_practice_password
from security.identity.events import Actor, record_change
from security.identity.otp import DRIFT_STEPS, step_at
from security.identity.sessions import end_all
from security.identity.shift import Shift
from security.identity.throttle import open_lanes
from security.instants import milliseconds

ENROLMENT_CODE_LASTS = timedelta(days=7)


class Accounts:
    """The accounts of a workspace. Whether `by` may do this is decided before, by the policies."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(self) -> list[Account]:
        """All accounts, by name."""
        with self._core.database.snapshot() as connection:
            return read_accounts(connection)

    def get(self, user: str) -> Account:
        """The account of `user`. Raises AccountUnknown."""
        with self._core.database.snapshot() as connection:
            return read_account(connection, user)

    def ahead(self, now: datetime) -> tuple[str, ...]:
        """Whose authenticator was last used at a time that has not come yet, so that no code of it is good until then.

        The clock was ahead when they signed in.
        """
        with self._core.database.snapshot() as connection:
            rows = connection.execute(
                "SELECT user FROM authenticator WHERE last_step > ? ORDER BY 1", (step_at(now) + DRIFT_STEPS,)
            ).fetchall()
        return tuple(str(user) for (user,) in rows)

    def add(self, new: NewAccount, *, by: Actor, now: datetime) -> str:
        """Add an account, and return its enrolment code: good once, for seven days, nowhere else in clear.

        Raises AccountRefused, AuditError.
        """
        with self._core.database.transaction() as connection:
            insert_account(connection, new, practice=False, now=now)
            code = give_enrolment_code(self._core, connection, new.user, now)
            record_change(self._core, by, "add_user", new.user, now=now, code=new.role.value)
        return code

    def change(self, user: str, change: AccountChange, *, by: Actor, now: datetime) -> Account:
        """Give `user` another role, address, domain or shift; the account as it is then.

        With another role all sessions end: what was begun under the old one is not gone on with. Another address ends
        the sign-ins under way: their code may lie in the old mailbox. Raises AccountUnknown, AuditError, and
        AccountRefused for what no account can be, and for taking its role from the last officer who can sign in.
        """
        with self._core.database.transaction() as connection:
            before = read_account(connection, user)
            after = before.changed(change)
            if after.role is not Role.OFFICER:
                _keep_an_officer(connection, user)
            connection.execute(
                "UPDATE account SET role = ?, email = ?, domain = ?, shift_start = ?, shift_end = ?, timezone = ? "
                "WHERE user = ?",
                (after.role.value, after.email, after.domain, *_hours(after.shift), user),
            )
            if after.role is not before.role:
                end_all(connection, user)
            elif after.email != before.email:
                connection.execute("DELETE FROM challenge WHERE user = ?", (user,))
            record_change(self._core, by, "change_user", user, now=now, code=_changed_code(before, after))
            return read_account(connection, user)

    def disable(self, user: str, *, by: Actor, now: datetime) -> None:
        """End all sessions of `user` and let nobody sign in by that name.

        Raises AccountUnknown, AuditError, and AccountRefused for the last officer who can sign in: without one nobody
        could manage accounts again.
        """
        with self._core.database.transaction() as connection:
            read_account(connection, user)
            _keep_an_officer(connection, user)
            connection.execute("UPDATE account SET disabled = 1 WHERE user = ?", (user,))
            end_all(connection, user)
            record_change(self._core, by, "disable_user", user, now=now)

    def enable(self, user: str, *, by: Actor, now: datetime) -> None:
        """Let `user` sign in again, as before it was disabled. Raises AccountUnknown, AuditError."""
        with self._core.database.transaction() as connection:
            read_account(connection, user)
            connection.execute("UPDATE account SET disabled = 0 WHERE user = ?", (user,))
            record_change(self._core, by, "enable_user", user, now=now)

    def reset(self, user: str, *, by: Actor, now: datetime, password: bool = False) -> str:
        """Take the factor and the recovery codes of `user`, end all sessions, and return a new enrolment code.

        The password stays unless `password`, and is asked for besides the code: an officer who resets a factor cannot
        sign in as its owner. Raises AccountUnknown, AuditError, and AccountRefused for the last officer who can sign
        in, as `disable` does.
        """
        with self._core.database.transaction() as connection:
            read_account(connection, user)
            _keep_an_officer(connection, user)
            connection.execute("DELETE FROM authenticator WHERE user = ?", (user,))
            connection.execute("DELETE FROM recovery WHERE user = ?", (user,))
            if password:
                connection.execute("UPDATE account SET password = NULL, password_at = NULL WHERE user = ?", (user,))
                empty_practice_password(self._core, connection, user)
            end_all(connection, user)
            open_lanes(self._core, connection, user, None)
            code = give_enrolment_code(self._core, connection, user, now)
            record_change(self._core, by, "reset_mfa", user, now=now, code="password_too" if password else None)
        return code


def give_enrolment_code(core: Core, connection: sqlite3.Connection, user: str, now: datetime) -> str:
    """A new enrolment code in place of another, within the caller's transaction; only its hash is stored."""
    code = new_code(core.random_bytes)
    row = (user, code_hash("enrolment", user, code.replace("-", "")), milliseconds(now + ENROLMENT_CODE_LASTS))
    connection.execute("INSERT OR REPLACE INTO enrolment VALUES (?, ?, ?)", row)
    return code


def _changed_code(before: Account, after: NewAccount) -> str:
    """What became another, as a word of the audit log; the role with its new value."""
    pairs = (
        (f"role-{after.role.value}", after.role is not before.role),
        ("email", after.email != before.email),
        ("domain", after.domain != before.domain),
        ("shift", after.shift != before.shift or before.lost_shift is not None),
    )
    return "-".join(name for name, is_another in pairs if is_another) or "same"


def _keep_an_officer(connection: sqlite3.Connection, user: str) -> None:
    officers = [
        account.user
        for account in read_accounts(connection)
        if account.role is Role.OFFICER and account.enrolled and not account.disabled
    ]
    if officers == [user]:
        raise AccountRefused(
            f"{user} is the only officer who can sign in: nobody could manage accounts any more; add another officer "
            "first, and let them sign in. For another authenticator alone, its owner needs nobody: "
            "`lakewarden account authenticator`"
        )


def insert_account(connection: sqlite3.Connection, new: NewAccount, *, practice: bool, now: datetime) -> None:
    """Write a new account. Raises AccountRefused if the name is taken."""
    if read_accounts(connection, new.user):
        raise AccountRefused(f"there is an account {new.user} already; choose another name, or reset that one")
    row = (new.user, new.role.value, new.email, new.domain, *_hours(new.shift), int(practice), milliseconds(now))
    connection.execute(
        "INSERT INTO account (user, role, email, domain, shift_start, shift_end, timezone, practice, made_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )


def _hours(shift: Shift | None) -> tuple[int | None, int | None, str | None]:
    """A shift as it is stored: minutes of the day, and the zone."""
    if shift is None:
        return None, None, None
    start, end = (at.hour * 60 + at.minute for at in (shift.start, shift.end))
    return start, end, shift.timezone
