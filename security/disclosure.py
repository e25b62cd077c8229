"""Who uses protected things, what was granted, and the audit events of it: intent, refusal and outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from security.audit.event import Decision as Said
from security.audit.event import Event, Kind, Outcome
from security.audit.sealed import seal_reason
from security.identity.account import user_name
from security.policy.facts import read_address
from security.policy.model import GUEST, SERVICE, Action, Decision, Factor, Request, Visibility
from security.ports import AuditSink, TextSeal

CORRELATION_BYTES = 16
NOBODY = "unknown"

_KINDS = {
    Action.VIEW_RECORD: Kind.DISCLOSURE,
    Action.UNMASK_SSN: Kind.DISCLOSURE,
    Action.UNMASK_CUSTOMER: Kind.DISCLOSURE,
    Action.READ_AUDIT: Kind.DISCLOSURE,
    Action.READ_COMPLIANCE: Kind.DISCLOSURE,
    Action.EDIT_RECORD: Kind.EDIT,
    Action.ERASE_SUBJECT: Kind.EDIT,
    Action.APPLY_RETENTION: Kind.EDIT,
    Action.QUERY_RESEARCH: Kind.QUERY,
    Action.QUERY_WAREHOUSE: Kind.QUERY,
    Action.VIEW_PIPELINES: Kind.QUERY,
    Action.MANAGE_USERS: Kind.USER,
    Action.ROTATE_KEYS: Kind.KEY,
    Action.TRIGGER_RUN: Kind.RUN,
    Action.SERVE_AGGREGATES: Kind.EXPORT,
}
_RESOURCES = ("warehouse", "audit", "compliance", "keys", "partners", "users", "retention")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the session says it; `service` and `visitor` have none."""

    user: str
    factor: Factor
    factor_at: datetime | None  # when the second factor was given; aware
    address: str
    session: str | None = field(default=None, repr=False)  # the hash of the token, 32 hex digits

    @classmethod
    def service(cls, address: str = "127.0.0.1") -> Caller:
        """The program itself, under the host's account."""
        return cls(SERVICE, Factor.HOST, None, address)

    @classmethod
    def visitor(cls, address: str) -> Caller:
        """Whoever has not signed in: a guest where guests are allowed."""
        return cls(GUEST, Factor.VISITOR, None, address)

    @property
    def stand_in_role(self) -> str:
        """The role in events where no account gives one."""
        return {Factor.HOST: SERVICE, Factor.VISITOR: GUEST}.get(self.factor, "none")


@dataclass(frozen=True, slots=True)
class Recorder:
    """Makes the events of uses. `subject` gives the keyed pseudonym of `patient:ID`."""

    sink: AuditSink
    subject: Callable[[str], str]
    seal_of: Callable[[str | None], TextSeal]  # seals reasons: with the patient's key where the id is given
    random_bytes: Callable[[int], bytes]
    now: Callable[[], datetime]

    def begin(
        self, caller: Caller, request: Request, decisions: Sequence[tuple[str, Decision]], *, role: str
    ) -> Record:
        """What is recorded of a use of the resources of `decisions`. Raises AuditEventRefused, VaultError."""
        correlation = self.random_bytes(CORRELATION_BYTES).hex()
        sealed = None
        if request.reason and all(decision.allowed for _, decision in decisions):
            patient = request.resource.removeprefix("patient:") if request.resource.startswith("patient:") else None
            sealed = seal_reason(request.reason, self.seal_of(patient), correlation=correlation)
        return Record(self, caller, request, tuple(decisions), role, correlation, sealed)


@dataclass(frozen=True, slots=True)
class Record:
    """One use in the audit log."""

    recorder: Recorder
    caller: Caller
    request: Request
    decisions: tuple[tuple[str, Decision], ...]
    role: str
    correlation: str
    sealed: str | None = field(repr=False)
    counted: list[int] = field(default_factory=list, repr=False)  # what the use counted

    def append(self, outcome: Outcome) -> None:
        """Return when the outcome is on the disk: an event a resource before, one event after. Raises AuditError."""
        before = outcome in (Outcome.INTENT, Outcome.REFUSED)
        at = self.request.at if before else self.recorder.now()
        told = self.decisions if before else self.decisions[:1]
        self.recorder.sink.append([self._event(outcome, at, resource, decision) for resource, decision in told])

    def _event(self, outcome: Outcome, at: datetime, resource: str, decision: Decision) -> Event:
        user, action = user_name(self.caller.user), Action(self.request.action)
        about, subject = _about(resource, self.recorder.subject)
        one = len(self.decisions) == 1
        return Event(
            at=at,
            kind=_KINDS.get(action, Kind.DECISION) if decision.allowed else Kind.DECISION,
            action=action.value,
            outcome=outcome,
            principal=user or (self.caller.user if self.caller.user in (SERVICE, GUEST) else NOBODY),
            role=self.role,
            resource=about,
            subject=subject if one or outcome is Outcome.INTENT else None,
            decision=Said.ALLOW if decision.allowed else Said.DENY,
            policies=decision.determining,
            session=self.caller.session,
            address=_address(self.caller.address),
            columns=tuple(name for name, shown in decision.columns.items() if shown is Visibility.CLEAR),
            count=self._count(outcome),
            code=_code(decision),
            correlation=self.correlation,
            sealed=self.sealed if outcome is Outcome.INTENT else None,
        )

    def _count(self, outcome: Outcome) -> int | None:
        if outcome is Outcome.DONE and self.counted:
            return sum(self.counted)
        return len(self.decisions) if len(self.decisions) > 1 and outcome is not Outcome.INTENT else None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do until the block ends. Nothing that it does not name is shown."""

    action: Action
    at: datetime
    columns: Mapping[str, Visibility]  # of a resource that is not many patients
    patients: Mapping[str, Mapping[str, Visibility]]  # the row scope: each patient with its columns
    obligations: frozenset[str]
    _record: Record = field(repr=False)

    @property
    def correlation(self) -> str:
        """What joins the events of this use: 32 hex digits."""
        return self._record.correlation

    def count(self, rows: int) -> None:
        """Say in the outcome that `rows` more rows or records were read."""
        self._record.counted.append(rows)


def _about(resource: str, pseudonym: Callable[[str], str]) -> tuple[str, str | None]:
    """How an event names `resource`, with the subject: never a patient, nor a text nobody checked."""
    kind, _, name = resource.partition(":")
    if kind == "patient":
        return "patient", pseudonym(resource)
    if resource in _RESOURCES or (kind, name) == ("pipeline", "weather"):
        return resource, None
    if kind == "dataset":
        return "dataset", pseudonym(resource)
    return "workspace", pseudonym(resource)


def _code(decision: Decision) -> str | None:
    if decision.errors:
        return "not-decided"
    return "break-glass" if "loud-audit" in decision.obligations else None


def _address(text: str) -> str | None:
    try:
        return str(read_address(text))
    except ValueError:
        return None
