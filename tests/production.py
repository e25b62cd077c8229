"""Accounts for tests in a production workspace, which has none of its own: added and enrolled as an officer does it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.security import Security
from console.wiring.session_file import TokenFile, session_path
from security.identity import otp
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from security.identity.sessions import Session

PASSWORD = "walrus tandem quilt 91"


def signed_in(home: Path, environ: Mapping[str, str], user: str, role: Role) -> Session:
    """Make the production workspace `home` if it is missing, and sign a new account in on its command line."""
    if not (home / "config.toml").exists():
        create_workspace(home, production=True)
    settings = load_settings({**environ, "LAKEWARDEN_HOME": str(home)})
    with closing(Security(settings, environ, TokenFile(session_path(settings.home, environ)))) as security:
        now, source = security.now(), security.source
        code = security.accounts.add(NewAccount(user, role), by=SERVICE, now=now)
        challenge = security.sign_in.begin(user, code, source, now=now).token
        secret = base64.b32decode(security.enrolment.propose(challenge, source, now=now).secret)
        done = security.enrolment.finish(challenge, otp.totp(secret, now), source, now=now, password=PASSWORD)
        return security.seat.take(done.signed_in)
