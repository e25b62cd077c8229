"""Whoever is signed in at the command line, for what the service does where nobody is.

Separate, because such a command must not wait for the security core, nor load it, unless somebody is signed in.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from console.actions.permissions import Permissions
from console.settings import Settings
from console.wiring.session_file import session_path


def live_session(arguments: Namespace, settings: Settings, environ: Mapping[str, str]) -> Permissions | None:
    """What decides for whoever is signed in at this command line; None for nobody."""
    if not session_path(settings.home, environ).exists():
        return None
    from console.cli.session import security_of

    security = security_of(arguments, settings, environ)
    return security.gate if security.seat.session() is not None else None
