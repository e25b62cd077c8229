"""Signing in, stepping up and signing out at this terminal, for the command line and the console alike.

Only here does a session reach the seat: one that cannot be kept is ended again, so that none is left that nobody holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from console.actions.permissions import FreshCodeNeeded, NotSignedIn
from console.actions.seat import Seat
from security.errors import FreshFactorNeeded, SecurityError, SessionEnded
from security.identity.challenges import Challenge
from security.identity.credentials import Credentials
from security.identity.enrolment import Enrolment, Proposal
from security.identity.password_rules import check_password
from security.identity.renewal import Offer, Renewal
from security.identity.sessions import Session, Sessions, SignedIn
from security.identity.sign_in import SignIn

FEW_CODES = 2  # recovery codes that are left: time for others


@dataclass(frozen=True, slots=True)
class Who:
    """Who is signed in, as of the instant it was asked for."""

    user: str
    role: str
    factor: str  # totp, email or recovery
    factor_age_s: int
    signed_in_at: datetime
    expires: datetime  # if not used before then; the absolute limit included
    recovery_codes: int = 0  # how many are left
    needs_codes: bool = False  # too few are, where they are needed


class IdentityParts(Protocol):
    """The parts of identity; each is opened when it is first needed."""

    @property
    def sign_in(self) -> SignIn: ...

    @property
    def enrolment(self) -> Enrolment: ...

    @property
    def credentials(self) -> Credentials: ...

    @property
    def renewal(self) -> Renewal: ...

    @property
    def sessions(self) -> Sessions: ...


class SignInActions:
    """What a person does about their own session. Safe between threads."""

    def __init__(
        self,
        *,
        parts: IdentityParts,
        seat: Seat,
        now: Callable[[], datetime],
        prepare: Callable[[], None],
        practice: bool,
    ) -> None:
        """`prepare` makes the accounts of a practice workspace, if they are missing; these have no recovery codes."""
        self._parts = parts
        self._seat = seat
        self._now = now
        self._prepare = prepare
        self._practice = practice

    def begin(self, user: str, password: str) -> Challenge:
        """Check a password, or the enrolment code of an account without one; what is asked next.

        Raises SignInRefused, SignInDelayed, AuditError, and PermissionDenied where an unsafe session file lies.
        """
        self._prepare()
        _ = self._seat.holds_token  # an unsafe session file is refused before a code is used up
        return self._parts.sign_in.begin(user, password, self._seat.source, now=self._now())

    def answer(self, challenge: Challenge, code: str) -> Who:
        """Give the second factor, and be signed in. Raises SignInRefused, SignInDelayed, AuditError, OSError."""
        return self._take(self._parts.sign_in.answer(challenge.token, code, self._seat.source, now=self._now()))

    def recover(self, user: str, password: str, code: str) -> Who:
        """Sign in with password and recovery code. Raises as `begin` and `answer`."""
        self._prepare()
        _ = self._seat.holds_token  # as in `begin`
        return self._take(self._parts.sign_in.recover(user, password, code, self._seat.source, now=self._now()))

    def mail_code(self, challenge: Challenge) -> str:
        """Send a code by mail; the address, most of it hidden. Raises MailNotSent, SignInRefused, AuditError."""
        return self._parts.sign_in.mail_code(challenge.token, self._seat.source, now=self._now())

    def propose(self, challenge: Challenge, enrolment_code: str | None = None) -> Proposal:
        """The authenticator to set up; after a reset for the enrolment code. Raises SignInRefused, AuditError."""
        return self._parts.enrolment.propose(
            challenge.token, self._seat.source, now=self._now(), enrolment_code=enrolment_code
        )

    def check_new_password(self, user: str, password: str) -> None:
        """Return if `finish` and `change_password` would take it. Raises PasswordRefused."""
        check_password(password, user=user, second_factor=True)

    def finish(self, challenge: Challenge, code: str, password: str | None = None) -> tuple[Who, list[str]]:
        """Put the authenticator in force, and be signed in: with ten recovery codes, shown this once.

        Raises PasswordRefused, SignInRefused, AuditError, OSError.
        """
        enrolled = self._parts.enrolment.finish(
            challenge.token, code, self._seat.source, now=self._now(), password=password
        )
        return self._take(enrolled.signed_in), enrolled.recovery_codes

    def step_up(self, code: str) -> Who:
        """Give a fresh code of the authenticator. Raises NotSignedIn, SignInRefused, SignInDelayed, AuditError."""
        with _told():
            seat = self._seat
            session = self._parts.credentials.step_up(seat.token, code, seat.source, now=self._now())
            return self._who(session)

    def change_password(self, old: str, new: str) -> None:
        """Set another password; all other sessions end.

        Raises NotSignedIn, FreshCodeNeeded, PasswordRefused, SignInRefused, SignInDelayed, AuditError.
        """
        with _told():
            seat = self._seat
            self._parts.credentials.change_password(seat.token, old, new, seat.source, now=self._now())

    def new_recovery_codes(self) -> list[str]:
        """Ten new recovery codes in place of the old. Raises NotSignedIn, FreshCodeNeeded, AuditError."""
        with _told():
            seat = self._seat
            return self._parts.credentials.regenerate_recovery_codes(seat.token, seat.source, now=self._now())

    def propose_authenticator(self, password: str) -> Offer:
        """Another authenticator for who is signed in, in place of a lost one or one that is given up.

        Raises NotSignedIn, FreshCodeNeeded, SignInRefused, SignInDelayed, AuditError.
        """
        with _told():
            seat = self._seat
            return self._parts.renewal.propose(seat.token, password, seat.source, now=self._now())

    def renew_authenticator(self, offer: Offer, code: str) -> tuple[Who, list[str]]:
        """Put it in force with a code of it; ten recovery codes, shown this once. Other sessions are over.

        Raises NotSignedIn, FreshCodeNeeded, SignInRefused, AuditError.
        """
        with _told():
            seat = self._seat
            session, codes = self._parts.renewal.finish(seat.token, offer, code, seat.source, now=self._now())
        return self._who(session), codes

    def tell_of_authenticator(self, user: str) -> bool:
        """Mail the owner that it was replaced, once the recovery codes are shown; False where that cannot be."""
        return self._parts.renewal.tell_owner(user, self._seat.source, now=self._now())

    def sign_out(self) -> bool:
        """End the session; False if there was none. Raises OSError, AuditError."""
        return self._seat.leave()

    def sign_out_everywhere(self) -> int:
        """End every session of the account, this one and all others; how many. Raises NotSignedIn, OSError, AuditError.

        Where it fails this session is left all the same, and the others go on.
        """
        with _told():
            return self._seat.leave_everywhere()

    def who(self) -> Who | None:
        """Who is signed in; to look is no use of the session. None if nobody is."""
        session = self._seat.session()
        return None if session is None else self._who(session)

    def touch(self) -> Who | None:
        """The same at a person's use of the program: the idle limit begins anew."""
        session = self._seat.touch()
        return None if session is None else self._who(session)

    def _take(self, signed_in: SignedIn) -> Who:
        try:
            return self._who(self._seat.take(signed_in))
        except BaseException:
            with suppress(SecurityError):
                self._parts.sessions.sign_out(signed_in.token, self._seat.source, now=self._now())
            raise

    def _who(self, session: Session) -> Who:
        return Who(
            user=session.user,
            role=session.role.value,
            factor=session.factor.value,
            factor_age_s=session.factor_age_s(self._now()),
            signed_in_at=session.signed_in_at,
            expires=session.expires,
            recovery_codes=session.account.recovery_codes,
            needs_codes=not self._practice and session.account.recovery_codes <= FEW_CODES,
        )


@contextmanager
def _told() -> Iterator[None]:
    """What the session lacks, as the permission port says it: front ends ask for it and go on."""
    try:
        yield
    except SessionEnded as error:
        raise NotSignedIn(str(error)) from error
    except FreshFactorNeeded as error:
        raise FreshCodeNeeded(str(error)) from error
