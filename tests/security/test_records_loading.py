"""A file of patients: what a line may be, that a refusal tells nothing of it, and that it is loaded whole or not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.audit.event import Event, Kind, Outcome
from security.errors import AuditUnavailable, RecordRefused, SealBroken
from security.policy.columns import IDENTIFYING, PATIENT_COLUMNS
from security.records import loading
from security.records.admission import Admission
from security.records.editing import Editing
from security.records.loading import FileRefused, Loaded, Loading
from security.records.models import Encounter, HistoryEntry, NewPatient
from security.records.patient_lines import LONGEST_LINE, LineRefused, parse_patient
from security.records.practice_patients import PatientSpec, practice_patients
from security.records.reading import Reading
from tests.security.clinics import CLEAR, Clinic

TODAY = date(2026, 3, 1)
DOCTORS = frozenset({"doctor", "doctor-nights"})
CORRELATION = "0123456789abcdef" * 2
LINE: dict[str, Any] = {
    "patient_id": "H-1001",
    "name": "Zorbina Quellfarb",
    "birth_date": "1961-04-30",
    "sex": "female",
    "address": "17 Vantablick Lane, Testford, OR 00123",
    "phone": "503-555-0142",
    "email": "z.quellfarb@example.org",
    "ssn": "666-12-3456",
    "insurance_id": "PRX-77123-0042",
    "site": "main",
    "domain": "oncology",
    "assigned": ["doctor"],
    "encounters": [{"on": "2025-11-03", "kind": "visit", "diagnosis": "C50 malignant neoplasm of breast"}],
    "history": [
        {"text": "Sleeps better.\nDose kept.", "written_by": "old-system", "written_at": "2025-11-03T10:00:00+01:00"}
    ],
    "legal_hold": True,
}
SECRET = ("Zorbina", "Quellfarb", "1961", "Vantablick", "0142", "example.org", "666", "3456", "77123", "Sleeps")
FIELDS = [field.name for field in fields(NewPatient)]


def line(**changed: Any) -> bytes:
    """The line with some fields changed, or left out where the value is `...`."""
    return json.dumps({key: value for key, value in {**LINE, **changed}.items() if value is not ...}).encode()


def parsed(text: bytes) -> NewPatient:
    return parse_patient(text, doctors=DOCTORS, today=TODAY)


def refused(text: bytes) -> LineRefused:
    with pytest.raises(LineRefused) as caught:
        parsed(text)
    message = str(caught.value)
    assert message.startswith(f"{caught.value.field}: expected ")
    assert message.isprintable()
    assert not [secret for secret in SECRET if secret in message.replace("1961-04-30", "", 1)], message
    return caught.value


# ---- a line ---------------------------------------------------------------------------------------------------------


def test_a_line_becomes_the_patient_it_tells_of() -> None:
    assert parsed(line()) == NewPatient(
        **{key: LINE[key] for key in FIELDS if isinstance(LINE[key], str) and key != "birth_date"},
        birth_date=date(1961, 4, 30),
        assigned=("doctor",),
        encounters=(Encounter(date(2025, 11, 3), "visit", "C50 malignant neoplasm of breast"),),
        history=(("Sleeps better.\nDose kept.", "old-system", datetime(2025, 11, 3, 9, tzinfo=UTC)),),
        legal_hold=True,
    )


def test_what_may_be_missing_is_nothing_then() -> None:
    found = parsed(line(assigned=..., encounters=..., history=..., legal_hold=...))
    assert (found.assigned, found.encounters, found.history, found.legal_hold) == ((), (), (), False)


def test_outer_space_is_trimmed_and_a_history_becomes_oldest_first() -> None:
    one, other = (
        {"text": f" {text}\r\nx ", "written_by": "d", "written_at": at}
        for text, at in (("new", "2025-02-01T00:00Z"), ("old", "2025-01-01T00:00Z"))
    )
    found = parsed(line(name="  Ana  Lí ", history=[one, other]))
    assert found.name == "Ana  Lí"
    assert [text for text, *_ in found.history] == ["old\nx", "new\nx"]


def test_every_practice_patient_can_be_a_line() -> None:
    spec = PatientSpec(sites=("main",), doctors=tuple(sorted(DOCTORS)), until=TODAY, count=120)
    for patient in practice_patients(spec):
        expected = {name: getattr(patient, name) for name in FIELDS if name != "history"}
        found = parsed(as_line(patient))
        assert {name: getattr(found, name) for name in FIELDS if name != "history"} == expected
        assert sorted(found.history) == sorted(patient.history)


def as_line(patient: NewPatient) -> bytes:
    return json.dumps(
        {
            **{name: getattr(patient, name) for name in FIELDS},
            "birth_date": patient.birth_date.isoformat(),
            "encounters": [{**one._asdict(), "on": one.on.isoformat()} for one in patient.encounters],
            "history": [
                {"text": text, "written_by": by, "written_at": at.isoformat()} for text, by, at in patient.history
            ],
        }
    ).encode()


@pytest.mark.parametrize(
    "field", [name for name in FIELDS if name not in ("assigned", "encounters", "history", "legal_hold")]
)
@pytest.mark.parametrize(
    "value",
    [
        ...,
        None,
        7,
        1.5,
        True,
        [],
        {},
        "",
        "x" * 401,
        "a\x00b",
        "a\x1bb",
        "a\ud800b",
        "a\u202eb",
        "\ufeffa",
        "a\nb",
        "a\u2028b",
    ],
)
def test_a_field_that_cannot_be_is_refused_by_its_name(field: str, value: Any) -> None:
    assert refused(line(**{field: value})).field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient_id", "666-12-3456"), ("patient_id", "x666-12-3456y"), ("patient_id", "666.12.3456"),
        ("patient_id", "666123456"), ("patient_id", "P666123456"), ("patient_id", "123456789"),
        ("patient_id", "PRX-77123-0042"), ("patient_id", "-P1"), ("patient_id", "P 1"), ("patient_id", "P1\n"),
        ("patient_id", "x" * 65), ("patient_id", "Ф1"), ("patient_id", "P/../1"),
        ("birth_date", "1961-4-30"), ("birth_date", "1961-02-29"), ("birth_date", "19610430"),
        ("birth_date", "1849-12-31"), ("birth_date", "2026-03-03"), ("birth_date", "0000-00-00"),
        ("birth_date", "١٩٦١-٠٤-٣٠"), ("birth_date", "1961-04-30T00:00:00"), ("sex", "F"), ("sex", "Zorbina"),
        ("ssn", "666123456"), ("ssn", "666-12-34567"), ("ssn", "٦٦٦-12-3456"), ("ssn", " 666-12-3456"),
        ("domain", "Oncology"), ("domain", "oncology unit"), ("domain", "x" * 33), ("domain", "quellfarb zorbina"),
        ("site", "666-12-3456"), ("site", "of Zorbina Quellfarb"), ("site", "503-555-0142"), ("site", "900 12 3456"),
        ("legal_hold", 1), ("legal_hold", "true"), ("legal_hold", None),
        ("assigned", "doctor"), ("assigned", None), ("assigned", {"doctor": 1}),
        ("encounters", {}), ("encounters", "visit"), ("history", None),
    ],
)  # fmt: skip
def test_a_value_out_of_its_bounds_is_refused(field: str, value: Any) -> None:
    assert refused(line(**{field: value})).field == field


@pytest.mark.parametrize(
    ("field", "items", "told"),
    [
        ("assigned", ["doctor", "auditor"], "assigned 2"), ("assigned", [7], "assigned 1"),
        ("assigned", ["Doctor"], "assigned 1"), ("assigned", ["doctor", "doctor"], "assigned 2"),
        ("assigned", [["doctor"]], "assigned 1"), ("assigned", ["Quellfarb"], "assigned 1"),
        ("encounters", [None], "encounters 1"), ("encounters", [[]], "encounters 1"),
        ("history", ["Sleeps better"], "history 1"),
    ],
)  # fmt: skip
def test_an_item_that_cannot_be_is_refused_by_its_number(field: str, items: list[Any], told: str) -> None:
    assert refused(line(**{field: items})).field == told


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("on", "1961-04-29"), ("on", "2026-03-03"), ("on", None), ("on", "yesterday"), ("on", ...),
        ("kind", ""), ("kind", "a\x1fb"), ("kind", 3), ("kind", ...), ("kind", "visit of zorbina quellfarb"),
        ("kind", "call 666-12-3456"),
        ("diagnosis", "malignant neoplasm"), ("diagnosis", "Zorbina Quellfarb"), ("diagnosis", "C50\nx"),
        ("diagnosis", "C50 of Zorbina Quellfarb"), ("diagnosis", "C50 of 666-12-3456"), ("diagnosis", "C50 666123456"),
        ("diagnosis", ...),
    ],
)  # fmt: skip
def test_a_part_of_an_encounter_that_cannot_be_is_refused(part: str, value: Any) -> None:
    item = {key: found for key, found in {**LINE["encounters"][0], part: value}.items() if found is not ...}
    assert refused(line(encounters=[LINE["encounters"][0], item])).field == f"encounters 2 {part}"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("text", ""), ("text", " \n"), ("text", "x" * 10_001), ("text", "a\x00b"), ("text", "a\x1b[2Jb"),
        ("text", "\ud800"), ("text", None), ("text", ...), ("text", "Zorbina\nQuellfarb sleeps better."),
        ("text", "SSN 666123456"), ("text", "of 900-12-3456"), ("text", "calls from 503-555-0142"),
        ("written_by", "Zorbina Quellfarb"), ("written_by", ""),
        ("written_by", "u666-12-3456"), ("written_by", 1), ("written_by", ...),
        ("written_at", "2025-11-03"), ("written_at", "2025-11-03T10:00:00"), ("written_at", "2025-11-03T25:00:00Z"),
        ("written_at", "2025-11-03T10:00:00+99:99"), ("written_at", "0001-01-01T00:00:00+23:00"),
        ("written_at", "9999-12-31T23:59:59-23:00"), ("written_at", "2026-03-03T00:00:00Z"), ("written_at", 1e9),
        ("written_at", ...),
    ],
)  # fmt: skip
def test_a_part_of_a_history_that_cannot_be_is_refused(part: str, value: Any) -> None:
    item = {key: found for key, found in {**LINE["history"][0], part: value}.items() if found is not ...}
    assert refused(line(history=[item])).field == f"history 1 {part}"


@pytest.mark.parametrize(
    "text",
    [
        b"\x00", b"null", b"7", b"[]", b'"Zorbina"', b"{", b"{}x", b"{'name': 1}", b"[" * 100_000, b"9" * 5_000,
        b'{"name": NaN}', b'{"name": Infinity}', b'{"name": ' + b"1" * 5_000 + b"}", b"\xff\xfe{\x00}\x00",
        line() + line(), line().replace(b"Zorbina", b"Zorb\xffina"), line().replace(b"Zorbina", b"Zorb\x00ina"),
        b"\xef\xbb\xbf" + line(), line(name="x" * LONGEST_LINE), b" " * LONGEST_LINE + line(),
        line(Zorbina="x"), line(**{"patient-id": "x"}), line().replace(b'"site":', b'"Quellfarb": 1, "Quellfarb":'),
    ],
)  # fmt: skip
def test_what_is_no_patient_at_all_is_refused_as_a_line(text: bytes) -> None:
    assert refused(text).field == "line"


def test_a_field_given_twice_is_refused() -> None:
    assert refused(line().replace(b'"sex":', b'"name": "Other", "sex":')).field == "name"
    assert refused(line().replace(b'"kind":', b'"on": "2025-11-03", "kind":')).field == "on"


def test_a_word_that_identifies_nobody_may_stand_anywhere() -> None:
    diagnosis = "R69 illness, unknown"
    found = parsed(
        line(
            name="Unknown",
            phone="unknown",
            email="none",
            address="unknown",
            sex="unknown",
            encounters=[{"on": "2025-11-03", "kind": "unknown", "diagnosis": diagnosis}],
        )
    )
    assert found.encounters[0].diagnosis == diagnosis


@given(
    st.sampled_from(FIELDS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
)
def test_whatever_a_field_holds_is_taken_or_refused_in_words(field: str, value: Any) -> None:
    try:
        parsed(line(**{field: value}))
    except LineRefused as error:
        told = str(error)
    else:
        return
    assert told.isprintable()


# ---- a file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    made = Clinic(tmp_path)
    yield made
    made.close()


def loading_of(clinic: Clinic) -> Loading:
    return Loading(
        clinic.core, by="service", role="service", address="127.0.0.1", doctors=DOCTORS, correlation=CORRELATION
    )


def load(clinic: Clinic, *lines: bytes, stop: Callable[[], bool] = lambda: False) -> Loaded:
    return loading_of(clinic).load(io.BytesIO(b"\n".join(lines)), stop=stop)


def faults(clinic: Clinic, *lines: bytes) -> list[tuple[int, str]]:
    with pytest.raises(FileRefused) as caught:
        load(clinic, *lines)
    return [(one.line, one.field) for one in caught.value.faults]


def events(clinic: Clinic) -> list[Event]:
    return [one.event for one in clinic.log.tail(after=-1, limit=1_000) if one.event.action == loading.ACTION]


def patient(number: int, **changed: Any) -> bytes:
    return line(**{"patient_id": f"H-{number}", "ssn": f"666-10-{number:04d}", **changed})


def test_the_record_is_what_the_line_says_and_is_found_by_its_name(clinic: Clinic) -> None:
    assert load(clinic, line()) == Loaded(1, 0)
    found = Reading(clinic.core).record("H-1001", CLEAR)
    assert found.version == 1
    for column in ("name", "birth_date", "sex", "address", "phone", "email", "ssn", "insurance_id", "site", "domain"):
        assert found.columns[column] == LINE[column]
    assert found.columns["assigned"] == ("doctor",)
    assert found.columns["encounters"] == parsed(line()).encounters
    stored = [one for one in found.columns["history"] if isinstance(one, HistoryEntry)]
    assert [(one.text, one.written_by, one.written_at) for one in stored] == list(parsed(line()).history)
    assert Reading(clinic.core).search("quellfarb", CLEAR) == ["H-1001"]
    assert Admission(clinic.core).facts("H-1001").legal_hold


def test_the_same_file_again_changes_nothing(clinic: Clinic) -> None:
    lines = [patient(number) for number in range(3)]
    assert load(clinic, *lines) == Loaded(3, 0)
    before = clinic.core.database.query("SELECT * FROM patient ORDER BY 1")
    assert load(clinic, *lines) == Loaded(0, 3)
    assert load(clinic, *reversed(lines), patient(3)) == Loaded(1, 3)
    after = clinic.core.database.query("SELECT * FROM patient WHERE patient_id != 'H-3' ORDER BY 1")
    assert before == after


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Zorbina Quellfarg"), ("birth_date", "1961-04-29"), ("sex", "other"), ("address", "1 x"),
        ("phone", "1"), ("email", "1"), ("ssn", "666-12-3457"), ("insurance_id", "1"), ("site", "north"),
        ("domain", "cardiology"), ("assigned", []), ("encounters", []), ("history", []), ("legal_hold", False),
    ],
)  # fmt: skip
def test_a_patient_who_is_there_with_another_value_is_a_fault(clinic: Clinic, field: str, value: Any) -> None:
    load(clinic, line())
    assert faults(clinic, patient(1), line(**{field: value})) == [(2, "patient_id")]
    assert Admission(clinic.core).count() == 1
    assert load(clinic, line()) == Loaded(0, 1)


def test_a_record_that_was_edited_since_has_other_values(clinic: Clinic) -> None:
    load(clinic, line())
    Editing(clinic.core).amend("H-1001", 1, "Sleeps badly.", CLEAR, expected_version=1)
    assert faults(clinic, line()) == [(1, "patient_id")]
    Editing(clinic.core).amend("H-1001", 1, "Sleeps better.\nDose kept.", CLEAR, expected_version=2)
    assert faults(clinic, line()) == [(1, "patient_id")]


def test_faulty_lines_are_told_by_number_and_nothing_is_stored(clinic: Clinic) -> None:
    lines = [b"\xef\xbb\xbf" + patient(1), b"", b" \r", patient(2, sex="F"), patient(1), b"{}", patient(3) + b"\r"]
    assert faults(clinic, *lines) == [(4, "sex"), (5, "patient_id"), (6, "patient_id")]
    assert Admission(clinic.core).count() == 0
    assert load(clinic, lines[0], lines[1], lines[2], lines[6]) == Loaded(2, 0)


def test_after_many_faults_the_rest_is_not_looked_at(clinic: Clinic) -> None:
    with pytest.raises(FileRefused) as caught:
        load(clinic, *[b"{}"] * (loading.MOST_FAULTS + 20))
    assert (len(caught.value.faults), caught.value.stopped) == (loading.MOST_FAULTS, True)


def test_an_empty_file_has_nobody(clinic: Clinic) -> None:
    assert load(clinic, b"\xef\xbb\xbf", b"", b"\n") == Loaded(0, 0)


def test_more_than_one_look_at_the_store_is_taken_for_a_long_file(clinic: Clinic) -> None:
    lines = [patient(number, encounters=[], history=[]) for number in range(1_100)]
    assert load(clinic, *lines[300:900]) == Loaded(600, 0)
    assert faults(clinic, *lines[:899], patient(899, site="other")) == [(900, "patient_id")]
    assert load(clinic, *lines) == Loaded(500, 600)


@pytest.mark.parametrize("size", [LONGEST_LINE, LONGEST_LINE + 1, LONGEST_LINE + 2, 1_000_000, 3_000_000])
def test_a_line_that_is_too_long_is_a_fault_and_the_next_is_read_on(clinic: Clinic, size: int) -> None:
    padded = patient(1)[:-1].ljust(size - 1) + b"}"
    assert len(padded) == size
    if size == LONGEST_LINE:
        assert load(clinic, padded, patient(2)) == Loaded(2, 0)
    else:
        assert faults(clinic, padded, patient(2), b"x") == [(1, "line"), (3, "line")]


def test_limits_of_a_file_are_enforced(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_LINES", 3)
    assert faults(clinic, patient(1), b"", patient(2), patient(3)) == [(4, "line")]
    assert load(clinic, patient(1), b"", patient(2), b"") == Loaded(2, 0)
    monkeypatch.setattr(loading, "MOST_BYTES", 1_000_000)
    with (
        Path("/dev/zero").open("rb", buffering=0) as endless,
        pytest.raises(FileRefused, match="at most 1,000,000 bytes"),
    ):
        loading_of(clinic).load(endless)


def test_the_limits_are_those_the_help_tells() -> None:
    assert (LONGEST_LINE, loading.MOST_LINES, loading.MOST_BYTES) == (262_144, 100_000, 268_435_456)


class Changing(io.BytesIO):
    """A file that becomes another when it is read the second time; where `change` does nothing, the store may have."""

    def __init__(self, first: bytes, change: Callable[[Changing], None]) -> None:
        super().__init__(first)
        self._change = change

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._change(self)
        return super().seek(offset, whence)


@pytest.mark.parametrize("second", [patient(2), b"", b"x", patient(1) + b"\n" + patient(2), patient(1, name="Other")])
def test_a_file_that_changes_while_it_is_read_stores_nothing(clinic: Clinic, second: bytes) -> None:
    def change(file: Changing) -> None:
        file.getbuffer()[:] = second.ljust(len(file.getbuffer()), b"\n")[: len(file.getbuffer())]

    with pytest.raises(RecordRefused, match="changed while it was read"):
        loading_of(clinic).load(Changing(patient(1).ljust(2_000, b"\n"), change))
    assert Admission(clinic.core).count() == 0


def test_a_patient_who_came_in_the_meantime_is_not_stored_twice(clinic: Clinic) -> None:
    def change(_: Changing) -> None:
        Admission(clinic.core).add([parsed(patient(2))], by="service")

    with pytest.raises(RecordRefused, match="H-2, which is there already"):
        loading_of(clinic).load(Changing(patient(1) + b"\n" + patient(2), change))
    assert Admission(clinic.core).count() == 1
    assert load(clinic, patient(1), patient(2)) == Loaded(1, 1)


@pytest.mark.parametrize("times", [3, 7, 11, 15], ids=["reading", "sealing", "storing", "storing keys"])
def test_a_load_that_is_stopped_stores_nothing(clinic: Clinic, times: int) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > times

    with pytest.raises(RecordRefused, match="stopped"):
        load(clinic, *[patient(number) for number in range(5)], stop=stop)
    assert asked == times + 1
    assert Admission(clinic.core).count() == 0
    assert [one.outcome for one in events(clinic)] == [Outcome.INTENT, Outcome.FAILED]


def test_a_stored_record_that_does_not_open_refuses_the_file(clinic: Clinic) -> None:
    load(clinic, patient(1), patient(2))
    with clinic.core.database.transaction() as connection:
        connection.execute("UPDATE patient SET phone = email WHERE patient_id = 'H-2'")
    with pytest.raises(SealBroken, match=r"patient\.phone of H-2"):
        load(clinic, patient(1), patient(2), patient(3))
    assert Admission(clinic.core).count() == 2


# ---- on record ------------------------------------------------------------------------------------------------------


def test_a_load_is_on_record_before_and_after_and_names_nobody(clinic: Clinic) -> None:
    load(clinic, patient(1), patient(2))
    load(clinic, patient(1), patient(2), patient(3))
    faults(clinic, patient(1, name="Other"))
    told = [(one.outcome, one.count, one.code) for one in events(clinic)]
    assert told == [
        (Outcome.INTENT, None, None), (Outcome.DONE, 2, None), (Outcome.INTENT, None, None), (Outcome.DONE, 1, None),
        (Outcome.INTENT, None, None), (Outcome.FAILED, None, "faulty_lines"),
    ]  # fmt: skip
    assert {
        (one.kind, one.principal, one.role, one.resource, one.subject, one.address, one.correlation)
        for one in events(clinic)
    } == {(Kind.EDIT, "service", "service", "patient", None, "127.0.0.1", CORRELATION)}


@pytest.mark.parametrize("written", [0, 1])
def test_where_the_audit_log_cannot_be_written_the_caller_is_told(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """The log fails at that event, which no real disk does when a test wants it."""
    load(clinic, patient(1))
    append, appended = type(clinic.log).append, list[object]()

    def failing(log: Any, told: Any) -> object:
        if len(appended) == written:
            raise AuditUnavailable("the audit log cannot be written")
        appended.append(told)
        return append(log, told)

    monkeypatch.setattr(type(clinic.log), "append", failing)
    file = io.BytesIO(patient(1) + b"\n" + patient(2))
    with pytest.raises(AuditUnavailable):
        loading_of(clinic).load(file)
    assert (file.tell() == 0) == (written == 0), "without an intent the file is not even read"
    assert Admission(clinic.core).count() == (1 if written == 0 else 2)


def test_nothing_sealed_stands_in_clear_in_any_file(clinic: Clinic, tmp_path: Path) -> None:
    load(clinic, line(), patient(2))
    faults(clinic, line(name="Other Quellfarb"))
    stored = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"H-1001" in body for body in stored), "expected the scan to see what is in clear"
    values = [LINE[name] for name in IDENTIFYING]
    for value in (*values, "Zorbina", "Quellfarb", "quellfarb", "Vantablick", "neoplasm", "Sleeps better", "66612345"):
        assert not any(value.encode() in body for body in stored), value


def test_everything_of_the_format_is_a_column_of_a_record() -> None:
    """Else a value would be compared with nothing, and a changed one taken for the same."""
    assert {*FIELDS} == {*PATIENT_COLUMNS, "legal_hold"}
