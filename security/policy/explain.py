"""Why a request was denied: Cedar evaluates every clause of every candidate by itself; words tell what failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cedarpy

from security.policy.model import Action, WhyNot
from security.policy.rules import Rule, cedar_node, clause_node, policy_set
from security.policy.words import Case, change_of, failed_clause, failed_scope

_SCOPE = "scope"


class Explainer:
    """The candidates of each action, taken apart once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._candidates = {action: [rule for rule in rules if action in rule.actions] for action in Action}
        self._parts = {action: policy_set(_parts(candidates)) for action, candidates in self._candidates.items()}

    def explain(
        self,
        case: Case,
        asked: dict[str, Any],
        entities: cedarpy.Entities,
        determining: frozenset[str],
    ) -> tuple[WhyNot, ...]:
        """One entry a policy: the forbids that decided, then every permit of the action and what it lacked."""
        answer = cedarpy.is_authorized(asked, self._parts[case.situation.action], entities)
        held = frozenset(answer.diagnostics.reasons)
        candidates = self._candidates[case.situation.action]
        forbids = [_why(rule, case) for rule in candidates if rule.id in determining]
        permits = [_lacking(rule, held, case) for rule in candidates if rule.permits]
        return (*forbids, *(why for why in permits if why is not None))


def _parts(candidates: Sequence[Rule]) -> dict[str, dict[str, Any]]:
    """A policy for the scope and one for each clause; each permits where its part holds."""
    parts = {_part(rule, _SCOPE): cedar_node(rule, clauses=(), permits=True) for rule in candidates}
    for rule in candidates:
        parts.update({_part(rule, number): clause_node(clause) for number, clause in enumerate(rule.clauses)})
    return parts


def _part(rule: Rule, part: object) -> str:
    return f"{rule.id}/{part}"


def _why(rule: Rule, case: Case) -> WhyNot:
    """A forbid applied: each of its clauses held, and its words say what would have kept it from applying."""
    return _told(rule, [clause.text for clause in rule.clauses], case)


def _lacking(rule: Rule, held: frozenset[str], case: Case) -> WhyNot | None:
    if _part(rule, _SCOPE) not in held:
        return WhyNot(rule.id, failed_scope(rule, case.situation))
    failed = [clause.text for number, clause in enumerate(rule.clauses) if _part(rule, number) not in held]
    return _told(rule, failed, case) if failed else None


def _told(rule: Rule, failed: Sequence[str], case: Case) -> WhyNot:
    lacks = tuple(failed_clause(text, case) for text in failed)
    changes = tuple(change_of(text, case) for text in failed)
    return WhyNot(rule.id, "; ".join(lacks), changes if all(changes) else (), tuple(failed), lacks)
