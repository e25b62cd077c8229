"""Explanations: every clause has words, every failed clause is named with its value, and what is advised does help."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import cedarpy
import pytest

from security.policy.engine import Engine
from security.policy.matrix import Permission, matrix
from security.policy.model import Action, Factor, Request
from security.policy.rules import Rule
from security.policy.source import PolicySource, read_source
from security.policy.words import CLAUSES, fresh_code_would_do
from tests.security.truth_table import ACTIONS, DATASET_ACTIONS, OTHER_ACTIONS, PATIENT_ACTIONS, ROLES, Case, answer
from tests.security.ward import ELSEWHERE, HERE, NIGHT, NOON, Ward, request, ward


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(read_source())


def test_every_clause_has_words_and_no_words_are_left_over(engine: Engine) -> None:
    assert {clause.text for rule in engine.rules for clause in rule.clauses} == set(CLAUSES)


def test_every_failed_clause_is_named_with_what_was_found(engine: Engine) -> None:
    asked = request(action="unmask_ssn", at=NIGHT, ip=ELSEWHERE, mfa=Factor.EMAIL)
    why = {why.policy: why for why in engine.decide(asked, ward()).why_not}
    assert why["doctor-unmasks-assigned"].because == (
        "on shift 08:00–20:00 Europe/London: it was 03:12; "
        "in a known network (fd00:1::/32, 10.0.0.0/8, 127.0.0.0/8): 203.0.113.9 is in none; "
        "a code of the authenticator: it was a code by e-mail"
    )
    assert why["doctor-unmasks-assigned"].change == (
        "ask from 08:00 to before 20:00 Europe/London",
        "ask from a known network",
        "sign in with the authenticator",
    )


def test_a_password_alone_is_named_by_the_policy_that_forbids_it(engine: Engine) -> None:
    decision = engine.decide(request(mfa=Factor.NONE), ward())
    assert decision.determining == ("signed-in",)
    assert decision.why_not[0].policy == "signed-in"
    assert "it was a password alone" in decision.why_not[0].because


def test_a_glass_that_is_whole_again_says_when_it_was_broken(engine: Engine) -> None:
    facts = ward()
    facts.record("doctor", "P2", NOON - timedelta(minutes=15))
    told = engine.decide(request(resource="patient:P2"), facts).why_not
    assert "it was broken at 2026-03-02T11:45:00Z" in " ".join(why.because for why in told)


@pytest.mark.parametrize(
    ("asked", "enough"),
    [
        (request("officer", "manage_users", "users", mfa_age_s=601), True),
        (request("officer", "manage_users", "users", mfa=Factor.EMAIL), True),
        (request("officer", "erase_subject", mfa_age_s=601), False),  # a reason is missing, too
        (request("operator", "manage_users", "users", mfa_age_s=601), False),
        (request("doctor", at=NIGHT), False),
        (request("doctor"), False),  # permitted as it is
    ],
)
def test_it_is_known_whether_a_fresh_code_would_do(engine: Engine, asked: Request, enough: bool) -> None:
    decision = engine.decide(asked, ward())
    assert fresh_code_would_do(decision) is enough
    if enough:
        assert engine.decide(replace(asked, mfa=Factor.TOTP, mfa_age_s=0), ward()).allowed


def test_the_matrix_says_of_every_role_and_action_what_the_truth_table_says(engine: Engine) -> None:
    cells = matrix(engine.rules)
    for role in ROLES:
        for action in ACTIONS:
            best = [
                Case(role, action, assigned=assigned, reason=True, legal_hold=False) for assigned in (True, False)
            ]  # fmt: skip
            worst = Case(
                role, action, on_shift=False, own_domain=False, known_place=False, factor="email", guest_allowed=False
            )  # fmt: skip
            cell = cells[role][Action(action)]
            assert (cell.permission is not Permission.NEVER) == any(answer(case).allowed for case in best)
            if cell.permission is Permission.ALWAYS:
                assert answer(worst).allowed, (role, action)
            assert bool(cell.policies) == (cell.permission is not Permission.NEVER)
        assert cells[role][Action.VIEW_PIPELINES].permission is Permission.ALWAYS, "being signed in is all it takes"
    assert cells["service"][Action.TRIGGER_RUN].permission is Permission.ALWAYS
    assert cells["service"][Action.VIEW_RECORD].permission is Permission.NEVER


def test_separation_of_duty_shows_in_the_matrix(engine: Engine) -> None:
    cells = matrix(engine.rules)
    reading = (Action.VIEW_RECORD, Action.EDIT_RECORD, Action.UNMASK_SSN, Action.BREAK_GLASS)
    for role in ("officer", "operator", "data_scientist", "partner", "guest", "service"):
        assert all(cells[role][action].permission is Permission.NEVER for action in reading), role
    writing = {action for action in Action if action.value.startswith(("edit", "manage", "erase", "trigger", "rotate"))}
    assert all(cells["auditor"][action].permission is Permission.NEVER for action in writing)


def test_each_clause_of_each_policy_is_needed(engine: Engine) -> None:
    """Without any one of its clauses the policy set decides some request otherwise than the specification."""
    unneeded = []
    for rule, number in _each_clause(engine):
        weaker = Engine(_without(engine, rule, number))
        if all(weaker.decide(*probe).allowed == engine.decide(*probe).allowed for probe in _probes(rule)):
            unneeded.append((rule.id, rule.clauses[number].text))
    assert unneeded == []


def _each_clause(engine: Engine) -> Iterator[tuple[Rule, int]]:
    return ((rule, number) for rule in engine.rules for number in range(len(rule.clauses)))


def _without(engine: Engine, rule: Rule, number: int) -> PolicySource:
    document = json.loads(cedarpy.policies_to_json_str(engine.source.text))
    node = next(n for n in document["staticPolicies"].values() if n["annotations"]["id"] == rule.id)
    del node["conditions"][number]
    return PolicySource(engine.source.schema, (("weaker.cedar", cedarpy.policies_from_json_str(json.dumps(document))),))


def _probes(rule: Rule) -> Iterator[tuple[Request, Ward]]:
    roles = [rule.role.value] if rule.role else ROLES
    everything = product((NOON, NIGHT), (HERE, ELSEWHERE), Factor, (0, 601), (None, "x"), (True, False), (True, False))
    for at, ip, factor, age_s, reason, guests, broken in everything:
        facts = ward()
        facts.guests = guests
        if broken:
            facts.broken = {("doctor", patient): at for patient in facts.known}
        for role, action in product(roles, sorted(rule.actions)):
            for resource in _resources(action):
                asked = request(role, action, resource, at=at, ip=ip, mfa=factor, mfa_age_s=age_s, reason=reason)
                yield asked, facts


def _resources(action: str) -> tuple[str, ...]:
    if action in PATIENT_ACTIONS:
        return ("patient:P1", "patient:P2", "patient:P3")
    return ("dataset:oncology", "dataset:cardiology") if action in DATASET_ACTIONS else (OTHER_ACTIONS[action],)
