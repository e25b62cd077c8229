"""Deciding on many patients in one request: one decision for all patients that the policies cannot tell apart.

The policies see of a patient whether it is assigned to the principal, its domain, a legal hold and the principal's
broken glass, and none names a single patient (`rules.py` refuses such a set). Patients alike in these decide alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from security.policy.engine import Decider
from security.policy.facts import AccountFacts, Networks, PatientFacts, glass_is_broken
from security.policy.model import Decision, Request
from security.ports import Facts


def decide_each(engine: Decider, request: Request, patients: Sequence[str], facts: Facts) -> dict[str, Decision]:
    """The decision on each of `patients`, by id; the resource of `request` is not looked at."""
    seen = _Seen.of(facts, request.principal, patients)
    alike: dict[object, Decision] = {}
    decisions: dict[str, Decision] = {}
    for patient in patients:
        kind = _kind(seen, request, patient)
        if kind not in alike:
            alike[kind] = engine.decide(replace(request, resource=f"patient:{patient}"), seen)
        decisions[patient] = alike[kind]
    return decisions


def _kind(seen: _Seen, request: Request, patient: str) -> object:
    known = seen.known.get(patient)
    if known is None:
        return patient  # a refusal of its own, which names it
    assigned = request.principal in known.assigned
    return assigned, known.domain, known.legal_hold, glass_is_broken(seen.broken.get(patient), request.at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The facts as one request sees them: asked once, for all patients."""

    account_facts: AccountFacts | None
    known: Mapping[str, PatientFacts]
    broken: Mapping[str, datetime]
    places: Networks
    facts: Facts

    @classmethod
    def of(cls, facts: Facts, user: str, patients: Sequence[str]) -> _Seen:
        return cls(facts.account(user), facts.patients(patients), facts.broken_glass(user), facts.networks(), facts)

    def account(self, user: str, /) -> AccountFacts | None:
        known = self.account_facts
        return known if known is not None and known.user == user else None

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        return {name: self.known[name] for name in ids if name in self.known}

    def has_domain(self, domain: str, /) -> bool:
        return self.facts.has_domain(domain)

    def networks(self) -> Networks:
        return self.places

    def broken_glass(self, user: str, /) -> Mapping[str, datetime]:  # noqa: ARG002 – those of the principal
        return self.broken

    def guest_allowed(self) -> bool:
        return self.facts.guest_allowed()
