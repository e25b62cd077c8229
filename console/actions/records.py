"""What may be done with patient records: found, shown, edited, opened in an emergency, assigned.

Every method decides first and returns only when its outcome is on record; what it returns may then be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from console.actions.gate import Gate
from console.actions.strangers import STRANGER, Strangers
from security.access import MOST_PATIENTS
from security.audit.sealed import LONGEST_REASON
from security.disclosure import Caller, Grant
from security.errors import AccountRefused, AccountUnknown, ReadRefused, RecordRefused
from security.identity.account import Role, user_name
from security.identity.accounts import Accounts
from security.policy.columns import IDENTIFIERS, PATIENT_COLUMNS
from security.policy.model import Decision, Visibility
from security.records.admission import Admission
from security.records.assigning import Assigning
from security.records.core import Core
from security.records.editing import Editing
from security.records.models import Grant as ReadGrant
from security.records.models import HistoryEntry, Record
from security.records.reading import Reading

LISTED = ("patient_id", "name", "site", "domain")
FEWEST_WORDS, SHORTEST_REASON = 2, 10  # of a reason, whose white space counts as one character
UNSEEN_LETTERS = "\u115f\u1160\u3164\uffa0"  # fillers of Hangul
ASSIGNED, EMERGENCY, ALL = "assigned", "emergency", "all"


@dataclass(frozen=True, slots=True)
class Line:
    """A patient in a list; `name` as it may be shown, `why` it is in the list: ASSIGNED, EMERGENCY or ALL."""

    patient_id: str
    name: str
    site: str
    domain: str
    why: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it may be shown; `emergency` where broken glass let in, `version` is what an edit expects."""

    record: Record
    emergency: bool

    @property
    def version(self) -> int:
        return self.record.version


class Records:
    """The records for whoever sits at `gate`. Safe between threads.

    Each method raises PermissionDenied, AuditUnavailable (then nothing may be shown), SecurityError and OSError. Who
    may not see a patient is refused in the same words whether there is one of that id or not.
    """

    def __init__(self, *, gate: Gate, core: Callable[[], Core], accounts: Callable[[], Accounts]) -> None:
        self._gate = gate
        self._core = core
        self._accounts = accounts
        self._strangers = Strangers(gate)

    def find(self, name: str = "", *, limit: int = 100) -> list[Line]:
        """The first `limit` patients by id that may be seen, with every word of `name` in the name.

        An id is found too, by its beginning; where names are masked, ids alone. Those found are on record as seen, the
        others only as searched through. Raises ReadRefused where masks are why nothing is found.
        """
        caller = self._gate.seat.caller()
        if self._strangers.decision("view_record").allowed:
            return self._find_any(name.strip(), limit)
        why, text = self._own(caller), name.strip()
        asked = sorted(why, key=lambda patient: (why[patient] != EMERGENCY, patient))
        asked = asked[: MOST_PATIENTS if text else min(limit, MOST_PATIENTS)]
        if asked:
            found = self._search(asked, text)[:limit] if text else asked
            return self._lines(found, why) if found else []
        if not self._may_have_patients(caller):
            with self._use("view_record", STRANGER):
                pass
        return []

    def check_find(self) -> None:
        """Return if `find` would be permitted now; nothing is recorded. Raises PermissionDenied."""
        decision = self._strangers.decision("view_record")
        caller = self._gate.seat.caller()
        if decision.allowed:
            return
        own = self._own(caller)
        if not own and self._may_have_patients(caller):
            return
        for patient_id in own:
            decision = self._strangers.would_allow("view_record", patient_id)
            if decision.allowed:
                return
        raise self._gate.refusal("view_record", decision)

    def show(self, patient_id: str, *, identifiers: bool = True) -> Shown:
        """A record; without `identifiers` the SSN and the insurance id are masked even where they could be clear."""
        masked = () if identifiers else IDENTIFIERS
        wanted = [column for column in PATIENT_COLUMNS if column not in masked]
        with self._use("view_record", patient_id, only=wanted) as grant:
            record = Reading(self._core()).record(patient_id, _to_read(grant, patient_id, masked=masked))
            grant.count(1)
        return Shown(record, _is_emergency(grant))

    def reveal(self, patient_id: str) -> dict[str, str]:
        """The SSN and the insurance id in clear."""
        with self._use("unmask_ssn", patient_id, only=IDENTIFIERS) as grant:
            columns = Reading(self._core()).record(patient_id, _to_read(grant, patient_id)).columns
            grant.count(1)
        return {column: str(columns[column]) for column in IDENTIFIERS}

    def versions(self, patient_id: str) -> list[HistoryEntry]:
        """Every version of every entry of the history, oldest first."""
        with self._use("view_record", patient_id, only=("patient_id", "history")) as grant:
            found = Reading(self._core()).versions(patient_id, _to_read(grant, patient_id))
            grant.count(1)
        return found

    def add(self, patient_id: str, text: str, *, expected_version: int | None = None) -> int:
        """Write a new entry of the history; the version of the record with it.

        Raises RecordChanged if the record is not of `expected_version` (None: as it is now), RecordRefused.
        """
        return self._edit(patient_id, None, text, expected_version)

    def amend(self, patient_id: str, entry: int, text: str, *, expected_version: int | None = None) -> int:
        """Write a newer text of `entry`; the older ones stay. Raises as `add`, and RecordUnknown for no such entry."""
        return self._edit(patient_id, entry, text, expected_version)

    def break_glass(self, patient_id: str, reason: str) -> datetime:
        """Open the record of a patient who is not assigned, in an emergency; until when. Raises RecordRefused."""
        reason = _checked_reason(reason)
        with self._strangers.refused_alike("break_glass", patient_id, reason=reason):
            return self._gate.break_glass(patient_id, reason)

    def assign(self, patient_id: str, user: str) -> None:
        """Let a doctor treat a patient. Raises AccountUnknown, AccountRefused for another role, RecordUnknown."""
        with self._gate.use("manage_users", "users") as grant:
            account = self._accounts().get(user)
            if account.role is not Role.DOCTOR:
                raise AccountRefused(f"expected an account with the role doctor, found {account.user}, {account.role}")
            self._assigning(grant).assign(patient_id, account.user)

    def unassign(self, patient_id: str, user: str) -> bool:
        """No longer; False if it was not so. Raises AccountUnknown for what is no user's name, RecordUnknown."""
        with self._gate.use("manage_users", "users") as grant:
            name = user_name(user)
            if name is None:
                raise AccountUnknown("expected the name of an account, found another text")
            return self._assigning(grant).unassign(patient_id, name)

    def may_edit(self, patient_id: str) -> Decision:
        """What would be decided now about an edit; nothing is recorded."""
        return self._strangers.would_allow("edit_record", patient_id)

    def may_break_glass(self, patient_id: str) -> Decision:
        """What would be decided now about breaking the glass, a reason given; nothing is recorded."""
        return self._strangers.would_allow("break_glass", patient_id, reason="asked")

    # ---- inside -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _use(self, action: str, patient_id: str, *, only: Collection[str] | None = None) -> Iterator[Grant]:
        with (
            self._strangers.refused_alike(action, patient_id),
            self._gate.use(action, f"patient:{patient_id}", only=only) as grant,
        ):
            yield grant

    def _edit(self, patient_id: str, entry: int | None, text: str, expected_version: int | None) -> int:
        with self._use("edit_record", patient_id, only=("history",)) as grant:
            to_edit = _to_read(grant, patient_id, edit=True)
            version = expected_version
            if version is None:
                version = Reading(self._core()).record(patient_id, to_edit).version
            editing = Editing(self._core())
            if entry is None:
                return editing.add(patient_id, text, to_edit, expected_version=version)
            return editing.amend(patient_id, entry, text, to_edit, expected_version=version)

    def _assigning(self, grant: Grant) -> Assigning:
        return Assigning(self._core(), by=grant.principal, role=grant.role, correlation=grant.correlation)

    def _own(self, caller: Caller) -> dict[str, str]:
        """The patients that a doctor may hope to see, and why."""
        assigned = Admission(self._core()).assigned_to(caller.user)
        broken = self._gate.access.facts.broken_glass(caller.user)
        return {**dict.fromkeys(broken, EMERGENCY), **dict.fromkeys(assigned, ASSIGNED)}

    def _may_have_patients(self, caller: Caller) -> bool:
        account = self._gate.access.facts.account(caller.user) if caller.session else None
        return account is not None and account.role is Role.DOCTOR and not account.disabled

    def _find_any(self, text: str, limit: int) -> list[Line]:
        """For those who see everybody, with names masked: a name that is searched for is told by a hit."""
        asked = _of_id([found.patient_id for found in Admission(self._core()).all_facts()], text)[:limit]
        if text and not asked:
            raise ReadRefused("no patient's id begins so; names are searched only by those who see them in clear")
        return self._lines(asked, dict.fromkeys(asked, ALL)) if asked else []

    def _search(self, asked: Sequence[str], text: str) -> list[str]:
        """The ids of those of `asked` that may be seen and are called so, sorted; no cell is opened."""

        def find(permitted: Mapping[str, Mapping[str, Visibility]]) -> Sequence[str]:
            named = frozenset(one for one, columns in permitted.items() if columns.get("name") is Visibility.CLEAR)
            caller = self._gate.seat.caller()
            to_search = ReadGrant(caller.user, "", {"name": Visibility.CLEAR.value}, named)
            return sorted({*Reading(self._core()).search(text, to_search), *_of_id(permitted, text)})

        return list(self._gate.search_patients("view_record", asked, find))

    def _lines(self, asked: Sequence[str], why: Mapping[str, str]) -> list[Line]:
        reading = Reading(self._core())
        found: list[Record] = []
        with self._gate.use_patients("view_record", asked, only=LISTED) as grant:
            for columns, patients in grant.alike():
                to_read = ReadGrant(grant.principal, grant.role, _words(columns), patients)
                found += reading.records(sorted(patients), to_read)
            grant.count(len(found))
        return [_line(record, why[record.patient_id]) for record in sorted(found, key=lambda one: one.patient_id)]


def _of_id(patients: Collection[str], text: str) -> list[str]:
    """Those whose ids begin with `text`, whatever its case."""
    return [patient for patient in patients if patient.casefold().startswith(text.casefold())]


def _line(record: Record, why: str) -> Line:
    patient_id, name, site, domain = (str(record.columns[column]) for column in LISTED)
    return Line(patient_id, name, site, domain, why)


def _to_read(grant: Grant, patient_id: str, *, masked: Collection[str] = (), edit: bool = False) -> ReadGrant:
    """What the store may give: what was granted, and the fixed masks of the columns `masked`."""
    columns = {**_words(grant.columns), **dict.fromkeys(masked, Visibility.MASKED.value)}
    return ReadGrant(grant.principal, grant.role, columns, frozenset({patient_id}), edit=edit)


def _words(columns: Mapping[str, Visibility]) -> dict[str, str]:
    return {column: shown.value for column, shown in columns.items()}


def _is_emergency(grant: Grant) -> bool:
    return "loud-audit" in grant.obligations


def _checked_reason(reason: str) -> str:
    """The reason as it is sealed; none is left to the decision to refuse. Raises RecordRefused."""
    words = reason.split()
    text = " ".join(words)
    if len(text) > LONGEST_REASON:
        raise RecordRefused(f"expected a reason of at most {LONGEST_REASON} characters, found {len(text)}")
    if any(not one.isprintable() for one in text):
        raise RecordRefused("expected a reason without control characters, found some")
    telling = [word for word in words if _is_word(word)]
    length = len(" ".join(telling))
    if words and (len(telling) < FEWEST_WORDS or length < SHORTEST_REASON):
        count = f"{len(telling)} word" if len(telling) == 1 else f"{len(telling)} words"
        raise RecordRefused(
            f"expected a reason that can be reviewed, of at least {FEWEST_WORDS} words and {SHORTEST_REASON} "
            f"characters, found {count} of {length} characters; say what happened"
        )
    return text


def _is_word(text: str) -> bool:
    """Whether a letter or a digit is seen of it."""
    return any(one.isalnum() and one not in UNSEEN_LETTERS for one in text)
