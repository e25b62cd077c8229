"""`lakewarden access check`, `matrix` and `policies` as processes, against the independently written truth table."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest

from console.actions.seat import InMemory
from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.security import Security
from console.wiring.security_actions import decisions
from console.wiring.session_file import TokenFile, session_path
from security.audit.search import Filter
from security.errors import AuditUnavailable
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from security.policy.source import read_source
from tests.conftest import Lakewarden
from tests.practice import opened, prepare
from tests.security.truth_table import (
    ACTIONS,
    DATASET_ACTIONS,
    OTHER_ACTIONS,
    PATIENT_ACTIONS,
    ROLES,
    Case,
    answer,
)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 3, 12, tzinfo=UTC)
KNOWN = ("127.0.0.1", "10.1.2.3", "::ffff:192.168.7.7")
UNKNOWN = ("203.0.113.9", "2001:db8::1")
FACTORS = ("totp", "email", "none")
HOURS = {"doctor": (8, 20), "doctor-nights": (20, 8)}  # UTC; the other accounts have no shift
USERS = {
    "doctor": "doctor", "doctor-nights": "doctor", "data-scientist": "data_scientist",
    "data-scientist-cardiology": "data_scientist", "auditor": "auditor", "operator": "operator",
    "officer": "officer", "partner": "partner", "guest": "guest",
}  # fmt: skip
DOMAINS = {"data-scientist": "oncology", "data-scientist-cardiology": "cardiology"}
GOOD = ["--user", "doctor", "--action", "view_record"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of a batch, and the case of the truth table that it is."""

    line: dict[str, Any]
    case: Case


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient of the practice workspace, as the truth table must know it."""

    name: str
    assigned: frozenset[str]
    held: bool
    broken_at: datetime | None = None  # by the doctor


def wards(lakewarden: Lakewarden) -> list[Patient]:
    """Of the practice patients one for each way they can differ; one is held, one's glass was broken just now."""
    prepare(lakewarden.home)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        known = security.admission.all_facts()
        mine = next(one for one in known if "doctor" in one.assigned)
        others = [one for one in known if "doctor" not in one.assigned]
        held, broken, plain = others[:3]
        security.admission.hold(held.patient_id, held=True)
        at = datetime.now(UTC).replace(microsecond=0)
        security.glass.record("doctor", broken.patient_id, at)
    return [
        Patient(mine.patient_id, frozenset(mine.assigned), held=False),
        Patient(plain.patient_id, frozenset(plain.assigned), held=False),
        Patient(held.patient_id, frozenset(held.assigned), held=True),
        Patient(broken.patient_id, frozenset(broken.assigned), held=False, broken_at=at),
    ]


def questions(patients: list[Patient], *, guests: bool) -> Iterator[Asked]:
    """Every user, action and resource, with everything else that decides."""
    places: dict[tuple[str, ...], cycle[str]] = {addresses: cycle(addresses) for addresses in (KNOWN, UNKNOWN)}
    for user, action in product(USERS, ACTIONS):
        for at, ip, mfa, age, reason in product((NOON, NIGHT), (KNOWN, UNKNOWN), FACTORS, (600, 601), (False, True)):
            fixed = {"action": action, "ip": next(places[ip]), "mfa": mfa, "mfa_age_s": age}
            if reason:
                fixed["reason"] = "called to the emergency room"
            for resource, known in resources(user, action, patients, at):
                line = {"user": user, "resource": resource, "at": known.pop("at", at).isoformat(), **fixed}
                yield Asked(line, case_of(line, guests=guests, **known))


def resources(user: str, action: str, patients: list[Patient], at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    if action in PATIENT_ACTIONS:
        for patient in patients:
            known = {"assigned": user in patient.assigned, "legal_hold": patient.held}
            yield f"patient:{patient.name}", dict(known)
            if patient.broken_at is not None:
                for minutes in (0, 14.9, 15, -1):
                    then = patient.broken_at + timedelta(minutes=minutes)
                    glass = minutes if user == "doctor" else None
                    yield f"patient:{patient.name}", {**known, "minutes_since_break_glass": glass, "at": then}
    elif action in DATASET_ACTIONS:
        for domain in ("oncology", "cardiology"):
            yield f"dataset:{domain}", {"own_domain": DOMAINS.get(user) == domain}
    else:
        yield OTHER_ACTIONS[action], {}


def case_of(line: dict[str, Any], *, guests: bool, **known: Any) -> Case:
    return Case(
        role=USERS[line["user"]],
        action=line["action"],
        on_shift=on_shift(line["user"], datetime.fromisoformat(line["at"])),
        known_place=line["ip"] in KNOWN,
        factor=line["mfa"],
        age_s=line["mfa_age_s"],
        reason="reason" in line,
        guest_allowed=guests,
        **known,
    )


def on_shift(user: str, at: datetime) -> bool:
    if user not in HOURS:
        return False
    start, end = HOURS[user]
    return start <= at.hour < end if start < end else at.hour >= start or at.hour < end


def batch(lakewarden: Lakewarden, asked: list[Asked], **env: str) -> list[dict[str, Any]]:
    file = lakewarden.folder / "batch.jsonl"
    file.write_text("".join(json.dumps(one.line) + "\n" for one in asked))
    ended = lakewarden("access", "check", "--batch", str(file), env=env, timeout_s=300)
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


def test_every_role_action_and_circumstance_is_decided_as_the_truth_table_says(lakewarden: Lakewarden) -> None:
    patients = wards(lakewarden)
    assert {USERS[user] for user in USERS} == set(ROLES)
    asked = list(questions(patients, guests=True))
    answers = batch(lakewarden, asked)
    assert len(answers) == len(asked) > 20_000
    allowed = 0
    for one, told in zip(asked, answers, strict=True):
        expected = answer(one.case)
        assert told["decision"] == ("allow" if expected.allowed else "deny"), (one, told)
        assert told["columns"] == expected.columns, (one, told)
        assert told["errors"] == [], (one, told)
        assert bool(told["why_not"]) is not expected.allowed, (one, told)
        because = " | ".join(why["because"] for why in told["why_not"])
        assert all(words in because for words in expected.missing), (one, told)
        if expected.allowed:
            assert told["determining"], (one, told)
        allowed += expected.allowed
    assert 1_000 < allowed < len(asked) / 2, "expected a table with both answers"


def test_where_guests_are_not_allowed_they_may_nothing(lakewarden: Lakewarden) -> None:
    patients = wards(lakewarden)
    asked = [one for one in questions(patients, guests=False) if one.line["user"] == "guest"]
    answers = batch(lakewarden, asked, LAKEWARDEN_ACCESS__ALLOW_GUEST="false")
    for one, told in zip(asked, answers, strict=True):
        assert told["decision"] == ("allow" if answer(one.case).allowed else "deny"), (one, told)


@pytest.fixture
def patient(lakewarden: Lakewarden) -> str:
    """A patient assigned to `doctor`, in a prepared practice workspace."""
    prepare(lakewarden.home)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        return next(one.patient_id for one in security.admission.all_facts() if "doctor" in one.assigned)


def test_one_request_has_the_answer_of_its_line_in_a_batch(lakewarden: Lakewarden, patient: str) -> None:
    line = {
        "user": "doctor", "action": "view_record", "resource": f"patient:{patient}", "at": "2026-03-01T03:12:00Z",
        "ip": "203.0.113.9", "mfa": "email", "mfa_age_s": 7, "reason": "because",
    }  # fmt: skip
    options = [word for key, value in line.items() for word in (f"--{key.removesuffix('_s').replace('_', '-')}", value)]
    one = lakewarden("access", "check", *map(str, options), "--json")
    lines = lakewarden("access", "check", "--batch", "-", stdin=json.dumps(line).encode())
    assert one.json == lines.json
    assert list(one.json) == ["decision", "determining", "errors", "columns", "why_not", "obligations"]
    assert one.json["decision"] == "deny"
    assert "03:12" in one.json["why_not"][0]["because"]


def test_a_fresh_workspace_answers_at_once_without_a_session(lakewarden: Lakewarden) -> None:
    ended = lakewarden("access", "check", "--user", "operator", "--action", "trigger_run", "--resource",
                       "pipeline:weather", "--json", timeout_s=120)  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert ended.json == {
        "decision": "allow", "determining": ["operator-runs-pipelines"], "errors": [], "columns": {}, "why_not": [],
        "obligations": [],
    }  # fmt: skip


def test_people_are_told_the_policies_the_columns_and_what_would_change_a_denial(
    lakewarden: Lakewarden, patient: str
) -> None:
    request = [*GOOD, "--resource", f"patient:{patient}"]
    allowed = lakewarden("access", "check", *request, "--at", "2026-03-02T12:00:00Z", "--mfa", "email")
    assert allowed.out.splitlines()[:2] == [
        "ALLOW",
        "  decided by doctor-reads-assigned: A doctor sees and edits the record of an assigned patient, on shift and "
        "from a known place.",
    ]
    assert "  masked: ssn insurance_id\n" in allowed.out
    denied = lakewarden("access", "check", *request, "--at", "2026-03-02T03:12:00Z")
    assert denied.code == 0
    assert denied.out.startswith("DENY\n  denied: patient_id name")
    assert "doctor-reads-assigned: on shift 08:00–20:00 UTC: it was 03:12\n" in denied.out
    assert "would change it: ask from 08:00 to before 20:00 UTC\n" in denied.out
    assert denied.out.endswith("  for others: auditor-reads-masked (auditor)\n")
    assert denied.out.count("auditor") == 2, "policies for others are one line"
    unsigned = lakewarden("access", "check", *request, "--mfa", "none")
    assert "  decided by signed-in: Without a second factor nobody does anything" in unsigned.out


def test_what_shows_no_columns_prints_none(lakewarden: Lakewarden) -> None:
    prepare(lakewarden.home)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        stranger = next(one.patient_id for one in security.admission.all_facts() if "doctor" not in one.assigned)
    asked = ["--user", "doctor", "--action", "break_glass", "--resource", f"patient:{stranger}"]
    permitted = lakewarden("access", "check", *asked, "--reason", "an accident")
    assert permitted.out.splitlines()[0] == "ALLOW"
    assert "  obliges: loud-audit\n" in permitted.out
    denied = lakewarden("access", "check", *asked)
    assert denied.out.splitlines()[0] == "DENY"
    assert "would change it: give a reason" in denied.out
    for ended in (permitted, denied):
        assert "patient_id" not in ended.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--user", "nobody"], "user: expected the name of an account"),
        (["--action", "read_minds"], "action: expected one of the actions"),
        (["--resource", "patient:NOBODY"], "resource: expected patient:ID"),
        (["--resource", "warehouse"], "resource: view_record is about patient:ID, found 'warehouse'"),
        (["--at", "yesterday"], "at: expected a time"),
        (["--at", "2026-03-01T03:12:00"], "at: expected a time"),
        (["--ip", "here"], "ip: expected an IPv4 or IPv6 address"),
        (["--mfa", "visitor"], "mfa: expected totp, email, none"),
        (["--mfa", "host"], "mfa: expected totp, email, none"),
        (["--mfa-age", "old"], "mfa_age_s: expected a number of seconds"),
        (["--mfa-age", "-1"], "mfa_age_s: expected a number of seconds"),
        (["--mfa-age", "nan"], "mfa_age_s: expected a number of seconds"),
        (["--user", "service"], "user: the service is no account"),
    ],
)
def test_what_there_is_not_is_a_denial_with_its_error(
    lakewarden: Lakewarden, patient: str, options: list[str], words: str
) -> None:
    ended = lakewarden("access", "check", *GOOD, "--resource", f"patient:{patient}", *options, "--json")
    assert (ended.code, ended.err) == (0, "")
    assert ended.json["decision"] == "deny"
    assert words in ended.json["errors"][0]
    assert set(ended.json["columns"].values()) <= {"denied"}


def test_a_command_line_that_asks_nothing_is_a_usage_error(lakewarden: Lakewarden) -> None:
    for options in (GOOD, ["--batch", "-", "--user", "doctor"], ["--batch", "/no/such/file"]):
        ended = lakewarden("access", "check", *options)
        assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1), ended


def test_bad_lines_are_denials_among_the_others_and_each_line_has_its_answer(
    lakewarden: Lakewarden, patient: str
) -> None:
    good = json.dumps({"user": "doctor", "action": "edit_record", "resource": f"patient:{patient}",
                       "at": "2026-03-02T12:00:00Z"}).encode()  # fmt: skip
    junk = [b"", b"{", b'{"user": "doctor", "reason": "\xff"}', b"\x00", b'{"reason": "' + b"x" * 600_000 + b'"}']
    stdin = b"\n".join([good, *junk, good + b"\r", good])
    ended = lakewarden("access", "check", "--batch", "-", stdin=stdin)
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [one["decision"] for one in told] == ["allow", *["deny"] * len(junk), "allow", "allow"]
    assert all(one["errors"] for one in told[1:-2])


def test_a_batch_is_answered_line_by_line(lakewarden: Lakewarden, patient: str) -> None:
    process = lakewarden.start("access", "check", "--batch", "-", stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    for hour, decision in ((12, b'"allow"'), (3, b'"deny"')):
        at = f"2026-03-02T{hour:02}:00:00Z"
        asked = {"user": "doctor", "action": "view_record", "resource": f"patient:{patient}", "at": at}
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        assert decision in process.stdout.readline()
    process.stdin.close()
    assert process.wait(30) == 0


def test_the_matrix_names_every_role_and_action(lakewarden: Lakewarden) -> None:
    found = lakewarden("access", "matrix", "--json").json
    assert set(found) == {*ROLES, "service"}
    assert all(set(row) == set(ACTIONS) for row in found.values())
    assert found["auditor"]["view_record"] == {"permission": "with conditions", "policies": ["auditor-reads-masked"]}
    assert found["officer"]["view_record"]["permission"] == "no"
    assert found["guest"]["view_pipelines"]["permission"] == "yes"
    table = lakewarden("access", "matrix")
    assert table.out.splitlines()[0].split() == ["action", *found]
    assert next(line for line in table.out.splitlines() if line.startswith("view_record")).split()[1:4] == [
        "if", "-", "if"
    ]  # fmt: skip


def test_the_policies_are_shown_as_they_decide(lakewarden: Lakewarden) -> None:
    files = dict(read_source().files)
    assert lakewarden("access", "policies", "records.cedar").out.strip() == files["records.cedar"].strip()
    everything = lakewarden("access", "policies").out
    assert all(text.strip() in everything for text in files.values())
    refused = lakewarden("access", "policies", "../schema.cedarschema")
    assert (refused.code, refused.out) == (64, "")


def test_the_choices_of_a_form_are_what_there_is_in_the_workspace(lakewarden: Lakewarden) -> None:
    prepare(lakewarden.home)
    with closing(opened(lakewarden.home, lakewarden.environ, keeper=InMemory())) as security:
        offered = decisions(security).choices()
        assert {account.user: account.role.value for account in offered.users} == USERS
        assert set(offered.actions) == set(ACTIONS) - {"rebuild_projection", "serve_aggregates"}
        assert set(DOMAINS.values()) <= set(offered.domains)
        assert "127.0.0.0/8" in dict(offered.networks)
        resource = f"patient:{offered.patients[0]}"
        decision = decisions(security).check({"user": "auditor", "action": "view_record", "resource": resource})
        assert decision.allowed
        assert decision.columns["name"] == "masked"


@pytest.fixture
def production(lakewarden: Lakewarden) -> Iterator[Security]:
    """A production workspace with an auditor signed in on its command line, and a doctor who is not."""
    create_workspace(lakewarden.home, production=True)
    settings = load_settings({**lakewarden.environ})
    keeper = TokenFile(session_path(settings.home, lakewarden.environ))
    with closing(Security(settings, lakewarden.environ, keeper)) as security:
        enrol(security, "auditor", Role.AUDITOR)
        yield security


def enrol(security: Security, user: str, role: Role) -> None:
    """Take `user` through enrolment to a session at the seat."""
    now, source = security.now(), security.source
    code = security.accounts.add(NewAccount(user, role), by=SERVICE, now=now)
    challenge = security.sign_in.begin(user, code, source, now=now)
    secret = base64.b32decode(security.enrolment.propose(challenge.token, source, now=now).secret)
    given = otp.totp(secret, now)
    done = security.enrolment.finish(challenge.token, given, source, now=now, password="zebra mosaic lantern 42")
    security.seat.take(done.signed_in)


def test_in_production_asking_is_reading_the_audit_log_and_each_batch_is_on_record(
    lakewarden: Lakewarden, production: Security
) -> None:
    line = json.dumps({"user": "auditor", "action": "read_audit", "resource": "audit"}).encode()
    ended = lakewarden("access", "check", "--batch", "-", stdin=b"\n".join([line] * 3))
    assert (ended.code, ended.out.count('"allow"'), ended.err) == (0, 3, "")
    done, intent = production.audit.search(Filter(action="read_audit"), limit=2).events
    assert (intent.event.outcome, done.event.outcome, done.event.count) == ("intent", "done", 3)
    assert done.event.principal == "auditor"
    before = production.audit.size()
    one = lakewarden("access", "check", "--user", "auditor", "--action", "read_audit", "--resource", "audit")
    assert "decided by auditor-reads-audit: An auditor reads the audit log" in one.out
    assert [event.event.count for event in production.audit.tail(after=before - 1)] == [None, 1]
    assert lakewarden("access", "matrix").code == 0


def test_in_production_the_outcome_of_each_part_of_a_batch_is_on_record_before_its_first_answer(
    production: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.actions.decisions.ANSWERS_AT_ONCE", 3)
    read: list[str] = []

    def lines() -> Iterator[str]:
        for _ in range(7):
            read.append(json.dumps({"user": "auditor", "action": "read_audit", "resource": "audit"}))
            yield read[-1]

    before = production.audit.size()
    told = []
    for number, answer_line in enumerate(decisions(production).batch(lines())):
        told.append(json.loads(answer_line)["decision"])
        assert len(read) == min(7, (number // 3 + 1) * 3), "no more is held than one part"
        events = [one.event for one in production.audit.tail(after=before - 1)]
        assert [event.outcome for event in events[-2:]] == ["intent", "done"]
        assert sum(event.count or 0 for event in events) == len(read)
    assert told == ["allow"] * 7


def test_in_production_a_batch_stops_where_nothing_can_be_recorded_any_more(
    production: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.actions.decisions.ANSWERS_AT_ONCE", 2)
    line = json.dumps({"user": "auditor", "action": "read_audit", "resource": "audit"})
    answers = decisions(production).batch([line] * 6)
    assert len([next(answers), next(answers)]) == 2
    production.audit.close()
    with pytest.raises(AuditUnavailable):
        next(answers)
    assert list(answers) == []


def test_in_production_a_batch_without_a_line_is_on_record_too(lakewarden: Lakewarden, production: Security) -> None:
    before = production.audit.size()
    ended = lakewarden("access", "check", "--batch", "-")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert [one.event.outcome for one in production.audit.tail(after=before - 1)] == ["intent", "done"]


def test_in_production_nobody_asks_without_a_session(lakewarden: Lakewarden, production: Security) -> None:
    production.seat.leave()
    for command in (["check", *GOOD, "--resource", "patient:P1"], ["check", "--batch", "-"], ["matrix"], ["policies"]):
        ended = lakewarden("access", *command)
        assert (ended.code, ended.out) == (77, ""), command
        assert "read_audit is for auditor or officer" in ended.err
    assert not Path(lakewarden.home / "clinical.db").exists(), "expected that nothing was looked up"
