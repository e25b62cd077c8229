"""The first sign-in, and the one after a reset: a password where there is none, an authenticator, recovery codes.

Everything is set in one transaction at the end: killed before, the account is as it was and the enrolment code is still
good; killed after, all is done.
"""

from __future__ import annotations

import hmac
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime

from security.audit.event import Outcome
from security.errors import PasswordRefused, SignInRefused
from security.identity import otp, throttle
from security.identity.authenticator import new_recovery_codes, put_authenticator, spelled
from security.identity.challenges import Next, Pending, read_challenge
from security.identity.codes import code_hash, read_code
from security.identity.core import Core, Source, from_ms, one, opened, sealed
from security.identity.events import Actor, record_change, record_sign_in
from security.identity.password_rules import check_password
from security.identity.sessions import Factor, Sessions, SignedIn, end_all
from security.instants import milliseconds


@dataclass(frozen=True, slots=True)
class Proposal:
    """An authenticator to set up: shown to its owner, in force once a code of it is given."""

    user: str
    needs_password: bool
    secret: str = field(repr=False)  # base 32, to type
    uri: str = field(repr=False)  # for the QR code


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Done: a session, and ten recovery codes that are shown this once."""

    signed_in: SignedIn
    recovery_codes: list[str] = field(repr=False)


class Enrolment:
    """Sets up factors in one workspace."""

    def __init__(self, core: Core, sessions: Sessions) -> None:
        self._core = core
        self._sessions = sessions

    def propose(self, challenge: str, source: Source, *, now: datetime, enrolment_code: str | None = None) -> Proposal:
        """The authenticator of this challenge, the same until it ends. After a reset `enrolment_code` is needed.

        Raises SignInRefused, AuditError, VaultError.
        """
        with self._core.database.transaction() as connection:
            pending = read_challenge(self._core, connection, challenge, source, now)
            if pending.next is Next.CODE:
                raise SignInRefused("this account has its second factor; give its code, or ask an officer for a reset")
            if pending.next is Next.ENROL or self._is_code(connection, pending.account.user, enrolment_code, now):
                secret = self._proposed(connection, pending)
                uri = otp.otpauth_uri(pending.account.user, secret)
                return Proposal(pending.account.user, not pending.has_password, otp.secret_text(secret), uri)
        actor = Actor(pending.account.user, pending.account.role.value, address=source.address)
        record_sign_in(self._core, actor, "sign_in", Outcome.REFUSED, now=now, code="wrong_enrolment_code")
        raise SignInRefused("that enrolment code is not right, or has expired; an officer gives another")

    def finish(
        self, challenge: str, code: str, source: Source, *, now: datetime, password: str | None = None
    ) -> Enrolled:
        """Put the proposed authenticator in force with a code of it, set the password if there is none, and sign in.

        Raises PasswordRefused, SignInRefused, AuditError, VaultError.
        """
        with self._core.database.snapshot() as connection:
            pending = read_challenge(self._core, connection, challenge, source, now)
        encoded = None if pending.has_password else self._hashed(pending.account.user, password)
        with self._core.database.transaction() as connection:
            pending = read_challenge(self._core, connection, challenge, source, now)
            secret = self._stored(connection, pending)
            if secret is None or pending.has_password is (encoded is not None):
                raise SignInRefused("expected an enrolment under way, found none; begin again")
            step = otp.accepted_step(secret, spelled(code), now, otp.NEVER)
            if step is None:
                raise SignInRefused("that code is not one of this authenticator now; check its clock and try the next")
            return self._enrol(connection, pending, secret, step, encoded, source, now)

    def _hashed(self, user: str, password: str | None) -> str:
        if password is None:
            raise PasswordRefused("expected a password for this account, found none")
        check_password(password, user=user, second_factor=True)
        return self._core.hashing.hash(password)

    def _enrol(
        self,
        connection: sqlite3.Connection,
        pending: Pending,
        secret: bytes,
        step: int,
        encoded: str | None,
        source: Source,
        now: datetime,
    ) -> Enrolled:
        user = pending.account.user
        if encoded is not None:
            sql = "UPDATE account SET password = ?, password_at = ? WHERE user = ?"
            connection.execute(sql, (encoded, milliseconds(now), user))
        put_authenticator(self._core, connection, user, secret, step, now)
        codes = new_recovery_codes(self._core, connection, user)
        connection.execute("DELETE FROM enrolment WHERE user = ?", (user,))
        end_all(connection, user)
        throttle.open_lanes(self._core, connection, user, source)
        throttle.now_known(self._core, connection, user, source, now)
        signed_in = self._sessions.start(connection, user, Factor.TOTP, source, now)
        record_change(self._core, signed_in.session.actor(), "enrol", user, now=now)
        return Enrolled(signed_in, codes)

    def _is_code(self, connection: sqlite3.Connection, user: str, typed: str | None, now: datetime) -> bool:
        row = one(connection, "SELECT code_hash, expires_at FROM enrolment WHERE user = ?", user)
        code = None if typed is None else read_code(typed)
        if row is None or code is None:
            return False
        stored, expires_at = row
        assert isinstance(stored, bytes)
        return hmac.compare_digest(stored, code_hash("enrolment", user, code)) and now < from_ms(int(str(expires_at)))

    def _proposed(self, connection: sqlite3.Connection, pending: Pending) -> bytes:
        """The challenge's secret, made now if it has none."""
        secret = self._stored(connection, pending)
        if secret is None:
            secret = self._core.random_bytes(otp.SECRET_BYTES)
            key_id, envelope = sealed(self._core, secret, "proposal", pending.account.user)
            connection.execute(
                "UPDATE challenge SET next = ?, secret_key_id = ?, secret = ? WHERE token_hash = ?",
                (Next.ENROL.value, key_id, envelope, pending.key),
            )
        return secret

    def _stored(self, connection: sqlite3.Connection, pending: Pending) -> bytes | None:
        sql = "SELECT secret_key_id, secret FROM challenge WHERE token_hash = ? AND secret IS NOT NULL"
        row = one(connection, sql, pending.key)
        if row is None:
            return None
        key_id, envelope = row
        assert isinstance(envelope, bytes)
        return opened(self._core, str(key_id), envelope, "proposal", pending.account.user)
