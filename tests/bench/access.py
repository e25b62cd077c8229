"""What a decision costs, explanation included and audit off, beside pycasbin with the same rules and requests."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import casbin

from security.identity.account import Role
from security.identity.shift import Shift
from security.policy.engine import Engine
from security.policy.facts import AccountFacts, Networks, PatientFacts
from security.policy.model import Action, Factor, Request
from security.policy.situation import Situation, survey
from security.policy.source import read_source
from tests.bench import report
from tests.security.ward import Ward

ACCOUNTS, PATIENTS = 200, 1_800  # 2,000 entities
REQUESTS = 400
PAIRS = 5
RATE_TARGET = 2_000  # decisions a second
P99_TARGET_MS = 5.0
PEER_RATIO = 0.25  # of the peer's time
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RESOURCES = {
    Action.QUERY_RESEARCH: "dataset:oncology",
    Action.REBUILD_PROJECTION: "dataset:oncology",
    Action.SERVE_AGGREGATES: "dataset:oncology",
    Action.QUERY_WAREHOUSE: "warehouse",
    Action.UNMASK_CUSTOMER: "warehouse",
    Action.MANAGE_WAREHOUSE: "warehouse",
    Action.VIEW_PIPELINES: "pipeline:weather",
    Action.TRIGGER_RUN: "pipeline:weather",
    Action.MANAGE_SCHEDULE: "pipeline:weather",
    Action.READ_AUDIT: "audit",
    Action.READ_COMPLIANCE: "compliance",
    Action.MANAGE_USERS: "users",
    Action.ROTATE_KEYS: "keys",
    Action.MANAGE_PARTNERS: "partners",
    Action.APPLY_RETENTION: "retention",
}
PEER_MODEL = """
[request_definition]
r = sub, act, obj
[policy_definition]
p = role, act, rule
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub.role == p.role && r.act == p.act && eval(p.rule)
"""
PEER_WORDS = {
    "when { (resource.assigned).contains(principal) }": "r.obj.assigned",
    "unless { (resource.assigned).contains(principal) }": "not r.obj.assigned",
    "when { context.on_shift }": "r.sub.on_shift",
    "when { context.known_place }": "r.sub.known_place",
    'when { (context.factor) == "totp" }': "r.sub.factor == 'totp'",
    "when { (context.factor_age_s) <= 600 }": "r.sub.age_s <= 600",
    "when { context.reason }": "r.sub.reason",
    "when { context.break_glass }": "r.obj.break_glass",
    "when { context.guest_allowed }": "r.sub.guest_allowed",
    "when { (principal has domain) && ((principal.domain) == (resource.domain)) }": "r.sub.domain == r.obj.domain",
    "unless { resource.legal_hold }": "not r.obj.legal_hold",
    'when { ["totp", "email"].contains(context.factor) }': "r.sub.signed_in",
}


class Facts:
    """The attributes of one side of a request, as the peer takes them."""

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


def bench() -> None:
    report.print_title(f"Access: {REQUESTS} decisions, {ACCOUNTS + PATIENTS} entities, explanation on, audit off")
    ward, engine = _ward(), Engine(read_source())
    requests = [_request(random.Random(number)) for number in range(REQUESTS)]
    peer = _peer(engine)
    asked = [_asked(request, survey(request, ward)) for request in requests]
    _agree(engine, ward, requests, peer, asked)
    slowest_ms: list[float] = []  # of each turn, what 99 % of its decisions stay below
    pairs = report.interleaved(
        lambda: _ours_s(engine, ward, requests, slowest_ms), lambda: _peer_s(peer, asked), pairs=PAIRS
    )
    limit_us = 1e6 / RATE_TARGET
    report.print_pairs("a decision vs. pycasbin", pairs, unit="µs", scale=1e6, target=PEER_RATIO)
    report.print_value("a decision", [value * 1e6 for value in pairs.ours], unit="µs", target=limit_us)
    report.print_value("99 % of a turn's decisions below", slowest_ms, unit="ms", target=P99_TARGET_MS)
    report.print_note(f"{1 / median(pairs.ours):,.0f} decisions a second; pycasbin explains nothing")


def _ours_s(engine: Engine, ward: Ward, requests: list[Request], slowest_ms: list[float]) -> float:
    times_ms = []
    started_s = time.perf_counter()
    for request in requests:
        before_s = time.perf_counter()
        engine.decide(request, ward)
        times_ms.append((time.perf_counter() - before_s) * 1e3)
    took_s = time.perf_counter() - started_s
    slowest_ms.append(quantiles(times_ms, n=100)[98])
    return took_s / len(requests)


def _peer_s(peer: casbin.Enforcer, asked: list[tuple[Facts, str, Facts]]) -> float:
    started_s = time.perf_counter()
    for subject, action, thing in asked:
        peer.enforce(subject, action, thing)
    return (time.perf_counter() - started_s) / len(asked)


def _agree(
    engine: Engine, ward: Ward, requests: list[Request], peer: casbin.Enforcer, asked: list[tuple[Facts, str, Facts]]
) -> None:
    """Both are asked the same and answer the same; what the policies forbid without a session is left out for both."""
    ours = [engine.decide(request, ward).allowed for request in requests]
    theirs = [peer.enforce(*one) for one in asked]
    assert ours == theirs
    assert 0.1 < sum(ours) / len(ours) < 0.9


def _ward() -> Ward:
    shift, roles = Shift.parse("08:00-20:00", "Europe/London"), list(Role)
    accounts = {
        f"user-{number}": AccountFacts(f"user-{number}", roles[number % len(roles)], "oncology", shift)
        for number in range(ACCOUNTS)
    }
    patients = {
        f"P{number}": PatientFacts(
            f"P{number}", frozenset(f"user-{(number * 7 + k) % ACCOUNTS}" for k in range(60)), "oncology"
        )
        for number in range(PATIENTS)
    }
    return Ward(accounts, patients, sites=Networks({"10.0.0.0/8": "ward", "127.0.0.0/8": "desk", "fd00::/8": "clinic"}))


def _request(random_: random.Random) -> Request:
    action = random_.choice([*RESOURCES, *[Action.VIEW_RECORD, Action.EDIT_RECORD, Action.UNMASK_SSN] * 4])
    resource = RESOURCES.get(action) or f"patient:P{random_.randrange(PATIENTS)}"
    user = random_.randrange(ACCOUNTS)
    if action not in RESOURCES and random_.random() < 0.7:
        user -= user % len(Role)  # most who ask for records are doctors
    return Request(
        principal=f"user-{user}",
        action=action.value,
        resource=resource,
        at=NOON + timedelta(hours=random_.choice((0, 0, 0, 12))),
        ip=random_.choice(("10.1.2.3", "10.1.2.3", "203.0.113.9")),
        mfa=random_.choice((Factor.TOTP, Factor.TOTP, Factor.EMAIL)),
        mfa_age_s=random_.randrange(1_200),
    )


def _peer(engine: Engine) -> casbin.Enforcer:
    """The permits of the policies, one line a role and action, with their clauses as an expression."""
    model = casbin.Model()
    model.load_model_from_text(PEER_MODEL)
    peer = casbin.Enforcer(model)
    for rule in engine.rules:
        if rule.permits and rule.principals != "service":
            roles = [rule.role] if rule.role else list(Role)
            condition = " and ".join(PEER_WORDS[clause.text] for clause in rule.clauses) or "True"
            lines: list[list[Any]] = [
                [role.value, action.value, condition] for role in roles for action in sorted(rule.actions)
            ]
            peer.add_policies(lines)
    return peer


def _asked(request: Request, situation: Situation) -> tuple[Facts, str, Facts]:
    """The peer is given the facts worked out; we work them out in each decision."""
    account, patient = situation.account, situation.resource.patient
    assert account is not None
    subject = Facts(
        role=account.role.value,
        domain=account.domain,
        on_shift=situation.on_shift,
        known_place=situation.site is not None,
        factor=request.mfa.value,
        age_s=request.mfa_age_s,
        reason=request.reason is not None,
        guest_allowed=situation.guest_allowed,
        signed_in=True,
    )
    thing = Facts(
        assigned=situation.assigned,
        break_glass=situation.break_glass,
        legal_hold=patient is not None and patient.legal_hold,
        domain=situation.resource.domain,
    )
    return subject, request.action, thing
