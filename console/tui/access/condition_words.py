"""The clauses of the policies as conditions in words, where there is no case to tell of; keyed as Cedar writes them."""

from __future__ import annotations

from security.policy.rules import Clause

_SIGNED_IN = "signed in with a second factor"

CONDITIONS = {
    'unless { (["totp", "email"].contains(context.factor)) || (((context.factor) == "visitor") && '
    '(principal in Role::"guest")) }': f"not {_SIGNED_IN}; a visitor who has not signed in is a guest at most",
    'when { ["totp", "email"].contains(context.factor) }': _SIGNED_IN,
    "when { (resource.assigned).contains(principal) }": "assigned to the patient",
    "unless { (resource.assigned).contains(principal) }": "not assigned to the patient",
    "when { context.on_shift }": "on shift",
    "when { context.known_place }": "in a known network",
    'when { (context.factor) == "totp" }': "by a code of the authenticator",
    "when { (context.factor_age_s) <= 600 }": "the code at most 600 s old",
    "when { context.reason }": "with a reason",
    "when { context.break_glass }": "glass broken for this patient in the last 15 minutes",
    "when { context.guest_allowed }": "guests are allowed in this workspace",
    "when { (principal has domain) && ((principal.domain) == (resource.domain)) }": "the account's own research domain",
    "unless { resource.legal_hold }": "no legal hold on the patient's data",
}


def condition(clause: Clause) -> str:
    """The condition in words; a clause that has none stands as Cedar writes it."""
    return CONDITIONS.get(clause.text, clause.text)
