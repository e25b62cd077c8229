"""Counting failures in a row and delaying the next try: guessing does not pay, and nobody is locked out for good.

A try is counted as a failure, in a committed transaction, before anything is compared: processes that try at once win
no guess. What turns out right is taken back.

Lanes, each with its own count:
1. The *pair* of account and source (host account and address). The first 5 failures cost nothing, then the wait doubles
   from 1 s to 15 minutes; after 100 in a row the lane is closed (NIST SP 800-63B-4 §3.2.2).
2. The *account*, for all sources from which it never signed in: 20 failures free, the same waits, closed at 100. A
   source the owner has used before is not in this lane: whoever guesses from elsewhere does not delay the owner.
3. The *source*, over all accounts, against one password tried on many names: 50 free, waits up to a minute. For those
   who have signed in from there too: else the wait would tell which names are real.

Tries within a session (a step-up, the old password) have lanes 1 and 2 of their own: whoever guesses at the sign-in
does not delay them.

A recovery code (120 bits, so trying it tells nothing) opens lanes 1 and 2 at once, closed or not: the owner always gets
in, also from a source that somebody shares and misuses. A reset by an officer opens them too. Either, and any other
sign-in, opens those within sessions as well. While a lane waits, tries are refused uncounted, so that they do not
prolong it. Names that no account has are counted alike.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from security.errors import SignInDelayed
from security.identity.core import Core, Source, one
from security.instants import milliseconds

FIRST_WAIT_S = 1.0
KNOWN_FOR = timedelta(days=90)
MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Rule:
    """How one lane delays."""

    free: int  # failures in a row that cost nothing
    longest_wait_s: float
    closes_at: int | None  # failures in a row after which only a recovery code opens it
    forgotten_after: timedelta  # without a failure

    def wait_ms(self, failures: int) -> int:
        """How long after failure number `failures` no try is admitted."""
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, MOST_DOUBLINGS)
        return int(1000 * min(self.longest_wait_s, FIRST_WAIT_S * 2**doublings))


PAIR = Rule(free=5, longest_wait_s=900.0, closes_at=100, forgotten_after=timedelta(days=30))
ACCOUNT = Rule(free=20, longest_wait_s=900.0, closes_at=100, forgotten_after=timedelta(days=30))
SOURCE = Rule(free=50, longest_wait_s=60.0, closes_at=None, forgotten_after=timedelta(hours=1))


_SIGN_IN, _WITHIN = "", "within-"  # what the names of lanes 1 and 2 begin with


@dataclass(frozen=True, slots=True)
class Admission:
    """A try that was counted: for each lane its key, and its count and time of failure before."""

    lanes: tuple[tuple[str, int, int], ...]


def admit(
    core: Core, connection: sqlite3.Connection, user: str, source: Source, now: datetime, *, within: bool = False
) -> Admission | SignInDelayed:
    """Count a try of `user` (a name, or what was typed) from `source`, or say how long to wait; the caller commits.

    `within` is for a try in a session of `user`.
    """
    _forget(connection, now)
    owner = _owner(core, user)
    lanes = [
        (key, rule, *_read(connection, key, rule, now))
        for key, rule in _lanes(core, connection, user, source, now, _WITHIN if within else _SIGN_IN)
    ]
    if any(rule.closes_at is not None and failures >= rule.closes_at for _, rule, failures, _ in lanes):
        return _closed(within=within)
    waits = [(failed_at + rule.wait_ms(failures) - milliseconds(now), rule) for _, rule, failures, failed_at in lanes]
    wait_ms = max(ms for ms, _ in waits)
    if wait_ms > 0:
        helps = within and all(ms <= 0 for ms, rule in waits if rule is SOURCE)
        return _wait(wait_ms / 1000, within=within, sign_in_helps=helps)
    for key, rule, failures, _ in lanes:
        row = (key, "" if rule is SOURCE else owner, failures + 1, milliseconds(now))
        connection.execute("INSERT OR REPLACE INTO lane VALUES (?, ?, ?, ?)", row)
    return Admission(tuple((key, failures, failed_at) for key, _, failures, failed_at in lanes))


def take_back(connection: sqlite3.Connection, admission: Admission) -> None:
    """The counted try was right: as if it had not been made. Tries counted since then stay."""
    for key, failures, failed_at in admission.lanes:
        connection.execute("UPDATE lane SET failures = failures - 1 WHERE key = ?", (key,))
        connection.execute("UPDATE lane SET failed_at = ? WHERE key = ? AND failures = ?", (failed_at, key, failures))
    connection.execute("DELETE FROM lane WHERE failures <= 0")


def open_lanes(core: Core, connection: sqlite3.Connection, user: str, source: Source | None) -> None:
    """Forget the failures of `user`, within sessions too: those from `source` and from unknown places, or all."""
    if source is None:
        connection.execute("DELETE FROM lane WHERE owner = ?", (_owner(core, user),))
        return
    _open(core, connection, user, source, _SIGN_IN)
    open_within(core, connection, user, source)


def open_within(core: Core, connection: sqlite3.Connection, user: str, source: Source) -> None:
    """Forget the failures within sessions of `user`, from `source` and from unknown places."""
    _open(core, connection, user, source, _WITHIN)


def now_known(core: Core, connection: sqlite3.Connection, user: str, source: Source, now: datetime) -> None:
    """`user` has signed in from `source`."""
    connection.execute("DELETE FROM known_source WHERE seen_at < ?", (milliseconds(now - KNOWN_FOR),))
    row = (_key(core, "known", user, source), milliseconds(now))
    connection.execute("INSERT OR REPLACE INTO known_source VALUES (?, ?)", row)


def _open(core: Core, connection: sqlite3.Connection, user: str, source: Source, where: str) -> None:
    keys = (_key(core, f"{where}account", user), _key(core, f"{where}pair", user, source))
    connection.execute("DELETE FROM lane WHERE key IN (?, ?)", keys)


def _lanes(
    core: Core, connection: sqlite3.Connection, user: str, source: Source, now: datetime, where: str
) -> list[tuple[str, Rule]]:
    always = [(_key(core, f"{where}pair", user, source), PAIR), (_key(core, "source", "", source), SOURCE)]
    row = one(connection, "SELECT seen_at FROM known_source WHERE key = ?", _key(core, "known", user, source))
    if row is not None and int(str(row[0])) > milliseconds(now - KNOWN_FOR):
        return always
    return [*always, (_key(core, f"{where}account", user), ACCOUNT)]


def _key(core: Core, lane: str, user: str, source: Source | None = None) -> str:
    place = "" if source is None else f"{source.host_account}@{source.address}"
    return core.pseudonym(f"lane:{lane}\0{user[:64]!a}\0{place}")


def _owner(core: Core, user: str) -> str:
    return core.pseudonym(f"lane-owner:{user[:64]!a}")


def _read(connection: sqlite3.Connection, key: str, rule: Rule, now: datetime) -> tuple[int, int]:
    """(failures, when); a failure in the future is taken as of now: the clock went back, the wait stays bounded."""
    row = one(connection, "SELECT failures, failed_at FROM lane WHERE key = ?", key)
    if row is None or int(str(row[1])) < milliseconds(now - rule.forgotten_after):
        return 0, 0
    failures, failed_at = int(str(row[0])), int(str(row[1]))
    if failed_at > milliseconds(now):
        failed_at = milliseconds(now)
        connection.execute("UPDATE lane SET failed_at = ? WHERE key = ?", (failed_at, key))
    return failures, failed_at


def _forget(connection: sqlite3.Connection, now: datetime) -> None:
    connection.execute("DELETE FROM lane WHERE failed_at < ?", (milliseconds(now - PAIR.forgotten_after),))


def _wait(seconds: float, *, within: bool, sign_in_helps: bool) -> SignInDelayed:
    advice = "Your password is still right if it was; a recovery code signs you in at once."
    if within:
        advice = "To go on at once, sign out and sign in again." if sign_in_helps else "You stay signed in."
    return SignInDelayed(f"too many failed tries: not tried again for {max(1, round(seconds))} s. {advice}", seconds)


def _closed(*, within: bool) -> SignInDelayed:
    if within:
        return SignInDelayed("too many failed tries in a row: sign out and sign in again, then try once more.", None)
    return SignInDelayed(
        "too many failed tries in a row: from here this name needs a recovery code to sign in, or an officer's "
        "`users reset-mfa`.",
        None,
    )
