"""What an officer does to accounts. Each is `manage_users`, decided and on record before it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from console.actions.gate import Gate
from security.identity.account import Account, AccountChange, NewAccount
from security.identity.accounts import Accounts
from security.identity.events import Actor

MANAGE_USERS = "manage_users"
USERS = "users"


class Users:
    """The accounts, for whoever sits at the gate. Every method raises PermissionDenied and AuditError."""

    def __init__(self, *, gate: Gate, accounts: Callable[[], Accounts], now: Callable[[], datetime]) -> None:
        self._gate = gate
        self._accounts = accounts
        self._now = now

    def list(self) -> list[Account]:
        """All accounts, by name."""
        with self._gate.use(MANAGE_USERS, USERS, code="list"):
            return self._accounts().list()

    def add(self, new: NewAccount) -> str:
        """Add an account; its enrolment code, shown this once and good for seven days. Raises AccountRefused."""
        with self._use() as actor:
            return self._accounts().add(new, by=actor, now=self._now())

    def change(self, user: str, change: AccountChange) -> Account:
        """Give `user` another role, address, domain or shift; the account as it is then.

        Another role ends its sessions. Raises AccountUnknown, AccountRefused.
        """
        with self._use() as actor:
            return self._accounts().change(user, change, by=actor, now=self._now())

    def disable(self, user: str) -> None:
        """End the sessions of `user` and let nobody sign in by that name. Raises AccountUnknown, AccountRefused."""
        with self._use() as actor:
            self._accounts().disable(user, by=actor, now=self._now())

    def enable(self, user: str) -> None:
        """Let `user` sign in again. Raises AccountUnknown."""
        with self._use() as actor:
            self._accounts().enable(user, by=actor, now=self._now())

    def reset(self, user: str, *, password: bool = False) -> str:
        """Take the factor of `user`, and the password if `password`; the code to enrol anew with.

        Raises AccountUnknown, AccountRefused.
        """
        with self._use() as actor:
            return self._accounts().reset(user, by=actor, now=self._now(), password=password)

    @contextmanager
    def _use(self) -> Iterator[Actor]:
        seat = self._gate.seat
        with self._gate.use(MANAGE_USERS, USERS) as grant:
            session = seat.session()
            ref = None if session is None or session.user != grant.principal else session.ref
            yield Actor(grant.principal, grant.role, ref, seat.source.address)
