"""The one path: decision, durable intent, grant, outcome – over a real audit log."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.access import Access, request_of
from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.log import AuditLog
from security.audit.sealed import LONGEST_REASON, open_reason
from security.disclosure import Caller, Grant, Recorder
from security.errors import AccessDenied, AuditEventRefused, AuditUnavailable, RequestRefused, StoreBusy
from security.policy.engine import Decider, Engine, RefuseAll
from security.policy.facts import PatientFacts
from security.policy.many import decide_each
from security.policy.model import Action, Factor, Visibility
from security.policy.source import read_source
from security.policy.words import fresh_code_would_do
from tests.security.audit_logs import LogFolder
from tests.security.ward import ELSEWHERE, HERE, NIGHT, NOON, Ward, request, ward

ENGINE = Engine(read_source())
SESSION = "5" * 32
REASON = "unconscious after an accident"


class Place:
    """An access path over a ward and an audit log in a folder, with a clock that can be set."""

    def __init__(self, folder: Path, engine: Decider = ENGINE) -> None:
        self.folder = LogFolder(folder)
        self.folder.clock.instant = NOON
        self.log: AuditLog = self.folder.open()
        self.ward: Ward = ward()
        self.ward.known["P7731"] = PatientFacts("P7731", frozenset(), "oncology")
        number = itertools.count(1)
        keys = self.log.keys
        recorder = Recorder(
            sink=self.log,
            subject=keys.pseudonym,
            seal_of=lambda _: keys,
            random_bytes=lambda size: next(number).to_bytes(size, "big"),
            now=self.folder.clock,
        )
        self.access = Access(engine=engine, facts=self.ward, recorder=recorder, glass=self.ward, now=self.folder.clock)

    def caller(self, user: str = "doctor", **other: object) -> Caller:
        caller = Caller(user, Factor.TOTP, self.folder.clock.instant, HERE, SESSION)
        return replace(caller, **other)  # type: ignore[arg-type]

    def events(self) -> list[Event]:
        return [recorded.event for recorded in self.log.tail(after=-1)]

    def pass_time(self, **time: float) -> None:
        self.folder.clock.instant += timedelta(**time)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.log.close()


def test_the_intent_is_on_the_disk_before_the_grant_and_the_outcome_after(place: Place) -> None:
    with place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1") as grant:
        (intent,) = place.events()
        assert intent.outcome is Outcome.INTENT
        assert grant.columns["ssn"] is Visibility.CLEAR
        assert dict(grant.patients) == {"P1": grant.columns}
        grant.count(1)
        place.pass_time(seconds=2)
    intent, outcome = place.events()
    assert (outcome.outcome, outcome.count) == (Outcome.DONE, 1)
    assert intent.correlation == outcome.correlation == grant.correlation
    assert (intent.at, outcome.at) == (NOON, NOON + timedelta(seconds=2))


def test_an_event_says_who_what_when_where_and_why_but_never_whom(place: Place) -> None:
    with place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1"):
        pass
    intent = place.events()[0]
    assert (intent.principal, intent.role, intent.session, intent.address) == ("doctor", "doctor", SESSION, HERE)
    assert (intent.kind, intent.action, intent.resource) == (Kind.DISCLOSURE, "view_record", "patient")
    assert (intent.decision, intent.policies) == (
        Decision.ALLOW, ("doctor-reads-assigned", "doctor-unmasks-assigned"),
    )  # fmt: skip
    assert intent.subject == place.log.keys.pseudonym("patient:P1")
    assert "ssn" in intent.columns
    assert b"P1" not in intent.encode()


def test_masked_columns_are_not_said_to_be_clear(place: Place) -> None:
    with place.access.use(place.caller(factor=Factor.EMAIL), Action.VIEW_RECORD, "patient:P1") as grant:
        assert grant.columns["ssn"] is Visibility.MASKED
    assert "ssn" not in place.events()[0].columns
    assert "name" in place.events()[0].columns


def test_only_the_columns_that_are_wanted_are_granted_and_recorded(place: Place) -> None:
    with place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1", only=("name", "sex")) as grant:
        assert {name for name, shown in grant.columns.items() if shown is not Visibility.DENIED} == {"name", "sex"}
    with place.access.use_patients(place.caller(), Action.VIEW_RECORD, ["P1"], only=("name",)) as grant:
        assert {name for name, shown in grant.patients["P1"].items() if shown is not Visibility.DENIED} == {"name"}
    intents = [event.columns for event in place.events() if event.outcome is Outcome.INTENT]
    assert intents == [("name", "sex"), ("name",)]


def test_a_code_tells_what_an_action_was_used_for_and_never_hides_the_broken_glass(place: Place) -> None:
    with place.access.use(place.caller("officer"), Action.ROTATE_KEYS, "keys", code="look"):
        pass
    with (
        pytest.raises(AccessDenied),
        place.access.use(place.caller("operator"), Action.ROTATE_KEYS, "keys", code="look"),
    ):
        pytest.fail("no grant for what is denied")
    place.access.break_glass(place.caller(), "P2", REASON)
    with place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P2", code="look"):
        pass
    assert [event.code for event in place.events()] == ["look"] * 3 + ["break-glass"] * 4


def test_a_denial_is_recorded_and_says_why(place: Place) -> None:
    place.folder.clock.instant = NIGHT
    with (
        pytest.raises(AccessDenied, match="it was 03:12") as raised,
        place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1"),
    ):
        pytest.fail("no grant for what is denied")
    assert raised.value.decision.why_not
    (event,) = place.events()
    assert (event.kind, event.outcome, event.decision) == (Kind.DECISION, Outcome.REFUSED, Decision.DENY)
    assert event.columns == ()


def test_without_an_audit_log_nothing_is_granted(place: Place) -> None:
    place.log.close()
    with pytest.raises(AuditUnavailable), place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1"):
        pytest.fail("no grant without a durable intent")
    with pytest.raises(AuditUnavailable), place.access.use_patients(place.caller(), Action.VIEW_RECORD, ["P1"]):
        pytest.fail("no grant without a durable intent")
    with pytest.raises(AuditUnavailable):
        place.access.break_glass(place.caller(), "P7731", REASON)
    assert place.ward.broken == {}


def test_an_outcome_that_cannot_be_recorded_is_an_error_before_anything_is_shown(place: Place) -> None:
    shown = []
    with pytest.raises(AuditUnavailable):  # noqa: PT012 – what is shown comes after the block, as it must
        with place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1"):
            place.log.close()
        shown.append("the record")
    assert shown == []


def test_work_that_fails_is_recorded_as_failed(place: Place) -> None:
    with pytest.raises(StoreBusy), place.access.use(place.caller(), Action.VIEW_RECORD, "patient:P1"):
        raise StoreBusy("another process")
    assert [event.outcome for event in place.events()] == [Outcome.INTENT, Outcome.FAILED]


def test_policies_that_cannot_be_used_refuse_and_are_recorded(tmp_path: Path) -> None:
    place = Place(tmp_path, RefuseAll("the policies cannot be used"))
    with (
        place.log,
        pytest.raises(AccessDenied, match="cannot be used"),
        place.access.use(place.caller("operator"), Action.TRIGGER_RUN, "pipeline:weather"),
    ):
        pytest.fail("no policies, no grant")
    reopened = LogFolder(tmp_path).open()
    with reopened:
        (recorded,) = reopened.tail(after=-1)
    assert (recorded.event.outcome, recorded.event.code) == (Outcome.REFUSED, "not-decided")


def test_breaking_the_glass_opens_one_record_for_fifteen_minutes_and_is_loud(place: Place) -> None:
    caller = place.caller()
    assert not _may(place, caller, Action.VIEW_RECORD, "P7731")
    place.folder.clock.instant = NIGHT
    caller = place.caller()
    until = place.access.break_glass(caller, "P7731", REASON)
    assert until == NIGHT + timedelta(minutes=15)
    with place.access.use(caller, Action.VIEW_RECORD, "patient:P7731") as grant:
        assert grant.obligations == {"loud-audit"}
    assert place.events()[-1].code == "break-glass"
    assert _may(place, caller, Action.UNMASK_SSN, "P7731")
    assert not _may(place, caller, Action.EDIT_RECORD, "P7731")
    assert not _may(place, caller, Action.VIEW_RECORD, "P2")
    assert not _may(place, replace(caller, address=ELSEWHERE), Action.VIEW_RECORD, "P7731")
    place.pass_time(minutes=14, seconds=59)
    assert _may(place, caller, Action.VIEW_RECORD, "P7731")
    place.pass_time(seconds=1)
    assert not _may(place, caller, Action.VIEW_RECORD, "P7731")


def test_the_reason_is_sealed_and_stands_in_the_intent_alone(place: Place) -> None:
    place.access.break_glass(place.caller(), "P7731", REASON)
    intent, outcome = place.events()
    assert intent.sealed is not None
    assert intent.correlation is not None
    assert open_reason(intent.sealed, place.log.keys, correlation=intent.correlation) == REASON
    assert outcome.sealed is None
    place.log.close()
    for file in place.folder.folder.rglob("*.db*"):
        body = file.read_bytes()
        assert REASON.encode() not in body
        assert b"P7731" not in body


@pytest.mark.parametrize("reason", ["", "   "])
def test_the_glass_is_not_broken_without_a_reason(place: Place, reason: str) -> None:
    with pytest.raises(AccessDenied, match="a reason: none was given"):
        place.access.break_glass(place.caller(), "P7731", reason)
    assert place.ward.broken == {}


def test_a_reason_too_long_to_record_breaks_nothing(place: Place) -> None:
    with pytest.raises(AuditEventRefused, match="500"):
        place.access.break_glass(place.caller(), "P7731", "x" * (LONGEST_REASON + 1))
    assert place.ward.broken == {}
    assert place.events() == []


def test_a_glass_that_cannot_be_recorded_stays_whole_and_the_failure_is_recorded(place: Place) -> None:
    class Full:
        def record(self, user: str, patient: str, at: datetime, /) -> None:
            raise StoreBusy("another process")

    access = replace(place.access, glass=Full())
    with pytest.raises(StoreBusy):
        access.break_glass(place.caller(), "P7731", REASON)
    assert [event.outcome for event in place.events()] == [Outcome.INTENT, Outcome.FAILED]
    assert not _may(place, place.caller(), Action.VIEW_RECORD, "P7731")


def test_a_stale_code_is_told_from_what_a_code_would_not_mend(place: Place) -> None:
    officer = place.caller("officer")
    assert place.access.would_allow(officer, Action.MANAGE_USERS, "users").allowed
    place.pass_time(seconds=600)
    assert place.access.would_allow(officer, Action.MANAGE_USERS, "users").allowed
    place.pass_time(milliseconds=1)
    assert fresh_code_would_do(place.access.would_allow(officer, Action.MANAGE_USERS, "users"))
    assert place.events() == []  # asking what would be decided discloses nothing


def test_a_code_from_the_future_is_not_fresh(place: Place) -> None:
    officer = place.caller("officer")
    place.pass_time(seconds=-30)  # the clock was set back
    assert not place.access.would_allow(officer, Action.MANAGE_USERS, "users").allowed
    without = replace(officer, factor_at=None)
    assert not place.access.would_allow(without, Action.MANAGE_USERS, "users").allowed


def test_the_service_and_a_visitor_are_recorded_as_what_they_are(place: Place) -> None:
    with place.access.use(Caller.service(), Action.TRIGGER_RUN, "pipeline:weather"):
        pass
    with place.access.use(Caller.visitor(HERE), Action.QUERY_WAREHOUSE, "warehouse") as grant:
        assert set(grant.columns.values()) == {Visibility.MASKED}
    with pytest.raises(AccessDenied), place.access.use(Caller.visitor(HERE), Action.TRIGGER_RUN, "pipeline:weather"):
        pytest.fail("a visitor runs nothing")
    who = [(event.principal, event.role, event.outcome.value) for event in place.events()]
    assert who == [
        ("service", "service", "intent"), ("service", "service", "done"),
        ("guest", "guest", "intent"), ("guest", "guest", "done"), ("guest", "guest", "refused"),
    ]  # fmt: skip


def test_a_resource_nobody_knows_is_recorded_as_a_pseudonym(place: Place) -> None:
    for resource in ("patient:P0404", "dataset:123-45-6789", "patient:\udcff", "", "x" * 10_000):
        with pytest.raises(AccessDenied), place.access.use(place.caller(), Action.VIEW_RECORD, resource):
            pytest.fail("there is no such resource")
    assert {event.resource for event in place.events()} == {"patient", "workspace"}
    assert all(event.subject and event.code == "not-decided" for event in place.events())


def test_a_caller_nobody_knows_is_recorded_as_unknown(place: Place) -> None:
    for user in ("nobody-at-all", "not a name", "123-45-6789"):
        with pytest.raises(AccessDenied), place.access.use(place.caller(user), Action.READ_AUDIT, "audit"):
            pytest.fail("there is no such account")
    assert [event.principal for event in place.events()] == ["nobody-at-all", "unknown", "unknown"]


def test_many_patients_are_one_request_with_a_row_scope(place: Place) -> None:
    wanted = ["P1", "P2", "P3", "P404", "P7731"]
    place.ward.record("doctor", "P7731", NOON)
    with place.access.use_patients(place.caller(), Action.VIEW_RECORD, wanted) as grant:
        assert set(grant.patients) == {"P1", "P3", "P7731"}
        assert grant.patients["P1"]["ssn"] is Visibility.CLEAR
        assert (grant.principal, grant.role) == ("doctor", "doctor")
        assert grant.alike() == [(grant.patients["P1"], frozenset({"P1", "P3", "P7731"}))]
        grant.count(3)
    events = place.events()
    assert [event.outcome for event in events] == [Outcome.INTENT] * 3 + [Outcome.DONE]
    assert [event.code for event in events[:3]] == [None, None, "break-glass"]
    assert {event.subject for event in events[:3]} == {
        place.log.keys.pseudonym(f"patient:{name}") for name in grant.patients
    }
    assert (events[-1].count, events[-1].subject) == (3, None)
    assert len({event.correlation for event in events}) == 1


def test_a_row_scope_gives_the_columns_of_patients_shown_alike_once(place: Place) -> None:
    mail = place.caller(factor=Factor.EMAIL)
    with place.access.use_patients(mail, Action.VIEW_RECORD, ["P1", "P3"]) as grant:
        ((columns, patients),) = grant.alike()
    assert (columns["ssn"], columns["name"], patients) == (Visibility.MASKED, Visibility.CLEAR, frozenset({"P1", "P3"}))


def test_many_patients_none_of_whom_is_permitted_are_one_denial(place: Place) -> None:
    with (
        pytest.raises(AccessDenied),
        place.access.use_patients(place.caller("operator"), Action.VIEW_RECORD, ["P1", "P2"]),
    ):
        pytest.fail("an operator reads no record")
    (event,) = place.events()
    assert (event.outcome, event.count, event.subject) == (Outcome.REFUSED, 2, None)
    with pytest.raises(RequestRefused), place.access.use_patients(place.caller(), Action.VIEW_RECORD, []):
        pytest.fail("nobody is not somebody")


def test_a_search_goes_through_those_who_are_permitted_and_is_one_event(place: Place) -> None:
    place.ward.record("doctor", "P7731", NOON)
    seen: dict[str, Visibility] = {}

    def find(permitted: Mapping[str, Mapping[str, Visibility]]) -> list[str]:
        seen.update({patient: columns["name"] for patient, columns in permitted.items()})
        return ["P3"]

    wanted = ["P1", "P2", "P3", "P404", "P7731"]
    assert place.access.search_patients(place.caller(), Action.VIEW_RECORD, wanted, find) == ["P3"]
    assert seen == dict.fromkeys(["P1", "P3", "P7731"], Visibility.CLEAR)
    (event,) = place.events()
    assert (event.kind, event.outcome, event.resource, event.subject) == (Kind.QUERY, Outcome.DONE, "patient", None)
    assert (event.code, event.count, event.columns) == ("search", 1, ())


def test_a_search_that_fails_or_is_denied_is_on_record_and_tells_nothing(place: Place) -> None:
    def busy(_permitted: object) -> list[str]:
        raise StoreBusy("another process")

    def never(_permitted: object) -> list[str]:
        pytest.fail("nothing is searched that is denied")

    with pytest.raises(StoreBusy):
        place.access.search_patients(place.caller(), Action.VIEW_RECORD, ["P1"], busy)
    with pytest.raises(AccessDenied):
        place.access.search_patients(place.caller("operator"), Action.VIEW_RECORD, ["P1", "P2"], never)
    with pytest.raises(RequestRefused):
        place.access.search_patients(place.caller(), Action.VIEW_RECORD, [], never)
    assert [(event.outcome, event.code) for event in place.events()] == [
        (Outcome.FAILED, "search"), (Outcome.REFUSED, "search"),
    ]  # fmt: skip
    place.log.close()
    with pytest.raises(AuditUnavailable):
        place.access.search_patients(place.caller(), Action.VIEW_RECORD, ["P1"], lambda _permitted: ["P1"])


@settings(max_examples=60, deadline=None)
@given(
    patients=st.lists(
        st.tuples(st.booleans(), st.sampled_from(["oncology", "cardiology"]), st.booleans(), st.integers(-1, 16)),
        min_size=1,
        max_size=30,
    ),
    role=st.sampled_from(["doctor", "auditor", "officer"]),
    action=st.sampled_from([Action.VIEW_RECORD, Action.UNMASK_SSN, Action.EDIT_RECORD, Action.ERASE_SUBJECT]),
    factor=st.sampled_from([Factor.TOTP, Factor.EMAIL, Factor.NONE]),
    at=st.sampled_from([NOON, NIGHT]),
)
def test_deciding_on_many_is_deciding_on_each(
    patients: list[tuple[bool, str, bool, int]], role: str, action: Action, factor: Factor, at: datetime
) -> None:
    facts = ward()
    for number, (assigned, domain, hold, minutes) in enumerate(patients):
        name = f"Q{number}"
        facts.known[name] = PatientFacts(name, frozenset({role} if assigned else ()), domain, hold)
        facts.record(role, name, at - timedelta(minutes=minutes))
    names = [*facts.known, "P404"]
    asked = request(role, action, "patient:", at=at, mfa=factor, reason="x")
    each = {name: ENGINE.decide(replace(asked, resource=f"patient:{name}"), facts) for name in names}
    many = decide_each(ENGINE, asked, names, facts)
    assert {name: (d.allowed, dict(d.columns), d.errors, d.obligations) for name, d in many.items()} == {
        name: (d.allowed, dict(d.columns), d.errors, d.obligations) for name, d in each.items()
    }


def test_the_age_of_a_code_is_rounded_up(place: Place) -> None:
    caller = place.caller()
    at = NOON + timedelta(seconds=1, microseconds=1)
    assert request_of(caller, Action.VIEW_RECORD, "patient:P1", at=at).mfa_age_s == 2


def _may(place: Place, caller: Caller, action: Action, patient: str) -> bool:
    grants: list[Grant] = []
    try:
        with place.access.use(caller, action, f"patient:{patient}") as grant:
            grants.append(grant)
    except AccessDenied:
        return False
    return True
