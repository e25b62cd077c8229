"""The decision rules once more, written from the prose of the specification and from nothing else.

Each action's rule is a list of alternatives; an alternative is a role with the conditions it needs. No policy file and
no code of the policy engine is read here: both must come to the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

ROLES = ("doctor", "data_scientist", "auditor", "operator", "officer", "partner", "guest")
PATIENT_ACTIONS = ("view_record", "edit_record", "unmask_ssn", "break_glass", "erase_subject")
DATASET_ACTIONS = ("query_research", "rebuild_projection", "serve_aggregates")
OTHER_ACTIONS = {
    "query_warehouse": "warehouse",
    "unmask_customer": "warehouse",
    "manage_warehouse": "warehouse",
    "view_pipelines": "pipeline:weather",
    "trigger_run": "pipeline:weather",
    "manage_schedule": "pipeline:weather",
    "read_audit": "audit",
    "read_compliance": "compliance",
    "manage_users": "users",
    "rotate_keys": "keys",
    "manage_partners": "partners",
    "apply_retention": "retention",
}
ACTIONS = (*PATIENT_ACTIONS, *DATASET_ACTIONS, *OTHER_ACTIONS)
RECORD = "patient_id name birth_date sex address phone email ssn insurance_id site domain assigned encounters history"
RECORD_COLUMNS = tuple(RECORD.split())
IDENTIFYING = ("name", "birth_date", "address", "phone", "email", "ssn", "insurance_id")


@dataclass(frozen=True, slots=True)
class Case:
    """One combination of what decisions depend on."""

    role: str
    action: str
    assigned: bool = False
    on_shift: bool = True
    own_domain: bool = True
    known_place: bool = True
    factor: str = "totp"
    age_s: int = 0
    reason: bool = False
    legal_hold: bool = False
    minutes_since_break_glass: float | None = None
    guest_allowed: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What the specification says of a case: the columns are those of an allowed request."""

    allowed: bool
    columns: dict[str, str]
    missing: tuple[str, ...]  # of the alternative for the role: the conditions that are not met


CONDITIONS: dict[str, Callable[[Case], bool]] = {
    "signed in": lambda c: c.factor in ("totp", "email"),
    "assigned": lambda c: c.assigned,
    "not assigned": lambda c: not c.assigned,
    "on shift": lambda c: c.on_shift,
    "known network": lambda c: c.known_place,
    "code of the authenticator": lambda c: c.factor == "totp",
    "at most 600 s": lambda c: c.age_s <= 600,
    "a reason": lambda c: c.reason,
    "no legal hold": lambda c: not c.legal_hold,
    "research domain": lambda c: c.own_domain,
    "guests allowed": lambda c: c.guest_allowed,
    "glass broken": lambda c: c.minutes_since_break_glass is not None and 0 <= c.minutes_since_break_glass < 15,
}
FRESH = ("code of the authenticator", "at most 600 s")

ALTERNATIVES: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    "view_record": [
        ("doctor", ("assigned", "on shift", "known network")),
        ("doctor", ("glass broken", "known network")),
        ("auditor", ("known network",)),
    ],
    "edit_record": [("doctor", ("assigned", "on shift", "known network"))],
    "unmask_ssn": [
        ("doctor", ("assigned", "on shift", "known network", "code of the authenticator")),
        ("doctor", ("glass broken", "known network", "code of the authenticator")),
    ],
    "break_glass": [("doctor", ("not assigned", "known network", *FRESH, "a reason"))],
    "query_research": [("data_scientist", ("research domain",))],
    "query_warehouse": [
        ("operator", ()),
        ("data_scientist", ()),
        ("auditor", ()),
        ("guest", ("guests allowed",)),
    ],
    "unmask_customer": [("operator", FRESH)],
    "view_pipelines": [(role, ()) for role in ROLES],
    "trigger_run": [("operator", ())],
    "manage_schedule": [("operator", ())],
    "manage_warehouse": [("operator", ())],
    "read_audit": [("auditor", ()), ("officer", ())],
    "read_compliance": [("auditor", ()), ("officer", ())],
    "manage_users": [("officer", FRESH)],
    "rotate_keys": [("officer", FRESH)],
    "manage_partners": [("officer", FRESH)],
    "apply_retention": [("officer", FRESH)],
    "erase_subject": [("officer", (*FRESH, "a reason", "no legal hold"))],
    "rebuild_projection": [],
    "serve_aggregates": [],
}


def answer(case: Case) -> Answer:
    """What the specification says."""
    lacking = [
        [name for name in ("signed in", *wanted) if not CONDITIONS[name](case)]
        for role, wanted in ALTERNATIVES[case.action]
        if role == case.role
    ]
    if any(not missing for missing in lacking):
        return Answer(True, _columns(case), ())
    return Answer(False, dict.fromkeys(_shown(case.action), "denied"), tuple(lacking[0]) if lacking else ())


def _shown(action: str) -> tuple[str, ...]:
    if action in PATIENT_ACTIONS:
        return RECORD_COLUMNS
    return {
        "query_research": ("ssn",),
        "query_warehouse": ("customer_name", "address"),
        "unmask_customer": ("customer_name", "address"),
    }.get(action, ())


def _columns(case: Case) -> dict[str, str]:
    columns = dict.fromkeys(_shown(case.action), "clear")
    if case.action in ("break_glass", "erase_subject"):
        return dict.fromkeys(columns, "denied")
    if case.action in ("query_research", "query_warehouse"):
        return dict.fromkeys(columns, "masked")
    if case.role == "auditor" and case.action == "view_record":
        columns |= dict.fromkeys(IDENTIFYING, "masked")
    if case.role == "doctor" and case.factor != "totp" and case.action in ("view_record", "edit_record"):
        columns |= {"ssn": "masked", "insurance_id": "masked"}
    return columns
