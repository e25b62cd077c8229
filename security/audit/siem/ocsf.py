"""Open Cybersecurity Schema Framework 1.3: Authentication (3002) for sign-ins, Datastore Activity (6005) for what
touches data, API Activity (6003) for the rest. What a class has no attribute for goes into `unmapped`.
"""

from __future__ import annotations

import json
from typing import Any

from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.search import Recorded
from security.audit.siem.origin import PRODUCT, VENDOR, Source, epoch_ms, fields, is_glass, refused

SCHEMA_VERSION = "1.3.0"
OTHER = 99

_LOGON, _LOGOFF = 1, 2
_DATASTORE = {Kind.DISCLOSURE: 1, Kind.EDIT: 2, Kind.QUERY: 4, Kind.EXPORT: 1}  # Read, Update, Query, Read
_API = {Kind.DECISION: 2, Kind.KEY: 3, Kind.USER: 3, Kind.RUN: 1}  # Read, Update, Update, Create


def ocsf(recorded: Recorded, source: Source) -> str:
    """The event as one JSON line."""
    event = recorded.event
    if event.kind is Kind.SIGN_IN:
        body = _authentication(event, source)
    elif event.kind in _DATASTORE:
        body = _datastore(event)
    else:
        body = _api(event)
    return json.dumps(_common(recorded, source, body) | body, separators=(",", ":"))


def _common(recorded: Recorded, source: Source, body: dict[str, Any]) -> dict[str, Any]:
    event = recorded.event
    class_uid, activity_id = body["class_uid"], body["activity_id"]
    status_id = 2 if refused(event) or event.outcome is Outcome.FAILED else 1
    common: dict[str, Any] = {
        "metadata": {
            "version": SCHEMA_VERSION,
            "product": {"name": PRODUCT, "vendor_name": VENDOR, "version": source.version},
            "uid": f"{source.origin}/{recorded.seq}",
            "log_name": source.origin,
            "sequence": recorded.seq,
        },
        "category_uid": class_uid // 1000,
        "type_uid": class_uid * 100 + activity_id,
        "time": epoch_ms(event),
        "severity_id": 3 if refused(event) or is_glass(event) else 1,  # Medium, Informational
        "status_id": status_id,
        "status": {1: "Success", 2: "Failure"}[status_id],
        "unmapped": fields(recorded),
    }
    if event.correlation:
        common["metadata"]["correlation_uid"] = event.correlation
    if event.code:
        common["status_detail"] = event.code
    return common


def _authentication(event: Event, source: Source) -> dict[str, Any]:
    activity = {"sign_in": _LOGON, "sign_out": _LOGOFF}.get(event.action, OTHER)
    body: dict[str, Any] = {
        "class_uid": 3002,
        "activity_id": activity,
        "user": _user(event),
        "service": {"name": PRODUCT},
        "dst_endpoint": {"hostname": source.host},
        "src_endpoint": _endpoint(event),
    }
    if event.session:
        body["session"] = {"uid": event.session}
    return body


def _datastore(event: Event) -> dict[str, Any]:
    return {
        "class_uid": 6005,
        "activity_id": _DATASTORE[event.kind],
        "actor": _actor(event),
        "src_endpoint": _endpoint(event),
        "database": {"name": event.resource, "type_id": 1},
        "type_id": 1,
    }


def _api(event: Event) -> dict[str, Any]:
    return {
        "class_uid": 6003,
        "activity_id": _API[event.kind],
        "actor": _actor(event),
        "src_endpoint": _endpoint(event),
        "api": {"operation": event.action, "service": {"name": PRODUCT}},
        "resources": [{"name": event.resource}],
    }


def _actor(event: Event) -> dict[str, Any]:
    actor: dict[str, Any] = {"user": _user(event)}
    if event.session:
        actor["session"] = {"uid": event.session}
    if event.decision is not None:
        decision = "Allowed" if event.decision is Decision.ALLOW else "Denied"
        actor["authorizations"] = [{"decision": decision, "policy": {"uid": name}} for name in event.policies] or [
            {"decision": decision}
        ]
    return actor


def _user(event: Event) -> dict[str, Any]:
    return {"name": event.principal, "groups": [{"name": event.role}]}


def _endpoint(event: Event) -> dict[str, Any]:
    return {"ip": event.address} if event.address else {"name": "local"}
