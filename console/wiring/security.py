"""Builds the security core of a workspace: audit log, accounts, records, decisions, and the session at hand.

Each part is opened when it is first needed, once a process, from any thread; `close` closes what was opened. What only
a sign-in needs is imported there: most commands are looking, and should begin at once.
"""

from __future__ import annotations

import os
import pwd
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from console.actions.gate import Gate
from console.actions.seat import Seat, TokenKeeper
from console.settings import Settings
from console.wiring.clock import SystemClock
from console.wiring.facts import Snapshot, WorkspaceFacts
from console.wiring.key_folder import key_ring, require_keys
from console.wiring.secrets import read_secret
from etl.ports import Clock
from security.access import Access
from security.audit.event import Event
from security.audit.file_keeper import FileKeeper, Places
from security.audit.keys import PURPOSE as AUDIT_KEYS
from security.audit.log import AuditLog
from security.audit.opening import begin_anew, open_audit_log
from security.database import Database, in_words, open_read_only
from security.disclosure import Caller, Recorder
from security.errors import KeyUnknown
from security.identity import core as identity_core
from security.identity.accounts import Accounts
from security.identity.core import Source, open_identity
from security.identity.keys import PURPOSE as IDENTITY_KEYS
from security.identity.keys import IdentityKeys
from security.identity.sessions import Limits, Sessions
from security.policy.engine import Engine, RefuseAll, open_engine
from security.policy.facts import read_address
from security.ports import CheckpointKeeper, TextSeal
from security.records import core as records_core
from security.records.admission import Admission
from security.records.blind_index import PURPOSE as INDEX_KEYS
from security.records.core import open_clinical
from security.records.glass import Glass
from security.records.research.projection import open_research
from security.records.text_seal import PatientSeal
from security.vault.key_files import KeyFiles
from security.vault.keys import PURPOSE as KEKS
from security.vault.keys import KeyRing
from security.vault.lost import require_store

if TYPE_CHECKING:
    from security.identity.credentials import Credentials
    from security.identity.enrolment import Enrolment
    from security.identity.mailer import SmtpMailer
    from security.identity.renewal import Renewal
    from security.identity.sign_in import SignIn

COPIED = "audit.copied"  # the file of the workspace that remembers where copies of checkpoints were kept
SMTP_PASSWORD = "smtp_password"  # noqa: S105 – the name of a secret
T = TypeVar("T")


class Security:
    """The parts, as properties. Each raises SecurityError or OSError where its store cannot be opened."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], keeper: TokenKeeper, *, clock: Clock | None = None
    ) -> None:
        self.settings = settings
        self.now = (clock or SystemClock()).now
        self.random_bytes = secrets.token_bytes
        self.begins_copies = True  # whether the file for copies of checkpoints is made for the first of them
        self._lock = threading.RLock()
        self._made: dict[str, Any] = {}
        self._closed = False
        self.source = source_of(settings, environ)
        self.seat = Seat(keeper, self.source, lambda: self.sessions, self.now)

    # ---- stores -----------------------------------------------------------------------------------------------------

    @property
    def audit(self) -> AuditLog:
        return self._once("audit", self._open_audit)

    @property
    def identity(self) -> identity_core.Core:
        return self._once("identity", self._open_identity)

    @property
    def clinical(self) -> records_core.Core:
        return self._once("clinical", self._open_clinical)

    @property
    def research(self) -> Database:
        """The de-identified projection: a database of its own."""
        settings = self.settings
        return self._once(
            "research",
            lambda: open_research(settings.research_db, lock_file=_lock_of(settings.research_db), now=self.now),
        )

    @property
    def checkpoint_keepers(self) -> list[CheckpointKeeper]:
        """The places outside the workspace that keep copies of signed checkpoints."""
        return [*self.file_keepers]

    @property
    def file_keepers(self) -> list[FileKeeper]:
        """Those of them that are files."""
        path = self.settings.checkpoint_file
        places = Places(self.settings.home / COPIED)
        return [FileKeeper(path, create=self.begins_copies, places=places)] if path else []

    # ---- identity ---------------------------------------------------------------------------------------------------

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.identity)

    @property
    def sessions(self) -> Sessions:
        access = self.settings.access
        return Sessions(
            self.identity,
            Limits(timedelta(seconds=access.idle_timeout_s), timedelta(seconds=access.absolute_timeout_s)),
        )

    @property
    def sign_in(self) -> SignIn:
        from security.identity.sign_in import SignIn

        return SignIn(self.identity, self.sessions, self.mailer)

    @property
    def enrolment(self) -> Enrolment:
        from security.identity.enrolment import Enrolment

        return Enrolment(self.identity, self.sessions)

    @property
    def credentials(self) -> Credentials:
        from security.identity.credentials import Credentials

        return Credentials(self.identity, self.sessions)

    @property
    def renewal(self) -> Renewal:
        from security.identity.renewal import Renewal

        return Renewal(self.identity, self.sessions, self.mailer)

    @property
    def mailer(self) -> SmtpMailer | None:
        """What sends one-time codes; None where no mail server is configured."""
        from security.identity.mailer import SmtpMailer

        smtp = self.settings.smtp
        if not smtp.host:
            return None
        password = read_secret(self.settings, SMTP_PASSWORD) if smtp.username else None
        return SmtpMailer(smtp.host, smtp.port, smtp.sender, smtp.username, password or "")

    # ---- decisions --------------------------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine | RefuseAll:
        return self._once("engine", open_engine)

    @property
    def admission(self) -> Admission:
        return Admission(self.clinical)

    @property
    def glass(self) -> Glass:
        return Glass(self.clinical)

    @property
    def facts(self) -> WorkspaceFacts:
        return self._once(
            "facts",
            lambda: WorkspaceFacts(
                self.settings,
                accounts=lambda: self.accounts,
                admission=lambda: self.admission,
                glass=lambda: self.glass,
                now=self.now,
            ),
        )

    def snapshot(self) -> Snapshot:
        """The facts as of now, for a batch or for what shows many decisions."""
        return Snapshot(self.facts, self.accounts, self.admission)

    @property
    def access(self) -> Access:
        return self._once("access", self._build_access)

    @property
    def gate(self) -> Gate:
        """The permission port for whoever sits here."""
        return self._once("gate", lambda: Gate(self.access, self.seat))

    @property
    def service(self) -> Caller:
        """The program itself, as the one path knows it."""
        return Caller.service(self.source.address)

    def close(self) -> None:
        """Close what was opened, the audit log last. Raises AuditUnavailable if its last checkpoint cannot be made."""
        with self._lock:
            self._closed = True
            for name in ("research", "clinical", "identity", "audit"):
                if (made := self._made.pop(name, None)) is not None:
                    made.close()
            self._made.clear()

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _once(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._made:
                if self._closed:
                    raise RuntimeError("the security core is closed")
                self._made[name] = make()
            return cast(T, self._made[name])

    def ring(self, purpose: str) -> KeyRing:
        """The keys of one purpose; none is made while one that has sealed something is missing."""
        return key_ring(self.settings, purpose)

    def begin_audit(self) -> bool:
        """Begin a log where an earlier one is missing; False where none is. Raises SecurityError, OSError."""
        path = self.settings.audit_db
        return begin_anew(
            path,
            self.ring(AUDIT_KEYS),
            lock_file=_lock_of(path),
            now=self.now,
            was_used=partial(has_account, self.settings.identity_db),
        )

    def _open_audit(self) -> AuditLog:
        path = self.settings.audit_db
        return open_audit_log(
            path,
            self.ring(AUDIT_KEYS),
            lock_file=_lock_of(path),
            now=self.now,
            keepers=self.checkpoint_keepers,
            was_used=partial(has_account, self.settings.identity_db),
        )

    def _open_identity(self) -> identity_core.Core:
        path, ring = self.settings.identity_db, self.ring(IDENTITY_KEYS)
        require_store(path, identity_core.SCHEMA, ring)
        return open_identity(
            path,
            practice=self.settings.practice,
            lock_file=_lock_of(path),
            now=self.now,
            seal=IdentityKeys(ring),
            sink=self._sink,
            pseudonym=self._pseudonym,
            random_bytes=self.random_bytes,
        )

    def _open_clinical(self) -> records_core.Core:
        path = self.settings.clinical_db
        try:
            return open_clinical(
                path,
                keks=KeyFiles(self.ring(KEKS)),
                index_keys=self.ring(INDEX_KEYS),
                sink=self._sink,
                pseudonym=self._pseudonym,
                random_bytes=self.random_bytes,
                lock_file=_lock_of(path),
                now=self.now,
            )
        except KeyUnknown:
            require_keys(self.settings, INDEX_KEYS)  # which tells what else is missing, and of the setting
            raise

    def _build_access(self) -> Access:
        recorder = Recorder(self._sink, self._pseudonym, self._seal_of, self.random_bytes, self.now)
        return Access(self.engine, self.facts, recorder, _LazyGlass(lambda: self.glass), self.now)

    @property
    def _sink(self) -> _LazySink:
        return _LazySink(lambda: self.audit)

    def _pseudonym(self, text: str) -> str:
        return self.audit.keys.pseudonym(text)

    def _seal_of(self, patient: str | None) -> TextSeal:
        return self.audit.keys if patient is None else PatientSeal(self.clinical, patient)


def has_account(path: Path) -> bool:
    """Whether the identity database `path` has an account: each is on record before it is there. Raises StoreError."""
    if not path.exists():
        return False
    with closing(open_read_only(path, identity_core.SCHEMA)) as connection:
        try:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'account'").fetchone():
                return False
            return connection.execute("SELECT 1 FROM account").fetchone() is not None
        except sqlite3.Error as error:
            raise in_words(path, identity_core.SCHEMA.name, error) from error


class _LazySink:
    """The port AuditSink. What only tells, such as who is signed in, goes on where the log cannot be opened."""

    def __init__(self, log: Callable[[], AuditLog]) -> None:
        self._log = log

    def append(self, events: Sequence[Event], /) -> object:
        return self._log().append(events)


class _LazyGlass:
    """The port GlassStore; the clinical store is opened when a glass is broken."""

    def __init__(self, glass: Callable[[], Glass]) -> None:
        self._glass = glass

    def record(self, user: str, patient: str, at: datetime, /) -> None:
        self._glass().record(user, patient, at)


def source_of(settings: Settings, environ: Mapping[str, str]) -> Source:
    """From where the person at this terminal comes: this host, or what a trusted sshd says."""
    try:
        account = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        account = str(os.geteuid())
    address = "127.0.0.1"
    if settings.access.trust_ssh_connection:
        words = environ.get("SSH_CONNECTION", "").split()
        # Trusted, yet absent or not an address: a place that is in no network, so that nothing is taken for known.
        address = words[0] if words and _is_address(words[0]) else "0.0.0.0"  # noqa: S104 – no socket is bound
    return Source(account, address)


def _is_address(text: str) -> bool:
    try:
        read_address(text)
    except ValueError:
        return False
    return True


def _lock_of(database: Path) -> Path:
    return database.parent / "locks" / f"{database.name}.lock"
