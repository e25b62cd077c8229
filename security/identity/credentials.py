"""What the signed-in do with their own sign-in: step up, and, with a fresh factor, change it."""

from __future__ import annotations

from datetime import datetime

from security.audit.event import Outcome
from security.errors import PasswordRefused, SignInDelayed, SignInRefused
from security.identity import throttle
from security.identity.authenticator import accept_totp, new_recovery_codes, why_refused
from security.identity.core import Core, Source, empty_practice_password, one
from security.identity.events import record_change, record_sign_in
from security.identity.password_rules import check_password
from security.identity.passwords import normalised
from security.identity.sessions import RESET, Factor, Session, Sessions, check_fresh, end_all
from security.instants import milliseconds

_WRONG_CODE = "that code is not right, or was used already; wait for the next one of your authenticator"


class Credentials:
    """A session's own credentials."""

    def __init__(self, core: Core, sessions: Sessions) -> None:
        self._core = core
        self._sessions = sessions

    def step_up(self, token: str, code: str, source: Source, *, now: datetime) -> Session:
        """Renew the second factor of a session by a fresh code of the authenticator; no other factor will do.

        Raises SessionEnded, SignInRefused, SignInDelayed, AuditError, VaultError.
        """
        with self._core.database.transaction() as connection:
            session = self._sessions.read(connection, token, source, now)
            admitted = throttle.admit(self._core, connection, session.user, source, now, within=True)
            if not isinstance(admitted, SignInDelayed) and accept_totp(self._core, connection, session.user, code, now):
                throttle.take_back(connection, admitted)
                throttle.open_within(self._core, connection, session.user, source)
                session = self._sessions.renew_factor(connection, token, Factor.TOTP, source, now)
                record_sign_in(self._core, session.actor(), "step_up", Outcome.DONE, now=now, code="totp")
                return session
            told = why_refused(connection, session.user, code, now, wrong=_WRONG_CODE, instead=RESET)
        refusal = admitted if isinstance(admitted, SignInDelayed) else SignInRefused(told)
        why = "delayed" if isinstance(admitted, SignInDelayed) else "wrong_code"
        record_sign_in(self._core, session.actor(), "step_up", Outcome.REFUSED, now=now, code=why)
        raise refusal

    def regenerate_recovery_codes(self, token: str, source: Source, *, now: datetime) -> list[str]:
        """Ten new recovery codes in place of the old. Raises SessionEnded, FreshFactorNeeded, AuditError."""
        with self._core.database.transaction() as connection:
            session = self._sessions.read(connection, token, source, now)
            check_fresh(session, now)
            codes = new_recovery_codes(self._core, connection, session.user)
            record_change(self._core, session.actor(), "new_recovery_codes", session.user, now=now)
        return codes

    def change_password(self, token: str, old: str, new: str, source: Source, *, now: datetime) -> None:
        """Set another password and end all other sessions.

        Raises SessionEnded, FreshFactorNeeded, PasswordRefused, SignInRefused, SignInDelayed, AuditError.
        """
        with self._core.database.transaction() as connection:
            session = self._sessions.read(connection, token, source, now)
            check_fresh(session, now)
            check_password(new, user=session.user, second_factor=True)
            if normalised(new) == normalised(old):
                raise PasswordRefused("this password is refused: expected another than the old one, found the same")
            admitted = throttle.admit(self._core, connection, session.user, source, now, within=True)
            row = one(connection, "SELECT password FROM account WHERE user = ?", session.user)
        encoded = None if row is None else str(row[0])
        if isinstance(admitted, SignInDelayed) or not self._core.hashing.matches(old, encoded):
            record_sign_in(self._core, session.actor(), "change_password", Outcome.REFUSED, now=now)
            if isinstance(admitted, SignInDelayed):
                raise admitted
            raise SignInRefused("not changed: the old password is not right")
        better = self._core.hashing.hash(new)
        with self._core.database.transaction() as connection:
            self._sessions.read(connection, token, source, now)
            throttle.take_back(connection, admitted)
            sql = "UPDATE account SET password = ?, password_at = ? WHERE user = ? AND password = ?"
            if connection.execute(sql, (better, milliseconds(now), session.user, encoded)).rowcount != 1:
                raise SignInRefused("not changed: the password was changed meanwhile; try again")
            empty_practice_password(self._core, connection, session.user)
            end_all(connection, session.user, but=[session.ref])
            record_change(self._core, session.actor(), "change_password", session.user, now=now)
