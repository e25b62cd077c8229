"""What a refusal says to the person at the command line, and what the log says of looking and of doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.actions.gate import Gate
from console.actions.permissions import NotSignedIn, PermissionDenied
from console.cli.main import lines_of
from security.audit.event import Outcome
from tests.conftest import Lakewarden
from tests.console.desk import Desk, desk_at

NO_GUEST = {"LAKEWARDEN_ACCESS__ALLOW_GUEST": "false"}
BREAK_GLASS = "break the glass with a reason (`lakewarden records break-glass PATIENT --reason -`)"
ALIKE = "an id that nobody has is refused in the same words: see that it is right"


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Desk]:
    """A desk at 3 o'clock: the doctor is off shift."""
    with desk_at(tmp_path / "home", hour=3) as found:
        yield found


def refusal(gate: Gate, action: str, resource: str) -> PermissionDenied:
    with pytest.raises(PermissionDenied) as raised:
        gate.check(action, resource)
    return raised.value


def test_looking_and_doing_are_told_apart_in_the_log(night: Desk) -> None:
    night.sit_down("officer")
    gate, before = night.security.gate, night.size()
    gate.require("rotate_keys", "keys")
    with gate.use("rotate_keys", "keys"):
        pass
    with gate.use("manage_users", "users", code="list"):
        pass
    told = [(event.action, event.outcome, event.code) for event in night.events(before)]
    assert told == [
        (action, outcome, code)
        for action, code in (("rotate_keys", "look"), ("rotate_keys", None), ("manage_users", "list"))
        for outcome in (Outcome.INTENT, Outcome.DONE)
    ]


def test_a_refused_look_is_no_refused_deed(night: Desk) -> None:
    night.sit_down("operator")
    before = night.size()
    with pytest.raises(PermissionDenied):
        night.security.gate.require("rotate_keys", "keys")
    (event,) = night.events(before)
    assert (event.outcome, event.code) == (Outcome.REFUSED, "look")


def test_a_denial_tells_what_must_hold_together_what_would_do_instead_and_how_to_change_it(night: Desk) -> None:
    night.sit_down("doctor")
    denied = refusal(night.security.gate, "view_record", f"patient:{night.patient('doctor-nights')}")
    first, second, third = lines_of(denied)
    assert first == (
        "not permitted to doctor: view_record – assigned to the patient: not assigned; on shift 08:00–20:00 UTC: it "
        "was 03:00 – or: glass broken in the last 15 minutes: it was not broken"
    )
    assert second == (
        f"what would change it: an officer assigns the patient; ask from 08:00 to before 20:00 UTC · or {BREAK_GLASS}"
    )
    assert third == ALIKE


def test_a_denial_for_another_role_names_no_remedy(night: Desk) -> None:
    night.sit_down("doctor")
    assert lines_of(refusal(night.security.gate, "rotate_keys", "keys")) == [
        "not permitted to doctor: rotate_keys – it is for officer"
    ]


def test_a_code_that_is_too_old_is_not_told_twice(night: Desk) -> None:
    night.sit_down("officer")
    night.pass_time(601)
    assert len(lines_of(refusal(night.security.gate, "rotate_keys", "keys"))) == 1


def test_what_everyone_signed_in_may_is_not_said_to_be_for_guests(lakewarden: Lakewarden) -> None:
    ended = lakewarden("runs", env=NO_GUEST)
    assert ended.code == 77
    assert ended.err == (
        "lakewarden: not signed in: view_pipelines is for everyone signed in; `lakewarden sign-in USER` signs in\n"
    )


def test_roles_are_named_where_not_everyone_may(night: Desk) -> None:
    gate = night.security.gate
    assert gate.roles_for("view_pipelines") == ("everyone signed in",)
    assert gate.roles_for("rotate_keys") == ("officer",)
    assert isinstance(refusal(gate, "rotate_keys", "keys"), NotSignedIn)


def test_a_process_says_it_in_three_lines(lakewarden: Lakewarden) -> None:
    """Whatever the hour: one of the two doctors is asked about a patient of the other."""
    lakewarden.sign_in("doctor")
    ended = lakewarden("records", "show", "P9999")
    first, second, third = ended.err.splitlines()
    assert ended.code == 77
    assert first.startswith("lakewarden: not permitted to doctor: view_record – assigned to the patient: not assigned")
    assert second.startswith("lakewarden: what would change it: an officer assigns the patient")
    assert second.endswith(f" · or {BREAK_GLASS}")
    assert third == f"lakewarden: {ALIKE}"
