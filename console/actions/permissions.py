"""The permission port: what every action asks before it does anything."""

from __future__ import annotations

from typing import Protocol

VIEW_PIPELINES = "view_pipelines"
TRIGGER_RUN = "trigger_run"
MANAGE_SCHEDULE = "manage_schedule"
WEATHER_PIPELINE = "pipeline:weather"


class PermissionDenied(Exception):
    """The action is not permitted to whoever asks; the message says what would permit it."""


class Permissions(Protocol):
    """Decides for the session at hand."""

    def require(self, action: str, resource: str) -> None:
        """Return if the action is permitted on the resource. Raises `PermissionDenied` otherwise."""
        ...
