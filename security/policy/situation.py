"""What is the case at the instant of a request, computed from the facts alone; nothing is decided here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from security.errors import RequestRefused
from security.identity.account import Role
from security.policy.facts import AccountFacts, Address, Networks, PatientFacts, glass_is_broken, read_address
from security.policy.model import GUEST, SERVICE, Action, Factor, Request
from security.ports import Facts

ALONE = ("warehouse", "audit", "compliance", "keys", "partners", "users", "retention")  # resources of one word
PIPELINE = "weather"
FORMS = {"patient": "patient:ID", "dataset": "dataset:DOMAIN", "pipeline": f"pipeline:{PIPELINE}"}  # of the others
LONGEST_SHOWN = 64
OLDEST_FACTOR_S = 2**53
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # no store is asked for anything else


@dataclass(frozen=True, slots=True)
class Resource:
    """What a request is about: its type and id, with the attributes that decide."""

    kind: str  # `patient`, `dataset`, `pipeline` or one of ALONE
    id: str
    patient: PatientFacts | None = None

    @property
    def domain(self) -> str:
        """The research domain of a data set or a patient; empty for others."""
        return self.patient.domain if self.patient else self.id if self.kind == "dataset" else ""


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts of one request."""

    action: Action
    account: AccountFacts | None  # None for the service
    resource: Resource
    assigned: bool
    on_shift: bool
    networks: Networks
    site: str | None  # of the known place; None where the place is not known
    glass_broken_at: datetime | None
    break_glass: bool
    guest_allowed: bool


def survey(request: Request, facts: Facts) -> Situation:
    """What is the case for `request`. Raises RequestRefused, and what `facts` raises."""
    action = _action(request)
    account = _account(request, facts)
    resource = _resource(request.resource, facts)
    address = _address(request)
    patient = resource.patient
    doctor = account is not None and account.role is Role.DOCTOR
    broken_at = facts.broken_glass(account.user).get(patient.patient) if account and patient and doctor else None
    networks = facts.networks()
    return Situation(
        action=action,
        account=account,
        resource=resource,
        assigned=account is not None and patient is not None and account.user in patient.assigned,
        on_shift=account is not None and account.shift is not None and account.shift.covers(request.at),
        networks=networks,
        site=networks.site_of(address),
        glass_broken_at=broken_at,
        break_glass=glass_is_broken(broken_at, request.at),
        guest_allowed=facts.guest_allowed(),
    )


def shown(text: str) -> str:
    """A text from outside as it may stand in a message: in quotes, and not too long."""
    return ascii(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")


def _action(request: Request) -> Action:
    if request.at.utcoffset() is None:
        raise RequestRefused("at: expected an instant with its offset from UTC, found one without")
    if not 0 <= request.mfa_age_s <= OLDEST_FACTOR_S:
        raise RequestRefused(f"mfa_age_s: expected 0 to {OLDEST_FACTOR_S} seconds, found {request.mfa_age_s}")
    try:
        return Action(request.action)
    except ValueError:
        raise RequestRefused(
            f"action: expected one of the actions of the policies, found {shown(request.action)}"
        ) from None


def _account(request: Request, facts: Facts) -> AccountFacts | None:
    if (request.mfa is Factor.HOST) != (request.principal == SERVICE):
        raise RequestRefused("user: the service is no account, and acts under the host's account alone")
    if request.mfa is Factor.HOST:
        return None
    if request.mfa is Factor.VISITOR:
        if request.principal != GUEST:
            raise RequestRefused(f"user: a visitor who has not signed in is {GUEST}, found {shown(request.principal)}")
        return AccountFacts(GUEST, Role.GUEST)
    account = facts.account(request.principal) if _NAME.fullmatch(request.principal) else None
    if account is None:
        raise RequestRefused(f"user: expected the name of an account, found {shown(request.principal)}")
    if account.disabled:
        raise RequestRefused(f"user: the account {shown(request.principal)} is disabled")
    return account


def _resource(text: str, facts: Facts) -> Resource:
    kind, colon, name = text.partition(":")
    if colon and not _NAME.fullmatch(name):
        name = ""
    if not colon and kind in ALONE:
        return Resource(kind, kind)
    if kind == "pipeline" and name == PIPELINE:
        return Resource(kind, name)
    if kind == "dataset" and name and facts.has_domain(name):
        return Resource(kind, name)
    if kind == "patient" and name:
        patient = facts.patients([name]).get(name)
        if patient is not None:
            return Resource(kind, name, patient)
    raise RequestRefused(
        f"resource: expected {', '.join(FORMS.values())} or one of {', '.join(ALONE)}, each one that exists; found "
        f"{shown(text)}"
    )


def _address(request: Request) -> Address:
    try:
        return read_address(request.ip)
    except ValueError:
        raise RequestRefused(
            f"ip: expected an IPv4 or IPv6 address without a zone, found {shown(request.ip)}"
        ) from None
