"""What somebody is told who asks for a patient that there is not: the same as for one that is not assigned.

Otherwise a refusal would tell who is a patient here. Whoever may see a patient that nobody is assigned to may know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from console.actions.gate import Gate
from console.actions.permissions import PermissionDenied
from security.access import request_of
from security.policy.facts import AccountFacts, Networks, PatientFacts
from security.policy.model import Action, Decision
from security.ports import Facts
from security.records.admission import unknown

STRANGER = "nobody"


class Strangers:
    """Decides about patients, those there are not included, for whoever sits at `gate`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def would_allow(self, action: str, patient_id: str, *, reason: str | None = None) -> Decision:
        """What would be decided now about a patient; nothing is recorded."""
        decision = self._gate.would_allow(action, f"patient:{patient_id}", reason=reason)
        return self.decision(action, reason=reason) if decision.errors else decision

    def decision(self, action: str, *, reason: str | None = None) -> Decision:
        """What would be decided now about a patient to whom nobody is assigned."""
        access = self._gate.access
        request = request_of(
            self._gate.seat.caller(), Action(action), f"patient:{STRANGER}", at=access.now(), reason=reason
        )
        return access.engine.decide(request, _WithStranger(access.facts))

    @contextmanager
    def refused_alike(self, action: str, patient_id: str, *, reason: str | None = None) -> Iterator[None]:
        """Within it, the refusal of a patient that there is not reads as that of one who is not assigned.

        Raises PermissionDenied; RecordUnknown where the decision on such a patient would be a permit.
        """
        try:
            yield
        except PermissionDenied as error:
            if error.decision is None or not error.decision.errors:
                raise
            decision = self.decision(action, reason=reason)
            if decision.allowed:
                raise unknown(patient_id) from error
            raise self._gate.refusal(action, decision) from error


@dataclass(frozen=True, slots=True)
class _WithStranger:
    """The facts, and one patient more, of whom nothing is the case."""

    facts: Facts

    def account(self, user: str, /) -> AccountFacts | None:
        return self.facts.account(user)

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        return {name: PatientFacts(name, frozenset(), "") for name in ids}

    def has_domain(self, domain: str, /) -> bool:
        return self.facts.has_domain(domain)

    def networks(self) -> Networks:
        return self.facts.networks()

    def broken_glass(self, _user: str, /) -> Mapping[str, datetime]:
        return {}

    def guest_allowed(self) -> bool:
        return self.facts.guest_allowed()
