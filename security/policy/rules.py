"""The policies taken apart: what each says, for whom, and its clauses one by one. Refuses a set that is not sound.

A set is sound when, in this order:
1. it is not empty, and every policy fits the schema (strict validation);
2. every policy has an `@id` of its own, an `@says` in words, and known names in `@clear` and `@obliges`;
3. no policy names a single user or patient: decisions depend on attributes alone (`access.py` relies on it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cedarpy

from security.errors import PolicyRefused
from security.identity.account import Role
from security.policy.columns import GROUPS
from security.policy.model import Action
from security.policy.source import PolicySource

Node = dict[str, Any]

OBLIGATIONS = frozenset({"loud-audit", "sealed-reason", "aggregates-only"})
ANYTHING: Node = {"op": "All"}
_ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
_ANNOTATIONS = frozenset({"id", "says", "clear", "obliges"})
_PREFIX = "permit(principal, action, resource) "


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a policy; all of a policy's must hold."""

    text: str  # in Cedar, such as `when { context.on_shift }`
    node: Node


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy."""

    id: str
    says: str
    permits: bool  # a `permit`; else a `forbid`
    clear: frozenset[str]  # groups of columns
    obliges: frozenset[str]
    role: Role | None  # whose role the scope names
    principals: str  # `role`, `users`, `service` or `anyone`
    actions: frozenset[Action]
    clauses: tuple[Clause, ...]
    scope: Node  # the nodes `principal`, `action` and `resource`


def read_rules(source: PolicySource) -> tuple[Rule, ...]:
    """The policies of a sound set, in the order of their files. Raises PolicyRefused with every problem."""
    try:
        result = cedarpy.validate_policies(source.text, source.schema)
        problems = [str(error) for error in result.errors]
        parsed = {} if problems else json.loads(cedarpy.policies_to_json_str(source.text))
    except ValueError as error:
        problems, parsed = [str(error)], {}
    nodes = [node for _, node in sorted(parsed.get("staticPolicies", {}).items(), key=_place)]
    if not problems:
        problems = [*_missing(parsed, nodes), *_naming_somebody(nodes)]
    if problems:
        raise PolicyRefused(f"the policies cannot be used, so nothing is permitted: {'; '.join(problems)}")
    return tuple(_rule(node) for node in nodes)


def policy_set(policies: dict[str, Node]) -> cedarpy.PolicySet:
    """Cedar's own form of policies by id."""
    return cedarpy.PolicySet.from_json_str(_document(policies))


def cedar_node(rule: Rule, *, clauses: tuple[Clause, ...], permits: bool) -> Node:
    """The policy of `rule` with some of its clauses, in Cedar's JSON."""
    conditions = [clause.node for clause in clauses]
    return {"effect": "permit" if permits else "forbid", **rule.scope, "conditions": conditions}


def clause_node(clause: Clause) -> Node:
    """A policy that permits whatever satisfies `clause`, in Cedar's JSON."""
    scope = dict.fromkeys(("principal", "action", "resource"), ANYTHING)
    return {"effect": "permit", **scope, "conditions": [clause.node]}


def _place(item: tuple[str, Node]) -> int:
    return int(item[0].removeprefix("policy"))  # Cedar numbers the policies of a text


def _missing(parsed: Node, nodes: list[Node]) -> Iterator[str]:
    if not nodes:
        yield "expected policies, found none"
    if parsed.get("templates") or parsed.get("templateLinks"):
        yield "expected policies, found a template"
    ids = [str(node.get("annotations", {}).get("id", "")) for node in nodes]
    for number, (name, node) in enumerate(zip(ids, nodes, strict=True), start=1):
        notes = node.get("annotations", {})
        if not _ID.fullmatch(name) or ids.count(name) > 1:
            yield f"policy {number}: expected an @id of its own of a to z, 0 to 9 and -, found {name[:64]!r}"
        if not notes.get("says"):
            yield f"policy {name}: expected what it says in words as @says, found none"
        unknown = {
            *(set(notes) - _ANNOTATIONS),
            *(set((notes.get("clear") or "").split()) - GROUPS.keys()),
            *(set((notes.get("obliges") or "").split()) - OBLIGATIONS),
        }
        if unknown:
            yield f"policy {name}: unknown annotation, group of columns or obligation: {', '.join(sorted(unknown))}"


def _naming_somebody(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        named = {uid["type"] for uid in _uids(node)} - {"Role", "Action"}
        if named:
            yield f"policy {node['annotations'].get('id')}: expected attributes, found one {named.pop()} named"


def _uids(node: object) -> Iterator[dict[str, str]]:
    if isinstance(node, dict):
        if set(node) == {"type", "id"}:
            yield node
        for value in node.values():
            yield from _uids(value)
    elif isinstance(node, list):
        for value in node:
            yield from _uids(value)


def _rule(node: Node) -> Rule:
    notes = node["annotations"]
    principals, role = _principals(node["principal"])
    return Rule(
        id=notes["id"],
        says=notes["says"],
        permits=node["effect"] == "permit",
        clear=frozenset((notes.get("clear") or "").split()),
        obliges=frozenset((notes.get("obliges") or "").split()),
        role=role,
        principals=principals,
        actions=_actions(node["action"]),
        clauses=tuple(Clause(_text(condition), condition) for condition in node["conditions"]),
        scope={key: node[key] for key in ("principal", "action", "resource")},
    )


def _principals(scope: Node) -> tuple[str, Role | None]:
    entity = scope.get("entity", {})
    if scope["op"] == "in" and entity.get("type") == "Role":
        return "role", Role(entity["id"])
    if scope["op"] == "is" and scope["entity_type"] in ("User", "Service"):
        return ("users" if scope["entity_type"] == "User" else "service"), None
    if scope["op"] == "All":
        return "anyone", None
    raise PolicyRefused(f"expected a principal of a role, `is User`, `is Service` or any, found {json.dumps(scope)}")


def _actions(scope: Node) -> frozenset[Action]:
    named = scope.get("entities") or ([scope["entity"]] if "entity" in scope else [])
    return frozenset(Action(uid["id"]) for uid in named) if named else frozenset(Action)


def _text(condition: Node) -> str:
    scope = dict.fromkeys(("principal", "action", "resource"), ANYTHING)
    written = cedarpy.policies_from_json_str(_document({"a": {"effect": "permit", **scope, "conditions": [condition]}}))
    return written.strip().removeprefix(_PREFIX).removesuffix(";")


def _document(policies: dict[str, Node]) -> str:
    return json.dumps({"staticPolicies": policies, "templates": {}, "templateLinks": []})
