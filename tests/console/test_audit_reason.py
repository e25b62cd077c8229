"""`lakewarden audit reason`: who opens the sealed reason of an emergency, what that leaves on record, what fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.wiring.security_actions import audit_actions
from security.audit.event import Decision, Kind, Outcome
from security.errors import AuditUnavailable, KeyUnknown
from tests.console.desk import Desk, desk_at
from tests.practice import opened, sit_down

REASON = "found unconscious, allergies unknown"
READERS = ("auditor", "officer")
OTHERS = ("doctor-nights", "data-scientist", "operator", "partner", "guest")


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    """A desk at which a doctor has opened a record in an emergency."""
    with desk_at(workspace) as made:
        made.sit_down("doctor")
        assert made("records", "break-glass", broken(made), "--reason", f"  {REASON} ").code == 0
        yield made


def broken(desk: Desk) -> str:
    """The patient whose glass is broken."""
    return desk.patient("doctor-nights")


def number_of(desk: Desk) -> int:
    """The number of the event that has the reason."""
    return next(number for number, event in enumerate(desk.events()) if event.sealed)


@pytest.mark.parametrize("user", READERS)
def test_who_reads_the_log_opens_a_reason_and_that_is_on_record_with_event_and_subject(desk: Desk, user: str) -> None:
    desk.sit_down(user)
    before = desk.size()
    ended = desk("audit", "reason", str(number_of(desk)))
    assert (ended.code, ended.out) == (0, f"{REASON}\n")
    assert "the reason of break_glass by doctor" in ended.err
    events = desk.events(before)
    assert [(event.resource, event.outcome) for event in events] == [
        ("audit", Outcome.INTENT), (f"audit:{number_of(desk)}", Outcome.INTENT),
        (f"audit:{number_of(desk)}", Outcome.DONE), ("audit", Outcome.DONE),
    ]  # fmt: skip
    assert {(one.kind, one.action, one.principal, one.code) for one in events} == {
        (Kind.DISCLOSURE, "read_audit", user, "reason")
    }
    assert len({event.correlation for event in events}) == 1
    assert [event.subject for event in events] == [None, desk.subject(broken(desk)), desk.subject(broken(desk)), None]
    assert events[1].columns == ("reason",)
    assert events[0].decision is Decision.ALLOW
    assert not [body for body in desk.bodies() if b"unconscious" in body or b"allergies" in body]


def test_as_json_it_is_the_event_with_its_reason_in_clear(desk: Desk) -> None:
    desk.sit_down("auditor")
    sealed = desk("audit", "proof", str(number_of(desk)), "--json").json["event"]
    found = desk("audit", "reason", str(number_of(desk)), "--json").json
    assert sealed["reason"] == "sealed"
    assert found == {**sealed, "reason": REASON}


def test_the_disclosures_of_a_patients_reason_are_found_by_the_patient(desk: Desk) -> None:
    desk.sit_down("auditor")
    desk("audit", "reason", str(number_of(desk)))
    found = desk("audit", "search", "--patient", broken(desk), "--action", "read_audit", "--json").json
    assert [one["resource"] for one in found] == [f"audit:{number_of(desk)}"] * 2


@pytest.mark.parametrize("user", [*OTHERS, "nobody signed in"])
def test_nobody_else_opens_it_and_the_try_is_on_record(desk: Desk, user: str) -> None:
    desk.security.seat.leave()
    if user in OTHERS:
        desk.sit_down(user)
    before = desk.size()
    ended = desk("audit", "reason", str(number_of(desk)))
    assert (ended.code, ended.out) == (77, "")
    (refused,) = desk.events(before)
    assert (refused.outcome, refused.action, refused.code) == (Outcome.REFUSED, "read_audit", "reason")


def test_an_event_that_there_is_not_or_that_has_no_reason_is_refused_in_words(desk: Desk) -> None:
    desk.sit_down("auditor")
    none = desk("audit", "reason", "999999")
    assert (none.code, none.out) == (65, "")
    assert "expected the number of an event, from 0 to " in none.err
    before = number_of(desk) - 1
    without = desk("audit", "reason", str(before))
    assert (without.code, without.out) == (65, "")
    assert f"expected an event with a reason, found event {before}, which has none" in without.err
    assert not [event for event in desk.events() if event.resource.startswith("audit:")]


def test_the_event_that_ends_the_use_leads_to_the_reason_that_its_intent_has(desk: Desk) -> None:
    desk.sit_down("auditor")
    number = number_of(desk)
    assert desk.events()[number + 1].outcome is Outcome.DONE
    ended = desk("audit", "reason", str(number + 1))
    assert (ended.code, ended.out) == (0, f"{REASON}\n")
    assert f"event {number + 1} has no reason of its own: the one of its use stands in event {number}" in ended.err
    assert [one.outcome for one in desk.events() if one.resource == f"audit:{number}"] == [Outcome.INTENT, Outcome.DONE]


def test_the_reason_of_an_erased_patient_is_gone_with_the_key(desk: Desk) -> None:
    desk.sit_down("auditor")
    patient = broken(desk)
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("DELETE FROM data_key WHERE subject = ?", (patient,))
    ended = desk("audit", "reason", str(number_of(desk)))
    assert (ended.code, ended.out) == (65, "")
    assert "destroyed when the patient was erased" in ended.err
    told = [event.outcome for event in desk.events() if event.code == "reason"]
    assert told[-3:] == [Outcome.INTENT, Outcome.FAILED, Outcome.FAILED]


def test_a_key_that_is_missing_is_named_and_nothing_is_shown(desk: Desk, workspace: Path) -> None:
    (key,) = (workspace / "keys").glob("kek-*.key")
    key.rename(workspace / "elsewhere.key")
    number = number_of(desk)
    with closing(opened(workspace, {}, keeper=InMemory(), clock=desk.clock)) as security:
        sit_down(security, "auditor")
        with pytest.raises(KeyUnknown, match=key.name):
            audit_actions(security).reason(number)
        newest = security.audit.tail(after=security.audit.size() - 3)
        assert [one.event.outcome for one in newest] == [Outcome.FAILED, Outcome.FAILED]


@pytest.mark.parametrize("failing", range(4))
def test_nothing_is_shown_if_any_of_it_cannot_be_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    desk.sit_down("auditor")
    number, append, appended = number_of(desk), desk.security.audit.append, [0]

    def limited(events: list[object]) -> object:
        appended[0] += 1
        if appended[0] > failing:
            raise AuditUnavailable("the audit log cannot be written")
        return append(events)  # type: ignore[arg-type] # events, as they came

    monkeypatch.setattr(desk.security.audit, "append", limited)
    ended = desk("audit", "reason", str(number))
    assert (ended.code, ended.out) == (74, "")
    assert "unconscious" not in ended.err
