"""Who uses protected things, what was granted, and the audit events of it: intent, refusal and outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from security.audit.event import Decision as Said
from security.audit.event import Event, Kind, Outcome
from security.audit.log import UNRECORDED
from security.audit.sealed import seal_reason
from security.errors import AuditUnavailable, OutcomeUnrecorded
from security.identity.account import user_name
from security.policy.facts import read_address
from security.policy.model import GUEST, SERVICE, Action, Decision, Factor, Request, Visibility
from security.ports import AuditSink, TextSeal

CORRELATION_BYTES = 16
CHANGES = frozenset({
    Action.EDIT_RECORD, Action.TRIGGER_RUN, Action.MANAGE_SCHEDULE, Action.MANAGE_USERS, Action.ROTATE_KEYS,
    Action.ERASE_SUBJECT, Action.MANAGE_PARTNERS, Action.APPLY_RETENTION, Action.BREAK_GLASS, Action.MANAGE_WAREHOUSE,
    Action.REBUILD_PROJECTION,
})  # fmt: skip
NOBODY = "unknown"
UNTELLING = frozenset({"patient_id", "site", "domain"})  # columns that tell nothing of a person by themselves

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
        self,
        caller: Caller,
        request: Request,
        decisions: Sequence[tuple[str, Decision]],
        *,
        role: str,
        code: str | None = None,
    ) -> Record:
        """What is recorded of a use of the resources of `decisions`: `code` unless the decision has one of its own.

        Raises AuditEventRefused, VaultError.
        """
        correlation = self.random_bytes(CORRELATION_BYTES).hex()
        sealed = None
        if request.reason and all(decision.allowed for _, decision in decisions):
            patient = request.resource.removeprefix("patient:") if request.resource.startswith("patient:") else None
            sealed = seal_reason(request.reason, self.seal_of(patient), correlation=correlation)
        return Record(self, caller, request, tuple(decisions), role, correlation, sealed, code)


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
    code: str | None = None  # what the action was used for
    counted: list[int] = field(default_factory=list, repr=False)  # what the use counted

    @property
    def changes(self) -> bool:
        """Whether the use is a change: what it did stands, be it on record or not."""
        return self.code is None and self.request.action in CHANGES

    def append(self, outcome: Outcome) -> None:
        """Return when it is on the disk: an intent as an event a resource, else as one. Raises AuditError.

        So is the intent to list patients alike of whom nothing is shown that tells of a person: it has their number.
        """
        if outcome is not Outcome.INTENT or self._lists:
            self.recorder.sink.append([self._event(outcome, *self.decisions[0])])
            return
        alike: dict[int, Event] = {}  # resources that were decided together differ in the subject alone
        events = []
        for resource, decision in self.decisions:
            first = alike.get(id(decision))
            if first is None:
                first = alike[id(decision)] = self._event(outcome, resource, decision)
                events.append(first)
            else:
                about, subject = _about(resource, decision, self.recorder.subject)
                events.append(replace(first, resource=about, subject=subject))
        self.recorder.sink.append(events)

    @property
    def _lists(self) -> bool:
        different = {id(decision): decision for _, decision in self.decisions}.values()
        alike = {(decision.allowed, decision.determining, _clear(decision), _code(decision)) for decision in different}
        ((allowed, _, clear, _), *others) = alike
        return len(self.decisions) > 1 and not others and allowed and UNTELLING.issuperset(clear)

    def append_search(self, outcome: Outcome, hits: int | None = None) -> None:
        """Return when it is on the disk that patients were searched through, as one event. Raises AuditError."""
        event = self._event(outcome, *self.decisions[0])
        search = replace(event, kind=Kind.QUERY, subject=None, columns=(), count=hits, code=self.code)
        self.recorder.sink.append([search])

    def append_broken(self) -> None:
        """Return when it is on the disk that a sealed value did not open. Raises AuditError."""
        event = self._event(Outcome.FAILED, *self.decisions[0])
        broken = replace(event, kind=Kind.KEY, action="open_sealed", decision=None, policies=(), columns=(), count=None)
        self.recorder.sink.append([replace(broken, code="seal_broken")])

    def _event(self, outcome: Outcome, resource: str, decision: Decision) -> Event:
        action = Action(self.request.action)
        about, subject = _about(resource, decision, self.recorder.subject)
        of_each = outcome is Outcome.INTENT and not self._lists
        before = outcome in (Outcome.INTENT, Outcome.REFUSED)
        return Event(
            at=self.request.at if before else self.recorder.now(),
            kind=_KINDS.get(action, Kind.DECISION) if decision.allowed else Kind.DECISION,
            action=action.value,
            outcome=outcome,
            principal=user_name(self.caller.user) or NOBODY,
            role=self.role,
            resource=about,
            subject=subject if of_each or len(self.decisions) == 1 else None,
            decision=Said.ALLOW if decision.allowed else Said.DENY,
            policies=decision.determining,
            session=self.caller.session,
            address=_address(self.caller.address),
            columns=_clear(decision),
            count=self._count(outcome),
            code=_code(decision) or self.code,
            correlation=self.correlation,
            sealed=self.sealed if outcome is Outcome.INTENT else None,
        )

    def _count(self, outcome: Outcome) -> int | None:
        if outcome is Outcome.DONE and self.counted:
            return sum(self.counted)
        of_each = outcome is Outcome.INTENT and not self._lists
        return len(self.decisions) if len(self.decisions) > 1 and not of_each else None


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
    def principal(self) -> str:
        """Whose grant it is."""
        return self._record.caller.user

    @property
    def role(self) -> str:
        """The role it was decided for."""
        return self._record.role

    def alike(self) -> list[tuple[Mapping[str, Visibility], frozenset[str]]]:
        """The row scope by columns: the patients whose columns are shown alike."""
        groups: dict[tuple[tuple[str, Visibility], ...], list[str]] = {}
        for patient, columns in self.patients.items():
            groups.setdefault(tuple(columns.items()), []).append(patient)
        return [(dict(columns), frozenset(patients)) for columns, patients in groups.items()]

    @property
    def correlation(self) -> str:
        """What joins the events of this use: 32 hex digits."""
        return self._record.correlation

    def seal_broken(self) -> None:
        """Write that a sealed value which may be shown does not open. Raises AuditUnavailable."""
        self._record.append_broken()

    def count(self, rows: int) -> None:
        """Say in the outcome that `rows` more rows or records were read."""
        self._record.counted.append(rows)


@contextmanager
def standing(action: str) -> Iterator[None]:
    """Within it the outcome of a change is recorded, which stands even if that fails. Raises OutcomeUnrecorded."""
    try:
        yield
    except AuditUnavailable as error:
        raise OutcomeUnrecorded(
            f"{action} was carried out and what it changed stands; only its outcome is not on record, and nothing that "
            f"it gave is shown: {str(error).removeprefix(UNRECORDED)}"
        ) from error


def _about(resource: str, decision: Decision, pseudonym: Callable[[str], str]) -> tuple[str, str | None]:
    """How an event names `resource`, with the subject: never a patient, nor a text that was not understood."""
    if resource.startswith("patient:") or decision.errors:
        kind = "patient" if resource.startswith("patient:") else "workspace"
        return kind, pseudonym(resource if resource.isascii() else ascii(resource))
    return resource, None


def _clear(decision: Decision) -> tuple[str, ...]:
    """The columns that are shown in clear."""
    return tuple(name for name, shown in decision.columns.items() if shown is Visibility.CLEAR)


def _code(decision: Decision) -> str | None:
    if decision.errors:
        return "not-decided"
    return "break-glass" if "loud-audit" in decision.obligations else None


def _address(text: str) -> str | None:
    try:
        return str(read_address(text))
    except ValueError:
        return None
