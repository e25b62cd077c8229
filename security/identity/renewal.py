"""Another authenticator in place of one's own, without an officer: the old one is lost, or goes with its telephone.

It is for everybody, the only officer included, whom nobody else could help. Rules, in order:
1. Two factors say who it is (NIST SP 800-63B-4 §4.2): the password, asked for anew, so that an open console is not
   enough, and either the recovery code that the session was begun with or a fresh code of the old authenticator. A
   code by e-mail is neither.
2. A try of the password is counted, and that is committed, before it is compared, as any within a session.
3. Nothing is stored until a code of the new authenticator is given, within ten minutes of the password: left or killed
   before, all is as it was. The old authenticator must still be the one that there was then, so an offer is good once.
4. Then one transaction puts it in force, ends every other session and each sign-in under way, gives ten new recovery
   codes in place of the others, and is on record as its last step. This session has a fresh factor from then on.
5. The owner is told by e-mail where that can be, once it is done: it may have been somebody else.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from security.audit.event import Outcome
from security.errors import MailNotSent, SignInDelayed, SignInRefused
from security.identity import otp, throttle
from security.identity.account import read_account
from security.identity.authenticator import new_recovery_codes, put_authenticator, spelled
from security.identity.core import Core, Source, one
from security.identity.enrolment import Proposal
from security.identity.events import record_change, record_sign_in
from security.identity.sessions import FRESH_FOR, Factor, Session, Sessions, check_fresh, end_all
from security.ports import Mailer

_WRONG_PASSWORD = "not changed: the password is not right"  # noqa: S105 – a message
_CHANGED = "not changed: the password, the authenticator or the session was changed meanwhile; begin again"
_TOO_LATE = "not changed: the password was given more than ten minutes ago; begin again"


class _Held(NamedTuple):
    """What an account was known by when an authenticator was offered to it."""

    password: str  # the stored hash, which was matched
    authenticator: bytes | None  # as it is sealed


@dataclass(frozen=True, slots=True)
class Offer:
    """An authenticator to set up in place of another: in memory alone until a code of it is given."""

    proposal: Proposal
    session: str  # the ref of the session that it was made for
    made_at: datetime
    secret: bytes = field(repr=False)
    held: _Held = field(repr=False)


class Renewal:
    """Replaces authenticators in one workspace."""

    def __init__(self, core: Core, sessions: Sessions, mailer: Mailer | None = None) -> None:
        self._core = core
        self._sessions = sessions
        self._mailer = mailer

    def propose(self, token: str, password: str, source: Source, *, now: datetime) -> Offer:
        """Another authenticator for whose session `token` is, against the password (1., 2.).

        Raises SessionEnded, FreshFactorNeeded, SignInRefused, SignInDelayed, AuditError.
        """
        with self._core.database.transaction() as connection:
            session = self._entitled(connection, token, source, now)
            admitted = throttle.admit(self._core, connection, session.user, source, now, within=True)
            held = _held(connection, session.user)
        encoded = None if held is None else held.password
        right = not isinstance(admitted, SignInDelayed) and self._core.hashing.matches(password, encoded)
        if isinstance(admitted, SignInDelayed) or not right or held is None:
            why = "delayed" if isinstance(admitted, SignInDelayed) else "wrong_password"
            actor = session.actor()
            record_sign_in(self._core, actor, "new_authenticator", Outcome.REFUSED, now=now, code=why)
            raise admitted if isinstance(admitted, SignInDelayed) else SignInRefused(_WRONG_PASSWORD)
        with self._core.database.transaction() as connection:
            throttle.take_back(connection, admitted)
            record_sign_in(self._core, session.actor(), "new_authenticator", Outcome.INTENT, now=now)
        secret = self._core.random_bytes(otp.SECRET_BYTES)
        uri = otp.otpauth_uri(session.user, secret)
        return Offer(Proposal(session.user, False, otp.secret_text(secret), uri), session.ref, now, secret, held)

    def finish(
        self, token: str, offer: Offer, code: str, source: Source, *, now: datetime
    ) -> tuple[Session, list[str]]:
        """Put the offered authenticator in force with a code of it (3., 4.): the session, and ten recovery codes.

        Raises SessionEnded, SignInRefused, AuditError, VaultError.
        """
        with self._core.database.transaction() as connection:
            session = self._sessions.read(connection, token, source, now)
            if session.ref != offer.session or _held(connection, session.user) != offer.held:
                raise SignInRefused(_CHANGED)
            if not offer.made_at <= now <= offer.made_at + FRESH_FOR:
                raise SignInRefused(_TOO_LATE)
            step = otp.accepted_step(offer.secret, spelled(code), now, otp.NEVER)
            if step is None:
                raise SignInRefused("that code is not one of this authenticator now; check its clock and try the next")
            put_authenticator(self._core, connection, session.user, offer.secret, step, now)
            codes = new_recovery_codes(self._core, connection, session.user)
            end_all(connection, session.user, but=[session.ref])
            throttle.open_within(self._core, connection, session.user, source)
            renewed = self._sessions.renew_factor(connection, token, Factor.TOTP, source, now)
            record_change(
                self._core, session.actor(), "new_authenticator", session.user, now=now, code=session.factor.value
            )
        return renewed, codes

    def tell_owner(self, user: str, source: Source, *, now: datetime) -> bool:
        """Mail `user` that the authenticator was replaced (5.); False where there is no way or it failed."""
        with self._core.database.snapshot() as connection:
            account = read_account(connection, user)
        if self._mailer is None or account.email is None:
            return False
        body = (
            f"The authenticator of {user} was replaced at {now:%Y-%m-%d %H:%M} UTC, from {source.address}. Its other "
            "sessions were ended and its recovery codes renewed. If that was not you, tell an officer at once.\n"
        )
        try:
            self._mailer.send(to=account.email, subject="Lakewarden: another authenticator", body=body)
        except MailNotSent:
            return False
        return True

    def _entitled(self, connection: sqlite3.Connection, token: str, source: Source, now: datetime) -> Session:
        """The session of `token`, if its factor is one of the two (1.). Raises SessionEnded, FreshFactorNeeded."""
        session = self._sessions.read(connection, token, source, now)
        if session.factor is not Factor.RECOVERY:
            check_fresh(session, now)
        return session


def _held(connection: sqlite3.Connection, user: str) -> _Held | None:
    """What `user` is known by now; None without a password."""
    row = one(
        connection,
        "SELECT password, authenticator.sealed FROM account LEFT JOIN authenticator USING (user) WHERE user = ?",
        user,
    )
    return None if row is None or row[0] is None else _Held(str(row[0]), row[1] if isinstance(row[1], bytes) else None)
