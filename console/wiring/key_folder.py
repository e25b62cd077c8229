"""The key folder of a workspace: the rings in it, which keys have sealed something, and which of those are missing.

A folder that lacks such a key is another's, or was emptied: no key is made in it, since what would be sealed with that
could not be opened once the right folder is back.

What a store has sealed cannot be told where it cannot be read. The clinical store, the identity database and the audit
log then refuse a key of their own purposes. The warehouse and the secrets share theirs with the records, and are
themselves refused before anything is sealed in them: they refuse none, so that nothing but them fails.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from console.settings import Settings
from etl.files import write_whole
from security.database import in_words
from security.errors import KeyUnknown, SecretStoreDamaged, StoreError
from security.vault.keys import ID, PURPOSE, KeyRing
from security.vault.secrets import SecretStore

DATA_KEYS, SECRETS, CUSTOMERS = "data keys", "secrets", "customers"


class _Question(NamedTuple):
    """How often the keys of a purpose are named in a database: `sql` gives key id and count."""

    purpose: str
    sealed: str
    sql: str


_CLINICAL = (
    _Question(PURPOSE, DATA_KEYS, "SELECT kek_id, count(*) FROM data_key JOIN kek ON kek.id = kek_id GROUP BY kek_id"),
    _Question("index", "name words", "SELECT key_id, (SELECT count(*) FROM name_word) FROM index_key"),
)
_IDENTITY = (
    _Question("identity", "authenticators", "SELECT key_id, count(*) FROM authenticator GROUP BY key_id"),
    _Question("identity", "practice passwords", "SELECT key_id, count(*) FROM practice_password GROUP BY key_id"),
)
_AUDIT = (_Question("audit", "audit log", "SELECT key_id, count(*) FROM log GROUP BY key_id"),)
_WAREHOUSE = (
    _Question(
        PURPOSE,
        CUSTOMERS,
        "SELECT CAST(key AS TEXT), count(DISTINCT customer_id) FROM ("
        "SELECT customer_id, substr(customer_name, 1, 13) AS key FROM Customer_Table UNION ALL "
        "SELECT customer_id, substr(address, 1, 13) FROM Customer_Table) GROUP BY key",
    ),
)
_PURPOSES = (PURPOSE, "index", "identity", "audit")
_SINGLE = ("index", "identity")


class _Store(NamedTuple):
    """What tells the keys that sealed something in a store, and the purposes whose keys it refuses if it cannot."""

    uses: Callable[[], list[KeyUse]]
    own_purposes: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many of what one key has sealed."""

    purpose: str
    key_id: str
    sealed: str
    count: int


def key_ring(settings: Settings, purpose: str = PURPOSE) -> KeyRing:
    """The keys of one purpose. Where a key that sealed something is missing it makes none, and raises KeyUnknown."""
    return KeyRing(settings.keys_dir, write_whole, purpose=purpose, may_make=partial(require_keys, settings, purpose))


def require_keys(settings: Settings, purpose: str) -> None:
    """Return if a key of the purpose may be made: every key is there that has sealed something.

    Raises KeyUnknown, OSError, and StoreError where a store cannot be read whose own keys are of the purpose.
    """
    for missing in missing_keys(settings, _uses_in_readable(settings, purpose)):
        raise KeyUnknown(
            f"{settings.keys_dir}: expected {told(missing)}, found no such file; restore it from a backup, or set "
            "vault.keys_dir to the folder that has it. No key was made"
        )


def check_private(settings: Settings) -> None:
    """Return if every key in the folder can be used: a file of its owner alone. Raises KeyFileRefused, OSError."""
    for purpose in _PURPOSES:
        ring = KeyRing(settings.keys_dir, write_whole, purpose=purpose)
        for key_id in ring.ids():
            ring.get(key_id)


def missing_keys(settings: Settings, uses: Iterable[KeyUse]) -> list[KeyUse]:
    """Those uses whose key is not in the folder. Raises OSError."""
    there = {purpose: KeyRing(settings.keys_dir, write_whole, purpose=purpose).ids() for purpose in _PURPOSES}
    return [use for use in uses if use.key_id not in there[use.purpose]]


def extra_keys(settings: Settings) -> list[str]:
    """What is wrong with the folder where it has keys that this program did not make. Raises OSError.

    Whoever put one there can seal with it: of these purposes the program makes one key and never another.
    """
    found = {purpose: KeyRing(settings.keys_dir, write_whole, purpose=purpose).ids() for purpose in _SINGLE}
    return [
        f"{settings.keys_dir}: expected one {purpose} key, found {', '.join(f'{purpose}-{one}.key' for one in ids)}; "
        "move away what was put there, and nothing that it sealed opens any more"
        for purpose, ids in found.items()
        if len(ids) > 1
    ]


def key_uses(settings: Settings) -> tuple[list[KeyUse], list[str]]:
    """What each key has sealed in the stores that there are, and why a store could not be asked. Raises OSError."""
    uses: list[KeyUse] = []
    unread: list[str] = []
    for store in _stores(settings):
        try:
            uses += store.uses()
        except (StoreError, SecretStoreDamaged) as error:
            unread.append(str(error))
    return uses, unread


def _uses_in_readable(settings: Settings, purpose: str) -> Iterator[KeyUse]:
    """What each key has sealed in the stores that can be read; StoreError for one whose own keys are of `purpose`."""
    for store in _stores(settings):
        try:
            yield from store.uses()
        except (StoreError, SecretStoreDamaged):
            if purpose in store.own_purposes:
                raise


def _stores(settings: Settings) -> list[_Store]:
    secrets = SecretStore(settings.secrets_file, KeyRing(settings.keys_dir, write_whole), write_whole)

    def sealed_secrets() -> list[KeyUse]:
        return [KeyUse(PURPOSE, key_id, SECRETS, count) for key_id, count in secrets.key_uses().items()]

    def database(path: Path, name: str, questions: Sequence[_Question], *, owns: bool = True) -> _Store:
        return _Store(
            lambda: list(_uses_in(path, name, questions)),
            frozenset(question.purpose for question in questions) if owns else frozenset(),
        )

    return [
        database(settings.clinical_db, "clinical store", _CLINICAL),
        _Store(sealed_secrets, frozenset()),
        database(settings.home / "warehouse.db", "warehouse", _WAREHOUSE, owns=False),
        database(settings.identity_db, "identity database", _IDENTITY),
        database(settings.audit_db, "audit log", _AUDIT),
    ]


def told(use: KeyUse) -> str:
    """The file of a key, and what it has sealed."""
    sealed = use.sealed.removesuffix("s") if use.count == 1 else use.sealed
    file = f"{use.purpose}-{use.key_id}.key"
    return f"{file}, which sealed {use.count:,} {sealed}" if use.count else file


def _uses_in(path: Path, name: str, questions: Sequence[_Question]) -> Iterator[KeyUse]:
    """The uses in one database; none where it is missing or just being made."""
    if not path.is_file() or not path.stat().st_size:  # beside an empty one SQLite would remove a write-ahead log
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=20)) as connection:
            connection.text_factory = lambda text: text.decode("ascii", errors="backslashreplace")
            if not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                return
            for question in questions:
                for key_id, count in connection.execute(question.sql).fetchall():
                    if ID.fullmatch(key_id):  # a damaged cell names no key
                        yield KeyUse(question.purpose, key_id, question.sealed, count)
    except sqlite3.Error as error:
        raise in_words(path, name, error) from error
