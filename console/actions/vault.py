"""What may be done with the keys of the records: look, exchange, prove; and a bench that shows a sealed value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from console.actions.gate import Gate
from security.audit.event import Event, Kind
from security.audit.log import AuditLog
from security.audit.opening import BEGUN_ANEW
from security.audit.search import Filter, every
from security.errors import RecordRefused, SealBroken
from security.identity.account import Role
from security.identity.audited_accounts import altered_accounts, told_accounts
from security.identity.core import Core as IdentityCore
from security.policy.words import fresh_code_would_do
from security.records.audited_assignments import altered_assignments
from security.records.audited_edits import removed_edits
from security.records.core import Core
from security.records.vault import Vault
from security.vault.cipher import KEY_BYTES, NONCE_BYTES, TAG_BYTES, VERSION
from security.vault.rotation import Rotation
from security.vault.sealed import HEAD_BYTES, KEY_ID_BYTES, LAYOUT, DataKey
from security.vault.status import VaultStatus

ACTION, RESOURCE = "rotate_keys", "keys"
EDIT = "edit_record"
LONGEST_TRIED = 400  # characters of a text on the bench

_PARTS = (
    ("layout", len(LAYOUT)),
    ("data key id", KEY_ID_BYTES),
    ("version", len(VERSION)),
    ("nonce", NONCE_BYTES),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sealed value: what it is, and its bytes in hex."""

    name: str
    hex: str


@dataclass(frozen=True, slots=True)
class Bench:
    """A text as it would be stored under a key of its own, made for this and forgotten.

    `changed_bit` and `other_place` say how the value is refused with one bit changed, and in another row.
    """

    parts: tuple[Part, ...]
    key_id: str
    opened: str
    changed_bit: str
    other_place: str


class VaultActions:
    """The vault for whoever sits at `gate`. Safe between threads.

    Each method raises PermissionDenied, AuditUnavailable, SecurityError and OSError.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        core: Callable[[], Core],
        identity: Callable[[], IdentityCore],
        audit: Callable[[], AuditLog],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._gate = gate
        self._core = core
        self._identity = identity
        self._audit = audit
        self._random_bytes = random_bytes

    def status(self) -> VaultStatus:
        """Keys, ages, and what they wrap."""
        self._gate.require(ACTION, RESOURCE)
        return Vault(self._core()).status()

    def rotate(
        self,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Rotation:
        """Wrap every data key under a new key, or go on with a rotation that is open, be it another process's.

        Where `stop` says so it returns early; the rotation stays open and is gone on with by the next call.
        """
        with self._gate.use(ACTION, RESOURCE) as grant:
            found = Vault(self._core()).rotate(by=grant.principal, role=grant.role, progress=progress, stop=stop)
            grant.count(found.rewrapped)
        return found

    def problems(
        self,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """What of every patient's sealed values does not open, by place, and what is not as the audit log tells it.

        That is edits that are in no history, and accounts and assignments that another changed in the file. Empty where
        all is sound. `progress` is told patients done and in all; only where it was told that all are was
        every patient checked.
        """
        with self._gate.use(ACTION, RESOURCE, code="check") as grant:
            found = Vault(self._core()).problems(progress=progress, stop=stop)
            if not stop():
                found += removed_edits(self._core(), self._events(Filter(action=EDIT)))
                found += self._altered()
            grant.count(len(found))
        return found

    def _events(self, wanted: Filter) -> list[Event]:
        """The events that fit, oldest first."""
        return [recorded.event for recorded in every(self._audit().search, wanted)][::-1]

    def _altered(self) -> list[str]:
        """Which accounts and assignments are not as the audit log tells; what is changed meanwhile is none of them."""
        found = list(self._altered_once())
        again = set(self._altered_once()) if found else set()
        return [problem for problem in found if problem in again]

    def _altered_once(self) -> Iterator[str]:
        anew = self._begun_anew()
        events = self._events(Filter(kind=Kind.USER))
        told = told_accounts(events)
        yield from altered_accounts(self._identity(), told, anew=anew)

        def may_be_doctor(user: str, at: datetime) -> bool:
            return user not in told or told[user].may_have_been(Role.DOCTOR, at)

        yield from altered_assignments(self._core(), events, may_be_doctor=may_be_doctor, anew=anew)

    def _begun_anew(self) -> datetime | None:
        """When the log began, if it stands for an earlier one."""
        (first,) = self._audit().tail(after=-1, limit=1)
        return first.event.at if first.event.action == BEGUN_ANEW else None

    def bench(self, text: str) -> Bench:
        """What is stored of `text`, and how it is protected; nothing of the vault is touched.

        For those who may rotate, without a fresh code. Raises RecordRefused for a text of no or too many characters.
        """
        decision = self._gate.would_allow(ACTION, RESOURCE)
        if not decision.allowed and not fresh_code_would_do(decision):
            raise self._gate.refusal(ACTION, decision)
        if not 0 < len(text) <= LONGEST_TRIED:
            raise RecordRefused(f"expected a text of 1 to {LONGEST_TRIED} characters, found {len(text)}")
        key = DataKey(self._random_bytes(KEY_ID_BYTES), self._random_bytes(KEY_BYTES))
        cell = key.seal(text, row="bench-1", table="bench", column="text")
        changed = cell[:-1] + bytes([cell[-1] ^ 1])
        return Bench(
            parts=_parts(cell),
            key_id=key.id.hex(),
            opened=key.open(cell, row="bench-1", table="bench", column="text"),
            changed_bit=_refusal(key, changed, row="bench-1"),
            other_place=_refusal(key, cell, row="bench-2"),
        )


def _parts(cell: bytes) -> tuple[Part, ...]:
    parts, at = [], 0
    for name, length in (*_PARTS, ("ciphertext", len(cell) - HEAD_BYTES - len(VERSION) - NONCE_BYTES - TAG_BYTES)):
        parts.append(Part(name, cell[at : at + length].hex()))
        at += length
    return (*parts, Part("tag", cell[at:].hex()))


def _refusal(key: DataKey, cell: bytes, *, row: str) -> str:
    try:
        key.open(cell, row=row, table="bench", column="text")
    except SealBroken as error:
        return str(error)
    raise AssertionError("a value opened that must not open")
