"""The permission port: what every action asks before it does anything."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from security.policy.model import Decision

VIEW_PIPELINES = "view_pipelines"
TRIGGER_RUN = "trigger_run"
MANAGE_SCHEDULE = "manage_schedule"
WEATHER_PIPELINE = "pipeline:weather"


class PermissionDenied(Exception):
    """The action is not permitted to whoever asks; the message says what would permit it.

    `decision` is what the policies said, None where they were not asked.
    """

    def __init__(self, message: str, decision: Decision | None = None) -> None:
        super().__init__(message)
        self.decision = decision


class NotSignedIn(PermissionDenied):
    """Nobody is signed in, or the session has ended; somebody who is might be permitted."""


class FreshCodeNeeded(PermissionDenied):
    """A fresh code of the authenticator is all that is missing."""


class Permissions(Protocol):
    """Decides for the session at hand, and records what was decided."""

    def require(self, action: str, resource: str) -> None:
        """Return if the action is permitted on the resource: for looking, which is recorded once a session.

        Raises `PermissionDenied`, and AuditUnavailable if it cannot be recorded.
        """
        ...

    def use(self, action: str, resource: str) -> AbstractContextManager[object]:
        """Within it the action may be done: its intent is on record before, its outcome after. Raises as `require`."""
        ...
