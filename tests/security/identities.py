"""Identity databases for tests: real files, real keys and a real audit log, cheap hashes, a clock that can be set."""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import Parameters
from argon2.low_level import Type

from etl.files import write_whole
from security.audit.event import Event, Outcome
from security.audit.log import AuditLog
from security.errors import AuditUnavailable
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.accounts import Accounts
from security.identity.core import Core, Source, open_identity
from security.identity.credentials import Credentials
from security.identity.enrolment import Enrolled, Enrolment
from security.identity.events import SERVICE
from security.identity.keys import PURPOSE, IdentityKeys
from security.identity.passwords import PasswordHashing
from security.identity.renewal import Renewal
from security.identity.sessions import Limits, Sessions, SignedIn
from security.identity.sign_in import SignIn
from security.ports import Mailer
from security.vault.keys import KeyRing
from tests.security.audit_logs import LogFolder

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HERE = Source("1000", "127.0.0.1")
ELSEWHERE = Source("1001", "10.1.2.3")
PASSWORD = "zebra mosaic lantern 42"
LIMITS = Limits()
CHEAP = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1)


@dataclass
class Clock:
    """The trusted clock."""

    instant: datetime = START

    def __call__(self) -> datetime:
        return self.instant

    def forward(self, seconds: float) -> datetime:
        self.instant += timedelta(seconds=seconds)
        return self.instant


@dataclass
class Watched:
    """An audit log that can be made to fail, and remembers what it was given."""

    log: AuditLog
    failing: bool = False
    events: list[Event] = field(default_factory=list)

    def append(self, events: Sequence[Event], /) -> object:
        if self.failing:
            raise AuditUnavailable("nothing can be recorded, so nothing is disclosed: the disk is full")
        self.events += events
        return self.log.append(events)

    def told(self) -> list[tuple[str, str, str, str | None]]:
        return [(event.principal, event.action, event.outcome.value, event.code) for event in self.events]


@dataclass
class Office:
    """An open identity database with all its parts."""

    core: Core
    clock: Clock
    audit: Watched
    mailer: Mailer | None = None
    limits: Limits = LIMITS

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.core, self.limits)

    @property
    def sign_in(self) -> SignIn:
        return SignIn(self.core, self.sessions, self.mailer)

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment(self.core, self.sessions)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.core)

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.core, self.sessions)

    @property
    def renewal(self) -> Renewal:
        return Renewal(self.core, self.sessions, self.mailer)

    @property
    def now(self) -> datetime:
        return self.clock()

    def add(self, user: str = "doctor", role: Role = Role.DOCTOR, email: str | None = None) -> str:
        return self.accounts.add(NewAccount(user, role, email), by=SERVICE, now=self.now)

    def enrolled(self, user: str = "doctor", role: Role = Role.DOCTOR, email: str | None = None) -> Member:
        """An account that has been through enrolment; half a minute has passed since its code."""
        code = self.add(user, role, email)
        challenge = self.sign_in.begin(user, code, HERE, now=self.now)
        proposal = self.enrolment.propose(challenge.token, HERE, now=self.now)
        secret = base64.b32decode(proposal.secret)
        done = self.enrolment.finish(challenge.token, otp.totp(secret, self.now), HERE, now=self.now, password=PASSWORD)
        self.clock.forward(otp.STEP_S)
        return Member(self, user, secret, done)


@dataclass
class Member:
    """Someone who can sign in."""

    office: Office
    user: str
    secret: bytes
    enrolled: Enrolled

    def code(self, at: datetime | None = None) -> str:
        return otp.totp(self.secret, at or self.office.now)

    def wrong_code(self) -> str:
        right = {self.code(self.office.now + timedelta(seconds=shift)) for shift in (-30, 0, 30)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)

    def sign_in(self, source: Source = HERE) -> SignedIn:
        challenge = self.office.sign_in.begin(self.user, PASSWORD, source, now=self.office.now)
        return self.office.sign_in.answer(challenge.token, self.code(), source, now=self.office.now)


@contextmanager
def office(
    folder: Path,
    *,
    practice: bool = False,
    clock: Clock | None = None,
    parameters: Parameters = CHEAP,
    mailer: Mailer | None = None,
    limits: Limits = LIMITS,
) -> Iterator[Office]:
    """The identity database in `folder`, made if it is missing."""
    clock = clock or Clock()
    audit = LogFolder(folder)
    with audit.open() as log:
        watched = Watched(log)
        core = open_identity(
            folder / "identity.db",
            practice=practice,
            lock_file=folder / "identity.lock",
            now=clock,
            seal=IdentityKeys(KeyRing(folder / "keys", write_whole, purpose=PURPOSE)),
            sink=watched,
            pseudonym=audit.keys.pseudonym,
            random_bytes=os.urandom,
            hashing=PasswordHashing(os.urandom, parameters),
        )
        try:
            yield Office(core, clock, watched, mailer, limits)
        finally:
            core.close()


def refused(events: Sequence[Event]) -> list[str | None]:
    """The codes of the refusals among `events`."""
    return [event.code for event in events if event.outcome is Outcome.REFUSED]


def seeded() -> random.Random:
    """A generator whose seed is printed, so that a failure can be run again."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)
