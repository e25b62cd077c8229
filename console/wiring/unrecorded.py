"""Who sits here and what would be permitted, told without the audit log: for verifying a log that cannot be opened.

Nothing that is to be recorded can be done with it: whatever tries meets AuditUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import NoReturn

from console.actions.gate import Gate
from console.wiring.facts import WorkspaceFacts
from console.wiring.security import Security
from etl.files import write_whole
from security.access import Access
from security.audit.event import Event
from security.disclosure import Recorder
from security.errors import AuditUnavailable
from security.identity.accounts import Accounts
from security.identity.core import Core, open_identity
from security.identity.keys import PURPOSE, IdentityKeys
from security.identity.sessions import Limits, Sessions
from security.vault.keys import KeyRing


@contextmanager
def unrecorded_gate(security: Security) -> Iterator[Gate]:
    """A gate for `security`'s seat that only tells. Raises StoreError, OSError."""
    nowhere = _Nowhere()
    with closing(_identity(security, nowhere)) as core:
        facts = WorkspaceFacts(
            security.settings,
            accounts=lambda: Accounts(core),
            admission=nowhere.refuse,
            glass=nowhere.refuse,
            now=security.now,
        )
        recorder = Recorder(nowhere, nowhere.refuse, nowhere.refuse, security.random_bytes, security.now)
        access = Access(security.engine, facts, recorder, nowhere, security.now)
        access_settings = security.settings.access
        idle, absolute = access_settings.idle_timeout_s, access_settings.absolute_timeout_s
        sessions = Sessions(core, Limits(timedelta(seconds=idle), timedelta(seconds=absolute)))
        yield Gate(access, security.seat.over(lambda: sessions))


class _Nowhere:
    """Stands for the audit log, and for what cannot be opened without it."""

    def append(self, _events: Sequence[Event], /) -> NoReturn:
        self.refuse()

    def record(self, *_: object) -> NoReturn:
        self.refuse()

    def refuse(self, *_: object) -> NoReturn:
        raise AuditUnavailable("the audit log cannot be used: nothing can be recorded, so nothing is disclosed")


def _identity(security: Security, nowhere: _Nowhere) -> Core:
    settings = security.settings
    return open_identity(
        settings.identity_db,
        practice=settings.practice,
        lock_file=settings.locks_dir / f"{settings.identity_db.name}.lock",
        now=security.now,
        seal=IdentityKeys(KeyRing(settings.keys_dir, write_whole, purpose=PURPOSE)),
        sink=nowhere,
        pseudonym=nowhere.refuse,
        random_bytes=security.random_bytes,
    )
