"""What the panel asks of the records off the loop: a record with what else may be done with it, or why it is not shown.

A record that was refused is asked about once more, to tell whether an emergency would open it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from console.actions.permissions import NotSignedIn, PermissionDenied
from security.errors import RecordRefused
from security.policy.facts import GLASS_STAYS_BROKEN
from security.policy.model import Action, Decision
from security.policy.words import fresh_code_would_do
from security.records.admission import PATIENT_ID
from security.records.models import HistoryEntry, Record
from security.records.patient_ids import meant

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.actions.records import Shown
    from console.tui.office import SecurityOffice

SSN = re.compile(r"\d{3}-?\d{2}-?\d{4}")


@dataclass(frozen=True, slots=True)
class Opened:
    """A record as the session sees it. `emergency_s` are the seconds of broken glass that are left."""

    shown: Shown
    may_reveal: bool
    may_edit: Decision
    emergency_s: float | None

    @property
    def patient_id(self) -> str:
        return self.shown.record.patient_id


class NotShown(Exception):
    """A record that was not shown: why, what would change it, and whether breaking the glass would open it."""

    def __init__(self, error: Exception, *, may_break: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.may_break = may_break


def open_record(office: SecurityOffice, user: str, typed: str) -> Opened:
    """The record of the patient that `typed` means, its identifiers masked. Raises NotShown."""
    try:
        patient_id = meant_id(office, typed)
        shown = office.records.show(patient_id, identifiers=False)
        reveal = office.gate.would_allow(Action.UNMASK_SSN, f"patient:{patient_id}").allowed
        return Opened(
            shown,
            reveal,
            office.records.may_edit(patient_id),
            glass_left_s(office, user).get(patient_id, 0.0) if shown.emergency else None,
        )
    except NotSignedIn as error:
        raise NotShown(error) from error
    except PermissionDenied as error:
        raise NotShown(error, may_break=may_break_glass(office, meant_id(office, typed))) from error
    except Exception as error:
        raise NotShown(error) from error


def glass_left_s(office: SecurityOffice, user: str) -> dict[str, float]:
    """The patients for whom `user` broke the glass, and for how many seconds it stays broken."""
    access = office.gate.access
    now = access.now()
    left = {
        patient_id: (broken_at + GLASS_STAYS_BROKEN - now) / timedelta(seconds=1)
        for patient_id, broken_at in access.facts.broken_glass(user).items()
    }
    return {patient_id: left_s for patient_id, left_s in left.items() if left_s > 0}


def may_break_glass(office: SecurityOffice, patient_id: str) -> bool:
    """Whether a reason, and at most a fresh code, would open the record of this patient in an emergency."""
    decision = office.records.may_break_glass(patient_id)
    return decision.allowed or fresh_code_would_do(decision)


def patient_id_of(text: str) -> str:
    """The id of a patient as it was typed. Raises RecordRefused for what can be none; an SSN goes nowhere."""
    if not PATIENT_ID.fullmatch(text) or SSN.search(text):
        raise RecordRefused("expected a patient id of letters, digits, `.`, `_` or `-`, found another text")
    return text


def meant_id(office: SecurityOffice, typed: str) -> str:
    """The id of the patient that `typed` means, whatever its case.

    It is told only of a record that is shown, or an emergency that was permitted: elsewhere it would tell who is here.
    """
    return meant(typed, office.gate.access.facts.patients)


def history_of(record: Record) -> Sequence[HistoryEntry]:
    """The entries of a history that is shown in clear; none where it is not."""
    found = record.columns.get("history", ())
    return [one for one in found if isinstance(one, HistoryEntry)] if isinstance(found, tuple) else []


def still_permitted(office: SecurityOffice, patient_id: str) -> Decision:
    """What would be decided of reading the record now; nothing is recorded, and nothing read."""
    return office.gate.would_allow(Action.VIEW_RECORD, f"patient:{patient_id}")
