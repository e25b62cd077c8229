"""The audit events of identity: who did what, with the reason as a word. Never a password, a code or a typed name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from security.audit.event import Event, Kind, Outcome
from security.identity.core import Core

NOBODY = "unknown"  # the principal of a sign-in with a name that no account has
NO_ROLE = "none"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something to an account: a signed-in user, or `service` for the program itself."""

    user: str
    role: str
    session: str | None = None
    address: str | None = None


SERVICE = Actor("service", "service")


def record_sign_in(
    core: Core,
    actor: Actor,
    action: str,
    outcome: Outcome,
    *,
    now: datetime,
    code: str | None = None,
    typed: str | None = None,
    count: int | None = None,
) -> None:
    """Write an event of kind sign-in. `typed` is a name nobody has: its pseudonym is written. Raises AuditError."""
    subject = None if typed is None else core.pseudonym(f"user:{typed[:64]!a}")
    event = Event(
        at=now,
        kind=Kind.SIGN_IN,
        action=action,
        outcome=outcome,
        principal=actor.user,
        role=actor.role,
        resource="session",
        subject=subject,
        session=actor.session,
        address=actor.address,
        code=code,
        count=count,
    )
    core.sink.append([event])


def record_change(core: Core, actor: Actor, action: str, user: str, *, now: datetime, code: str | None = None) -> None:
    """Write an event of kind user: `actor` changed the account of `user`. Raises AuditError."""
    event = Event(
        at=now,
        kind=Kind.USER,
        action=action,
        outcome=Outcome.DONE,
        principal=actor.user,
        role=actor.role,
        resource=f"user:{user}",
        session=actor.session,
        address=actor.address,
        code=code,
    )
    core.sink.append([event])
