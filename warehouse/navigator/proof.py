"""The one way in which a step of the navigator's proof ends early."""

from __future__ import annotations


class Unproven(Exception):
    """No aggregate is known to answer exactly; the message completes `because …`."""
