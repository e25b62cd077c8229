"""Sessions: a random token, stored hashed, with an idle and an absolute limit; ended by sign-out, reset and disabling.

1. The hash binds the token to this workspace and to the host account it was given to: copied elsewhere it is none.
2. It ends when unused for `idle`, and `absolute` after the sign-in, whatever happens.
3. If the clock is more than five minutes behind the session's last use, the session ends: limits could not be kept.
4. Its second factor has an age; what needs a fresh one asks `Session.factor_age_s`.
5. What is stored of it is sealed as a whole: a row that was made or changed by another than this program is none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from security.audit.event import Event, Kind, Outcome
from security.audit.keys import session_hash
from security.errors import FreshFactorNeeded, KeyUnknown, SealBroken, SessionEnded
from security.identity.account import Account, Role, read_account
from security.identity.core import Core, Source, from_ms
from security.identity.events import Actor, record_sign_in
from security.instants import milliseconds

FRESH_FOR = timedelta(seconds=600)
CLOCK_TOLERANCE = timedelta(minutes=5)
SEEN_SHARE = 60  # a use is noted at most once a sixtieth of the idle limit: reading should not write each time
ANOTHER = "`lakewarden account authenticator` sets up another"
RESET = f"sign in with a recovery code, and {ANOTHER}; without one, an officer's `users reset-mfa` lets you do that"
_ENDED = "not signed in, or the session has ended; sign in again with `lakewarden sign-in USER`"


class Factor(StrEnum):
    """The second factor that a session has."""

    TOTP = "totp"
    EMAIL = "email"  # weaker: refused where policies want a fresh factor
    RECOVERY = "recovery"  # likewise


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts."""

    idle: timedelta = timedelta(minutes=15)
    absolute: timedelta = timedelta(hours=12)


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, as of the instant it was asked for."""

    user: str
    role: Role
    factor: Factor
    factor_at: datetime
    signed_in_at: datetime
    expires: datetime  # if not used before then; the absolute limit included
    address: str
    ref: str  # what the audit log calls it
    account: Account

    def factor_age_s(self, now: datetime) -> int:
        """Whole seconds since the second factor was given."""
        return max(0, int((now - self.factor_at).total_seconds()))

    def actor(self) -> Actor:
        """This session as the audit log names it."""
        return Actor(self.user, self.role.value, self.ref, self.address)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session, and its token, which is nowhere else."""

    session: Session
    token: str = field(repr=False)


class _Row(NamedTuple):
    """What is stored of a session beside the hash of its token; instants as they are stored."""

    ref: str
    user: str
    address: str
    factor: str
    factor_at: int
    made_at: int
    seen_at: int


class Sessions:
    """Using and ending sessions; `sign_in.py` starts them."""

    def __init__(self, core: Core, limits: Limits = DEFAULT_LIMITS) -> None:
        self._core = core
        self.limits = limits

    def resume(self, token: str, source: Source, *, now: datetime) -> Session:
        """The session of `token`, used now. Raises SessionEnded, VaultError, AuditError."""
        with self._core.database.snapshot() as connection:
            session, seen_at = self._read(connection, token, source, now)
        if session is None:
            self._end_if_over(token, source, now)
            raise SessionEnded(_ENDED)
        if self._is_noted(seen_at, now):
            with self._core.database.transaction() as connection:
                self._change(connection, self._key(token, source), seen_at=milliseconds(now))
        return session

    def peek(self, token: str, source: Source, *, now: datetime) -> Session:
        """The session of `token` as it stands: looking is no use, and ends nothing.

        Raises SessionEnded, VaultError.
        """
        with self._core.database.snapshot() as connection:
            session, _ = self._read(connection, token, source, now, used=False)
        if session is None:
            raise SessionEnded(_ENDED)
        return session

    def sign_out(self, token: str, source: Source, *, now: datetime) -> None:
        """End the session of `token`. Raises SessionEnded if there is none, AuditError."""
        with self._core.database.transaction() as connection:
            session, _ = self._read(connection, token, source, now)
            if session is None:
                raise SessionEnded(_ENDED)
            connection.execute("DELETE FROM session WHERE token_hash = ?", (self._key(token, source),))
            record_sign_in(self._core, session.actor(), "sign_out", Outcome.DONE, now=now)

    def sign_out_everywhere(self, token: str, source: Source, *, now: datetime) -> int:
        """End all sessions of whose `token` is, and their sign-ins under way; how many sessions had not ended yet.

        Raises SessionEnded if the session of `token` has, AuditError.
        """
        with self._core.database.transaction() as connection:
            session = self.read(connection, token, source, now)
            uses = connection.execute("SELECT made_at, seen_at FROM session WHERE user = ?", (session.user,)).fetchall()
            alive = sum(self._holds(from_ms(made_at), from_ms(seen_at), now) for made_at, seen_at in uses)
            end_all(connection, session.user)
            record_sign_in(
                self._core, session.actor(), "sign_out", Outcome.DONE, now=now, code="everywhere", count=alive
            )
        return alive

    def count(self, user: str) -> int:
        """How many sessions `user` has that have not ended yet, expired ones that nobody tried to use included."""
        row = self._core.database.query("SELECT count(*) FROM session WHERE user = ?", (user,))
        return int(row[0][0])

    def start(
        self, connection: sqlite3.Connection, user: str, factor: Factor, source: Source, now: datetime
    ) -> SignedIn:
        """A new session within the caller's transaction; sessions past their absolute limit are removed."""
        connection.execute("DELETE FROM session WHERE made_at < ?", (milliseconds(now - self.limits.absolute),))
        token = self._core.token()
        stamp = milliseconds(now)
        row = _Row(session_hash(token), user, source.address, factor.value, stamp, stamp, stamp)
        self._write(connection, self._key(token, source), row)
        session, _ = self._read(connection, token, source, now)
        if session is None:
            raise SessionEnded(_ENDED)
        return SignedIn(session, token)

    def renew_factor(
        self, connection: sqlite3.Connection, token: str, factor: Factor, source: Source, now: datetime
    ) -> Session:
        """Set the session's factor to one just given, within the caller's transaction. Raises SessionEnded."""
        stamp = milliseconds(now)
        self._change(connection, self._key(token, source), factor=factor.value, factor_at=stamp, seen_at=stamp)
        return self.read(connection, token, source, now)

    def read(self, connection: sqlite3.Connection, token: str, source: Source, now: datetime) -> Session:
        """The session of `token` within the caller's transaction. Raises SessionEnded."""
        session, _ = self._read(connection, token, source, now)
        if session is None:
            raise SessionEnded(_ENDED)
        return session

    def _read(
        self, connection: sqlite3.Connection, token: str, source: Source, now: datetime, *, used: bool = True
    ) -> tuple[Session | None, datetime]:
        """The session of `token`, None if it is over, and its last use; `used` says whether this is one."""
        row = self._row(connection, self._key(token, source))
        if row is None:
            return None, now
        made_at, seen_at = from_ms(row.made_at), from_ms(row.seen_at)
        account = read_account(connection, row.user)
        if account.disabled or not self._holds(made_at, seen_at, now):
            return None, seen_at
        last_use = now if used and self._is_noted(seen_at, now) else seen_at
        session = Session(
            user=account.user,
            role=account.role,
            factor=Factor(row.factor),
            factor_at=from_ms(row.factor_at),
            signed_in_at=made_at,
            expires=min(last_use + self.limits.idle, made_at + self.limits.absolute),
            address=row.address,
            ref=row.ref,
            account=account,
        )
        return session, seen_at

    def _row(self, connection: sqlite3.Connection, key: bytes) -> _Row | None:
        """The row of `key`; None if there is none that is as this program wrote it (5.). Raises VaultError, OSError."""
        sql = (
            "SELECT key_id, seal, ref, user, address, factor, factor_at, made_at, seen_at "
            "FROM session WHERE token_hash = ?"
        )
        found = connection.execute(sql, (key,)).fetchone()
        if found is None:
            return None
        key_id, envelope, *fields = found
        row = _Row(*fields)
        try:
            self._core.seal.open(key_id, envelope, self._aad(key, row))
        except SealBroken:
            return None
        except KeyUnknown:
            # Missing is only a key that sealed something else as well; any other stands there by somebody's hand.
            if connection.execute("SELECT 1 FROM authenticator WHERE key_id = ?", (key_id,)).fetchone() is None:
                return None
            raise
        return row

    def _write(self, connection: sqlite3.Connection, key: bytes, row: _Row) -> None:
        """Store the row of `key`, sealed, in place of an earlier one. Raises VaultError, OSError."""
        sealed = self._core.seal.seal(b"", self._aad(key, row))
        connection.execute("INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (key, *row, *sealed))

    def _change(self, connection: sqlite3.Connection, key: bytes, **fields: str | int) -> None:
        """Give the session of `key` other `fields`, within the caller's transaction. Raises SessionEnded."""
        row = self._row(connection, key)
        if row is None:
            raise SessionEnded(_ENDED)
        self._write(connection, key, _Row(**{**row._asdict(), **fields}))

    def _aad(self, key: bytes, row: _Row) -> bytes:
        """What the seal of a row covers: all of it. No field that this program writes has a NUL."""
        parts = ("lakewarden-session", self._core.workspace, key.hex(), *map(str, row))
        return "\0".join(parts).encode(errors="surrogatepass")

    def _key(self, token: str, source: Source) -> bytes:
        return self._core.token_hash("session", token, source)

    def _is_noted(self, seen_at: datetime, now: datetime) -> bool:
        """Whether a use now is worth a write."""
        return abs(now - seen_at) >= self.limits.idle / SEEN_SHARE

    def _holds(self, made_at: datetime, seen_at: datetime, now: datetime) -> bool:
        """Whether both limits and the clock allow it (2., 3.)."""
        return (
            now - made_at < self.limits.absolute
            and now - seen_at < self.limits.idle
            and now > seen_at - CLOCK_TOLERANCE
        )

    def _end_if_over(self, token: str, source: Source, now: datetime) -> None:
        """Remove the session of `token` if it is over, so that no later change of the clock brings it back."""
        key = self._key(token, source)
        if not self._core.database.query("SELECT 1 FROM session WHERE token_hash = ?", (key,)):
            return
        with self._core.database.transaction() as connection:
            session, _ = self._read(connection, token, source, now)
            row = self._row(connection, key)
            if session is not None:
                return
            if connection.execute("DELETE FROM session WHERE token_hash = ?", (key,)).rowcount == 0:
                return
            if row is None:
                self._core.sink.append([_broken(token, now)])
                return
            account = read_account(connection, row.user)
            actor = Actor(account.user, account.role.value, row.ref, row.address)
            record_sign_in(self._core, actor, "sign_out", Outcome.DONE, now=now, code="expired")


def _broken(token: str, now: datetime) -> Event:
    """That what is stored of a session is not what this program wrote: of no user, as none of it can be believed."""
    return Event(
        at=now,
        kind=Kind.KEY,
        action="open_sealed",
        outcome=Outcome.FAILED,
        principal="service",
        role="service",
        resource="session",
        session=session_hash(token),
        code="seal_broken",
    )


def end_all(connection: sqlite3.Connection, user: str, *, but: Sequence[str] = ()) -> None:
    """End every session and every sign-in under way of `user`, within the caller's transaction, but those of `but`."""
    for (ref,) in connection.execute("SELECT ref FROM session WHERE user = ?", (user,)).fetchall():
        if ref not in but:
            connection.execute("DELETE FROM session WHERE user = ? AND ref = ?", (user, ref))
    connection.execute("DELETE FROM challenge WHERE user = ?", (user,))


def check_fresh(session: Session, now: datetime) -> None:
    """Return if the session's factor is TOTP and at most ten minutes old, not of the future. Raises FreshFactorNeeded.

    A code from before the clock was put back may be of any age.
    """
    age_s, ahead = session.factor_age_s(now), now < session.factor_at
    if session.factor is Factor.TOTP and not ahead and age_s <= FRESH_FOR.total_seconds():
        return
    when = "the future (the clock was put back since)" if ahead else f"{age_s} s ago"
    way = ANOTHER if session.factor is Factor.RECOVERY else RESET
    lost = "" if session.factor is Factor.TOTP else f"; where the authenticator is lost, {way}"
    raise FreshFactorNeeded(
        f"expected a code of the authenticator at most {FRESH_FOR.total_seconds():.0f} s old, found "
        f"{session.factor.value} of {when}; give a fresh code{lost}"
    )
