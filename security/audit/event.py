"""What an audit event is: typed, bounded fields without personal data, and their canonical encoding.

Encoding version 1 is the JSON canonicalization of RFC 8785: one object, keys sorted, no spaces, absent fields left
out. `at` is whole microseconds since 1970-01-01T00:00:00Z; all texts are ASCII. The bytes are what the tree hashes,
so an encoding is never changed, only followed by a new `v`.

Rules, each refused with AuditEventRefused:
1. A patient is never named: `resource` is `patient` without an id, `subject` is a keyed pseudonym
   (`AuditKeys.pseudonym`). A user name nobody has is likewise given as a pseudonym, `principal` is `unknown`.
2. There is no free text. A reason typed by a person goes into `sealed` (see `sealed.py`), else into `code`, a word
   from the program's own list.
3. A session is named by the hash of its token, never by the token.
"""

from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from security.errors import AuditEventRefused
from security.instants import EPOCH, MICROSECOND

VERSION = 1
MOST_NAMES = 32  # policies or columns of one event
LARGEST_COUNT = 2**53 - 1  # what every JSON reader keeps exact

_SSN = r"(?!.*\d{3}-\d{2}-\d{4})"
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_PRINCIPAL = re.compile(rf"{_SSN}[A-Za-z][A-Za-z0-9._-]{{0,63}}")
_RESOURCE = re.compile(rf"{_SSN}(?!patient:)[a-z][a-z0-9_-]{{0,63}}(:[A-Za-z0-9][A-Za-z0-9._-]{{0,63}})?")
_NAME = re.compile(rf"{_SSN}[A-Za-z0-9][A-Za-z0-9._:/-]{{0,63}}")
_DIGITS = re.compile(r"[0-9a-f]{32}")
_SEALED = re.compile(r"[A-Za-z0-9._-]{1,64}:[A-Za-z0-9+/]{40,4094}={0,2}")

# What an encoding has up to the value of `at`, then up to `correlation` and `count`, then up to `sealed`.
_Frame = tuple[str, str, str]


class Kind(StrEnum):
    """What sort of thing happened."""

    SIGN_IN = "sign-in"  # and sign-out, step-up, lockout
    DECISION = "decision"  # a request was allowed or denied
    DISCLOSURE = "disclosure"  # protected data is about to be shown, or was
    QUERY = "query"
    EDIT = "edit"  # a record was changed
    KEY = "key"  # a key was made, rotated or destroyed
    USER = "user"  # an account was changed
    RUN = "run"  # a pipeline run was triggered
    EXPORT = "export"  # data left the workspace


class Decision(StrEnum):
    """What the policies said."""

    ALLOW = "allow"
    DENY = "deny"


class Outcome(StrEnum):
    """How it ended."""

    INTENT = "intent"  # it is about to happen: durable before it does
    DONE = "done"
    FAILED = "failed"  # it was permitted and did not work
    REFUSED = "refused"  # it was not permitted, or the sign-in was wrong


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Raises AuditEventRefused for a field outside its bounds."""

    at: datetime  # aware; stored as UTC to the microsecond
    kind: Kind
    action: str  # an action of the policies, or a word such as `sign_in`
    outcome: Outcome
    principal: str  # the account's name, `service`, `guest` or `unknown`
    role: str
    resource: str = "workspace"  # a type, or `type:id`; never `patient:id`
    subject: str | None = None  # 32 hex digits: the keyed pseudonym of whom the data is about
    decision: Decision | None = None
    policies: tuple[str, ...] = ()  # the ids of the determining policies
    session: str | None = None  # 32 hex digits: the hash of the session's token
    address: str | None = None  # where from: an IP address
    columns: tuple[str, ...] = ()  # which columns were shown in clear
    count: int | None = None  # how many records, rows or events
    code: str | None = None  # a word from the program's own list, such as `wrong_code`
    correlation: str | None = None  # 32 hex digits that join intent and outcome
    sealed: str | None = None  # `key id:base64` of a sealed reason

    _frame: _Frame = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise AuditEventRefused("at: expected an instant with its offset from UTC, found one without")
        frame = _frame_of(
            self.action,
            self.address,
            self.code,
            self.columns,
            self.decision,
            self.kind,
            self.outcome,
            self.policies,
            self.principal,
            self.resource,
            self.role,
        )
        object.__setattr__(self, "_frame", frame)
        _check(_DIGITS, "subject", self.subject)
        _check(_DIGITS, "session", self.session)
        _check(_DIGITS, "correlation", self.correlation)
        _check(_SEALED, "sealed", self.sealed)
        if self.count is not None and not 0 <= self.count <= LARGEST_COUNT:
            raise AuditEventRefused(f"count: expected 0 to {LARGEST_COUNT}, found {self.count}")

    def encode(self) -> bytes:
        """The canonical encoding, version 1. No field can hold a character that JSON escapes, so none is escaped."""
        to_at, to_correlation, to_sealed = self._frame
        correlation = f'"correlation":"{self.correlation}",' if self.correlation else ""
        count = f'"count":{self.count:d},' if self.count is not None else ""
        sealed = f'"sealed":"{self.sealed}",' if self.sealed else ""
        session = f'"session":"{self.session}",' if self.session else ""
        subject = f'"subject":"{self.subject}",' if self.subject else ""
        at_us = (self.at - EPOCH) // MICROSECOND
        return (
            f'{to_at}{at_us:d}{to_correlation}{correlation}{count}{to_sealed}{sealed}{session}{subject}"v":{VERSION:d}}}'
        ).encode("ascii")


def _list(names: tuple[str, ...]) -> str:
    return '["' + '","'.join(names) + '"]'


_REQUIRED = ("at", "kind", "action", "outcome", "principal", "role", "resource")
_OPTIONAL = (
    "subject",
    "decision",
    "policies",
    "session",
    "address",
    "columns",
    "count",
    "code",
    "correlation",
    "sealed",
)


def decode(body: bytes) -> Event:
    """The event of a canonical encoding. Raises AuditEventRefused for anything else, another version included."""
    try:
        fields = json.loads(body)
        event = _event_of(fields)
        canonical = event.encode()
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise AuditEventRefused(f"expected an event of version {VERSION}, found something else") from error
    if canonical != body:
        raise AuditEventRefused("expected the canonical encoding of an event, found another spelling of it")
    return event


def _event_of(fields: dict[str, Any]) -> Event:
    if fields["v"] != VERSION or fields.keys() - {"v", *_REQUIRED, *_OPTIONAL}:
        raise ValueError("another version, or a field it does not have")
    decision = fields.get("decision")
    return Event(
        at=EPOCH + timedelta(microseconds=fields["at"]),
        kind=Kind(fields["kind"]),
        action=fields["action"],
        outcome=Outcome(fields["outcome"]),
        principal=fields["principal"],
        role=fields["role"],
        resource=fields["resource"],
        subject=fields.get("subject"),
        decision=None if decision is None else Decision(decision),
        policies=tuple(fields.get("policies", ())),
        session=fields.get("session"),
        address=fields.get("address"),
        columns=tuple(fields.get("columns", ())),
        count=fields.get("count"),
        code=fields.get("code"),
        correlation=fields.get("correlation"),
        sealed=fields.get("sealed"),
    )


def _check(pattern: re.Pattern[str], field: str, value: str | None) -> None:
    if value is not None and not pattern.fullmatch(value):
        # The value itself may be what must not be written down.
        raise AuditEventRefused(
            f"{field}: expected text of the form {pattern.pattern}, found another, of {len(value)} characters"
        )


def _check_names(field: str, names: tuple[str, ...]) -> None:
    if len(names) > MOST_NAMES:
        raise AuditEventRefused(f"{field}: expected at most {MOST_NAMES} names, found {len(names)}")
    for name in names:
        _check(_NAME, field, name)


@lru_cache(maxsize=4096)
def _frame_of(
    action: str,
    address: str | None,
    code: str | None,
    columns: tuple[str, ...],
    decision: Decision | None,
    kind: Kind,
    outcome: Outcome,
    policies: tuple[str, ...],
    principal: str,
    resource: str,
    role: str,
) -> _Frame:
    """The fields whose values come again and again, checked and encoded together."""
    _check(_WORD, "action", action)
    _check(_PRINCIPAL, "principal", principal)
    _check(_WORD, "role", role)
    _check(_RESOURCE, "resource", resource)
    _check(_WORD, "code", code)
    _check_names("policies", policies)
    _check_names("columns", columns)
    if address is not None:
        _check_address(address)
    return (
        f'{{"action":"{action}",' + (f'"address":"{address}",' if address else "") + '"at":',
        "," + (f'"code":"{code}",' if code else "") + (f'"columns":{_list(columns)},' if columns else ""),
        (f'"decision":"{decision.value}",' if decision else "")
        + f'"kind":"{kind.value}","outcome":"{outcome.value}",'
        + (f'"policies":{_list(policies)},' if policies else "")
        + f'"principal":"{principal}","resource":"{resource}","role":"{role}",',
    )


def _check_address(address: str) -> None:
    try:
        spelled = str(ipaddress.ip_address(address))
    except ValueError as error:
        raise AuditEventRefused("address: expected an IP address, found something else") from error
    if spelled != address or "%" in address:
        raise AuditEventRefused("address: expected the usual spelling of an IP address, without a zone, found another")
