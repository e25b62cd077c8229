"""Who treats whom as the audit log tells it, and as the store has it: assigned or taken away by another hand.

What was assigned with `Assigning` is on record before and after. What came with a patient in a file is not: such an
assignment is as old as the patient's data key, and of somebody who was a doctor then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from security.audit.event import Event, Outcome
from security.errors import StoreDamaged
from security.instants import microseconds, of_microseconds
from security.records.admission import PATIENT_ID
from security.records.core import SCHEMA, Core

SLACK = timedelta(minutes=10)  # by which a clock may be put back, or a load go on
SLACK_US = SLACK // timedelta(microseconds=1)
_REMEDY = "say which is right with `lakewarden records assign` or `unassign`"
_ASSIGNED = {"assign_patient": True, "unassign_patient": False}
_OF_USER = "user:"
_ROWS = """
SELECT patient_id, user, assigned_at, made_at FROM patient LEFT JOIN assignment USING (patient_id)
LEFT JOIN data_key ON subject = patient_id ORDER BY patient_id, user
"""


@dataclass(slots=True)
class _Pair:
    """What the log tells of a patient and somebody: whether they may be assigned, as a set of what is possible."""

    possible: frozenset[bool]
    last: Event


def altered_assignments(
    core: Core, events: Iterable[Event], *, may_be_doctor: Callable[[str, datetime], bool], anew: datetime | None
) -> Iterator[str]:
    """Each assignment that is otherwise than `events` tell, oldest first.

    `may_be_doctor` says whether somebody was a doctor at an instant, as far as is known. Assignments that are older
    than `anew`, when a log that stands for an earlier one began, may be in that. Raises StoreError.
    """
    pairs = _told(events)
    begun = None if anew is None else microseconds(anew + SLACK)
    patients: dict[str, str] = {}
    there: set[tuple[str, str]] = set()
    for patient_id, user, assigned_at, made_at in core.database.query(_ROWS):
        subject = core.pseudonym(f"patient:{patient_id}")
        patients[subject] = patient_id
        if user is None:
            continue
        there.add((subject, user))
        what = f"assignment of {_shown(patient_id)} to {_shown(user)}"
        if (pair := pairs.get((subject, user))) is not None:
            if True not in pair.possible:
                yield f"{what}: expected none (taken away by {_who(pair.last)}), found one; {_REMEDY}"
        elif (begun is None or assigned_at > begun) and not _came_with_patient(
            user, assigned_at, made_at, may_be_doctor
        ):
            yield f"{what}: expected it on record, or one that came with the patient, found neither; {_REMEDY}"
    for (subject, user), pair in pairs.items():
        if False not in pair.possible and subject in patients and (subject, user) not in there:
            what = f"assignment of {_shown(patients[subject])} to {user}"
            yield f"{what}: expected one (made by {_who(pair.last)}), found none; {_REMEDY}"


def _told(events: Iterable[Event]) -> dict[tuple[str, str], _Pair]:
    """What `events` tell of each pair. Only an outcome that comes right after its intent settles anything.

    After an intent alone, which a kill may leave, or between two that overlap, both are possible.
    """
    pairs: dict[tuple[str, str], _Pair] = {}
    for event in events:
        assigned = _ASSIGNED.get(event.action)
        if assigned is None or event.subject is None or not event.resource.startswith(_OF_USER):
            continue
        pair = (event.subject, event.resource.removeprefix(_OF_USER))
        before = pairs.get(pair)
        if before is not None and event.outcome is Outcome.DONE and _is_intent_of(before.last, event):
            possible = frozenset({assigned})
        else:
            possible = frozenset({assigned}) | (before.possible if before else frozenset({True, False}))
        pairs[pair] = _Pair(possible, event)
    return pairs


def _is_intent_of(before: Event, event: Event) -> bool:
    return (
        before.outcome is Outcome.INTENT
        and before.action == event.action
        and before.correlation == event.correlation
        and before.principal == event.principal
    )


def _came_with_patient(
    user: str, assigned_at: int, made_at: int | None, may_be_doctor: Callable[[str, datetime], bool]
) -> bool:
    """Whether it is as old as the patient's data key, and of somebody who may have been a doctor then.

    Without a data key there is nothing left to open, and that is told of the patient.
    """
    if made_at is None:
        return True
    if abs(assigned_at - made_at) > SLACK_US:
        return False
    try:
        return may_be_doctor(user, of_microseconds(assigned_at, SCHEMA.name))
    except StoreDamaged:  # no instant: written by somebody with the file
        return False


def _who(event: Event) -> str:
    return f"{event.principal}, {event.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _shown(name: str) -> str:
    """A name that may stand in a message: what somebody with the file made another text is spelled out."""
    return name if PATIENT_ID.fullmatch(name) else f"{name[:40]!a}"
