"""One request of records: fetches no cell but those a grant shows in clear, and makes records of what it fetched."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from security.errors import KeyUnknown, SealBroken
from security.instants import of_microseconds
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records.admission import unknown
from security.records.cells import PATIENT, encounter_of, of_encounter, of_history
from security.records.core import SCHEMA, Core
from security.records.masks import mask
from security.records.models import Grant, HistoryEntry, Record, Show, Value
from security.vault.sealed import DataKey, place

_PLAIN = ("sex", "site", "domain")
_ALWAYS = ("patient_id", "version", "id", "kek_id", "wrapped")
_FIRST = len(_ALWAYS)
_PATIENTS = "patient LEFT JOIN data_key ON subject = patient_id"
_MANY = {
    "assigned": "SELECT patient_id, user FROM assignment WHERE patient_id IN ({ids}) ORDER BY 1, 2",
    "encounters": "SELECT patient_id, number, detail FROM encounter WHERE patient_id IN ({ids}) ORDER BY 1, 2",
    "history": (
        "SELECT patient_id, version, entry, text, written_by, written_at FROM history WHERE patient_id IN ({ids}) "
        "ORDER BY 1, 2"
    ),
}

Rows = Iterable[tuple[Any, ...]]


class Fetched:
    """The rows of some patients, as far as `grant` shows them."""

    def __init__(self, core: Core, grant: Grant) -> None:
        self._core = core
        self._grant = grant
        self._shown = {column: grant.show(column) for column in PATIENT_COLUMNS}
        self._clear = {column for column, show in self._shown.items() if show is Show.CLEAR}
        self._opened = [column for column in IDENTIFYING if column in self._clear]
        self._places = [place(PATIENT, column) for column in self._opened]
        self._plain = [column for column in _PLAIN if column in self._clear]
        self._needs_key = bool(self._opened or self._clear & {"encounters", "history"})
        # In the order of PATIENT_COLUMNS; a mask is there from the start, a clear value takes its place.
        self._blank: dict[str, Value] = {
            column: mask(column) for column, show in self._shown.items() if show is not Show.DENIED
        }
        self._patients: dict[str, tuple[Any, ...]] = {}
        self._many: dict[str, defaultdict[str, list[tuple[Any, ...]]]] = {column: defaultdict(list) for column in _MANY}

    def fetch(self, connection: sqlite3.Connection, ids: Sequence[str]) -> None:
        """Take what the grant shows of the patients `ids`, each once."""
        marks = ", ".join("?" * len(ids))
        columns = ", ".join([*_ALWAYS, *self._plain, *self._opened])
        sql = f"SELECT {columns} FROM {_PATIENTS} WHERE patient_id IN ({marks})"  # noqa: S608 – names of our own
        self._patients.update((row[0], row) for row in connection.execute(sql, ids))
        for column, sql in _MANY.items():
            if column in self._clear:
                _collect(connection.execute(sql.format(ids=marks), ids), self._many[column])

    def record(self, patient_id: str) -> Record:
        """The record of one patient. Raises RecordUnknown, SealBroken, KeyUnknown, AuditUnavailable."""
        row = self._patients.get(patient_id)
        if row is None:
            raise unknown(patient_id)
        columns = dict(self._blank)
        if "patient_id" in self._clear:
            columns["patient_id"] = patient_id
        columns.update(zip(self._plain, row[_FIRST:], strict=False))
        if "assigned" in self._clear:
            columns["assigned"] = tuple([user for _, user in self._many["assigned"][patient_id]])
        if self._needs_key:
            try:
                self._open(patient_id, row, columns)
            except (SealBroken, KeyUnknown) as error:
                self._core.report(error, patient_id, self._grant.principal, self._grant.role)
                raise
        return Record(patient_id, row[1], columns, self._shown)

    def _open(self, patient_id: str, row: tuple[Any, ...], columns: dict[str, Value]) -> None:
        """Open all cells of a patient at once: what a call costs for each would be half of the time."""
        encounters = self._many["encounters"].get(patient_id, [])
        # In the order of versions: a newer text takes the place of the older ones of its entry.
        history = list({one[2]: one for one in self._many["history"].get(patient_id, ())}.values())
        cells = [*row[_FIRST + len(self._plain) :], *[one[2] for one in encounters], *[one[3] for one in history]]
        places = [*self._places, *[of_encounter(one[1]) for one in encounters]]
        places += [of_history(one[1], one[2]) for one in history]
        texts = iter(self._key(patient_id, row).open_all(cells, patient_id.encode(), places))
        columns.update(zip(self._opened, texts, strict=False))
        if "encounters" in self._clear:
            columns["encounters"] = tuple([encounter_of(next(texts)) for _ in encounters])
        if "history" in self._clear:
            columns["history"] = tuple(
                [
                    HistoryEntry(entry, version, text, by, of_microseconds(at, SCHEMA.name))
                    for (_, version, entry, _, by, at), text in zip(history, texts, strict=True)
                ]
            )

    def _key(self, patient_id: str, row: tuple[Any, ...]) -> DataKey:
        _, _, key_id, kek_id, wrapped, *_ = row
        if key_id is None:
            raise KeyUnknown(f"expected the data key of {patient_id}, found none: it was destroyed")
        return self._core.keys.unwrap(key_id, patient_id, kek_id, wrapped)


def entry_of(key: DataKey, row: tuple[Any, ...]) -> HistoryEntry:
    """The entry of a row (patient_id, version, entry, text, written_by, written_at). Raises SealBroken."""
    patient_id, version, entry, cell, by, at = row
    text = key.open_all([cell], patient_id.encode(), [of_history(version, entry)])[0]
    return HistoryEntry(entry, version, text, by, of_microseconds(at, SCHEMA.name))


def _collect(rows: Rows, into: defaultdict[str, list[tuple[Any, ...]]]) -> None:
    for row in rows:
        into[row[0]].append(row)
