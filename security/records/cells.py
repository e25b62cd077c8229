"""How a record becomes sealed cells and a cell a value again: the places they are bound to, and their texts."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from security.errors import SealBroken
from security.records.models import Encounter
from security.vault.sealed import DataKey, place

PATIENT, ENCOUNTER, HISTORY = "patient", "encounter", "history"

_BETWEEN = "\x1f"  # unit separator: what is stored has no control characters


@lru_cache(maxsize=1024)
def of_encounter(number: int) -> bytes:
    """The place of an encounter in the record of its patient."""
    return place(ENCOUNTER, "detail", str(number))


@lru_cache(maxsize=4096)
def of_history(version: int, entry: int) -> bytes:
    """The place of one version of an entry of the history in the record of its patient."""
    return place(HISTORY, "text", f"{version}/{entry}")


def seal_encounter(key: DataKey, patient_id: str, number: int, encounter: Encounter) -> bytes:
    text = _BETWEEN.join((encounter.on.isoformat(), encounter.kind, encounter.diagnosis))
    return key.seal(text, row=patient_id, table=ENCOUNTER, column="detail", part=str(number))


def seal_history(key: DataKey, patient_id: str, version: int, entry: int, text: str) -> bytes:
    return key.seal(text, row=patient_id, table=HISTORY, column="text", part=f"{version}/{entry}")


def encounter_of(text: str) -> Encounter:
    """The encounter of an opened cell. Raises SealBroken."""
    try:
        on, kind, diagnosis = text.split(_BETWEEN)
        return Encounter(date.fromisoformat(on), kind, diagnosis)
    except ValueError as error:
        raise SealBroken("encounter.detail: expected a date, a kind and a diagnosis, found another text") from error
