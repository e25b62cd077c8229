"""A request and its situation in Cedar's own form: entities and context, no more of them than the request needs."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cedarpy import Entities

from security.policy.model import SERVICE, Request
from security.policy.situation import Situation

Entity = dict[str, Any]

TYPES = {  # the entity type of each kind of resource
    "patient": "Patient",
    "dataset": "Dataset",
    "warehouse": "Warehouse",
    "pipeline": "Pipeline",
    "audit": "Audit",
    "compliance": "Compliance",
    "keys": "Keys",
    "partners": "Partners",
    "users": "Users",
    "retention": "Retention",
}


def cedar_request(request: Request, situation: Situation) -> dict[str, Any]:
    """Principal, action, resource and context as `cedarpy.is_authorized` takes them."""
    return {
        "principal": _principal(situation),
        "action": {"type": "Action", "id": situation.action.value},
        "resource": {"type": TYPES[situation.resource.kind], "id": situation.resource.id},
        "context": json.dumps(_context(request, situation)),
    }


def cedar_entities(situation: Situation) -> Entities:
    """The principal with its role and the resource with its attributes."""
    account, resource = situation.account, situation.resource
    return _entities(
        None if account is None else (account.user, account.role.value, account.domain),
        TYPES[resource.kind],
        resource.id,
        resource.domain,
        situation.assigned,
        resource.patient is not None and resource.patient.legal_hold,
    )


@lru_cache(maxsize=8192)
def _entities(
    account: tuple[str, str, str | None] | None, kind: str, resource: str, domain: str, assigned: bool, hold: bool
) -> Entities:
    """The arguments are the whole content, so what is cached cannot be out of date."""
    attributes: dict[str, Any] = {}
    if kind in ("Patient", "Dataset"):
        attributes["domain"] = domain
    if kind == "Patient":
        # Of the doctors assigned only the principal matters: no policy asks about another.
        attributes["assigned"] = [{"__entity": _uid("User", account[0])}] if assigned and account else []
        attributes["legal_hold"] = hold
    entities: list[Entity] = [{"uid": _uid(kind, resource), "attrs": attributes, "parents": []}]
    if account is not None:
        user, role, own = account
        has = {} if own is None else {"domain": own}
        entities.append({"uid": _uid("User", user), "attrs": has, "parents": [_uid("Role", role)]})
    return Entities.from_json_str(json.dumps(entities))


def _context(request: Request, situation: Situation) -> dict[str, Any]:
    return {
        "factor": request.mfa.value,
        "factor_age_s": request.mfa_age_s,
        "on_shift": situation.on_shift,
        "known_place": situation.site is not None,
        "reason": bool(request.reason and request.reason.strip()),
        "break_glass": situation.break_glass,
        "guest_allowed": situation.guest_allowed,
    }


def _principal(situation: Situation) -> Entity:
    if situation.account is None:
        return _uid("Service", SERVICE)
    return _uid("User", situation.account.user)


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}
