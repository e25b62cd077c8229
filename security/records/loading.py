"""Loading a file of patients, one a line: all of it or nothing, told to the audit log before and after.

Order of a load:
1. The intent is durable before a stored record is looked at.
2. The file is read a first time. Every line is checked, within itself, against the lines before it and against the
   store: a patient who is there with the same values is left alone, with other values the line is a fault.
3. Where there was a fault nothing goes on. Else the file is read a second time, which needs no memory for it, and what
   is new is sealed aside while others use the store; one transaction stores it, if the file was the same both times.
4. The outcome is recorded, with how many were stored.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import BinaryIO

from security.audit.event import Event, Kind, Outcome
from security.disclosure import standing
from security.errors import RecordRefused
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records.admission import IDS_AT_ONCE, Admission
from security.records.core import Core
from security.records.models import Grant, HistoryEntry, NewPatient, Record
from security.records.patient_lines import LINE, LONGEST_LINE, LineRefused, parse_patient
from security.records.reading import Reading

ACTION = "load_patients"
MOST_LINES = 100_000  # of a file
MOST_BYTES = 268_435_456  # of a file
MOST_FAULTS = 50  # after so many, the rest of the file is not looked at

_OTHER_VALUES = (
    "patient_id: expected a new patient, or the values that are stored, found other values: that patient is there "
    "already; edits go through `records edit`"
)
_BOM = b"\xef\xbb\xbf"
_LINE_END = b"\r\n"
_AS_THEY_ARE = (*(column for column in IDENTIFYING if column != "birth_date"), "sex", "site", "domain")


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line cannot be stored: `message` begins with the field."""

    line: int
    field: str
    message: str


class FileRefused(RecordRefused):
    """A file with faulty lines, of which nothing was stored. `stopped` says that its end was not looked at."""

    def __init__(self, faults: Sequence[Fault], *, stopped: bool) -> None:
        super().__init__("\n".join(f"line {one.line}: {one.message}" for one in faults))
        self.faults = tuple(faults)
        self.stopped = stopped


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file whose patients are all there now: those that were stored, and those that were there already."""

    new: int
    already_there: int


@dataclass(slots=True)
class _Seen:
    """What the first reading found."""

    lines: dict[str, int] = field(default_factory=dict)  # patient id → line
    already_there: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    digest: bytes = b""

    def fault(self, line: int, name: str, message: str) -> None:
        self.faults.append(Fault(line, name, message))


class Loading:
    """Loads patients for `by`; `doctors` are the accounts that may treat them, `correlation` joins the events."""

    def __init__(
        self, core: Core, *, by: str, role: str, address: str | None, doctors: Collection[str], correlation: str
    ) -> None:
        self._core = core
        self._by = by
        self._role = role
        self._address = address
        self._doctors = doctors
        self._correlation = correlation

    def load(self, file: BinaryIO, *, stop: Callable[[], bool] = lambda: False) -> Loaded:
        """Store the patients of `file`, which can be read twice, all or none. Where `stop` says so, none.

        Raises FileRefused (faulty lines), RecordRefused (changed meanwhile, or stopped), SealBroken and KeyUnknown of
        a stored record, AuditUnavailable, VaultError, StoreError, OSError.
        """
        self._tell(Outcome.INTENT)
        try:
            done = self._load(file, self._core.now().date(), stop)
        except BaseException as error:
            self._tell(Outcome.FAILED, code="faulty_lines" if isinstance(error, FileRefused) else None)
            raise
        with standing(ACTION):
            self._tell(Outcome.DONE, count=done.new)
        return done

    def _load(self, file: BinaryIO, today: date, stop: Callable[[], bool]) -> Loaded:
        start = file.tell()
        seen = self._look(file, today, stop)
        if seen.faults:
            told = sorted(seen.faults, key=lambda one: one.line)[:MOST_FAULTS]
            raise FileRefused(told, stopped=len(seen.faults) >= MOST_FAULTS)
        if len(seen.already_there) == len(seen.lines):
            return Loaded(0, len(seen.already_there))
        file.seek(start)
        patients = self._again(file, today, stop, seen)
        new = Admission(self._core).add(patients, by=self._by, check=lambda: _check_going_on(stop))
        return Loaded(new, len(seen.already_there))

    def _look(self, file: BinaryIO, today: date, stop: Callable[[], bool]) -> _Seen:
        seen, digest, batch = _Seen(), hashlib.sha256(), dict[str, NewPatient]()
        for number, line in _lines(file, stop):
            digest.update(line + b"\n")
            try:
                patient = parse_patient(line, doctors=self._doctors, today=today)
                _check_once(patient, seen.lines)
            except LineRefused as error:
                seen.fault(number, error.field, str(error))
            else:
                seen.lines[patient.patient_id] = number
                batch[patient.patient_id] = patient
            if len(batch) == IDS_AT_ONCE:
                self._compare(batch, seen)
                batch.clear()
            if len(seen.faults) >= MOST_FAULTS:
                return seen
        self._compare(batch, seen)
        seen.digest = digest.digest()
        return seen

    def _compare(self, batch: Mapping[str, NewPatient], seen: _Seen) -> None:
        """Find those of `batch` who are there already. Opens their records, so that the intent must be on record."""
        there = {one.patient_id: one for one in Admission(self._core).facts_of(list(batch))}
        if not there:
            return
        grant = Grant(self._by, self._role, dict.fromkeys(PATIENT_COLUMNS, "clear"), frozenset(there))
        for record in Reading(self._core).records(sorted(there), grant):
            patient = batch[record.patient_id]
            if _is_same(record, patient) and there[record.patient_id].legal_hold == patient.legal_hold:
                seen.already_there.add(record.patient_id)
            else:
                seen.fault(seen.lines[record.patient_id], "patient_id", _OTHER_VALUES)

    def _again(self, file: BinaryIO, today: date, stop: Callable[[], bool], seen: _Seen) -> Iterator[NewPatient]:
        """The new patients, read a second time. Raises RecordRefused if that is not what was read the first time."""
        digest = hashlib.sha256()
        try:
            for _, line in _lines(file, stop):
                digest.update(line + b"\n")
                patient = parse_patient(line, doctors=self._doctors, today=today)
                if patient.patient_id not in seen.already_there:
                    yield patient
        except LineRefused:
            raise _changed() from None
        if digest.digest() != seen.digest:
            raise _changed()

    def _tell(self, outcome: Outcome, *, count: int | None = None, code: str | None = None) -> None:
        event = Event(
            at=self._core.now(),
            kind=Kind.EDIT,
            action=ACTION,
            outcome=outcome,
            principal=self._by,
            role=self._role,
            resource="patient",
            address=self._address,
            count=count,
            code=code,
            correlation=self._correlation,
        )
        self._core.sink.append([event])


def _lines(file: BinaryIO, stop: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers, each at most a little longer than a line may be."""
    most, taken = LONGEST_LINE + len(_LINE_END), 0
    for number in itertools.count(1):
        line = rest = file.readline(most)
        while rest:
            taken += len(rest)
            _check_room(number, taken, stop)
            if len(rest) < most or rest.endswith(b"\n"):
                break
            rest = file.readline(most)
        if not line:
            return
        line = line.removeprefix(_BOM) if number == 1 else line
        if line.strip():
            yield number, line.rstrip(_LINE_END)


def _check_room(number: int, taken: int, stop: Callable[[], bool]) -> None:
    _check_going_on(stop)
    for expected, exceeded in (
        (f"{MOST_LINES:,} lines", number > MOST_LINES),
        (f"{MOST_BYTES:,} bytes", taken > MOST_BYTES),
    ):
        if exceeded:
            raise FileRefused(
                [Fault(number, LINE, f"file: expected at most {expected}, found more; split it")], stopped=True
            )


def _check_going_on(stop: Callable[[], bool]) -> None:
    if stop():
        raise RecordRefused("the load was stopped: nothing was stored")


def _check_once(patient: NewPatient, lines: Mapping[str, int]) -> None:
    if (before := lines.get(patient.patient_id)) is not None:
        raise LineRefused("patient_id", "each patient once", f"the one of line {before} again")


def _is_same(record: Record, patient: NewPatient) -> bool:
    """Whether the record is what loading the patient would store, never edited since."""
    columns = record.columns
    history = tuple(
        [(one.text, one.written_by, one.written_at) for one in columns["history"] if isinstance(one, HistoryEntry)]
    )
    return (
        all(columns[name] == getattr(patient, name) for name in _AS_THEY_ARE)
        and columns["birth_date"] == patient.birth_date.isoformat()
        and columns["assigned"] == tuple(sorted(patient.assigned))
        and columns["encounters"] == patient.encounters
        and history == patient.history  # an edit shows in who wrote an entry, and when
    )


def _changed() -> RecordRefused:
    return RecordRefused("the file was changed while it was read: nothing was stored; load it again")
