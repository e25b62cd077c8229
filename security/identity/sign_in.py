"""Signing in: a password, then a second factor, then a session. Nothing says which of name and password was wrong.

The order, which is what makes it safe:
1. The try is counted, and that is committed, before anything is compared (see throttle.py).
2. One Argon2id hash is computed, for an unknown name, a disabled account or an impossible password as well.
3. A right password is taken back from the count and begins a challenge: bound to its source, for ten minutes.
4. The code is counted, accepted and used up, the session made and the audit event written in one transaction. If the
   event cannot be written there is no session.
5. So is a recovery code that is given with the password, its refusal included: one that is used up is on record. Only
   who uses it up learns anything, so that many who try at once with one code have one try.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime

from security.audit.event import Outcome
from security.errors import AuditUnavailable, MailNotSent, OutcomeUnrecorded, SignInDelayed, SignInRefused
from security.identity import throttle
from security.identity.account import Account, user_name
from security.identity.authenticator import accept_recovery, accept_totp, holds_recovery, why_refused
from security.identity.challenges import Challenge, Next, Pending, open_challenge, read_challenge
from security.identity.core import Core, Source
from security.identity.events import NO_ROLE, NOBODY, Actor, record_sign_in
from security.identity.first_officer import NO_OFFICER, nobody_enrolled
from security.identity.known import Known, next_step, read_known
from security.identity.mail_codes import accept_mailed, free_the_minute, prepare_mail
from security.identity.sessions import Factor, Sessions, SignedIn
from security.ports import Mailer

_REFUSED = "not signed in: the user name, the password or the code is not right"
_NOT_RECOVERED = (
    "not signed in: the user name, the password or the recovery code is not right; take another recovery code next "
    "time, as a right one is used up"
)
_WRONG_CODE = "that code is not right, has expired, or was used already; wait for the next one"
_RECOVER = "give a recovery code instead; `lakewarden sign-in USER --recovery` takes one"
_ENROLMENT_OVER = "this enrolment code has expired; ask an officer for another (`users reset-mfa`)"


class SignIn:
    """Starts sessions in one workspace."""

    def __init__(self, core: Core, sessions: Sessions, mailer: Mailer | None = None) -> None:
        self._core = core
        self._sessions = sessions
        self._mailer = mailer

    def begin(self, user: str, password: str, source: Source, *, now: datetime) -> Challenge:
        """Check a password; for an account that was never signed in to, its enrolment code instead.

        Raises SignInRefused, SignInDelayed, AuditError.
        """
        with self._core.database.transaction() as connection:
            known = read_known(connection, user)
            admitted = throttle.admit(self._core, connection, _named(user), source, now)
        if isinstance(admitted, SignInDelayed):
            raise self._refused(user, known.account, source, now, "delayed", admitted)
        right = self._core.hashing.matches(password, known.password)  # 2.
        account, what = known.account, next_step(known, password, right)
        if account is None or account.disabled or what is None:
            why = "unknown_user" if account is None else "disabled" if account.disabled else "wrong_password"
            raise self._refused(user, account, source, now, why, self._not_right(_REFUSED))
        if what is Next.ENROL and known.enrolment_expires is not None and now >= known.enrolment_expires:
            raise self._refused(user, account, source, now, "enrolment_expired", SignInRefused(_ENROLMENT_OVER))
        better = self._better_hash(known, password)
        with self._core.database.transaction() as connection:
            if read_known(connection, user) != known:
                raise SignInRefused("not signed in: the account was changed meanwhile; try again")
            throttle.take_back(connection, admitted)
            if better is not None:
                connection.execute("UPDATE account SET password = ? WHERE user = ?", (better, account.user))
            challenge = open_challenge(self._core, connection, account, what, source, now)
            record_sign_in(self._core, _actor(account, source), "sign_in", Outcome.INTENT, now=now, code=what.value)
        return challenge

    def answer(self, challenge: str, code: str, source: Source, *, now: datetime) -> SignedIn:
        """Check the second factor of a challenge: a code of the authenticator, a mailed or a recovery code.

        Raises SignInRefused, SignInDelayed, AuditError, VaultError.
        """
        with self._core.database.transaction() as connection:
            pending = read_challenge(self._core, connection, challenge, source, now)
            if pending.next is not Next.CODE:
                raise SignInRefused("expected the enrolment of a second factor, found a code; begin again")
            user = pending.account.user
            admitted = throttle.admit(self._core, connection, user, source, now)
            factor = None if isinstance(admitted, SignInDelayed) else self._factor(connection, pending, code, now)
            if factor is not None and isinstance(admitted, throttle.Admission):
                throttle.take_back(connection, admitted)
                connection.execute("DELETE FROM challenge WHERE token_hash = ?", (pending.key,))
                return self._succeed(connection, pending.account, factor, source, now)
            told = why_refused(connection, user, code, now, wrong=_WRONG_CODE, instead=_RECOVER)
        if isinstance(admitted, SignInDelayed):
            raise self._refused(user, pending.account, source, now, "delayed", admitted)
        refusal = SignInRefused(f"not signed in: {told}")
        raise self._refused(user, pending.account, source, now, "wrong_code", refusal)

    def recover(self, user: str, password: str, code: str, source: Source, *, now: datetime) -> SignedIn:
        """Sign in with password and recovery code at once: what works however many failures were counted.

        A right code is used up and forgets the failures, whether or not the password is right. Raises SignInRefused,
        SignInDelayed, AuditError.
        """
        admitted: throttle.Admission | SignInDelayed | None = None
        with self._core.database.transaction() as connection:
            known = read_known(connection, user)
            account = known.account
            held = account is not None and not account.disabled
            held = held and account is not None and holds_recovery(self._core, connection, account.user, code)
            if not held:
                admitted = throttle.admit(self._core, connection, _named(user), source, now)
        if isinstance(admitted, SignInDelayed):
            raise self._refused(user, account, source, now, "delayed", admitted)
        right = self._core.hashing.matches(password, known.password)
        refusal = self._not_right(_NOT_RECOVERED)
        if not held or account is None:
            why = "unknown_user" if account is None else "wrong_code"
            raise self._refused(user, account, source, now, why, refusal)
        with self._core.database.transaction() as connection:  # 5.
            still = read_known(connection, user)
            if still.account is None or still.account.disabled or still.password != known.password:
                raise SignInRefused("not signed in: the account was changed meanwhile; try again")
            used = accept_recovery(self._core, connection, account.user, code)
            if used:
                throttle.open_lanes(self._core, connection, account.user, source)
            else:  # by another process, meanwhile
                throttle.admit(self._core, connection, _named(user), source, now)
            if used and right:
                return self._succeed(connection, account, Factor.RECOVERY, source, now)
            why = "wrong_password" if used else "wrong_code"
            self._refused(user, account, source, now, why, refusal)
        raise refusal

    def mail_code(self, challenge: str, source: Source, *, now: datetime) -> str:
        """Send a one-time code to the account's address, and return the address with most of it hidden.

        Raises SignInRefused, MailNotSent, AuditError, and OutcomeUnrecorded where it was sent.
        """
        if self._mailer is None:
            raise MailNotSent("no mail server is configured: set [smtp] in config.toml, or use another factor")
        with self._core.database.transaction() as connection:
            pending = read_challenge(self._core, connection, challenge, source, now)
            message = prepare_mail(self._core, connection, pending, source, now)
            actor = _actor(pending.account, source)
            record_sign_in(self._core, actor, "mail_code", Outcome.INTENT, now=now)
        try:
            self._mailer.send(to=message.to, subject=message.subject, body=message.body)
        except MailNotSent:
            with self._core.database.transaction() as connection:
                free_the_minute(connection, pending.account.user, now)
            record_sign_in(self._core, actor, "mail_code", Outcome.FAILED, now=now, code="not_sent")
            raise
        try:
            record_sign_in(self._core, actor, "mail_code", Outcome.DONE, now=now)
        except AuditUnavailable as error:
            raise OutcomeUnrecorded(f"a code was sent, only its outcome is not on record: {error}") from error
        return message.shown_to

    def _factor(self, connection: sqlite3.Connection, pending: Pending, code: str, now: datetime) -> Factor | None:
        """Which factor of the account `code` is; it is used up."""
        user = pending.account.user
        if accept_totp(self._core, connection, user, code, now):
            return Factor.TOTP
        if accept_mailed(self._core, connection, pending, code):
            return Factor.EMAIL
        return Factor.RECOVERY if accept_recovery(self._core, connection, user, code) else None

    def _succeed(
        self, connection: sqlite3.Connection, account: Account, factor: Factor, source: Source, now: datetime
    ) -> SignedIn:
        throttle.open_lanes(self._core, connection, account.user, source)
        throttle.now_known(self._core, connection, account.user, source, now)
        signed_in = self._sessions.start(connection, account.user, factor, source, now)
        actor = signed_in.session.actor()
        record_sign_in(self._core, actor, "sign_in", Outcome.DONE, now=now, code=factor.value)
        return signed_in

    def _not_right(self, why: str) -> SignInRefused:
        """The refusal, of any name alike; where nobody can sign in yet, with what comes first."""
        return SignInRefused(f"{why}; {NO_OFFICER}" if nobody_enrolled(self._core) else why)

    def _better_hash(self, known: Known, password: str) -> str | None:
        if known.password is None or not self._core.hashing.is_outdated(known.password):
            return None
        return self._core.hashing.hash(password)

    def _refused(
        self,
        typed: str,
        account: Account | None,
        source: Source,
        now: datetime,
        why: str,
        refusal: SignInRefused | SignInDelayed,
    ) -> SignInRefused | SignInDelayed:
        """Record why, which only the auditor reads; what to raise."""
        name = None if account is not None else typed
        record_sign_in(self._core, _actor(account, source), "sign_in", Outcome.REFUSED, now=now, code=why, typed=name)
        return refusal


def _named(typed: str) -> str:
    """The name that failures are counted under: the one meant, or what was typed."""
    return user_name(typed) or typed


def _actor(account: Account | None, source: Source) -> Actor:
    if account is None:
        return Actor(NOBODY, NO_ROLE, address=source.address)
    return Actor(account.user, account.role.value, address=source.address)
