"""What is wrong with a request that does not fit the schema, asked of Cedar: the schema alone says what does."""

from __future__ import annotations

from typing import Any

import cedarpy

from security.policy.cedar_request import TYPES
from security.policy.model import Request
from security.policy.situation import FORMS, Situation, shown

_NO_POLICY = cedarpy.PolicySet.from_str("")
_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")


def misfit(request: Request, situation: Situation, asked: dict[str, Any], schema: cedarpy.Schema) -> str | None:
    """What `request` should be about or from, where `asked` is no request of `schema`; None where it is one."""
    if _fits(asked, schema):
        return None
    action = situation.action.value
    fitting = [
        FORMS.get(kind, kind)
        for kind, name in TYPES.items()
        if _fits({**asked, "resource": {"type": name, "id": kind}}, schema)
    ]
    if fitting:
        return f"resource: {action} is about {' or '.join(fitting)}, found {shown(request.resource)}"
    return f"user: {action} is not for {'the service' if situation.account is None else 'accounts'}"


def _fits(asked: dict[str, Any], schema: cedarpy.Schema) -> bool:
    return not cedarpy.is_authorized(asked, _NO_POLICY, _NO_ENTITIES, schema).diagnostics.errors
