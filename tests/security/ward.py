"""A small hospital for tests of decisions: accounts, patients, places and broken glass, as the port Facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from security.identity.account import Role
from security.identity.shift import Shift
from security.policy.facts import AccountFacts, Networks, PatientFacts
from security.policy.model import Factor, Request

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 3, 12, tzinfo=UTC)
HERE, ELSEWHERE = "10.1.2.3", "203.0.113.9"
DAY = Shift.parse("08:00-20:00", "Europe/London")
SITES = {"10.0.0.0/8": "ward", "127.0.0.0/8": "desk", "fd00:1::/32": "clinic"}


@dataclass
class Ward:
    """Facts that a test sets."""

    accounts: dict[str, AccountFacts] = field(default_factory=dict)
    known: dict[str, PatientFacts] = field(default_factory=dict)
    domains: set[str] = field(default_factory=lambda: {"oncology", "cardiology"})
    sites: Networks = field(default_factory=lambda: Networks(SITES))
    broken: dict[tuple[str, str], datetime] = field(default_factory=dict)
    guests: bool = True

    def account(self, user: str, /) -> AccountFacts | None:
        return self.accounts.get(user)

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        return {name: self.known[name] for name in ids if name in self.known}

    def has_domain(self, domain: str, /) -> bool:
        return domain in self.domains

    def networks(self) -> Networks:
        return self.sites

    def broken_glass(self, user: str, /) -> Mapping[str, datetime]:
        return {patient: at for (who, patient), at in self.broken.items() if who == user}

    def guest_allowed(self) -> bool:
        return self.guests

    def record(self, user: str, patient: str, at: datetime, /) -> None:
        self.broken[user, patient] = at


def ward(*, shift: Shift | None = DAY, assigned: Iterable[str] = ("doctor",)) -> Ward:
    """One account a role, named after it, each with a shift and a domain; P1 is assigned, P2 is not, P3 is held."""
    accounts = {role.value: AccountFacts(role.value, role, "oncology", shift) for role in Role}
    patients = [
        PatientFacts("P1", frozenset(assigned), "oncology"),
        PatientFacts("P2", frozenset(), "oncology"),
        PatientFacts("P3", frozenset(assigned), "oncology", legal_hold=True),
    ]
    return Ward(accounts, {patient.patient: patient for patient in patients})


def request(
    principal: str = "doctor", action: str = "view_record", resource: str = "patient:P1", **other: Any
) -> Request:
    """A request at noon, from the ward, with a code just given."""
    values: dict[str, Any] = {"at": NOON, "ip": HERE, "mfa": Factor.TOTP, "mfa_age_s": 0, "reason": None}
    return Request(principal=principal, action=action, resource=resource, **(values | other))
