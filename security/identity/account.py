"""What an account is: a name, a role, and the attributes that decisions depend on. No secrets."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any

from security.errors import AccountRefused, AccountUnknown, StoreDamaged
from security.identity.shift import Shift

RESERVED = ("service", "unknown", "anonymous", "root")
_SSN = r"(?!.*\d{3}-\d{2}-\d{4})"  # the audit log takes no name that could be one
_USER = re.compile(rf"{_SSN}[a-z][a-z0-9._-]{{0,31}}")
_DOMAIN = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


class Role(StrEnum):
    """What an account is for; the policies say what each may do."""

    DOCTOR = "doctor"
    DATA_SCIENTIST = "data_scientist"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    OFFICER = "officer"
    PARTNER = "partner"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be added. Raises AccountRefused for one that cannot be."""

    user: str
    role: Role
    email: str | None = None
    domain: str | None = None
    shift: Shift | None = None

    def __post_init__(self) -> None:
        if not _USER.fullmatch(self.user) or self.user in RESERVED:
            raise AccountRefused(
                "expected a user name of a to z, 0 to 9, `.`, `_` and `-`, starting with a letter, at most 32 long and "
                f"none of {', '.join(RESERVED)}; found another, of {len(self.user)} characters"
            )
        if self.email is not None and not (len(self.email) <= 254 and _EMAIL.fullmatch(self.email)):
            raise AccountRefused(f"expected an e-mail address, found another text, of {len(self.email)} characters")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            raise AccountRefused(f"expected a research domain such as oncology, found {self.domain[:40]!r}")


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is to become another of an account: None keeps, an empty text or `no_shift` takes away."""

    role: Role | None = None
    email: str | None = None
    domain: str | None = None
    shift: Shift | None = None
    no_shift: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is now."""

    user: str
    role: Role
    email: str | None
    domain: str | None
    shift: Shift | None
    disabled: bool
    practice: bool
    enrolled: bool  # has a password and a second factor
    recovery_codes: int  # how many are left
    lost_shift: str | None = None  # as it is stored, where this host does not know its time zone: never on shift

    def changed(self, change: AccountChange) -> NewAccount:
        """The account as `change` makes it. Raises AccountRefused for one that cannot be."""
        if self.lost_shift is not None and change.shift is None and not change.no_shift:
            raise AccountRefused(
                f"expected a shift of {self.user} in a time zone that this host knows, found {self.lost_shift}; give "
                "another shift with the change, or none, or install the time zones (tzdata)"
            )
        return NewAccount(
            self.user,
            change.role or self.role,
            self.email if change.email is None else change.email or None,
            self.domain if change.domain is None else change.domain or None,
            None if change.no_shift else change.shift or self.shift,
        )


def user_name(typed: str) -> str | None:
    """The user name meant by what was typed; None for what cannot be one."""
    name = typed.strip().lower() if len(typed) <= 64 else ""
    return name if _USER.fullmatch(name) else None


def read_accounts(connection: sqlite3.Connection, user: str | None = None) -> list[Account]:
    """All accounts by name, or the one of `user`. Raises StoreDamaged if one has a role that there is not."""
    rows = connection.execute(
        "SELECT user, role, email, domain, shift_start, shift_end, timezone, disabled, practice, "
        "password IS NOT NULL AND EXISTS (SELECT 1 FROM authenticator a WHERE a.user = account.user), "
        "(SELECT count(*) FROM recovery r WHERE r.user = account.user) "
        "FROM account WHERE ?1 IS NULL OR user = ?1 ORDER BY user",
        (user,),
    )
    return [_account(row) for row in rows]


def read_account(connection: sqlite3.Connection, user: str) -> Account:
    """The account of `user`. Raises AccountUnknown."""
    found = read_accounts(connection, user)
    if not found:
        raise AccountUnknown(
            f"there is no account of that name; `users list` shows those there are (asked: {user[:32]!r})"
        )
    return found[0]


def _account(row: tuple[Any, ...]) -> Account:
    user, role, email, domain, start, end, timezone, disabled, practice, enrolled, codes = row
    try:
        shift, lost = (None, None) if timezone is None else _shift(_time(start), _time(end), timezone)
    except ValueError:
        raise _damaged(user, "the times of a shift", f"minutes {start} to {end}") from None
    try:
        role = Role(role)
    except ValueError:
        raise _damaged(user, "a role", f"{role[:40]!a}") from None
    return Account(user, role, email, domain, shift, bool(disabled), bool(practice), bool(enrolled), codes, lost)


def _damaged(user: str, expected: str, found: str) -> StoreDamaged:
    return StoreDamaged(
        f"the identity database is damaged: expected {expected} of the account {user[:32]!a}, found {found}. "
        "Nothing was changed; restore it from a backup"
    )


def _shift(start: time, end: time, timezone: str) -> tuple[Shift | None, str | None]:
    """A stored shift; as a text where it cannot be one here, so that an officer can still list and mend it."""
    try:
        return Shift(start, end, timezone), None
    except AccountRefused:
        return None, f"{start:%H:%M}-{end:%H:%M} {timezone}"


def _time(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)
