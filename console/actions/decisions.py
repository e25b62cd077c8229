"""What the policies say: single decisions and batches of them, the matrix of roles and actions, and the policies.

Asking decides nothing: it tells what would be decided. In a practice workspace anybody may ask, and the practice data
is there before the answer; in production asking is `read_audit`, since it tells who treats whom.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from console.actions.gate import Gate
from security.policy.batch import check_fields, check_line
from security.policy.engine import Engine, RefuseAll
from security.policy.facts import AccountFacts
from security.policy.matrix import Matrix, matrix
from security.policy.model import Action, Decision
from security.policy.rules import Rule
from security.policy.source import read_source
from security.ports import Facts

READ_AUDIT = "read_audit"
AUDIT = "audit"
CHECK = "check"  # in events: decisions were asked for, no event of the log was read
ANSWERS_AT_ONCE = 1_000  # of a batch that goes on record
OWN_ACTIONS = frozenset({Action.REBUILD_PROJECTION, Action.SERVE_AGGREGATES})  # the program's alone


@dataclass(frozen=True, slots=True)
class Choices:
    """What a question may be made of, for forms that offer it."""

    users: list[AccountFacts]
    actions: list[str]
    patients: list[str]  # ids
    domains: list[str]
    networks: list[tuple[str, str]]  # (CIDR, site)


@dataclass(frozen=True, slots=True)
class Known:
    """Where decisions find their facts. Each raises SecurityError and OSError where its store cannot be read."""

    facts: Callable[[], Facts]  # as they are at each question
    snapshot: Callable[[], Facts]  # as they are now, for many questions
    accounts: Callable[[], list[AccountFacts]]
    patients: Callable[[], list[tuple[str, str]]]  # (id, domain)
    networks: tuple[tuple[str, str], ...]


class Decisions:
    """Tells what would be decided. Every method raises PermissionDenied and AuditUnavailable in production."""

    def __init__(
        self,
        *,
        engine: Callable[[], Engine | RefuseAll],
        known: Known,
        gate: Callable[[], Gate] | None,
        prepare: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        """`gate` is None where anybody may ask. `prepare` makes the practice data that is missing, if any should be."""
        self._engine = engine
        self._known = known
        self._gate = gate
        self._prepare = prepare
        self._now = now

    def check(self, fields: dict[str, Any]) -> Decision:
        """The decision on `fields`, as of a line of a batch; what is no request is a denial with errors."""
        self._prepare()
        if self._gate is None:
            return self._checked(fields)
        with self._gate().use(READ_AUDIT, AUDIT, code=CHECK) as grant:
            decision = self._checked(fields)
            grant.count(1)
        return decision

    def batch(self, lines: Iterable[str]) -> Iterator[str]:
        """The answer to each line as one line of JSON, in order, as the facts are when the first is asked for.

        Where anybody may ask, each comes as soon as its line does. Else they come in parts: each is a use of its own,
        whose outcome is on record before its first answer is handed out.
        """
        self._prepare()
        answers = self._answers(lines)
        if self._gate is None:
            yield from answers
            return
        while True:
            with self._gate().use(READ_AUDIT, AUDIT, code=CHECK) as grant:
                part = list(islice(answers, ANSWERS_AT_ONCE))
                grant.count(len(part))
            yield from part
            if len(part) < ANSWERS_AT_ONCE:
                return

    def matrix(self) -> Matrix:
        """Every role with every action; nothing is permitted where the policies cannot be used."""
        return matrix(self.rules())

    def rules(self) -> tuple[Rule, ...]:
        """The policies taken apart; none where they cannot be used."""
        self._look()
        engine = self._engine()
        return engine.rules if isinstance(engine, Engine) else ()

    def says(self, decision: Decision) -> dict[str, str]:
        """What each policy that determined `decision` says, by its id: part of the answer, and no question more."""
        engine = self._engine()
        rules = engine.rules if isinstance(engine, Engine) else ()
        return {rule.id: rule.says for rule in rules if rule.id in decision.determining}

    def meant_for(self, decision: Decision) -> dict[str, str]:
        """For whom each policy is that was not for the role that asked, by its id: part of the answer, too."""
        engine = self._engine()
        rules = {rule.id: rule for rule in engine.rules} if isinstance(engine, Engine) else {}
        others = [rules[why.policy] for why in decision.why_not if not why.failed]
        return {rule.id: rule.role.value if rule.role else rule.principals for rule in others}

    def policies(self) -> list[tuple[str, str]]:
        """The name and the Cedar text of each file of policies. Raises PolicyRefused where they cannot be read."""
        self._look()
        engine = self._engine()
        return list((engine.source if isinstance(engine, Engine) else read_source()).files)

    def choices(self) -> Choices:
        """What there is to choose from."""
        self._prepare()
        self._look()
        patients = self._known.patients()
        return Choices(
            users=self._known.accounts(),
            actions=[action.value for action in Action if action not in OWN_ACTIONS],
            patients=[name for name, _ in patients],
            domains=sorted({domain for _, domain in patients}),
            networks=list(self._known.networks),
        )

    def _look(self) -> None:
        if self._gate is not None:
            self._gate().require(READ_AUDIT, AUDIT)

    def _checked(self, fields: dict[str, Any]) -> Decision:
        return check_fields(fields, engine=self._engine(), facts=self._known.facts(), now=self._now())

    def _answers(self, lines: Iterable[str]) -> Iterator[str]:
        engine, facts, now = self._engine(), self._known.snapshot(), self._now()
        for line in lines:
            yield json.dumps(check_line(line, engine=engine, facts=facts, now=now).as_json())
