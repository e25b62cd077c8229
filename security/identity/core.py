"""What every part of identity shares: its database, its keys, the audit log, and how they are opened.

Every method of identity takes `now`, an aware instant from the trusted clock. What happened is written to the audit
log inside the transaction that does it, as its last step: if it cannot be recorded, it has not happened.

What the workspace was made as stands in clear, so that whoever writes the file can change it. Rules, in order:
1. It is opened as what it was made as, and not as the other kind.
2. With accounts it is opened as a practice one only if there is a practice password, be it empty as it was changed.
3. Practice accounts are made and shown only if one of these opens (`practice.py`): without the key nobody seals one.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from security.audit.event import Event, Kind, Outcome
from security.database import Database, Schema, open_database
from security.errors import KeyUnknown, PracticeOnly, SealBroken
from security.identity.passwords import PasswordHashing
from security.instants import milliseconds, of_milliseconds
from security.ports import AuditSink, TextSeal

SCHEMA = Schema("identity database", 0x4C4B5749, "security.identity")  # "LKWI"
BUSY_TIMEOUT_S = 20.0
TOKEN_BYTES = 32
OF_PRACTICE = "practice-password"  # the use of what is sealed of a practice account


@dataclass(frozen=True, slots=True)
class Source:
    """From where someone signs in: the host account of the process, and the IP address of its terminal."""

    host_account: str
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Core:
    """The open identity database of one workspace, with what its parts need. Safe between threads and processes."""

    database: Database
    seal: TextSeal
    sink: AuditSink
    pseudonym: Callable[[str], str]  # 32 hex digits that stand for a text: AuditKeys.pseudonym
    hashing: PasswordHashing
    random_bytes: Callable[[int], bytes]
    workspace: str
    practice: bool
    now: Callable[[], datetime]

    def token(self) -> str:
        """A new token of 256 random bits, in hex."""
        return self.random_bytes(TOKEN_BYTES).hex()

    def token_hash(self, use: str, token: str, source: Source) -> bytes:
        """What is stored of a token: it is worth nothing in another workspace or for another host account."""
        parts = ("lakewarden-token", use, self.workspace, source.host_account, token[:256])
        return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).digest()

    def close(self) -> None:
        self.database.close()


def open_identity(
    path: Path,
    *,
    practice: bool,
    lock_file: Path,
    now: Callable[[], datetime],
    seal: TextSeal,
    sink: AuditSink,
    pseudonym: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
    hashing: PasswordHashing | None = None,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> Core:
    """The identity database at `path`, made if it is missing; `practice` says what it is made as.

    Raises StoreError, and PracticeOnly if it was made as the other kind.
    """
    database = open_database(path, SCHEMA, lock_file=lock_file, now=now, busy_timeout_s=busy_timeout_s)
    try:
        workspace = _workspace(database, practice, now(), random_bytes)
        if practice:
            _require_practice_passwords(database)
    except BaseException:
        database.close()
        raise
    hashing = hashing or PasswordHashing(random_bytes)
    return Core(database, seal, sink, pseudonym, hashing, random_bytes, workspace, practice, now)


def from_ms(stored: int) -> datetime:
    """A stored instant, in UTC. Raises StoreDamaged for what no clock shows."""
    return of_milliseconds(stored, SCHEMA.name)


def sealed(core: Core, plaintext: bytes, use: str, user: str) -> tuple[str, bytes]:
    """The key id and envelope of a secret of `user`, bound to its use and its account."""
    return core.seal.seal(plaintext, _aad(core, use, user))


def empty_practice_password(core: Core, connection: sqlite3.Connection, user: str) -> None:
    """The account has another password now; that it is one of practice stays sealed (3.)."""
    row = (*sealed(core, b"", OF_PRACTICE, user), user)
    connection.execute("UPDATE practice_password SET key_id = ?, sealed = ? WHERE user = ?", row)


def opened(core: Core, key_id: str, envelope: bytes, use: str, user: str) -> bytes:
    """What `sealed` sealed; that it does not open is written to the audit log first. Raises VaultError, AuditError."""
    try:
        return core.seal.open(key_id, envelope, _aad(core, use, user))
    except (SealBroken, KeyUnknown) as error:
        broken = isinstance(error, SealBroken)
        event = Event(
            at=core.now(),
            kind=Kind.KEY,
            action="open_sealed",
            outcome=Outcome.FAILED,
            principal="service",
            role="service",
            resource=f"user:{user}",
            code="seal_broken" if broken else "key_unknown",
        )
        core.sink.append([event])
        if not broken:
            raise
        raise SealBroken(
            f"what is sealed of the account {user} ({use}) was changed, or identity-{key_id}.key is not the key "
            "that sealed it; restore both from one backup"
        ) from error


def one(connection: sqlite3.Connection, sql: str, *parameters: object) -> tuple[object, ...] | None:
    """The first row of a SELECT, None if it has none."""
    row: tuple[object, ...] | None = connection.execute(sql, parameters).fetchone()
    return row


def _aad(core: Core, use: str, user: str) -> bytes:
    return f"lakewarden-identity\0{core.workspace}\0{use}\0{user}".encode()


def made_otherwise(path: Path, *, practice: bool) -> PracticeOnly:
    """What is raised where accounts of a practice workspace, or of a production one, are expected, and others found."""
    kinds = ("production", "practice")
    return PracticeOnly(
        f"{path}: expected the accounts of a {kinds[practice]} workspace, found those of a {kinds[not practice]} one. "
        "A workspace stays what it was made as; nothing was changed."
    )


def not_of_practice(path: Path) -> PracticeOnly:
    """What is raised where a practice workspace has accounts, and no practice password that was sealed here."""
    return PracticeOnly(
        f"{path}: expected the accounts of a practice workspace, found accounts without any practice password that "
        "this program sealed: it was made for production and changed since, or each of its practice accounts has a "
        "password of its own by now. Nothing was changed; restore the workspace from one backup, or make another for "
        "practice"
    )


def _workspace(database: Database, practice: bool, now: datetime, random_bytes: Callable[[int], bytes]) -> str:
    """The workspace's name in tokens and seals, made at the first opening (1.)."""
    row = database.query("SELECT name, practice FROM workspace")
    if not row:
        with database.transaction() as connection:
            fresh = (random_bytes(16).hex(), int(practice), milliseconds(now))
            connection.execute("INSERT OR IGNORE INTO workspace VALUES (1, ?, ?, ?)", fresh)
        row = database.query("SELECT name, practice FROM workspace")
    name, made_as = row[0]
    if bool(made_as) is not practice:
        raise made_otherwise(database.path, practice=practice)
    return str(name)


def _require_practice_passwords(database: Database) -> None:
    """Return unless there are accounts and no practice password (2.). Raises PracticeOnly."""
    accounts, passwords = database.query("SELECT (SELECT 1 FROM account), (SELECT 1 FROM practice_password)")[0]
    if accounts and not passwords:
        raise not_of_practice(database.path)
