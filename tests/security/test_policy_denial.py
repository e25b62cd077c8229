"""Denials as a whole: what must hold together, what would do instead, and that what is advised does help."""

from __future__ import annotations

from datetime import timedelta

import pytest

from security.policy.denial import lacking, remedies
from security.policy.engine import Engine
from security.policy.model import Factor, Request
from security.policy.source import read_source
from tests.security.ward import ELSEWHERE, NIGHT, request, ward

ENGINE = Engine(read_source())
OFF_SHIFT = "on shift 08:00–20:00 Europe/London: it was 03:12"
UNBROKEN = "glass broken in the last 15 minutes: it was not broken"
UNKNOWN = "in a known network (fd00:1::/32, 10.0.0.0/8, 127.0.0.0/8): 203.0.113.9 is in none"
BY_MAIL = "a code of the authenticator: it was a code by e-mail"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            request(resource="patient:P2", at=NIGHT),
            f"assigned to the patient: not assigned; {OFF_SHIFT} – or: {UNBROKEN}",
        ),
        (
            request(at=NIGHT, ip=ELSEWHERE, mfa=Factor.EMAIL, action="unmask_ssn"),
            f"{UNKNOWN}; {BY_MAIL}; and either {OFF_SHIFT} – or: {UNBROKEN}",
        ),
        (request(action="edit_record", at=NIGHT), OFF_SHIFT),
        (
            request("officer", "erase_subject", mfa_age_s=601),
            "a code at most 600 s old: it was 601 s old; a reason: none was given",
        ),
        (request(mfa=Factor.NONE), "signed in with a second factor: it was a password alone"),
        (request("operator"), ""),
        (request(), ""),
    ],
)
def test_clauses_of_one_policy_are_told_from_policies_that_would_each_do(asked: Request, told: str) -> None:
    assert lacking(ENGINE.decide(asked, ward())) == told


def test_no_clause_is_told_twice() -> None:
    asked = request(resource="patient:P2", at=NIGHT, ip=ELSEWHERE, mfa=Factor.EMAIL)
    told = lacking(ENGINE.decide(asked, ward()))
    for clause in ("assigned to the patient", "on shift", "in a known network", "glass broken"):
        assert told.count(clause) == 1, told
    assert BY_MAIL not in told, "without it more would be masked, yet the record is seen"


def test_what_would_change_a_denial_is_told_for_each_way() -> None:
    decision = ENGINE.decide(request(resource="patient:P2", at=NIGHT), ward())
    assert remedies(decision) == [
        "an officer assigns the patient; ask from 08:00 to before 20:00 Europe/London",
        "break the glass with a reason",
    ]


def test_each_way_that_is_told_does_change_it() -> None:
    asked = request(resource="patient:P2", at=NIGHT)
    facts = ward()
    facts.record("doctor", "P2", NIGHT - timedelta(minutes=1))
    assert ENGINE.decide(asked, facts).allowed
    by_day = request(resource="patient:P1")
    assert ENGINE.decide(by_day, ward()).allowed


def test_where_nothing_would_change_it_nothing_is_told() -> None:
    assert remedies(ENGINE.decide(request("operator"), ward())) == []
    assigned = ward()
    assigned.accounts["doctor"] = ward(shift=None).accounts["doctor"]
    assert remedies(ENGINE.decide(request(), assigned)) == ["an officer gives the account a shift"]


def test_who_is_signed_in_as_a_guest_is_not_told_to_sign_in() -> None:
    not_allowed = ward()
    not_allowed.guests = False
    visitor, signed_in = (
        request("guest", "query_warehouse", "warehouse", mfa=mfa) for mfa in (Factor.VISITOR, Factor.TOTP)
    )
    assert remedies(ENGINE.decide(visitor, not_allowed)) == ["sign in with a second factor"]
    assert remedies(ENGINE.decide(signed_in, not_allowed)) == [
        "`access.allow_guest = true` in config.toml, or an officer gives the account another role"
    ]


def test_what_forbids_it_is_told_alone() -> None:
    decision = ENGINE.decide(request(at=NIGHT, ip=ELSEWHERE, mfa=Factor.NONE), ward())
    assert decision.determining == ("signed-in",)
    assert lacking(decision) == "signed in with a second factor: it was a password alone"
    assert remedies(decision) == ["sign in with a second factor"]
