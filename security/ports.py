"""What the security domain needs from outside, each as a small Protocol that the wiring connects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from security.audit.event import Event
from security.policy.facts import AccountFacts, Networks, PatientFacts


class WriteWhole(Protocol):
    """Puts a body at a path, replacing what was there, mode 0600, whole or not at all. Raises OSError."""

    def __call__(self, path: Path, body: bytes, /) -> None: ...


class TextSeal(Protocol):
    """Seals and opens a short text, such as a reason or an authenticator secret, with a key the port chooses."""

    def seal(self, plaintext: bytes, aad: bytes, /) -> tuple[str, bytes]:
        """The id of the key, of A to Z, a to z, 0 to 9, `.`, `_` and `-`, and the envelope. Raises VaultError."""
        ...

    def open(self, key_id: str, envelope: bytes, aad: bytes, /) -> bytes:
        """What was sealed. Raises VaultError."""
        ...


class CheckpointKeeper(Protocol):
    """A place outside the workspace that keeps copies of signed checkpoints, so that a rollback shows."""

    @property
    def name(self) -> str:
        """What the operator calls the place."""
        ...

    def keep(self, note: str, /) -> None:
        """Keep a copy for good; may be slow. Raises OSError."""
        ...

    def kept(self) -> list[str]:
        """The copies, oldest first. Raises OSError."""
        ...

    def newest(self) -> Iterable[str]:
        """The copies, the newest first, as many as are at hand, and maybe parts of others. Raises OSError."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether copies were kept here, and none is here any more. Raises OSError."""
        ...


class AuditSink(Protocol):
    """Where events are written before what they announce happens: the audit log."""

    def append(self, events: Sequence[Event], /) -> object:
        """Return when the events are on the disk. Raises AuditUnavailable: the caller then does not go on."""
        ...


class Mailer(Protocol):
    """Sends a short message to one person."""

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Return when the mail server has accepted the message. Raises MailNotSent."""
        ...


class KeyEncryption(Protocol):
    """The key-encryption keys, wherever they are kept: files here, or a service that never gives a key away.

    Each method raises KeyUnknown, KeyFileRefused or another VaultError, and OSError.
    """

    def current_id(self) -> str:
        """The id of the key that wraps from now on; the first is made if there is none."""
        ...

    def add(self) -> str:
        """Make a key that is current from now on; its id."""
        ...

    def wrap(self, key_id: str, data_key: bytes, aad: bytes, /) -> bytes:
        """`data_key` wrapped under the key `key_id`, bound to `aad`."""
        ...

    def unwrap(self, key_id: str, wrapped: bytes, aad: bytes, /) -> bytes:
        """What was wrapped. Raises SealBroken for anything else."""
        ...


class Facts(Protocol):
    """What decisions depend on, as it is now. A method that cannot tell raises SecurityError: refused."""

    def account(self, user: str, /) -> AccountFacts | None:
        """The account of that exact name, if there is one."""
        ...

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        """The patients of those exact ids, as many of them as there are."""
        ...

    def has_domain(self, domain: str, /) -> bool:
        """Whether there is a research data set of that domain."""
        ...

    def networks(self) -> Networks:
        """The known places."""
        ...

    def broken_glass(self, user: str, /) -> Mapping[str, datetime]:
        """The patients whose glass `user` broke in the last 15 minutes or longer, and when last."""
        ...

    def guest_allowed(self) -> bool:
        """Whether a visitor who has not signed in may do what a guest may."""
        ...


class GlassStore(Protocol):
    """Keeps who broke the glass of whom and when, so that it lets in for 15 minutes."""

    def record(self, user: str, patient: str, at: datetime, /) -> None:
        """Return when it is on the disk. Raises SecurityError."""
        ...
