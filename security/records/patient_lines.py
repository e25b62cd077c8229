"""One line of a file of patients, parsed once into a `NewPatient`, or refused with the field and what was expected.

Rules:
1. A refusal never repeats what the line holds, nor a name that is no field's: what stands there may be anybody's name.
2. What is stored in clear, or shown where identifying values are hidden, holds none of them: where the columns of an
   export are exchanged, no social security number becomes an id.
3. Outer space is trimmed, and a history is stored oldest first; otherwise a value is stored as it is, or refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from security.errors import RecordRefused
from security.policy.columns import IDENTIFYING
from security.records.admission import LONGEST, LONGEST_TEXT, PATIENT_ID
from security.records.identifying import IDENTIFIED_BY, LIKE_SSN, first_unseen, telling, tells_of
from security.records.models import Encounter, NewPatient

LONGEST_LINE = 262_144  # bytes, without its end
EARLIEST = date(1850, 1, 1)
SEXES = ("female", "male", "other", "unknown")
LINE = "line"  # the field of what is about the line as a whole

_NEEDED = ("patient_id", *IDENTIFYING, "sex", "site", "domain")
_FIELDS = (*_NEEDED, "assigned", "encounters", "history", "legal_hold")
_ENCOUNTER = ("on", "kind", "diagnosis")
_HISTORY = ("text", "written_by", "written_at")
_KNOWN = frozenset({*_FIELDS, *_ENCOUNTER, *_HISTORY})

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_SSN = re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}")
_NINE_DIGITS = re.compile(r"[0-9]{9}")
_DOMAIN = re.compile(r"[a-z][a-z0-9_-]{0,31}")  # as an account's
_USER = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?( .+)?")
_A_DAY = timedelta(days=1)  # somewhere it is tomorrow already

Fields = dict[str, Any]


class LineRefused(RecordRefused):
    """`field` is a name of the format, with the number of the item where there are several, or LINE."""

    def __init__(self, field: str, expected: str, found: str) -> None:
        super().__init__(f"{field}: expected {expected}, found {found}")
        self.field = field


def parse_patient(line: bytes, *, doctors: Collection[str], today: date) -> NewPatient:
    """The patient of a line. `doctors` are the accounts that may treat somebody. Raises LineRefused."""
    fields = _read(line)
    _check_names(fields, LINE, _NEEDED, _FIELDS)
    born = _day(fields["birth_date"], "birth_date", EARLIEST, today, f"from {EARLIEST} to today")
    patient = NewPatient(
        patient_id=_patient_id(fields["patient_id"]),
        birth_date=born,
        sex=_sex(fields["sex"]),
        ssn=_formed(_SSN, fields["ssn"], "ssn", "the form 000-00-0000"),
        domain=_formed(_DOMAIN, fields["domain"], "domain", "a research domain such as oncology"),
        **{name: _text(fields[name], name) for name in ("name", "address", "phone", "email", "insurance_id", "site")},
        assigned=tuple(_assigned(fields, doctors)),
        encounters=tuple(_encounters(fields, born, today)),
        history=tuple(sorted(_history(fields, today), key=lambda entry: entry[2])),
        legal_hold=_flag(fields.get("legal_hold", False), "legal_hold"),
    )
    _check_clear(patient)
    return patient


# ---- the line -------------------------------------------------------------------------------------------------------


def _read(line: bytes) -> Fields:
    if len(line) > LONGEST_LINE:
        raise LineRefused(LINE, f"at most {LONGEST_LINE:,} bytes", "more")
    try:
        fields = json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise LineRefused(LINE, "UTF-8 text", "other bytes") from None
    except json.JSONDecodeError as error:
        raise LineRefused(LINE, "one JSON object", f"something else at character {error.colno}") from None
    except (ValueError, RecursionError):
        raise LineRefused(LINE, "one JSON object", "numbers or levels that no patient has") from None
    if not isinstance(fields, dict):
        raise LineRefused(LINE, "one JSON object", _kind_of(fields))
    return fields


def _once(pairs: list[tuple[str, Any]]) -> Fields:
    """Of two values for one key, which was meant? Neither."""
    fields: Fields = {}
    for name, value in pairs:
        if name in fields:
            raise LineRefused(name if name in _KNOWN else LINE, "each field once", "one twice")
        fields[name] = value
    return fields


def _no_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _check_names(fields: Fields, where: str, needed: Collection[str], known: Collection[str]) -> None:
    for name in needed:
        if name not in fields:
            raise LineRefused(name if where == LINE else f"{where} {name}", "a value", "none: the field is missing")
    for name in fields:
        if name not in known:
            raise LineRefused(where, f"the fields {', '.join(known)}", f"another, of {len(name)} characters")


# ---- the fields -----------------------------------------------------------------------------------------------------


def _patient_id(value: Any) -> str:
    text = _formed(PATIENT_ID, value, "patient_id", "1 to 64 letters, digits, `.`, `_` or `-`")
    if LIKE_SSN.search(text) or _NINE_DIGITS.fullmatch(text):
        raise LineRefused("patient_id", "no social security number", "what looks like one; put a letter before it")
    return text


def _sex(value: Any) -> str:
    if value not in SEXES:
        raise LineRefused("sex", ", ".join(SEXES), _kind_of(value))
    return str(value)


def _flag(value: Any, field: str) -> bool:
    if not isinstance(value, bool):
        raise LineRefused(field, "true or false", _kind_of(value))
    return value


def _formed(form: re.Pattern[str], value: Any, field: str, expected: str) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise LineRefused(field, expected, _kind_of(value))
    return value


def _text(value: Any, field: str, *, longest: int = LONGEST, may_break: bool = False) -> str:
    """A text without anything unseen; with lines and tabs where it `may_break`."""
    if not isinstance(value, str):
        raise LineRefused(field, "a text", _kind_of(value))
    text = value.replace("\r\n", "\n").strip()
    if not 0 < len(text) <= longest:
        raise LineRefused(field, f"1 to {longest:,} characters", str(len(text)))
    if not text.isprintable() and (found := first_unseen(text, but="\n\t" if may_break else "")):
        raise LineRefused(field, "no control or invisible characters", found)
    return text


def _day(value: Any, field: str, first: date, last: date, between: str) -> date:
    """A date, up to a day after `last`; `between` says the bounds, which may be what must not be told."""
    expected = f"a date such as 1961-04-30, {between}"
    try:
        day = date.fromisoformat(_formed(_DAY, value, field, expected))
    except ValueError:
        raise LineRefused(field, expected, "a day that there is not") from None
    if not first <= day <= last + _A_DAY:
        raise LineRefused(field, expected, "one before it" if day < first else "one after it")
    return day


def _instant(value: Any, field: str, today: date) -> datetime:
    expected = f"a time such as 2026-03-01T08:30:00Z, from {EARLIEST} to today"
    try:
        at = datetime.fromisoformat(_formed(_INSTANT, value, field, expected)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise LineRefused(field, expected, "a time that there is not") from None
    if not EARLIEST <= at.date() <= today + _A_DAY:
        raise LineRefused(field, expected, "one before it" if at.date() < EARLIEST else "one after it")
    return at


def _items(fields: Fields, name: str, parts: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Each item of a list that may be missing, as an object of `parts` if there are any, with how it is named."""
    items = fields.get(name, [])
    if not isinstance(items, list):
        raise LineRefused(name, "a list", _kind_of(items))
    for number, item in enumerate(items, 1):
        where = f"{name} {number}"
        if parts:
            if not isinstance(item, dict):
                raise LineRefused(where, f"an object of {', '.join(parts)}", _kind_of(item))
            _check_names(item, where, parts, parts)
        yield where, item


def _assigned(fields: Fields, doctors: Collection[str]) -> Iterator[str]:
    seen = set[str]()
    for where, user in _items(fields, "assigned", ()):
        if not isinstance(user, str) or user not in doctors:
            raise LineRefused(where, "the account of a doctor", f"{_kind_of(user)} that is none")
        if user in seen:
            raise LineRefused(where, "each doctor once", "one twice")
        seen.add(user)
        yield user


def _encounters(fields: Fields, born: date, today: date) -> Iterator[Encounter]:
    for where, item in _items(fields, "encounters", _ENCOUNTER):
        on = _day(item["on"], f"{where} on", born, today, "from the birth date to today")
        kind = _text(item["kind"], f"{where} kind")
        diagnosis = _text(item["diagnosis"], f"{where} diagnosis")
        expected = "a code of ICD-10 and its words, such as `I10 essential hypertension`"
        yield Encounter(on, kind, _formed(_DIAGNOSIS, diagnosis, f"{where} diagnosis", expected))


def _history(fields: Fields, today: date) -> Iterator[tuple[str, str, datetime]]:
    for where, item in _items(fields, "history", _HISTORY):
        text = _text(item["text"], f"{where} text", longest=LONGEST_TEXT, may_break=True)
        by = _formed(_USER, item["written_by"], f"{where} written_by", "a user name")
        yield text, by, _instant(item["written_at"], f"{where} written_at", today)


def _kind_of(value: Any) -> str:
    """What a value is, without telling it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return f"a text of {len(value):,} characters"
        case list():
            return "a list"
        case _:
            return "an object"


# ---- what is shown where identifying values are hidden --------------------------------------------------------------


def _check_clear(patient: NewPatient) -> None:
    found_by = telling({column: str(getattr(patient, column)) for column in IDENTIFIED_BY})
    for field, text in _clear(patient):
        if tells_of(text, found_by):
            raise LineRefused(
                field, "nothing that identifies the patient, since it is shown where that is hidden", "such a value"
            )


def _clear(patient: NewPatient) -> Iterator[tuple[str, str]]:
    yield from (("patient_id", patient.patient_id), ("site", patient.site), ("domain", patient.domain))
    for number, one in enumerate(patient.encounters, 1):
        yield from ((f"encounters {number} kind", one.kind), (f"encounters {number} diagnosis", one.diagnosis))
    for number, (text, by, _) in enumerate(patient.history, 1):
        yield from ((f"history {number} text", text), (f"history {number} written_by", by))
