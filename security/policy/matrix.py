"""The matrix of roles and actions, read off the policies: who may do what, and under which conditions; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from security.identity.account import Role
from security.policy.model import SERVICE, Action
from security.policy.rules import Rule
from security.policy.words import SIGNED_IN


class Permission(StrEnum):
    """What a role may do with an action."""

    ALWAYS = "always"  # once signed in
    SOMETIMES = "sometimes"  # when the clauses of one of the policies hold
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Cell:
    """One role and one action: the policies that may permit it, most often none."""

    permission: Permission
    policies: tuple[Rule, ...]


Matrix = Mapping[str, Mapping[Action, Cell]]  # by role, the service included


def matrix(rules: Sequence[Rule]) -> Matrix:
    """Every role, and the service, with every action."""
    rows: list[Role | None] = [*Role, None]
    return {role or SERVICE: {action: _cell(rules, role, action) for action in Action} for role in rows}


def _cell(rules: Sequence[Rule], role: Role | None, action: Action) -> Cell:
    fitting = tuple(rule for rule in rules if rule.permits and action in rule.actions and _is_for(rule, role))
    if not fitting:
        return Cell(Permission.NEVER, ())
    always = any(all(clause.text == SIGNED_IN for clause in rule.clauses) for rule in fitting)
    return Cell(Permission.ALWAYS if always else Permission.SOMETIMES, fitting)


def _is_for(rule: Rule, role: Role | None) -> bool:
    if rule.principals == "role":
        return rule.role is role
    return rule.principals == "anyone" or (rule.principals == "service") == (role is None)
