"""What an audit event says to a reader: the cells of its line, and every field of it by name."""

from __future__ import annotations

from datetime import UTC, datetime

from console.tui.sign_in.words import role_name
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Part
from security.audit.event import Decision, Event, Outcome
from security.audit.search import Recorded
from security.audit.siem.origin import GLASS as GLASS
from security.audit.siem.origin import is_glass as is_glass

SHORT = 8  # digits of a pseudonym that are shown where there is room
LOOKING = frozenset(
    {"look", "list", "check", "reason"}
)  # the words of a use that is not the deed which its action names

_OUTCOMES = {
    Outcome.INTENT: ("intent", "muted", "about to happen; written before it did"),
    Outcome.DONE: ("done", "good", "it was done"),
    Outcome.FAILED: ("FAILED", "bad-strong", "it was permitted and did not work"),
    Outcome.REFUSED: ("REFUSED", "bad-strong", "it was not permitted, or the sign-in was wrong"),
}


def events_words(count: int) -> str:
    """`1 event`, `2,000 events`."""
    return "1 event" if count == 1 else f"{count:,} events"


def is_denied(event: Event) -> bool:
    """Whether somebody was kept from something."""
    return event.decision is Decision.DENY or event.outcome is Outcome.REFUSED


def may_have_reason(event: Event) -> bool:
    """Whether the event has a sealed reason, or may be of a use that has one."""
    return event.sealed is not None or (event.action in GLASS and event.correlation is not None)


def sign_of(event: Event, *, cross: str) -> Part:
    """What stands before a line that must not be overlooked: `cross` for a denial or a failure, `!` for the glass."""
    if is_denied(event) or event.outcome is Outcome.FAILED:
        return cross, "bad-strong"
    return ("!", "badge") if is_glass(event) else ("", "text")


def outcome_cell(event: Event, *, brief: bool = False) -> Cell:
    """How it ended, denials and the broken glass in capitals, with the program's word for the reason.

    Where it is `brief`, the word is left out of what went well, unless it says that nothing was changed.
    """
    word, tone, _meaning = _OUTCOMES[event.outcome]
    if event.decision is Decision.DENY:
        word, tone = "DENIED", "bad-strong"
    elif is_glass(event):
        return Cell((("GLASS", "badge"), (f" {word}", tone)))
    told = event.code and not (brief and word.islower() and event.code not in LOOKING)
    code = f" {plain(event.code or '')}" if told else ""
    return Cell(((word, tone), (code, "muted"))) if code else Cell(((word, tone),))


def about(event: Event, *, digits: int = SHORT) -> str:
    """What it was done to: the resource, and the beginning of the pseudonym of whom it is about."""
    return plain(f"{event.resource} {event.subject[:digits]}" if event.subject else event.resource)


def time_words(at: datetime, now: datetime, *, width: int) -> str:
    """An instant in UTC: whole where there is room, else the time of day; for another day with the day, or that."""
    at, today = at.astimezone(UTC), now.astimezone(UTC).date()
    if width >= 19:
        return f"{at:%Y-%m-%d %H:%M:%S}"
    if at.date() == today:
        return f"{at:%H:%M:%S}"
    if width < 11:
        return f"{at:%m-%d}"
    return f"{at:%m-%d %H:%M}" if at.year == today.year else f"{at:%Y-%m-%d}"


def grouped(digest: bytes) -> str:
    """A hash in groups of eight digits, which wrap where they end."""
    digits = digest.hex()
    return " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))


def fields_of(recorded: Recorded) -> list[tuple[str, str, str]]:
    """Every field that an event has: its name, its value, and the tone of that."""
    event = recorded.event
    word, tone, meaning = _OUTCOMES[event.outcome]
    at = event.at.astimezone(UTC)
    found = [
        ("number", f"{recorded.seq:,}", "strong"),
        ("time", f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond:06d} UTC", "text"),
        ("kind", event.kind.value, "text"),
        ("action", event.action, "strong"),
        ("outcome", f"{word}: {meaning}", tone),
    ]
    if event.decision is not None:
        denied = event.decision is Decision.DENY
        found.append(("decision", "DENY" if denied else "allow", "bad-strong" if denied else "good"))
    if event.policies:
        found.append(("decided by", ", ".join(event.policies), "text"))
    elif event.decision is Decision.DENY:
        found.append(("decided by", "no policy permits it, so it is denied", "muted"))
    found += [("who", f"{event.principal}, role {role_name(event.role)}", "text"), ("resource", event.resource, "text")]
    optional = (
        ("subject", event.subject and f"{event.subject} (a pseudonym; no name is in the log)"),
        ("columns", ", ".join(event.columns) and f"{', '.join(event.columns)} shown in clear"),
        ("count", None if event.count is None else f"{event.count:,}"),
        ("code", f"{event.code} (only looked; nothing was changed)" if event.code in LOOKING else event.code),
        ("from", event.address),
        ("session", event.session and f"{event.session} (the hash of its token)"),
        ("same use", event.correlation),
        ("reason", event.sealed and f"given; sealed with the key {event.sealed.partition(':')[0]}"),
        ("leaf", grouped(recorded.leaf)),
    )
    found += [(name, value, "text") for name, value in optional if value]
    return [(name, plain(value), tone) for name, value, tone in found]
