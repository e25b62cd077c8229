"""What every format says of where an event comes from, how grave it is and when it was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from security.audit.event import Decision, Event, Outcome
from security.audit.search import Recorded
from security.instants import milliseconds

VENDOR = "Lakewarden"
PRODUCT = "Lakewarden"
GLASS = frozenset({"break_glass", "break-glass"})  # the action, and the code of what is seen through it


@dataclass(frozen=True, slots=True)
class Source:
    """This installation: its host's name, the program's version and the log's name."""

    host: str
    version: str
    origin: str


def rfc3339(event: Event) -> str:
    """The event's instant, UTC to the microsecond."""
    return event.at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def epoch_ms(event: Event) -> int:
    """The event's instant in whole milliseconds since 1970."""
    return milliseconds(event.at)


def refused(event: Event) -> bool:
    return event.decision is Decision.DENY or event.outcome is Outcome.REFUSED


def is_glass(event: Event) -> bool:
    """Whether the glass was broken, or a record seen through it."""
    return event.action in GLASS or event.code in GLASS


def severity(event: Event) -> int:
    """0 to 10 as CEF and LEEF count: 6 where something was refused or the glass is broken, 5 failed, 3."""
    if refused(event) or is_glass(event):
        return 6
    return 5 if event.outcome is Outcome.FAILED else 3


def fields(recorded: Recorded) -> dict[str, str | int]:
    """What an event says, under its own names; absent fields and the sealed reason left out."""
    event = recorded.event
    everything: dict[str, str | int | None] = {
        "seq": recorded.seq,
        "leaf": recorded.leaf.hex(),
        "kind": event.kind.value,
        "action": event.action,
        "outcome": event.outcome.value,
        "principal": event.principal,
        "role": event.role,
        "resource": event.resource,
        "subject": event.subject,
        "decision": event.decision.value if event.decision else None,
        "policies": " ".join(event.policies) or None,
        "session": event.session,
        "address": event.address,
        "columns": " ".join(event.columns) or None,
        "count": event.count,
        "code": event.code,
        "correlation": event.correlation,
    }
    return {name: value for name, value in everything.items() if value is not None}
