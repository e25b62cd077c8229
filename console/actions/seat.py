"""Who sits at this terminal: the token of the session, where it is kept, and the session it stands for.

A session is asked for anew each time, so that a sign-out elsewhere, a reset or a disabled account takes effect at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from security.disclosure import Caller
from security.errors import KeyUnknown, SessionEnded
from security.identity.core import Source
from security.identity.sessions import Session, Sessions, SignedIn
from security.policy.model import Factor


class TokenKeeper(Protocol):
    """Where the token of a session is kept between commands, or while the console is open."""

    def read(self) -> str | None:
        """The token, None if there is none. Raises PermissionDenied where it does not lie as privately as it must."""
        ...

    def keep(self, token: str, /) -> None:
        """Keep the token in place of another. Raises OSError."""
        ...

    def forget(self) -> None:
        """Keep none. Raises OSError."""
        ...


class InMemory:
    """Keeps the token while the process lives: the console's way."""

    def __init__(self) -> None:
        self._token: str | None = None

    def read(self) -> str | None:
        return self._token

    def keep(self, token: str, /) -> None:
        self._token = token

    def forget(self) -> None:
        self._token = None


class Seat:
    """The session at hand. Safe between threads."""

    def __init__(
        self,
        keeper: TokenKeeper,
        source: Source,
        sessions: Callable[[], Sessions],
        now: Callable[[], datetime],
    ) -> None:
        self.source = source
        self._keeper = keeper
        self._sessions = sessions
        self._now = now

    @property
    def token(self) -> str:
        """The token of the session. Raises SessionEnded if there is none."""
        token = self._keeper.read()
        if token is None:
            raise SessionEnded("not signed in; sign in with `lakewarden sign-in USER`")
        return token

    @property
    def holds_token(self) -> bool:
        """Whether somebody has signed in here and not signed out, be the session alive or not."""
        return self._keeper.read() is not None

    def session(self) -> Session | None:
        """The session as it stands; to look at it is no use of it. None if there is none or it has ended."""
        token = self._keeper.read()
        if token is None:
            return None
        try:
            return self._sessions().peek(token, self.source, now=self._now())
        except SessionEnded:
            return None

    def touch(self) -> Session | None:
        """The session, used now by a person: its idle limit begins anew."""
        token = self._keeper.read()
        if token is None:
            return None
        try:
            return self._sessions().resume(token, self.source, now=self._now())
        except SessionEnded:
            return None

    def caller(self) -> Caller:
        """Who asks, for the one path; a visitor where there is no session."""
        session = self.session()
        if session is None:
            return Caller.visitor(self.source.address)
        # A recovery code proves no more than mail does: policies that want the authenticator refuse both.
        factor = Factor.TOTP if session.factor == "totp" else Factor.EMAIL
        return Caller(session.user, factor, session.factor_at, self.source.address, session.ref)

    def take(self, signed_in: SignedIn) -> Session:
        """Sit down: keep the token of a sign-in; an earlier session here is ended. Raises OSError, AuditError."""
        with suppress(KeyUnknown):  # of an earlier session, which nobody can use without that key
            self._end()
        self._keeper.keep(signed_in.token)
        return signed_in.session

    def leave(self) -> bool:
        """Sign out, and keep no token, whatever happens; False if nobody was signed in. Raises OSError, AuditError."""
        try:
            return self._end()
        finally:
            self._keeper.forget()

    def leave_everywhere(self) -> int:
        """Sign out of every session of the account, and keep no token, whatever happens; how many sessions ended.

        Raises SessionEnded if nobody is signed in here, OSError, AuditError.
        """
        try:
            return self._sessions().sign_out_everywhere(self.token, self.source, now=self._now())
        finally:
            self._keeper.forget()

    def _end(self) -> bool:
        token = self._keeper.read()
        if token is None:
            return False
        try:
            self._sessions().sign_out(token, self.source, now=self._now())
        except SessionEnded:
            return False
        return True
