"""What everything about the clinical store works with: its database, keys, name index, and where breaches are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from security.audit.event import Event, Kind, Outcome
from security.database import BUSY_TIMEOUT_S, Database, Schema, open_database
from security.errors import KeyUnknown, SealBroken
from security.ports import AuditSink, KeyEncryption
from security.records.blind_index import BlindIndex
from security.records.index_key import index_of
from security.vault.data_keys import DataKeys, is_noted
from security.vault.keys import KeyRing
from security.vault.lost import require_store

# A text that somebody with the file made undecodable is the harm of its patient alone: read as one of nobody.
SCHEMA = Schema("clinical store", 0x4C4B5743, "security.records", decoding="backslashreplace")  # "LKWC"
_ONE_OF_EACH = "SELECT data_key.id, subject, kek_id, wrapped FROM data_key JOIN kek ON kek.id = kek_id GROUP BY kek_id"


@dataclass(frozen=True, slots=True)
class Core:
    """The parts; `pseudonym` gives 32 hex digits that stand for a text (AuditKeys.pseudonym)."""

    database: Database
    keks: KeyEncryption
    keys: DataKeys
    index: BlindIndex
    sink: AuditSink
    pseudonym: Callable[[str], str]
    now: Callable[[], datetime]

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def watching(self, patient_id: str, principal: str, role: str) -> Iterator[None]:
        """Within it, a sealed value that does not open is written to the audit log before it is refused.

        Raises SealBroken or KeyUnknown as they came, AuditUnavailable if the event cannot be written.
        """
        try:
            yield
        except (SealBroken, KeyUnknown) as error:
            self.report(error, patient_id, principal, role)
            raise

    def report(self, error: SealBroken | KeyUnknown, patient_id: str, principal: str, role: str) -> None:
        """Write that a sealed value of a patient does not open. Raises AuditUnavailable."""
        event = Event(
            at=self.now(),
            kind=Kind.KEY,
            action="open_sealed",
            outcome=Outcome.FAILED,
            principal=principal,
            role=role,
            resource="patient",
            subject=self.pseudonym(f"patient:{patient_id}"),
            code="key_unknown" if isinstance(error, KeyUnknown) else "seal_broken",
        )
        self.sink.append([event])


def open_clinical(
    path: Path,
    *,
    keks: KeyEncryption,
    index_keys: KeyRing,
    sink: AuditSink,
    pseudonym: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
    lock_file: Path,
    now: Callable[[], datetime],
    busy_timeout_s: float = BUSY_TIMEOUT_S,
) -> Core:
    """The clinical store at `path`, made if it is missing; `index_keys` is the ring of blind_index.PURPOSE.

    Raises StoreError, also where an earlier store is lost, and KeyUnknown, KeyFileRefused or OSError unless every key
    can be had that wraps something here or indexed its names: a store whose keys are gone must not go on under new
    ones. A data key that names a key of none of the store's is that patient's harm alone: it is told when it is read.
    """
    require_store(path, SCHEMA, index_keys)
    database = open_database(path, SCHEMA, lock_file=lock_file, now=now, busy_timeout_s=busy_timeout_s)
    keys = DataKeys(keks, random_bytes, is_noted=partial(is_noted, database))
    try:
        for row in database.query(_ONE_OF_EACH):
            with suppress(SealBroken):  # told with its place when it is read
                keys.unwrap(*row)
        index = index_of(database, index_keys, keys)
    except BaseException:
        database.close()
        raise
    return Core(database, keks, keys, index, sink, pseudonym, now)
