"""Deciding, and only that: permit if Cedar allows and no policy failed to evaluate; anything else is a denial.

1. Facts that cannot be told, or a request about what there is not: denied, with the error.
2. Cedar evaluates every policy. A `forbid` whose condition fails is skipped by Cedar, so any error denies.
3. The columns in clear are those the determining permits name; of the others nothing is clear.
4. A denial is explained by evaluating each clause of each policy of the action by itself (`explain.py`).
"""

from __future__ import annotations

from typing import Protocol

import cedarpy

from security.errors import PolicyRefused, RequestRefused
from security.policy.cedar_request import cedar_entities, cedar_request
from security.policy.columns import denied_columns, shown_columns
from security.policy.explain import Explainer
from security.policy.misfit import misfit
from security.policy.model import Decision, Request
from security.policy.rules import Rule, cedar_node, policy_set, read_rules
from security.policy.situation import Situation, survey
from security.policy.source import PolicySource, read_source
from security.policy.words import Case
from security.ports import Facts


class Decider(Protocol):
    """Answers requests."""

    def decide(self, request: Request, facts: Facts) -> Decision:
        """The decision on `request` as things are. Raises what `facts` raises."""
        ...


class Engine:
    """A sound policy set, ready to decide. Safe between threads: nothing in it changes."""

    def __init__(self, source: PolicySource) -> None:
        """Raises PolicyRefused for a set that is not sound."""
        self.source = source
        self.rules: tuple[Rule, ...] = read_rules(source)
        self._schema = cedarpy.Schema.from_str(source.schema)
        self._policies = policy_set(
            {rule.id: cedar_node(rule, clauses=rule.clauses, permits=rule.permits) for rule in self.rules}
        )
        self._by_id = {rule.id: rule for rule in self.rules}
        self._explainer = Explainer(self.rules)

    def decide(self, request: Request, facts: Facts) -> Decision:
        """The decision on `request` as things are. Raises what `facts` raises, other than RequestRefused."""
        try:
            situation = survey(request, facts)
        except RequestRefused as error:
            return refusal(request.action, str(error))
        return self.decide_in(request, situation)

    def decide_in(self, request: Request, situation: Situation) -> Decision:
        """The decision on `request` in a situation that was surveyed before."""
        asked, entities = cedar_request(request, situation), cedar_entities(situation)
        answer = cedarpy.is_authorized(asked, self._policies, entities, self._schema)
        if answer.diagnostics.errors:
            wrong = misfit(request, situation, asked, self._schema)
            return refusal(request.action, *([wrong] if wrong else answer.diagnostics.errors))
        determining = tuple(sorted(answer.diagnostics.reasons))
        if answer.decision is not cedarpy.Decision.Allow:
            why_not = self._explainer.explain(Case(request, situation), asked, entities, frozenset(determining))
            return Decision(False, determining, (), denied_columns(request.action), why_not)
        rules = [self._by_id[name] for name in determining]
        clear = frozenset[str]().union(*(rule.clear for rule in rules))
        obligations = frozenset[str]().union(*(rule.obliges for rule in rules))
        return Decision(True, determining, (), shown_columns(request.action, clear), (), obligations)


class RefuseAll:
    """What stands in for policies that cannot be used: it refuses everything and says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem

    def decide(self, request: Request, facts: Facts) -> Decision:  # noqa: ARG002 – no fact changes the answer
        """A denial."""
        return refusal(request.action, self.problem)


def open_engine(source: PolicySource | None = None) -> Engine | RefuseAll:
    """The engine over `source`, the policies of this package by default; one that refuses all if they are not sound."""
    try:
        return Engine(source if source is not None else read_source())
    except PolicyRefused as error:
        return RefuseAll(str(error))


def refusal(action: str, *errors: str) -> Decision:
    """The denial of what could not be decided."""
    return Decision(False, (), errors, denied_columns(action))
