"""The permission port over the one path of `security.access`, for the session at this terminal.

Looking (`require`) is decided each time and recorded once a session, so that a screen that asks several times a second
does not bury what matters; a refusal is recorded again after a minute. Its events have the code `look`. Doing (`use`)
is recorded each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from console.actions.permissions import FreshCodeNeeded, NotSignedIn, PermissionDenied
from console.actions.seat import Seat
from security.access import Access
from security.disclosure import Caller, Grant
from security.errors import AccessDenied
from security.policy.denial import lacking
from security.policy.engine import Engine
from security.policy.model import Action, Decision, Factor, Visibility
from security.policy.words import fresh_code_would_do

EVERYONE = "everyone signed in"
LOOK = "look"  # the code of what was only looked at
REFUSED_AGAIN = timedelta(minutes=1)


class Gate:
    """Decides for whoever sits at `seat`. Safe between threads."""

    def __init__(self, access: Access, seat: Seat) -> None:
        self.access = access
        self.seat = seat
        self._permitted: set[tuple[str, str, str]] = set()
        self._refused: dict[tuple[str, str, str], datetime] = {}
        self._looking = threading.Lock()  # several workers of a screen look at once: one of them is recorded

    def require(self, action: str, resource: str) -> None:
        """Return if the session may look. Raises PermissionDenied, AuditUnavailable."""
        caller = self.seat.caller()
        key = (caller.session or caller.user, action, resource)
        decision = self.access.would_allow(caller, Action(action), resource)
        if decision.allowed and key in self._permitted:
            return
        with self._looking:
            self._look(caller, key, decision)

    def _look(self, caller: Caller, key: tuple[str, str, str], decision: Decision) -> None:
        """Record a look, unless that was done meanwhile. Raises as `require`."""
        _, action, resource = key
        now = self.access.now()
        if decision.allowed and key in self._permitted:
            return
        if not decision.allowed and abs(now - self._refused.get(key, now - REFUSED_AGAIN)) < REFUSED_AGAIN:
            raise self._denied(caller, action, decision)
        try:
            with self._use(caller, action, resource, code=LOOK):
                self._permitted.add(key)
        except PermissionDenied:
            self._refused[key] = now
            raise

    @contextmanager
    def use(
        self,
        action: str,
        resource: str,
        *,
        reason: str | None = None,
        only: Collection[str] | None = None,
        code: str | None = None,
    ) -> Iterator[Grant]:
        """Within it the session may do `action`, as the grant says: of the columns `only`, no others are granted.

        `code` is a word for the events where the use is not the deed that the action names, such as `list`.
        Raises PermissionDenied, AuditUnavailable.
        """
        with self._use(self.seat.caller(), action, resource, reason=reason, only=only, code=code) as grant:
            yield grant

    @contextmanager
    def use_patients(
        self, action: str, patients: Sequence[str], *, only: Collection[str] | None = None
    ) -> Iterator[Grant]:
        """The same for many patients: the grant's row scope is those that are permitted."""
        caller = self.seat.caller()
        with (
            self._told(caller, action),
            self.access.use_patients(caller, Action(action), patients, only=only) as grant,
        ):
            yield grant

    def search_patients(
        self,
        action: str,
        patients: Sequence[str],
        find: Callable[[Mapping[str, Mapping[str, Visibility]]], Sequence[str]],
    ) -> Sequence[str]:
        """What `find` gives of those who are permitted; the search is one event, whoever it goes through."""
        caller = self.seat.caller()
        with self._told(caller, action):
            return self.access.search_patients(caller, Action(action), patients, find)

    def break_glass(self, patient: str, reason: str) -> datetime:
        """Open the record of a patient in an emergency; until when. Raises as `use`."""
        caller = self.seat.caller()
        with self._told(caller, Action.BREAK_GLASS):
            return self.access.break_glass(caller, patient, reason)

    def would_allow(self, action: str, resource: str, *, reason: str | None = None) -> Decision:
        """What `use` would decide now; nothing is recorded."""
        return self.access.would_allow(self.seat.caller(), Action(action), resource, reason=reason)

    def check(self, action: str, resource: str) -> None:
        """Return if `use` would be permitted now; nothing is recorded. Raises PermissionDenied."""
        caller = self.seat.caller()
        decision = self.access.would_allow(caller, Action(action), resource)
        if not decision.allowed:
            raise self._denied(caller, action, decision)

    def refusal(self, action: str, decision: Decision) -> PermissionDenied:
        """What `use` would raise for a denial, in words for whoever sits here."""
        return self._denied(self.seat.caller(), action, decision)

    def roles_for(self, action: str) -> tuple[str, ...]:
        """The roles that some policy permits `action`, or that everyone who is signed in is permitted."""
        if not isinstance(self.access.engine, Engine):
            return ()
        rules = [rule for rule in self.access.engine.rules if rule.permits and Action(action) in rule.actions]
        if any(rule.principals in ("users", "anyone") for rule in rules):
            return (EVERYONE,)
        return tuple(sorted({rule.role.value for rule in rules if rule.role is not None}))

    @contextmanager
    def _use(
        self,
        caller: Caller,
        action: str,
        resource: str,
        *,
        reason: str | None = None,
        only: Collection[str] | None = None,
        code: str | None = None,
    ) -> Iterator[Grant]:
        with (
            self._told(caller, action),
            self.access.use(caller, Action(action), resource, reason=reason, only=only, code=code) as grant,
        ):
            yield grant

    @contextmanager
    def _told(self, caller: Caller, action: str) -> Iterator[None]:
        try:
            yield
        except AccessDenied as error:
            raise self._denied(caller, action, error.decision) from error

    def _denied(self, caller: Caller, action: str, decision: Decision) -> PermissionDenied:
        """The refusal in words for whoever asked."""
        roles = " or ".join(self.roles_for(action)) or "nobody"
        if caller.factor is Factor.VISITOR and not decision.errors:
            state = "the session has ended" if self.seat.holds_token else "not signed in"
            return NotSignedIn(f"{state}: {action} is for {roles}; `lakewarden sign-in USER` signs in", decision)
        if fresh_code_would_do(decision):
            return FreshCodeNeeded(f"{action} needs a fresh code of your authenticator", decision)
        why = "; ".join(decision.errors) or lacking(decision) or f"it is for {roles}"
        return PermissionDenied(f"not permitted to {caller.user}: {action} – {why}", decision)
