"""Which keys of the pipeline the policies deny to whoever is signed in. To ask is no try: nothing is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.actions.permissions import (
    MANAGE_SCHEDULE,
    TRIGGER_RUN,
    WEATHER_PIPELINE,
    FreshCodeNeeded,
    NotSignedIn,
    PermissionDenied,
)

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.tui.office import SecurityOffice

KEYS = {  # the names of what keys do, by the action that it is
    TRIGGER_RUN: ("run_now", "retry", "hurry", "cancel_retry", "cancel_run"),
    MANAGE_SCHEDULE: ("pause", "add_city", "remove_city", "test_city"),
}


def denied_keys(office: SecurityOffice) -> frozenset[str]:
    """Those that lead to nothing but a refusal; a sign-in or a fresh code can still be given. Asked off the loop.

    Raises SecurityError and OSError where nothing can be decided.
    """
    return frozenset(name for action, names in KEYS.items() if _denied(office, action) for name in names)


def _denied(office: SecurityOffice, action: str) -> bool:
    try:
        office.gate.check(action, WEATHER_PIPELINE)
    except (NotSignedIn, FreshCodeNeeded):
        return False
    except PermissionDenied:
        return True
    return False
