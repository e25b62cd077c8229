"""The values of the clinical store: patients as they are stored, records as they are read, and what permits reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple


class Show(StrEnum):
    """How a column is shown."""

    CLEAR = "clear"
    MASKED = "masked"  # a fixed text, the same for every value
    DENIED = "denied"  # not at all


class Encounter(NamedTuple):
    """A visit, call or stay of a patient. `diagnosis` is a code and its words."""

    on: date
    kind: str
    diagnosis: str


class HistoryEntry(NamedTuple):
    """An entry of a medical history as one version of the record wrote it."""

    entry: int
    version: int
    text: str
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A patient to store. `history` are texts, oldest first, with who wrote them and when."""

    patient_id: str
    name: str
    birth_date: date
    sex: str
    address: str
    phone: str
    email: str
    ssn: str
    insurance_id: str
    site: str
    domain: str
    assigned: tuple[str, ...] = ()
    encounters: tuple[Encounter, ...] = ()
    history: tuple[tuple[str, str, datetime], ...] = ()
    legal_hold: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What a decision permits of the records. A column that `columns` does not name is denied.

    `patients` are the ids of the row scope, None where the decision permits every patient.
    """

    principal: str
    role: str
    columns: Mapping[str, str]  # column → `clear`, `masked` or `denied`
    patients: frozenset[str] | None
    edit: bool = False

    def show(self, column: str) -> Show:
        """How `column` may be shown. Raises ValueError for a word that is none of `Show`."""
        return Show(self.columns.get(column, Show.DENIED))


Value = str | tuple[str, ...] | tuple[Encounter, ...] | tuple[HistoryEntry, ...]


class Record(NamedTuple):
    """A patient as a grant shows it: `columns` in the order of COLUMNS, without those denied."""

    patient_id: str
    version: int  # what an edit of this record expects
    columns: Mapping[str, Value]
    shown: Mapping[str, Show]  # every column, those denied included


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What decisions about a patient depend on, and nothing else of the record."""

    patient_id: str
    assigned: tuple[str, ...]
    site: str
    domain: str
    legal_hold: bool
