"""The words that stand in an event's `action` and are no action of the policies: what the program itself records."""

from __future__ import annotations

from difflib import get_close_matches

from security.policy.model import Action

OWN_ACTIONS = (
    "sign_in",
    "sign_out",
    "step_up",
    "mail_code",
    "enrol",
    "change_password",
    "new_recovery_codes",
    "new_authenticator",
    "add_user",
    "change_user",
    "disable_user",
    "enable_user",
    "reset_mfa",
    "open_sealed",
    "assign_patient",
    "unassign_patient",
    "load_patients",
    "begin_audit_log",
)
ACTIONS = (*(action.value for action in Action), *OWN_ACTIONS)


def near(word: str) -> tuple[str, ...]:
    """The words for an action that `word` may have meant; all of them where none is near."""
    asked = word.casefold().replace("-", "_")
    return tuple(get_close_matches(asked, ACTIONS, cutoff=0.7)) or ACTIONS
