"""The first officer of a workspace: the one account that is added without an officer's decision.

1. That no officer is enrolled is seen in the transaction that gives the code, so an enrolment meanwhile wins.
2. While an officer is there who is not enrolled, only that account gets a code: no second one is added beside it.
3. A password that was set stays, and is asked for besides the code.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from security.errors import AccountRefused
from security.identity.account import NewAccount, Role, read_accounts
from security.identity.accounts import give_enrolment_code, insert_account
from security.identity.core import Core, one
from security.identity.events import SERVICE, record_change
from security.identity.sessions import end_all

USUAL_NAME = "officer"
NO_OFFICER = "no officer is enrolled here yet: `lakewarden init --production` goes on with that"


@dataclass(frozen=True, slots=True)
class Begun:
    """An officer who may enrol now."""

    user: str
    has_password: bool
    code: str = field(repr=False)  # good once, for seven days


class FirstOfficer:
    """Gives enrolment codes in one workspace while nobody can."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def enrolled(self) -> list[str]:
        """The officers who are enrolled, disabled ones included: while there is one, `begin` gives no code."""
        with self._core.database.snapshot() as connection:
            return _officers(connection, enrolled=True)

    def begin(self, user: str | None = None, *, now: datetime) -> Begun:
        """Give the officer a new enrolment code; the account is added if there is none.

        `user` defaults to the officer who is there, else to `officer`. Raises AccountRefused if an officer is enrolled
        or there is another who is not, AuditError.
        """
        with self._core.database.transaction() as connection:
            if enrolled := _officers(connection, enrolled=True):  # 1.
                raise AccountRefused(f"an officer is enrolled already: {', '.join(enrolled)} adds accounts")
            waiting = _officers(connection, enrolled=False)
            name = user or (waiting[0] if waiting else USUAL_NAME)
            if waiting and name not in waiting:  # 2.
                raise AccountRefused(
                    f"expected the officer who was added and is not enrolled yet, {', '.join(waiting)}, found another "
                    "name; leave it away to go on with that one"
                )
            if waiting:
                end_all(connection, name)
            else:
                insert_account(connection, NewAccount(name, Role.OFFICER), practice=False, now=now)
            code = give_enrolment_code(self._core, connection, name, now)
            action = "reset_mfa" if waiting else "add_user"
            record_change(self._core, SERVICE, action, name, now=now, code="first-officer")
            password = one(connection, "SELECT 1 FROM account WHERE user = ? AND password IS NOT NULL", name)
        return Begun(name, password is not None, code)


def nobody_enrolled(core: Core) -> bool:
    """Whether this is a production workspace that waits for its first officer: `NO_OFFICER` may be told to anybody."""
    return not core.practice and not FirstOfficer(core).enrolled()


def _officers(connection: sqlite3.Connection, *, enrolled: bool) -> list[str]:
    """The names of the officers who are enrolled, or of those who could be."""
    officers = [account for account in read_accounts(connection) if account.role is Role.OFFICER]
    return [one.user for one in officers if one.enrolled is enrolled and (enrolled or not one.disabled)]
