"""Signing in for tests: a prepared practice workspace made once a process, copied for each test, and its accounts.

The stores, accounts, patients and keys are real; only the password and the code are taken from where a practice
workspace shows them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from unittest.mock import patch

from console.actions.seat import TokenKeeper
from console.config_file import create_workspace
from console.settings import load_settings
from console.wiring.practice import prepare_practice
from console.wiring.security import Security
from console.wiring.session_file import TokenFile, session_path
from etl.ports import Clock
from security.identity.practice import Practice, PracticeAccount
from security.identity.sessions import Session

STORES = ("identity.db", "audit.db", "clinical.db", "research.db")


@lru_cache(maxsize=1)
def _template() -> tempfile.TemporaryDirectory[str]:
    """A practice workspace with accounts, patients and projection; it goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="lakewarden-practice-")
    home = Path(folder.name) / "home"
    create_workspace(home, production=False)
    security = Security(load_settings({"LAKEWARDEN_HOME": str(home)}), {}, TokenFile(Path(folder.name) / "session"))
    with closing(security):
        prepare_practice(security)
    return folder


def prepare(home: Path) -> None:
    """Give the practice workspace `home` accounts, patients and keys, unless it has accounts; made if missing."""
    if not (home / "config.toml").exists():
        create_workspace(home, production=False)
    if (home / "identity.db").exists():
        return
    template = Path(_template().name) / "home"
    (home / "keys").mkdir(mode=0o700, exist_ok=True)
    for key in (template / "keys").iterdir():
        shutil.copy2(key, home / "keys" / key.name)
    for name in STORES:
        shutil.copy2(template / name, home / name)


def account_of(security: Security, user: str) -> PracticeAccount:
    """The practice account of `user` with the code that is good now."""
    return next(one for one in Practice(security.identity).accounts(now=security.now()) if one.account.user == user)


def sit_down(security: Security, user: str) -> Session:
    """Sign `user` in at the seat of `security`. The password is the one that is shown: Argon2 need not work on it."""
    shown = account_of(security, user)
    assert shown.password is not None, "expected a practice account"
    assert shown.code is not None, "expected an unused code"
    now = security.now()
    with patch.object(security.identity.hashing, "matches", return_value=True):
        challenge = security.sign_in.begin(user, shown.password, security.source, now=now)
    return security.seat.take(security.sign_in.answer(challenge.token, shown.code, security.source, now=now))


def opened(
    home: Path, environ: Mapping[str, str], *, keeper: TokenKeeper | None = None, clock: Clock | None = None
) -> Security:
    """The security core of `home`, prepared; the caller closes it. By default the session is the command line's."""
    prepare(home)
    settings = load_settings({**environ, "LAKEWARDEN_HOME": str(home)})
    return Security(settings, environ, keeper or TokenFile(session_path(settings.home, environ)), clock=clock)


def signed_in(home: Path, environ: Mapping[str, str], user: str) -> Session:
    """Sign `user` in on the command line of `home`: commands with `environ` find the session."""
    with closing(opened(home, environ)) as security:
        return sit_down(security, user)
