"""Who may do what: until sessions exist, the account that owns the workspace may do everything in it."""

from __future__ import annotations


class HostAccount:
    """Permits every action: whoever can read the workspace's files could do all of it anyway."""

    def require(self, action: str, resource: str) -> None:
        """Return: permitted."""
