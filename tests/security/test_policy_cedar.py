"""What the engine relies on in Cedar itself, pinned: a release that decides one of these otherwise fails here."""

from __future__ import annotations

import json
from typing import Any

import cedarpy
import pytest

PERMIT = "permit (principal, action, resource)"
FORBID = "forbid (principal, action, resource)"
ENTITIES: list[dict[str, Any]] = [
    {
        "uid": {"type": "User", "id": "ann"},
        "attrs": {"domain": "oncology"},
        "parents": [{"type": "Role", "id": "doctor"}],
    },
    {
        "uid": {"type": "Patient", "id": "P1"},
        "attrs": {"assigned": [{"__entity": {"type": "User", "id": "ann"}}]},
        "parents": [],
    },
]
ALLOW, DENY = cedarpy.Decision.Allow, cedarpy.Decision.Deny

CASES = [
    ("no policy at all denies", "", DENY, [], 0),
    ("a permit that fits allows", f"{PERMIT};", ALLOW, ["policy0"], 0),
    ("a lone forbid that does not fit still denies", f"{FORBID} when {{ false }};", DENY, [], 0),
    ("a forbid wins over permits", f"{PERMIT}; {PERMIT}; {FORBID};", DENY, ["policy2"], 0),
    ("all permits that fit determine", f"{PERMIT}; {PERMIT} when {{ true }};", ALLOW, ["policy0", "policy1"], 0),
    ("every clause must hold", f"{PERMIT} when {{ true }} when {{ false }};", DENY, [], 0),
    ("unless is the opposite of when", f"{PERMIT} unless {{ true }};", DENY, [], 0),
    ("a missing attribute is an error and no permit", f"{PERMIT} when {{ context.absent }};", DENY, [], 1),
    (
        "a forbid that fails is skipped: the permit stands, with an error",
        f"{PERMIT}; {FORBID} when {{ context.absent }};",
        ALLOW,
        ["policy0"],
        1,
    ),
    ("has guards a missing attribute", f"{PERMIT} when {{ context has absent && context.absent }};", DENY, [], 0),
    ("an or stops at what holds", f"{PERMIT} when {{ true || context.absent }};", ALLOW, ["policy0"], 0),
    ("an or that begins with an error is one", f"{PERMIT} when {{ context.absent || true }};", DENY, [], 1),
    ("an overflow is an error", f"{PERMIT} when {{ context.age + 9223372036854775807 > 0 }};", DENY, [], 1),
    ("values of two types are never equal", f'{PERMIT} when {{ context.age == "5" }};', DENY, [], 0),
    ("texts are compared to the letter", f'{PERMIT} when {{ context.factor == "TOTP" }};', DENY, [], 0),
    ("a limit includes itself", f"{PERMIT} when {{ context.age <= 5 }};", ALLOW, ["policy0"], 0),
    ("a role needs no entity", 'permit (principal in Role::"doctor", action, resource);', ALLOW, ["policy0"], 0),
    ("another role is not", 'permit (principal in Role::"auditor", action, resource);', DENY, [], 0),
    ("a type is told by is", "permit (principal is Service, action, resource);", DENY, [], 0),
    ("a set holds what it holds", f"{PERMIT} when {{ resource.assigned.contains(principal) }};", ALLOW, ["policy0"], 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "policies", "decision", "reasons", "errors"), CASES, ids=[case[0] for case in CASES])
def test_cedar_decides_as_relied_on(
    name: str, policies: str, decision: cedarpy.Decision, reasons: list[str], errors: int
) -> None:
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": "User", "id": "ann"},
            "action": {"type": "Action", "id": "view"},
            "resource": {"type": "Patient", "id": "P1"},
            "context": {"factor": "totp", "age": 5},
        },
        policies,
        ENTITIES,
    )
    assert answer.decision is decision
    assert sorted(answer.diagnostics.reasons) == reasons
    assert len(answer.diagnostics.errors) == errors


def test_a_request_that_does_not_fit_the_schema_is_no_decision() -> None:
    schema = "entity User, Patient; action view appliesTo { principal: User, resource: Patient, context: {} };"
    asked = {"principal": 'User::"a"', "action": 'Action::"view"', "resource": 'User::"a"', "context": "{}"}
    answer = cedarpy.is_authorized(asked, f"{PERMIT};", "[]", schema)
    assert answer.decision is cedarpy.Decision.NoDecision
    assert len(answer.diagnostics.errors) == 1


def test_policies_in_json_keep_the_ids_they_are_given() -> None:
    anything = {"op": "All"}
    node = {"effect": "permit", "principal": anything, "action": anything, "resource": anything, "conditions": []}
    document = {"staticPolicies": {"a/b": node}, "templates": {}, "templateLinks": []}
    policies = cedarpy.PolicySet.from_json_str(json.dumps(document))
    asked = {"principal": 'User::"a"', "action": 'Action::"view"', "resource": 'User::"a"', "context": {}}
    assert cedarpy.is_authorized(asked, policies, "[]").diagnostics.reasons == ["a/b"]
