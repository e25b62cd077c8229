"""The one path to anything protected: decide, make the intent durable, hand out a grant, record how it ended.

Order of a use, which nothing goes round:
1. The request is built from the session, the trusted clock and the facts; Cedar decides.
2. A denial is recorded and raised. A permit is recorded as an intent; if that cannot be made durable, nothing goes on.
3. Only then does the caller get a `Grant`, which says which columns are clear, masked or denied, and of whom.
4. When the caller is done the outcome is recorded. What was fetched is shown after that, not before. What was changed
   stands where it cannot be recorded, and the error says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from security.audit.event import Outcome
from security.disclosure import Caller, Grant, Record, Recorder, standing
from security.errors import AccessDenied, AuditUnavailable, OutcomeUnrecorded, RequestRefused
from security.policy.engine import Decider
from security.policy.facts import GLASS_STAYS_BROKEN
from security.policy.many import decide_each
from security.policy.model import Action, Decision, Factor, Request, Visibility
from security.ports import Facts, GlassStore

MOST_PATIENTS = 10_000  # of one request
SEARCH = "search"  # the code of what was searched through


@dataclass(frozen=True, slots=True)
class Access:
    """Decides and records for one workspace. Safe between threads if its ports are."""

    engine: Decider
    facts: Facts
    recorder: Recorder
    glass: GlassStore
    now: Callable[[], datetime]  # the trusted clock; aware

    def check(self, request: Request) -> Decision:
        """What would be decided; nothing is disclosed, so nothing is recorded."""
        return self.engine.decide(request, self.facts)

    def would_allow(self, caller: Caller, action: Action, resource: str, *, reason: str | None = None) -> Decision:
        """What `use` would decide for `caller` now: to show what may be chosen."""
        return self.check(request_of(caller, action, resource, at=self.now(), reason=reason))

    @contextmanager
    def use(
        self,
        caller: Caller,
        action: Action,
        resource: str,
        *,
        reason: str | None = None,
        only: Collection[str] | None = None,
        code: str | None = None,
    ) -> Iterator[Grant]:
        """Within it, `caller` may do `action` to `resource`, as the grant says.

        Of the columns `only` those named are wanted: the others are neither granted nor recorded as disclosed. `code`
        tells the events what the action is used for, such as `look`, where a use need not be the deed it names.
        Raises AccessDenied; AuditUnavailable, before or after, in which case nothing may be shown; AuditEventRefused
        for a reason that is too long; and what the facts raise. OutcomeUnrecorded is an AuditUnavailable after a
        change, which stands.
        """
        request = request_of(caller, action, resource, at=self.now(), reason=reason)
        decision = _narrowed(self.engine.decide(request, self.facts), only)
        record = self.recorder.begin(caller, request, [(resource, decision)], role=self._role(caller), code=code)
        self._refuse_unless(decision.allowed, record, decision)
        patient = resource.removeprefix("patient:") if resource.startswith("patient:") else None
        columns = {} if patient is None else {patient: decision.columns}
        with self._recorded(record):
            yield Grant(action, request.at, decision.columns, columns, decision.obligations, record)

    @contextmanager
    def use_patients(
        self, caller: Caller, action: Action, patients: Sequence[str], *, only: Collection[str] | None = None
    ) -> Iterator[Grant]:
        """The same for many patients in one request: the grant's row scope is those of them that are permitted.

        The others are left out without a word. Each in scope is recorded by itself, all in one durable append. Raises
        AccessDenied if none is permitted, RequestRefused for none or too many, and what `use` raises.
        """
        if not 0 < len(patients) <= MOST_PATIENTS:
            raise RequestRefused(f"expected 1 to {MOST_PATIENTS} patients, found {len(patients)}")
        request = request_of(caller, action, "patient:", at=self.now())
        decided = decide_each(self.engine, request, patients, self.facts)
        narrow = {id(decision): _narrowed(decision, only) for decision in decided.values()}
        decisions = {name: narrow[id(decision)] for name, decision in decided.items()}
        allowed = [(f"patient:{name}", decision) for name, decision in decisions.items() if decision.allowed]
        denied = [(f"patient:{name}", decision) for name, decision in decisions.items() if not decision.allowed]
        record = self.recorder.begin(caller, request, allowed or denied, role=self._role(caller))
        self._refuse_unless(bool(allowed), record, (allowed or denied)[0][1])
        columns = {name.removeprefix("patient:"): decision.columns for name, decision in allowed}
        obligations = frozenset[str]().union(*(decision.obligations for _, decision in allowed))
        with self._recorded(record):
            yield Grant(action, request.at, {}, columns, obligations, record)

    def search_patients(
        self,
        caller: Caller,
        action: Action,
        patients: Sequence[str],
        find: Callable[[Mapping[str, Mapping[str, Visibility]]], Sequence[str]],
    ) -> Sequence[str]:
        """What `find` gives of those of `patients` that are permitted: ids, each of them with its columns.

        `find` must show nothing of anybody else and open nothing: that there was a search is one event, and a patient
        is recorded when a use of the hits follows. Raises what `use_patients` raises, and what `find` raises.
        """
        if not 0 < len(patients) <= MOST_PATIENTS:
            raise RequestRefused(f"expected 1 to {MOST_PATIENTS} patients, found {len(patients)}")
        request = request_of(caller, action, "patient:", at=self.now())
        decided = decide_each(self.engine, request, patients, self.facts)
        allowed = {name: decision for name, decision in decided.items() if decision.allowed}
        told = [(f"patient:{name}", decision) for name, decision in (allowed or decided).items()]
        record = self.recorder.begin(caller, request, told, role=self._role(caller), code=SEARCH)
        if not allowed:
            self._refuse_unless(False, record, told[0][1])
        try:
            hits = find({name: decision.columns for name, decision in allowed.items()})
        except BaseException:
            record.append_search(Outcome.FAILED)
            raise
        record.append_search(Outcome.DONE, len(hits))
        return hits

    def break_glass(self, caller: Caller, patient: str, reason: str) -> datetime:
        """Open the record of a patient who is not assigned, in an emergency; until when it stays open.

        The reason and the intent are durable before it opens. Raises what `use` raises, and what the store raises.
        """
        with self.use(caller, Action.BREAK_GLASS, f"patient:{patient}", reason=reason) as grant:
            self.glass.record(caller.user, patient, grant.at)
        return grant.at + GLASS_STAYS_BROKEN

    def _role(self, caller: Caller) -> str:
        account = self.facts.account(caller.user) if caller.factor not in (Factor.HOST, Factor.VISITOR) else None
        return account.role.value if account is not None else caller.stand_in_role

    def _refuse_unless(self, allowed: bool, record: Record, decision: Decision) -> None:
        if not allowed:
            record.append(Outcome.REFUSED)
            why = "; ".join((*decision.errors, *(f"{why.policy}: {why.because}" for why in decision.why_not)))
            raise AccessDenied(f"not permitted: {why or 'no policy permits it'}", decision)
        record.append(Outcome.INTENT)

    @contextmanager
    def _recorded(self, record: Record) -> Iterator[None]:
        try:
            yield
        except OutcomeUnrecorded:
            with suppress(AuditUnavailable):  # that it is done, if it can be recorded by now
                record.append(Outcome.DONE)
            raise
        except BaseException:
            record.append(Outcome.FAILED)
            raise
        with standing(record.request.action) if record.changes else nullcontext():
            record.append(Outcome.DONE)


def request_of(caller: Caller, action: Action, resource: str, *, at: datetime, reason: str | None = None) -> Request:
    """The request that `caller` makes at `at`. A factor from the future, after the clock was set back, is not fresh."""
    age = timedelta() if caller.factor_at is None else at - caller.factor_at
    if caller.factor is Factor.TOTP and (caller.factor_at is None or age < timedelta()):
        age = timedelta(days=1)
    age_s = max(0, -(-age // timedelta(seconds=1)))
    return Request(caller.user, action.value, resource, at, caller.address, caller.factor, age_s, reason)


def _narrowed(decision: Decision, only: Collection[str] | None) -> Decision:
    """The decision with every column denied that is not wanted."""
    if only is None:
        return decision
    columns = {name: shown if name in only else Visibility.DENIED for name, shown in decision.columns.items()}
    return replace(decision, columns=columns)
