"""The engine and the independently written truth table agree, over the whole product and on the named cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from security.identity.account import Role
from security.identity.shift import Shift
from security.policy.batch import check_line
from security.policy.engine import Engine
from security.policy.facts import AccountFacts, Networks, PatientFacts
from security.policy.model import Action, Decision, Factor
from security.policy.source import read_source
from tests.security.truth_table import (
    ACTIONS,
    DATASET_ACTIONS,
    OTHER_ACTIONS,
    PATIENT_ACTIONS,
    ROLES,
    Case,
    answer,
)
from tests.security.ward import ELSEWHERE, HERE, NIGHT, NOON, Ward, request, ward

BOTH = (False, True)
FACTORS = ("totp", "email", "none")
AGES = (0, 601)
NAMED = Path(__file__).parent / "vectors" / "truth_table.json"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_source())


def test_the_truth_table_names_every_role_and_action() -> None:
    assert set(ROLES) == {role.value for role in Role}
    assert set(ACTIONS) == {action.value for action in Action}


@pytest.mark.parametrize("role", ROLES)
def test_engine_and_truth_table_agree_on_the_whole_product(engine: Engine, role: str) -> None:
    count = 0
    for case in _cases(role):
        decision = _decide(engine, case)
        expected = answer(case)
        assert (decision.allowed, dict(decision.columns)) == (expected.allowed, expected.columns), case
        assert not decision.errors, case
        assert decision.allowed == (not decision.why_not), case
        count += 1
    assert count > 5_000


def test_named_cases_are_decided_and_explained_as_written(engine: Engine) -> None:
    document = json.loads(NAMED.read_text(encoding="utf-8"))
    facts = _facts_of(document["facts"])
    assert len(document["cases"]) > 100
    for case in document["cases"]:
        decision = check_line(json.dumps(case["request"]), engine=engine, facts=facts, now=NOON)
        told = decision.as_json()
        assert told["decision"] == case["decision"], case["name"]
        shown = {name: visibility for name, visibility in decision.columns.items() if name in case["columns"]}
        assert shown == case["columns"], case["name"]
        because = " | ".join(why.because for why in decision.why_not)
        for words in case["because"]:
            assert words in because, (case["name"], because)


def _cases(role: str) -> Iterator[Case]:
    common = product(BOTH, BOTH, FACTORS, AGES, BOTH)
    for on_shift, known_place, factor, age_s, reason in common:
        shared: dict[str, Any] = {
            "on_shift": on_shift, "known_place": known_place, "factor": factor, "age_s": age_s, "reason": reason
        }  # fmt: skip
        for action, assigned, hold, glass in product(PATIENT_ACTIONS, BOTH, BOTH, (None, 0, 14.9, 15.0, -1.0)):
            yield Case(
                role, action, assigned=assigned, legal_hold=hold, minutes_since_break_glass=glass, **shared
            )  # fmt: skip
        for action, own, guests in product(DATASET_ACTIONS, BOTH, BOTH):
            yield Case(role, action, own_domain=own, guest_allowed=guests, **shared)
        for action, guests in product(OTHER_ACTIONS, BOTH):
            yield Case(role, action, guest_allowed=guests, **shared)


def _decide(engine: Engine, case: Case) -> Decision:
    at = NOON if case.on_shift else NIGHT
    facts = ward(assigned=ROLES)  # so that being assigned helps nobody but a doctor
    facts.guests = case.guest_allowed
    patient = PatientFacts("P9", frozenset(ROLES if case.assigned else ()), "oncology", case.legal_hold)
    facts.known["P9"] = patient
    if case.minutes_since_break_glass is not None:
        facts.broken[case.role, "P9"] = at - timedelta(minutes=case.minutes_since_break_glass)
    if case.action in PATIENT_ACTIONS:
        resource = "patient:P9"
    elif case.action in DATASET_ACTIONS:
        resource = "dataset:oncology" if case.own_domain else "dataset:cardiology"
    else:
        resource = OTHER_ACTIONS[case.action]
    asked = request(
        case.role,
        case.action,
        resource,
        at=at,
        ip=HERE if case.known_place else ELSEWHERE,
        mfa=Factor(case.factor),
        mfa_age_s=case.age_s,
        reason="seen in the emergency room" if case.reason else None,
    )
    return engine.decide(asked, facts)


def _facts_of(document: dict[str, Any]) -> Ward:
    """Facts in the form of `practice facts --json`, with the glass that was broken."""
    accounts = {}
    for one in document["accounts"]:
        times = one.get("shift")
        shift = Shift.parse(f"{times['start']}-{times['end']}", times["timezone"]) if times else None
        accounts[one["user"]] = AccountFacts(one["user"], Role(one["role"]), one.get("domain"), shift)
    patients = {
        one["id"]: PatientFacts(one["id"], frozenset(one["assigned"]), one["domain"], one["legal_hold"])
        for one in document["patients"]
    }
    facts = Ward(accounts, patients, sites=Networks(document["networks"]))
    for one in document["broken_glass"]:
        facts.broken[one["user"], one["patient"]] = NOON - timedelta(minutes=one["minutes_before_noon"])
    return facts
