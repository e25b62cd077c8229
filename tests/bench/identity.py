"""What a whole sign-in costs beside its Argon2id hash: the rest should hardly show."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from etl.files import write_whole
from security.audit.keys import PURPOSE as AUDIT
from security.audit.keys import AuditKeys
from security.audit.opening import open_audit_log
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.accounts import Accounts
from security.identity.core import Core, Source, open_identity
from security.identity.enrolment import Enrolment
from security.identity.events import SERVICE
from security.identity.keys import PURPOSE, IdentityKeys
from security.identity.passwords import NAMED_PARAMETERS, PasswordHashing
from security.identity.sessions import Sessions
from security.identity.sign_in import SignIn
from security.vault.keys import KeyRing
from tests.bench import report

SIGN_INS = 20
REST_TARGET = 0.1  # of a sign-in; the rest is Argon2id
RESUME_TARGET_US = 1_000
RESUMED = 200
PASSWORD = "zebra mosaic lantern 42"
HERE = Source("1000")


class TimedHashing(PasswordHashing):
    """Adds up the seconds that checking passwords takes."""

    spent_s = 0.0

    def matches(self, password: str, encoded: str | None) -> bool:
        started_s = time.perf_counter()
        try:
            return super().matches(password, encoded)
        finally:
            self.spent_s += time.perf_counter() - started_s


@dataclass
class Member:
    """An enrolled account; each sign-in is a step of the authenticator later."""

    core: Core
    hashing: TimedHashing
    secret: bytes
    now: datetime

    def sign_in(self) -> str:
        self.now += timedelta(seconds=otp.STEP_S)
        signing = SignIn(self.core, Sessions(self.core))
        challenge = signing.begin("doctor", PASSWORD, HERE, now=self.now)
        return signing.answer(challenge.token, otp.totp(self.secret, self.now), HERE, now=self.now).token


def bench() -> None:
    chosen = NAMED_PARAMETERS
    costs = f"{chosen.memory_cost // 1024} MiB, {chosen.time_cost} passes, {chosen.parallelism} lanes"
    report.print_title(f"Identity: a sign-in with password and code ({costs}), {SIGN_INS} times")
    with tempfile.TemporaryDirectory() as folder, _member(Path(folder)) as member:
        member.sign_in()
        spent = [_sign_in(member) for _ in range(SIGN_INS)]
        total_ms = [1e3 * total_s for total_s, _ in spent]
        report.print_note(f"a sign-in takes {median(total_ms):.0f} ms [{min(total_ms):.0f} … {max(total_ms):.0f}]")
        rest = [100 * (1 - hashing_s / total_s) for total_s, hashing_s in spent]
        report.print_value("all but Argon2id", rest, unit="%", target=100 * REST_TARGET)
        token, sessions = member.sign_in(), Sessions(member.core)
        resumed = [1e6 * _resumed_s(sessions, token, member.now) for _ in range(5)]
        report.print_value("a session resumed", resumed, unit="µs", target=RESUME_TARGET_US)


@contextmanager
def _member(folder: Path) -> Iterator[Member]:
    def now() -> datetime:
        return datetime.now(UTC)

    audit_ring = KeyRing(folder / "keys", write_whole, purpose=AUDIT)
    hashing = TimedHashing(os.urandom)
    with open_audit_log(folder / "audit.db", audit_ring, lock_file=folder / "audit.lock", now=now) as log:
        core = open_identity(
            folder / "identity.db",
            practice=False,
            lock_file=folder / "identity.lock",
            now=now,
            seal=IdentityKeys(KeyRing(folder / "keys", write_whole, purpose=PURPOSE)),
            sink=log,
            pseudonym=AuditKeys.of(audit_ring.current()).pseudonym,
            random_bytes=os.urandom,
            hashing=hashing,
        )
        try:
            yield _enrolled(core, hashing, now())
        finally:
            core.close()


def _enrolled(core: Core, hashing: TimedHashing, now: datetime) -> Member:
    sessions = Sessions(core)
    code = Accounts(core).add(NewAccount("doctor", Role.DOCTOR), by=SERVICE, now=now)
    challenge = SignIn(core, sessions).begin("doctor", code, HERE, now=now)
    enrolment = Enrolment(core, sessions)
    secret = base64.b32decode(enrolment.propose(challenge.token, HERE, now=now).secret)
    enrolment.finish(challenge.token, otp.totp(secret, now), HERE, now=now, password=PASSWORD)
    return Member(core, hashing, secret, now)


def _sign_in(member: Member) -> tuple[float, float]:
    """Seconds of a whole sign-in, and those of them that Argon2id took."""
    hashed_before_s, started_s = member.hashing.spent_s, time.perf_counter()
    member.sign_in()
    return time.perf_counter() - started_s, member.hashing.spent_s - hashed_before_s


def _resumed_s(sessions: Sessions, token: str, now: datetime) -> float:
    """Seconds to find out who a token is, as every command does."""
    started_s = time.perf_counter()
    for _ in range(RESUMED):
        sessions.resume(token, HERE, now=now)
    return (time.perf_counter() - started_s) / RESUMED
