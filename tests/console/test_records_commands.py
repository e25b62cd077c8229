"""`lakewarden records`: who may do what, what each role sees, emergencies, edits, and what is left behind of it."""

from __future__ import annotations

import re
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from console.actions.permissions import PermissionDenied
from console.actions.seat import InMemory
from console.wiring.security_actions import records
from console.wiring.session_file import session_path
from security.audit.event import Kind, Outcome
from security.errors import AuditUnavailable
from security.identity.mailer import SmtpMailer
from security.identity.sign_in import SignIn
from security.records.models import Show
from security.records.vault import Vault
from tests.conftest import Lakewarden
from tests.console.desk import Desk, all_records, desk_at, doctor_on_shift, identifiers_of
from tests.practice import account_of, opened, signed_in
from tests.security.clinics import found_in_clear
from tests.security.mail_server import certificate, mail_server

VISITOR = "nobody signed in"
OWN, OTHER, STRANGER = "of doctor", "of doctor-nights", "P9999"
COMMANDS: dict[str, tuple[str, ...]] = {
    "find": ("records", "find", "--limit", "5"),
    "show own": ("records", "show", OWN),
    "show other": ("records", "show", OTHER),
    "show unknown": ("records", "show", STRANGER),
    "history own": ("records", "history", OWN),
    "history other": ("records", "history", OTHER),
    "edit own": ("records", "edit", OWN, "--add", "a note"),
    "edit other": ("records", "edit", OTHER, "--add", "a note"),
    "amend own": ("records", "edit", OWN, "--entry", "1", "--add", "a better note"),
    "break own": ("records", "break-glass", OWN, "--reason", "found unconscious"),
    "break other": ("records", "break-glass", OTHER, "--reason", "found unconscious"),
    "break unknown": ("records", "break-glass", STRANGER, "--reason", "found unconscious"),
    "assign": ("records", "assign", OWN, "doctor"),
    "unassign": ("records", "unassign", OTHER, "doctor"),
}
# At noon: doctor is on shift, doctor-nights is not. What is not named here ends with 77.
PERMITTED: dict[str, dict[str, int]] = {
    "doctor": {
        "find": 0, "show own": 0, "history own": 0, "edit own": 0, "amend own": 0, "break other": 0,
        "break unknown": 65,
    },
    "doctor-nights": {"break own": 0, "break unknown": 65},
    "data-scientist": {},
    "data-scientist-cardiology": {},
    "auditor": {
        "find": 0, "show own": 0, "show other": 0, "show unknown": 65, "history own": 0, "history other": 0,
    },
    "operator": {},
    "officer": {"assign": 0, "unassign": 0},
    "partner": {},
    "guest": {},
    VISITOR: {},
}  # fmt: skip
EDITS = """
import os, sys
from console.cli.main import run
for number in range(1000):
    run(["records", "edit", sys.argv[1], "--add", f"note {number}"], os.environ)
    sys.stdout.flush()
"""


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def words(desk: Desk, command: str) -> list[str]:
    places = {OWN: desk.patient("doctor"), OTHER: desk.patient("doctor-nights")}
    return [places.get(word, word) for word in COMMANDS[command]]


@pytest.mark.parametrize("user", PERMITTED)
def test_each_role_does_what_it_may_and_sees_no_identifier_it_may_not(desk: Desk, user: str) -> None:
    secrets = identifiers_of(desk.records())
    if user != VISITOR:
        desk.sit_down(user)
    for command in COMMANDS:
        ended = desk(*words(desk, command))
        expected = PERMITTED[user].get(command, 77)
        assert ended.code == expected, (command, ended)
        assert (ended.out != "") == (expected == 0), (command, ended)
        seen = ended.out if user != "doctor" else ""
        for column, values in secrets.items():
            assert not [one for one in values if one in seen or one in ended.err], (command, column)


@pytest.mark.parametrize("user", [user for user in PERMITTED if user != "auditor"])
@pytest.mark.parametrize("stale", [False, True])
def test_whoever_may_not_see_cannot_tell_an_unknown_patient_from_another(desk: Desk, user: str, stale: bool) -> None:
    known = desk.patient("doctor" if user == "doctor-nights" else "doctor-nights")
    if user != VISITOR:
        desk.sit_down(user)
    if stale:
        desk.pass_time(601)
    for words_of in (
        ["show"], ["history"], ["edit", "--add", "a note"], ["edit", "--add", "a note", "--entry", "1"],
        *([["break-glass", "--reason", "found unconscious"]] if stale or not user.startswith("doctor") else []),
    ):  # fmt: skip
        kind, *others = words_of
        answers = {desk("records", kind, patient, *others) for patient in (known, STRANGER, "../etc/passwd", "Pä 1")}
        assert len(answers) == 1, answers
        assert answers.pop().code == 77


def test_a_doctor_on_shift_sees_everything_of_an_assigned_patient(desk: Desk) -> None:
    patient = desk.patient("doctor")
    stored = next(one for one in desk.records() if one.patient_id == patient)
    desk.sit_down("doctor")
    found = desk("records", "show", patient, "--json").json
    assert (found["patient_id"], found["version"], found["emergency"]) == (patient, stored.version, False)
    assert set(found["shown"].values()) == {"clear"}
    assert found["columns"]["ssn"] == stored.columns["ssn"]
    assert [one["text"] for one in found["columns"]["history"]] == desk.history(patient)
    shown = desk("records", "show", patient).out
    assert all(str(stored.columns[column]) in shown for column in ("name", "ssn", "insurance_id", "birth_date"))


def test_an_auditor_sees_the_same_mask_for_every_value(desk: Desk) -> None:
    desk.sit_down("auditor")
    shown = [desk("records", "show", desk.patient(user), "--json").json for user in ("doctor", "doctor-nights")]
    for column, mask in {"ssn": "XXX-XX-XXXX", "name": "XXXXXXXX", "insurance_id": "XXXXXXXX"}.items():
        assert [one["columns"][column] for one in shown] == [mask, mask]
        assert [one["shown"][column] for one in shown] == ["masked", "masked"]
    assert "XXX-XX-XXXX" in desk("records", "show", desk.patient("doctor")).out


def test_a_session_by_mail_sees_the_record_without_its_identifiers(workspace: Path, tmp_path: Path, desk: Desk) -> None:
    security, patient = desk.security, desk.patient("doctor")
    ssn = next(one.columns["ssn"] for one in desk.records() if one.patient_id == patient)
    with security.identity.database.transaction() as connection:
        connection.execute("UPDATE account SET email = 'doctor@example.org' WHERE user = 'doctor'")
    shown_password = account_of(security, "doctor").password
    assert shown_password is not None
    localhost = certificate(tmp_path, "localhost")
    with mail_server(localhost) as post:
        trusting = ssl.create_default_context(cafile=str(localhost[0]))
        mailer = SmtpMailer("localhost", post.port, "lakewarden@example.org", context=trusting, timeout_s=5)
        sign_in = SignIn(security.identity, security.sessions, mailer)
        challenge = sign_in.begin("doctor", shown_password, security.source, now=security.now())
        sign_in.mail_code(challenge.token, security.source, now=security.now())
        code = re.search(r": (\d{8})\b", post.received[-1][1])
        assert code is not None
        security.seat.take(sign_in.answer(challenge.token, code[1], security.source, now=security.now()))
    found = desk("records", "show", patient, "--json").json
    assert (found["columns"]["ssn"], found["shown"]["ssn"], found["shown"]["name"]) == (
        "XXX-XX-XXXX", "masked", "clear",
    )  # fmt: skip
    assert str(ssn) not in desk("records", "show", patient).out
    with pytest.raises(PermissionDenied):
        records(security).reveal(patient)


def test_a_name_is_found_by_whole_words_and_an_id_by_its_beginning(desk: Desk) -> None:
    patient = desk.patient("doctor")
    name = str(next(one.columns["name"] for one in desk.records() if one.patient_id == patient))
    desk.sit_down("doctor")
    for asked in (name, name.upper(), name.split()[0], patient, patient.lower()):
        assert patient in [one["patient_id"] for one in desk("records", "find", asked, "--json").json]
    assert desk("records", "find", name[:4], "--json").json == []
    assert desk("records", "find", name[:4]).out == ""


def test_a_doctor_finds_the_assigned_alone(desk: Desk) -> None:
    desk.sit_down("doctor")
    found = desk("records", "find", "--limit", "1000", "--json").json
    assert {one["patient_id"] for one in found} == desk.security.admission.assigned_to("doctor")
    assert {one["why"] for one in found} == {"assigned"}
    other = next(one for one in desk.records() if one.columns["assigned"] == ("doctor-nights",))
    assert desk("records", "find", str(other.columns["name"]), "--json").json == []
    assert desk("records", "find", other.patient_id, "--json").json == []


def test_an_auditor_finds_everybody_by_id_and_nobody_by_name(desk: Desk) -> None:
    desk.sit_down("auditor")
    assert len(desk("records", "find", "--limit", "1000", "--json").json) == desk.security.admission.count()
    assert [one["patient_id"] for one in desk("records", "find", "p001", "--json", "--limit", "3").json] == [
        "P0010", "P0011", "P0012",
    ]  # fmt: skip
    name = str(desk.records()[0].columns["name"])
    refused = [desk("records", "find", asked) for asked in (name, "Nobodyatall")]
    assert refused[0] == refused[1]
    assert (refused[0].code, refused[0].out) == (77, "")


def test_a_doctor_without_patients_finds_none(desk: Desk) -> None:
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("DELETE FROM assignment WHERE user = 'doctor'")
    desk.sit_down("doctor")
    assert desk("records", "find", "--json").json == []


def test_a_search_marks_those_it_finds_as_seen_and_nobody_else(desk: Desk) -> None:
    patient = desk.patient("doctor")
    name = str(next(one.columns["name"] for one in desk.records() if one.patient_id == patient))
    desk.sit_down("doctor")
    for asked in ("zzz", name, patient):
        before = desk.size()
        hits = [one["patient_id"] for one in desk("records", "find", asked, "--json").json]
        search, *seen = desk.events(before)
        assert (search.kind, search.action, search.outcome, search.resource, search.subject, search.code) == (
            Kind.QUERY, "view_record", Outcome.DONE, "patient", None, "search",
        )  # fmt: skip
        assert (search.count, search.columns, search.principal) == (len(hits), (), "doctor")
        intents = [event for event in seen if event.outcome is Outcome.INTENT]
        assert [event.subject for event in intents] == [desk.subject(hit) for hit in hits]
        assert {event.columns for event in intents} <= {("patient_id", "name", "site", "domain")}
        assert bool(hits) is (asked != "zzz")


def test_a_limit_marks_no_more_as_seen_than_it_shows(desk: Desk) -> None:
    desk.sit_down("doctor")
    before = desk.size()
    assert len(desk("records", "find", "P0", "--limit", "3", "--json").json) == 3
    search, *seen = desk.events(before)
    assert search.count is not None
    assert search.count > 3
    assert len([event for event in seen if event.outcome is Outcome.INTENT]) == 3


def test_a_search_opens_no_cell_of_those_it_does_not_find(desk: Desk) -> None:
    patient = desk.patient("doctor")
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("UPDATE patient SET name = address WHERE patient_id <> ?", (patient,))
    desk.sit_down("doctor")
    assert desk("records", "find", "zzz", "--json").json == []
    assert [one["patient_id"] for one in desk("records", "find", patient, "--json").json] == [patient]


def test_no_hit_is_told_where_the_search_cannot_be_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sit_down("doctor")

    def failing(_events: object) -> object:
        raise AuditUnavailable("the audit log cannot be written")

    monkeypatch.setattr(desk.security.audit, "append", failing)
    for asked in ("zzz", "P0"):
        ended = desk("records", "find", asked)
        assert (ended.code, ended.out) == (74, "")
        assert "no patient" not in ended.err


def test_a_search_off_shift_is_a_refusal_on_record(desk: Desk) -> None:
    desk.sit_down("doctor-nights")
    before = desk.size()
    assert desk("records", "find", "zzz").code == 77
    assert [(one.outcome, one.action, one.code) for one in desk.events(before)] == [
        (Outcome.REFUSED, "view_record", "search")
    ]


def test_masked_leaves_the_identifiers_out_of_what_is_printed_and_recorded(desk: Desk) -> None:
    patient = desk.patient("doctor")
    stored = next(one.columns for one in desk.records() if one.patient_id == patient)
    desk.sit_down("doctor")
    before = desk.size()
    shown, found = (desk("records", "show", patient, "--masked", *more) for more in ([], ["--json"]))
    for column, mask in {"ssn": "XXX-XX-XXXX", "insurance_id": "XXXXXXXX"}.items():
        assert str(stored[column]) not in shown.out + found.out
        assert mask in shown.out
        assert (found.json["columns"][column], found.json["shown"][column]) == (mask, "masked")
    assert str(stored["name"]) in shown.out
    assert not [event for event in desk.events(before) if {"ssn", "insurance_id"} & set(event.columns)]


# ---- what the console asks ----------------------------------------------------------------------------------------


def test_identifiers_stay_hidden_until_they_are_revealed(desk: Desk) -> None:
    actions, patient = records(desk.security), desk.patient("doctor")
    stored = next(one.columns for one in desk.records() if one.patient_id == patient)
    desk.sit_down("doctor")
    hidden = actions.show(patient, identifiers=False).record
    assert (hidden.columns["ssn"], hidden.columns["insurance_id"]) == ("XXX-XX-XXXX", "XXXXXXXX")
    assert (hidden.shown["ssn"], hidden.columns["name"]) == (Show.MASKED, stored["name"])
    before = desk.size()
    assert actions.reveal(patient) == {"ssn": stored["ssn"], "insurance_id": stored["insurance_id"]}
    assert [event.action for event in desk.events(before)] == ["unmask_ssn", "unmask_ssn"]


def test_what_may_be_done_is_told_without_a_record_and_without_telling_who_is_a_patient(desk: Desk) -> None:
    actions, own, other = records(desk.security), desk.patient("doctor"), desk.patient("doctor-nights")
    desk.sit_down("doctor")
    before = desk.size()
    assert (actions.may_edit(own).allowed, actions.may_edit(other).allowed) == (True, False)
    assert (actions.may_break_glass(own).allowed, actions.may_break_glass(other).allowed) == (False, True)
    assert actions.may_edit(other) == actions.may_edit(STRANGER)
    assert actions.may_break_glass(other) == actions.may_break_glass(STRANGER)
    desk.pass_time(601)
    assert not actions.may_break_glass(other).allowed
    assert actions.may_break_glass(other) == actions.may_break_glass(STRANGER)
    assert desk.size() == before


# ---- emergencies -------------------------------------------------------------------------------------------------


def test_broken_glass_opens_a_record_for_15_minutes_and_is_marked(desk: Desk) -> None:
    desk.sit_down("doctor-nights")  # off shift, which an emergency does not ask
    patient = desk.patient("doctor")
    assert desk("records", "show", patient).code == 77
    opened_at, before = desk.clock.now(), desk.size()
    broken = desk("records", "break-glass", patient, "--reason", "found unconscious", "--json").json
    assert broken == {"patient_id": patient, "until": f"{opened_at.replace(minute=15):%Y-%m-%dT%H:%M:%SZ}"}
    found = desk("records", "show", patient, "--json")
    assert (found.json["emergency"], found.json["shown"]["ssn"]) == (True, "clear")
    assert "audited as an emergency" in found.err
    assert [one["why"] for one in desk("records", "find", "--json").json] == ["emergency"]
    assert desk("records", "edit", patient, "--add", "a note").code == 77
    events = [event for event in desk.events(before) if event.outcome is Outcome.INTENT]
    assert [(event.action, event.code) for event in events] == [
        ("break_glass", "break-glass"), ("view_record", "break-glass"), ("view_record", "break-glass"),
    ]  # fmt: skip
    assert events[0].sealed is not None
    assert not [body for body in desk.bodies() if b"unconscious" in body]
    desk.pass_time(899)
    assert desk("records", "show", patient).code == 0
    desk.pass_time(1)
    assert desk("records", "show", patient).code == 77
    assert desk("records", "find").code == 77


def test_breaking_the_glass_asks_for_a_fresh_code_and_a_reason(desk: Desk) -> None:
    desk.sit_down("doctor")
    patient = desk.patient("doctor-nights")
    desk.pass_time(601)
    refused = desk("records", "break-glass", patient, "--reason", "found unconscious")
    assert (refused.code, refused.out) == (77, "")
    assert "--stdin" in refused.err
    wrong = desk("records", "break-glass", patient, "--reason", "found unconscious", "--stdin", stdin=b"000000\n")
    assert (wrong.code, wrong.out) == (77, "")
    code = desk.code_of("doctor")
    given = desk("records", "break-glass", patient, "--reason", "-", "--stdin", stdin=b"found unconscious\n" + code)
    assert given.code == 0, given
    assert desk("records", "show", patient).code == 0
    for reason, expected in (("", 77), ("  ", 77), ("x " * 251, 65), ("found \x1b[2J lying", 65)):
        ended = desk("records", "break-glass", desk.patient("doctor-nights", but=patient), "--reason", reason)
        assert (ended.code, ended.out) == (expected, ""), ended
    assert desk("records", "break-glass", patient, "--reason", "-", stdin=b"\n").code == 64


@pytest.mark.parametrize(
    "reason",
    [
        "hm", "unconscious", "a b c", "in  a   bad", "x\u00a0\t y", "01234567890123", ". . . . . .",
        "unconscious ? ! ?", "\u3164\u3164\u3164\u3164\u3164 \uffa0\u1160\u115f\u3164\u3164", "\u2800\u2800 " * 5,
    ],
)  # fmt: skip
def test_a_reason_that_nobody_could_review_opens_nothing(desk: Desk, reason: str) -> None:
    desk.sit_down("doctor")
    patient, before = desk.patient("doctor-nights"), desk.size()
    ended = desk("records", "break-glass", patient, "--reason", reason)
    assert (ended.code, ended.out) == (65, "")
    telling = [word for word in reason.split() if re.search("[a-z0-9]", word)]
    text = " ".join(telling)
    found = f"found {len(telling)} word{'' if len(telling) == 1 else 's'} of {len(text)} characters"
    assert f"of at least 2 words and 10 characters, {found}; say what happened" in ended.err
    assert desk.size() == before
    assert desk("records", "show", patient).code == 77


def test_the_shortest_reason_is_two_words_of_ten_characters(desk: Desk) -> None:
    desk.sit_down("doctor")
    assert desk("records", "break-glass", desk.patient("doctor-nights"), "--reason", " fell   badly ").code == 0


# ---- edits -------------------------------------------------------------------------------------------------------


def test_an_edit_keeps_what_was_there_and_prints_the_version(desk: Desk) -> None:
    desk.sit_down("doctor")
    patient = desk.patient("doctor")
    before = desk.history(patient)
    version = desk("records", "show", patient, "--json").json["version"]
    assert desk("records", "edit", patient, "--add", "sleeps well").out == f"version {version + 1}\n"
    text = b"two lines\nof text"
    amended = desk("records", "edit", patient, "--add", "-", "--entry", str(version + 1), "--json", stdin=text)
    assert amended.json == {"patient_id": patient, "version": version + 2}
    assert desk.history(patient) == [*before, "sleeps well", "two lines\nof text"]
    entries = desk("records", "history", patient, "--json").json
    assert [one["text"] for one in entries] == desk.history(patient)
    assert [(one["entry"], one["version"], one["written_by"]) for one in entries[-2:]] == [
        (version + 1, version + 1, "doctor"), (version + 1, version + 2, "doctor"),
    ]  # fmt: skip
    shown = desk("records", "show", patient).out
    assert "sleeps well" not in shown
    assert "two lines" in shown


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["--add", ""], b"", 65),
        (["--add", "x" * 10_001], b"", 65),
        (["--add", "a\x1b[2Jb"], b"", 65),
        (["--add", "a\u202eb"], b"", 65),
        (["--add", "seen with 900-12-3456"], b"", 65),
        (["--add", "-"], b"", 64),
        (["--add", "-"], b"\xff\xfe", 64),
        (["--add", "-"], b"x" * 50_000, 64),
        (["--add", "a note", "--entry", "777"], b"", 65),
        (["--add", "a note", "--entry", "0"], b"", 64),
        (["--add", "a note", "--if-version", "1000"], b"", 75),
    ],
)
def test_what_cannot_be_written_is_refused(desk: Desk, arguments: list[str], stdin: bytes, code: int) -> None:
    desk.sit_down("doctor")
    patient = desk.patient("doctor")
    before = desk.history(patient)
    ended = desk("records", "edit", patient, *arguments, stdin=stdin)
    assert (ended.code, ended.out) == (code, "")
    assert "\x1b" not in ended.err
    assert desk.history(patient) == before


def test_another_version_than_expected_is_named_with_the_one_there_is(desk: Desk) -> None:
    desk.sit_down("doctor")
    patient = desk.patient("doctor")
    there = int(desk("records", "show", patient, "--json").json["version"])
    desk("records", "edit", patient, "--add", "a note")
    for expected, why in ((there, "it was edited since it was read"), (99, "it has had no such version yet")):
        ended = desk("records", "edit", patient, "--add", "another", "--if-version", str(expected))
        assert (ended.code, ended.out) == (75, "")
        assert f"expected version {expected} of the record {patient}, found {there + 1}: {why}. Nothing" in ended.err


def test_a_history_says_why_the_numbers_of_its_entries_have_gaps(desk: Desk) -> None:
    desk.sit_down("doctor")
    patient = desk.patient("doctor")
    assert "first wrote it" not in desk("records", "history", patient).err
    desk("records", "edit", patient, "--add", "better", "--entry", "1")
    desk("records", "edit", patient, "--add", "new")
    assert "the number of the version that first wrote it" in desk("records", "history", patient).err


def test_of_edits_in_processes_at_once_of_one_version_only_one_is_written(lakewarden: Lakewarden) -> None:
    user = doctor_on_shift()
    signed_in(lakewarden.home, lakewarden.environ, user)
    patient = lakewarden("records", "find", "--limit", "1", "--json").json[0]["patient_id"]
    version = lakewarden("records", "show", patient, "--json").json["version"]
    started = [
        lakewarden.start("records", "edit", patient, "--add", f"note {number}", "--if-version", str(version))
        for number in range(3)
    ]
    ended = [(*process.communicate(timeout=30), process.returncode) for process in started]
    assert sorted(code for _, _, code in ended) == [0, 75, 75], ended
    assert [out for out, _, code in ended if code == 0] == [f"version {version + 1}\n".encode()]
    assert all(b"edited since it was read" in err for _, err, code in ended if code == 75)
    assert lakewarden("records", "show", patient, "--json").json["version"] == version + 1


@pytest.mark.parametrize("edits", [1, 4])
def test_edits_killed_at_any_point_leave_a_sound_store(lakewarden: Lakewarden, edits: int) -> None:
    user = doctor_on_shift()
    signed_in(lakewarden.home, lakewarden.environ, user)
    patient = lakewarden("records", "find", "--limit", "1", "--json").json[0]["patient_id"]
    version = lakewarden("records", "show", patient, "--json").json["version"]
    process = lakewarden.spawn([sys.executable, "-c", EDITS, patient], env=None, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    for number in range(edits):
        assert process.stdout.readline() == f"version {version + 1 + number}\n".encode()
    process.send_signal(signal.SIGKILL)
    acknowledged = edits + sum(line.endswith(b"\n") for line in process.stdout)
    process.wait(30)
    with closing(opened(lakewarden.home, lakewarden.environ, keeper=InMemory())) as security:
        assert Vault(security.clinical).problems() == []
        assert security.clinical.database.problems() == []
    found = lakewarden("records", "show", patient, "--json").json["version"]
    assert version + acknowledged <= found <= version + acknowledged + 1
    assert lakewarden("records", "edit", patient, "--add", "and on").out == f"version {found + 1}\n"


# ---- assignments -------------------------------------------------------------------------------------------------


def test_an_assignment_takes_effect_at_once_and_is_recorded(desk: Desk) -> None:
    patient = desk.patient("doctor-nights")
    desk.sit_down("officer")
    before = desk.size()
    assert desk("records", "assign", patient, "doctor").out == f"doctor treats {patient}\n"
    told = [event for event in desk.events(before) if event.action == "assign_patient"]
    assert [(event.outcome, event.kind, event.principal, event.resource) for event in told] == [
        (Outcome.INTENT, Kind.USER, "officer", "user:doctor"), (Outcome.DONE, Kind.USER, "officer", "user:doctor"),
    ]  # fmt: skip
    assert {event.subject for event in told} == {desk.subject(patient)}
    desk.sit_down("doctor")
    assert desk("records", "show", patient).code == 0
    desk.clock.advance(60)
    desk.sit_down("officer")
    gone = desk("records", "unassign", patient, "doctor", "--json").json
    assert gone == {"patient_id": patient, "user": "doctor", "assigned": False, "changed": True}
    assert desk("records", "unassign", patient, "doctor", "--json").json["changed"] is False
    desk.clock.advance(60)
    desk.sit_down("doctor")
    assert desk("records", "show", patient).code == 77


def test_only_an_account_of_a_doctor_is_assigned(desk: Desk) -> None:
    desk.sit_down("officer")
    patient = desk.patient("doctor-nights")
    for user in ("auditor", "officer", "nobody-at-all", "not a name"):
        ended = desk("records", "assign", patient, user)
        assert (ended.code, ended.out) == (64, ""), ended
    assert desk("records", "assign", STRANGER, "doctor").code == 65
    assert desk("records", "unassign", STRANGER, "doctor").code == 65
    assert desk("records", "unassign", patient, "not a name").code == 64
    assert desk.patient("doctor-nights") == patient


def test_assigning_asks_for_a_fresh_code(desk: Desk) -> None:
    desk.sit_down("officer")
    desk.pass_time(601)
    patient = desk.patient("doctor-nights")
    assert desk("records", "assign", patient, "doctor").code == 77
    assert desk("records", "assign", patient, "doctor", "--stdin", stdin=desk.code_of("officer")).code == 0


# ---- the audit log -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["doctor", "auditor"])
def test_each_disclosure_is_recorded_with_its_columns_and_without_personal_data(desk: Desk, user: str) -> None:
    patient = desk.patient("doctor")
    secrets = {value for values in identifiers_of(desk.records()).values() for value in values}
    desk.sit_down(user)
    before = desk.size()
    assert desk("records", "show", patient).code == 0
    intent, done = desk.events(before)
    assert [intent.outcome, done.outcome] == [Outcome.INTENT, Outcome.DONE]
    assert (intent.kind, intent.action, intent.principal) == (Kind.DISCLOSURE, "view_record", user)
    assert (intent.resource, intent.subject, intent.correlation) == ("patient", desk.subject(patient), done.correlation)
    assert ("ssn" in intent.columns, "name" in intent.columns) == (user == "doctor", user == "doctor")
    assert "history" in intent.columns
    assert done.count == 1
    desk("records", "find", "--limit", "7")
    desk("records", "history", patient)
    desk("records", "edit", patient, "--add", "a note that says much")
    assert desk.events(before)[-1].action == "edit_record"
    everything = b"\n".join(desk.bodies())
    assert not [one for one in {*secrets, patient, "a note that says much"} if one.encode() in everything]


def test_a_refusal_is_recorded_whether_there_is_such_a_patient_or_not(desk: Desk) -> None:
    desk.sit_down("operator")
    for patient in (desk.patient("doctor"), STRANGER):
        before = desk.size()
        assert desk("records", "show", patient).code == 77
        refused = desk.events(before)
        assert [(one.outcome, one.action, one.subject) for one in refused] == [
            (Outcome.REFUSED, "view_record", desk.subject(patient))
        ]
    before = desk.size()
    assert desk("records", "find").code == 77
    assert [one.outcome for one in desk.events(before)] == [Outcome.REFUSED]


@pytest.mark.parametrize("written", [0, 1])
def test_nothing_is_shown_if_the_audit_log_cannot_be_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """The log fails at the intent, or between intent and outcome, which no real disk does when a test wants it."""
    patient = desk.patient("doctor")
    desk.sit_down("doctor")
    append, appended = desk.security.audit.append, list[Any]()

    def failing(events: Any) -> object:
        if len(appended) == written:
            raise AuditUnavailable("the audit log cannot be written")
        appended.append(events)
        return append(events)

    commands = [
        ["show", patient], ["show", patient, "--json"], ["history", patient], ["find"],
        ["edit", patient, "--add", "a note"],
    ]  # fmt: skip
    monkeypatch.setattr(desk.security.audit, "append", failing)
    for words_of in commands:
        appended.clear()
        ended = desk("records", *words_of)
        assert (ended.code, ended.out) == (74, ""), ended


def test_on_a_full_disk_nothing_is_shown(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, doctor_on_shift())
    patient = lakewarden("records", "find", "--limit", "1", "--json").json[0]["patient_id"]
    version = lakewarden("records", "show", patient, "--json").json["version"]
    for words_of in (["show", patient], ["show", patient, "--json"], ["history", patient], ["find"]):
        ended = lakewarden("records", *words_of, largest_file=2_000)
        assert (ended.code, ended.out) == (74, ""), ended
    ended = lakewarden("records", "edit", patient, "--add", "a note", largest_file=2_000)
    assert (ended.code, ended.out) == (74, ""), ended
    assert lakewarden("records", "show", patient, "--json").json["version"] == version


def test_no_patient_stands_in_clear_in_any_file(lakewarden: Lakewarden) -> None:
    """Every command of records, research and vault is used first; databases are open meanwhile, logs verbose."""
    lakewarden.environ["LAKEWARDEN_LOGGING__LEVEL"] = "DEBUG"
    doctor = doctor_on_shift()
    signed_in(lakewarden.home, lakewarden.environ, doctor)
    session = session_path(lakewarden.home, lakewarden.environ)
    with closing(opened(lakewarden.home, {}, keeper=InMemory())) as security:
        stored = all_records(security)
        own = next(one for one in stored if doctor in one.columns["assigned"])
        other = next(one for one in stored if doctor not in one.columns["assigned"])
        for words_of, code in (
            (["records", "find", str(own.columns["name"])], 0),
            (["records", "show", own.patient_id], 0),
            (["records", "show", str(own.columns["ssn"])], 77),
            (["records", "show", str(own.columns["name"])], 77),
            (["records", "edit", own.patient_id, "--add", "seen by Ottokar Nimmersatt"], 0),
            (["records", "break-glass", other.patient_id, "--reason", "Ottokar Nimmersatt unconscious"], 0),
            (["records", "show", other.patient_id], 0),
            (["records", "history", own.patient_id], 0),
            (["-v", "research", "rebuild"], 0),
        ):
            ended = lakewarden(*words_of)
            assert ended.code == code, (words_of[:2], ended.err)
        for user, *words_of in (
            ("auditor", "records", "show", own.patient_id),
            ("officer", "vault", "rotate"),
            ("officer", "vault", "check"),
            ("data-scientist", "research", "query", "oncology", "--by", "ssn", "--measure", "patients"),
        ):
            if lakewarden("whoami").out.split()[:1] != [user]:
                signed_in(lakewarden.home, lakewarden.environ, user)
            ended = lakewarden("-v", *words_of)
            assert ended.code == 0, (words_of[:2], ended.err)
        names = {str(one.columns["name"]) for one in stored} | {"Ottokar", "Nimmersatt"}
        secrets = {str(one.columns[column]) for one in stored for column in ("ssn", "insurance_id", "email")}
        secrets |= names | {word for name in names for word in name.split()}
        assert (lakewarden.home / "clinical.db-wal").exists()
        assert session.is_file()
        assert found_in_clear(lakewarden.home, {one.encode() for one in secrets}) == []
        assert not [one for one in secrets if one in session.read_text()]
        connection = sqlite3.connect(lakewarden.home / "research.db")
        with closing(connection):
            assert {row[0] for row in connection.execute("SELECT DISTINCT ssn FROM subject")} == {"XXX-XX-XXXX"}


def test_a_list_in_which_every_name_is_masked_is_one_event_with_its_number(desk: Desk) -> None:
    desk.sit_down("auditor")
    before = desk.size()
    listed = desk("records", "find", "--limit", "1000", "--json").json
    intent, done = desk.events(before)
    assert (intent.outcome, done.outcome) == (Outcome.INTENT, Outcome.DONE)
    assert intent.kind is Kind.DISCLOSURE
    assert intent.count == done.count == len(listed)
    assert intent.subject is done.subject is None
    assert intent.columns == ("patient_id", "site", "domain")


def test_a_list_that_shows_a_name_names_each_subject_whether_one_or_many(desk: Desk) -> None:
    desk.sit_down("doctor")
    before = desk.size()
    listed = desk("records", "find", "--json", "--limit", "40").json
    *intents, done = desk.events(before)
    assert [event.subject for event in intents] == [desk.subject(one["patient_id"]) for one in listed]
    assert (done.count, done.subject) == (len(listed), None)
