"""What is asked and what is answered: requests, decisions and the names they are made of, as INTERFACE spells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Action(StrEnum):
    """What can be asked for. The last two are the program's own."""

    VIEW_RECORD = "view_record"
    EDIT_RECORD = "edit_record"
    UNMASK_SSN = "unmask_ssn"
    QUERY_RESEARCH = "query_research"
    QUERY_WAREHOUSE = "query_warehouse"
    UNMASK_CUSTOMER = "unmask_customer"
    VIEW_PIPELINES = "view_pipelines"
    TRIGGER_RUN = "trigger_run"
    MANAGE_SCHEDULE = "manage_schedule"
    READ_AUDIT = "read_audit"
    READ_COMPLIANCE = "read_compliance"
    MANAGE_USERS = "manage_users"
    ROTATE_KEYS = "rotate_keys"
    ERASE_SUBJECT = "erase_subject"
    MANAGE_PARTNERS = "manage_partners"
    APPLY_RETENTION = "apply_retention"
    BREAK_GLASS = "break_glass"
    MANAGE_WAREHOUSE = "manage_warehouse"
    REBUILD_PROJECTION = "rebuild_projection"
    SERVE_AGGREGATES = "serve_aggregates"


class Factor(StrEnum):
    """What the principal proved beside the password."""

    TOTP = "totp"  # a code of the authenticator
    EMAIL = "email"  # a code sent by e-mail: weaker
    NONE = "none"  # a password alone, which is no session
    VISITOR = "visitor"  # nobody signed in: the guest
    HOST = "host"  # the program itself, under the host's account: the service


class Visibility(StrEnum):
    """How a column may be shown."""

    CLEAR = "clear"
    MASKED = "masked"
    DENIED = "denied"


SERVICE = "service"  # the principal of the factor HOST
GUEST = "guest"  # the principal of the factor VISITOR, and a role


@dataclass(frozen=True, slots=True)
class Request:
    """One question: may `principal` do `action` to `resource`?"""

    principal: str  # the name of an account; SERVICE with the factor HOST
    action: str
    resource: str  # `patient:ID`, `dataset:DOMAIN`, `pipeline:weather`, or one word such as `warehouse`
    at: datetime  # aware
    ip: str
    mfa: Factor
    mfa_age_s: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why one policy did not permit it, or that it forbade it."""

    policy: str
    because: str  # every clause that failed: what it wants, and what was found
    change: tuple[str, ...] = ()  # what would change it; empty where nothing would
    failed: tuple[str, ...] = ()  # the clauses that failed, in Cedar; empty where the policy is for another role
    lacks: tuple[str, ...] = ()  # the same clauses in words: the parts of `because`


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. Without `allowed` every column is denied."""

    allowed: bool
    determining: tuple[str, ...]  # the ids of the policies that decided; none for a denial by absence
    errors: tuple[str, ...]  # never with `allowed`
    columns: Mapping[str, Visibility]
    why_not: tuple[WhyNot, ...] = ()
    obligations: frozenset[str] = frozenset()

    def as_json(self) -> dict[str, object]:
        """The object of `access check --json`."""
        return {
            "decision": "allow" if self.allowed else "deny",
            "determining": list(self.determining),
            "errors": list(self.errors),
            "columns": {name: visibility.value for name, visibility in self.columns.items()},
            "why_not": [
                {"policy": why.policy, "because": why.because, "change": list(why.change)} for why in self.why_not
            ],
            "obligations": sorted(self.obligations),
        }
