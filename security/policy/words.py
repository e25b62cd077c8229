"""The clauses of the policies in words: what each wants, what was found instead, and what would change it.

Keyed by the clause as Cedar writes it. A clause without words is shown as it stands in the policy, so that a new
policy is explained at once, if drily; a test asks for words for every clause there is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from security.policy.facts import GLASS_STAYS_BROKEN
from security.policy.model import Decision, Factor, Request
from security.policy.rules import Rule
from security.policy.situation import Situation

FRESH_S = 600  # as the policies say
BREAK_GLASS = "break the glass with a reason"
SIGNED_IN = 'when { ["totp", "email"].contains(context.factor) }'
_IS_TOTP = 'when { (context.factor) == "totp" }'
_IS_FRESH = f"when {{ (context.factor_age_s) <= {FRESH_S} }}"
_BY_A_CODE = frozenset({_IS_TOTP, _IS_FRESH})

_FACTORS = {
    Factor.TOTP: "a code of the authenticator",
    Factor.EMAIL: "a code by e-mail",
    Factor.NONE: "a password alone",
    Factor.VISITOR: "nobody signed in",
    Factor.HOST: "the host's account",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What a clause is told about."""

    request: Request
    situation: Situation


Told = Callable[[Case], str]


@dataclass(frozen=True, slots=True)
class _Words:
    failed: Told
    change: Told


def fresh_code_would_do(decision: Decision) -> bool:
    """Whether all that one of the policies lacks is a code of the authenticator, given now."""
    return not decision.allowed and any(why.failed and _BY_A_CODE.issuperset(why.failed) for why in decision.why_not)


def failed_clause(text: str, case: Case) -> str:
    """What the clause `text` wants and what was found."""
    words = CLAUSES.get(text)
    return words.failed(case) if words else f"{text} does not hold"


def change_of(text: str, case: Case) -> str:
    """What would make the clause `text` hold; empty where nothing would."""
    words = CLAUSES.get(text)
    return words.change(case) if words else ""


def failed_scope(rule: Rule, situation: Situation) -> str:
    """For whom a policy is, where it is not for this principal."""
    role = "the service" if situation.account is None else f"the role {situation.account.role.value}"
    wanted = f"the role {rule.role.value}" if rule.role else {"service": "the service"}.get(rule.principals, "accounts")
    return f"for {wanted}: it was {role}"


def _signed_in(case: Case) -> str:
    return f"signed in with a second factor: it was {_FACTORS[case.request.mfa]}"


def _on_shift(case: Case) -> str:
    shift = case.situation.account.shift if case.situation.account else None
    if shift is None:
        return "on shift: the account has no shift"
    local = case.request.at.astimezone(ZoneInfo(shift.timezone))
    return f"on shift {shift.start:%H:%M}–{shift.end:%H:%M} {shift.timezone}: it was {local:%H:%M}"


def _when_on_shift(case: Case) -> str:
    shift = case.situation.account.shift if case.situation.account else None
    if shift is None:
        return "an officer gives the account a shift"
    return f"ask from {shift.start:%H:%M} to before {shift.end:%H:%M} {shift.timezone}"


def _place(case: Case) -> str:
    return f"in a known network ({case.situation.networks}): {case.request.ip} is in none"


def _factor(case: Case) -> str:
    return f"a code of the authenticator: it was {_FACTORS[case.request.mfa]}"


def _age(case: Case) -> str:
    return f"a code at most {FRESH_S} s old: it was {case.request.mfa_age_s} s old"


def _glass(case: Case) -> str:
    minutes = GLASS_STAYS_BROKEN.seconds // 60
    broken_at = case.situation.glass_broken_at
    if broken_at is None:
        return f"glass broken in the last {minutes} minutes: it was not broken"
    return (
        f"glass broken in the last {minutes} minutes: it was broken at {broken_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    )


def _break(case: Case) -> str:
    """Nothing, for a doctor who is assigned: that glass cannot be broken."""
    return "" if case.situation.assigned else BREAK_GLASS


def _domain(case: Case) -> str:
    own = case.situation.account.domain if case.situation.account else None
    return f"the research domain {case.situation.resource.domain}: the account's is {own or 'none'}"


def _when_guests_are_not(case: Case) -> str:
    """What helps who is signed in as a guest already; a visitor signs in."""
    if case.request.mfa is Factor.VISITOR:
        return "sign in with a second factor"
    return "`access.allow_guest = true` in config.toml, or an officer gives the account another role"


def _told(text: str) -> Told:
    return lambda _: text


CLAUSES: dict[str, _Words] = {
    'unless { (["totp", "email"].contains(context.factor)) || (((context.factor) == "visitor") && '
    '(principal in Role::"guest")) }': _Words(_signed_in, _told("sign in with a second factor")),
    SIGNED_IN: _Words(_signed_in, _told("sign in with a second factor")),
    "when { (resource.assigned).contains(principal) }": _Words(
        _told("assigned to the patient: not assigned"), _told("an officer assigns the patient")
    ),
    "unless { (resource.assigned).contains(principal) }": _Words(
        _told("not assigned to the patient: already assigned"), _told("nothing needs breaking: ask for view_record")
    ),
    "when { context.on_shift }": _Words(_on_shift, _when_on_shift),
    "when { context.known_place }": _Words(_place, _told("ask from a known network")),
    _IS_TOTP: _Words(_factor, _told("sign in with the authenticator")),
    _IS_FRESH: _Words(_age, _told("give a fresh code")),
    "when { context.reason }": _Words(_told("a reason: none was given"), _told("give a reason")),
    "when { context.break_glass }": _Words(_glass, _break),
    "when { context.guest_allowed }": _Words(_told("guests allowed: they are not"), _when_guests_are_not),
    "when { (principal has domain) && ((principal.domain) == (resource.domain)) }": _Words(
        _domain, _told("an officer assigns the research domain")
    ),
    "unless { resource.legal_hold }": _Words(
        _told("no legal hold: the patient's data is held"), _told("the legal hold is lifted")
    ),
}
